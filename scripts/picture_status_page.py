"""Makes docs/images/status-page-*.png: the status page of a plausible daemon, light and dark.

Needs Chromium, node and the packages of `make grafana-code`. The page is rendered by the exporter's
own code from the values below; nothing is polled and nothing listens.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

from exporter.ledger.recent import SLOT_MINUTES, SLOTS, Slot
from exporter.settings.effective import effective
from exporter.settings.model import Settings
from exporter.web import status_page
from exporter.web.backend import (
    Health,
    IntegrationStatus,
    Quota,
    ResourceStatus,
    StateStatus,
    Status,
)
from exporter.web.status import VENDOR_LINKS
from exporter.web.verdict import findings
from tests.tools import browser

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = Settings()
NOW = 1_790_000_000.0
LINKS = (
    ("Metrics", "metrics"),
    ("Health", "-/healthy"),
    ("Readiness", "-/ready"),
    ("As JSON", "api/status"),
)
GOOD = Health(True)


def _resource(name: str, ago: float, failures: int = 0, error: str | None = None) -> ResourceStatus:
    interval = SETTINGS.poll.interval(name)
    upcoming = NOW + interval - ago % interval
    return ResourceStatus(name, not failures, NOW - ago, failures, error, interval, upcoming)


def _day(busiest: int, bots: float, wave: int | None = None) -> tuple[Slot, ...]:
    """A day with its night; wave: the quarter of an hour before now in which one has its peak."""
    begin = int(NOW // (SLOT_MINUTES * 60) - SLOTS + 1) * SLOT_MINUTES * 60
    slots = []
    for number in range(SLOTS):
        start = begin + number * SLOT_MINUTES * 60
        hour = start % 86_400 / 3600
        usual = busiest * max(0.04, math.sin((hour - 6) / 16 * math.pi)) * (0.9 + number % 7 / 35)
        extra = 0.0
        if wave is not None:
            extra = 0.7 * busiest * math.exp(-(((SLOTS - number - wave) / 3) ** 2))
        slots.append(Slot(start, round(usual + extra), round(usual * bots + extra)))
    return tuple(slots)


def example() -> Status:
    """Two integrations: one in good health, one whose analytics answer 503."""
    campus = IntegrationStatus(
        name="campus",
        api_region="us",
        api_tier="pro",
        key_state="valid",
        resources=(
            _resource("health", 12),
            _resource("integration", 372),
            _resource("stats", 71),
            _resource("analytics", 73),
            _resource("usage", 371),
            _resource("sessions", 9),
            _resource("openapi", 9_300),
        ),
        frontier=NOW - 134,
        behind=134,
        sessions=48_213,
        bot_sessions=1_377,
        budget=150,
        rate_limit=600,
        spent=11,
        quotas=(Quota("api_calls", 1e6, 0.41), Quota("events", 5e6, 0.87)),
        recent=_day(130, 0.02, wave=14),
    )
    online = IntegrationStatus(
        name="online-school",
        api_region="eu",
        api_tier="free",
        key_state="valid",
        resources=(
            _resource("health", 31),
            _resource("integration", 400),
            _resource("stats", 88),
            _resource("analytics", 941, 3, "status 503: the API is unavailable"),
            _resource("usage", 402),
            _resource("sessions", 28),
            _resource("openapi", 9_340),
        ),
        frontier=NOW - 151,
        behind=151,
        sessions=2_904,
        bot_sessions=61,
        budget=15,
        rate_limit=60,
        spent=6,
        recent=_day(12, 0.02),
    )
    integrations = (campus, online)
    return Status(
        version="0.1.0",
        revision="3f9c2d1",
        started=NOW - 266_400,
        now=NOW,
        integrations=integrations,
        links=VENDOR_LINKS,
        series=612,
        findings=findings(integrations, GOOD, GOOD, None),
        state=StateStatus("/var/lib/isnotai-exporter/state.db", NOW - 9),
        settings=effective(SETTINGS, {}),
    )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    into: Path = arguments.parse_args().into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "status.html")
        page.write_text(status_page.render(example(), LINKS), "utf-8")
        shot = {"url": page.as_uri(), "width": 1180, "full": True}
        try:
            browser.visit(
                {**shot, "picture": str(into / "status-page-light.png")},
                {**shot, "picture": str(into / "status-page-dark.png"), "dark": True},
            )
        except browser.MissingError as error:
            sys.stderr.write(f"picture_status_page: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
