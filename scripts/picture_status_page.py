"""Makes docs/images/status-page.png: the status page of a plausible daemon, as a browser shows it.

Needs Chromium on the PATH. The page is rendered by the exporter's own code from the values below;
nothing is polled and nothing listens.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from exporter.web import status_page
from exporter.web.backend import Health, IntegrationStatus, ResourceStatus, Status
from exporter.web.status import VENDOR_LINKS

NOW = 1_790_000_000.0
ROOT = Path(__file__).resolve().parent.parent
LINKS = (("Metrics", "/metrics"), ("Health", "/-/healthy"), ("Readiness", "/-/ready"))


def _resource(
    name: str, interval: float, ago: float, failures: int = 0, error: str | None = None
) -> ResourceStatus:
    upcoming = NOW + interval - ago % interval
    return ResourceStatus(name, not failures, NOW - ago, failures, error, interval, upcoming)


def example() -> Status:
    """Two integrations: one in good health, one whose analytics answer 503."""
    campus = IntegrationStatus(
        "campus",
        "us",
        "pro",
        "valid",
        (
            _resource("health", 60, 12),
            _resource("integration", 900, 372),
            _resource("stats", 300, 71),
            _resource("analytics", 300, 73),
            _resource("usage", 900, 371),
            _resource("sessions", 60, 9),
        ),
        NOW - 134,
        48_213,
        1_377,
        150,
        600,
    )
    online = IntegrationStatus(
        "online-school",
        "eu",
        "free",
        "valid",
        (
            _resource("health", 60, 31),
            _resource("integration", 900, 400),
            _resource("stats", 300, 88),
            _resource("analytics", 300, 941, 3, "status 503: the API is unavailable"),
            _resource("usage", 900, 402),
            _resource("sessions", 60, 28),
        ),
        NOW - 151,
        2_904,
        61,
        15,
        60,
    )
    return Status("0.1.0", "3f9c2d1", NOW - 266_400, NOW, (campus, online), VENDOR_LINKS, 612)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "target", nargs="?", type=Path, default=ROOT / "docs" / "images" / "status-page.png"
    )
    arguments.add_argument("--dark", action="store_true", help="as a dark browser shows it")
    arguments.add_argument("--size", default="1180,1150", help="width,height in pixels")
    chosen = arguments.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.stderr.write("picture_status_page: there is no chromium on the PATH\n")
        return 1
    chosen.target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "status.html")
        page.write_text(status_page.render(example(), Health(True), Health(True), LINKS), "utf-8")
        subprocess.run(  # noqa: S603 (a fixed command line)
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                *(["--blink-settings=preferredColorScheme=0"] if chosen.dark else []),
                f"--user-data-dir={folder}/profile",
                f"--window-size={chosen.size}",
                f"--screenshot={chosen.target.resolve()}",
                page.as_uri(),
            ],
            check=True,
            timeout=60,
            stderr=subprocess.DEVNULL,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
