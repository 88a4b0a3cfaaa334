"""prometheus-client's own server over live instruments, as most Python exporters have it."""

import argparse
import json
import threading

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", type=int)
    series = parser.parse_args().series
    registry = CollectorRegistry()
    labels = ("integration", "resource")
    gauge = Gauge("live_gauge", "A gauge.", labels, registry=registry)
    counter = Counter("live_events", "A counter.", labels, registry=registry)
    histogram = Histogram("live_seconds", "A histogram.", labels, buckets=BOUNDS, registry=registry)
    # As in ours, some 40 % of the series belong to histograms.
    for number in range(series * 2 // 5 // (len(BOUNDS) + 3)):
        histogram.labels(f"campus-{number}", "sessions").observe(number % 7)
    for number in range(series * 3 // 10):
        gauge.labels(f"campus-{number}", "sessions").set(number)
        counter.labels(f"campus-{number}", "sessions").inc(number)
    server, _ = start_http_server(0, addr="127.0.0.1", registry=registry)
    print(json.dumps({"port": server.server_port}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
