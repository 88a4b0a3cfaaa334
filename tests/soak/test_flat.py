"""Days at high speed: neither memory nor the state file grows with what was counted."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.api.answer import Answer
from exporter.api.times import MICROSECONDS
from tests.ledger.bench import Bench
from tests.ledger.listing import Fake

RATE = 2.0
"""Sessions a second."""

WARM_HOURS, HOURS = 6, 24


def resident_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@pytest.mark.soak
def test_memory_and_state_file_stay_flat_over_a_day(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    bench = Bench(
        state,
        interval=60,
        tier="enterprise",
        share=0.25,
        page_size=100,
        overlap=120,
        settle_after=900,
    )
    listing, ask = bench.listing, bench.listing.get
    born, made = listing.now(), 0

    async def growing(
        path: str, params: Mapping[str, str] | None = None, *, resource: str
    ) -> Answer:
        nonlocal born, made
        while born < listing.now():
            name = f"session-{made}"
            listing.sessions[name] = Fake(name, born, born, born, "active", made % 100 / 100)
            born, made = born + round(MICROSECONDS / RATE), made + 1
        answer: Answer = await ask(path, params, resource=resource)
        return answer

    listing.get = growing  # type: ignore[method-assign]  # a double
    sizes: list[tuple[float, int]] = []
    for minute in range(HOURS * 60):
        bench.poll()
        gone = bench.state.reach - 60 * MICROSECONDS
        for name in [it.id for it in listing.sessions.values() if it.created < gone]:
            del listing.sessions[name]
        bench.clock.advance(60 - bench.clock.now() % 60)
        if minute in (WARM_HOURS * 60, HOURS * 60 - 1):
            files = sum(file.stat().st_size for file in tmp_path.iterdir())
            sizes.append((resident_mib(), files))
    counted = bench.counts()["sessions"]
    bench.close()
    (memory, size), (memory_later, size_later) = sizes
    print(f"{counted:.0f} sessions; MiB {memory:.1f} then {memory_later:.1f};", end=" ")  # noqa: T201 - figures, for whoever runs it with -s
    print(f"bytes {size} then {size_later}")  # noqa: T201 - figures, for whoever runs it with -s
    assert counted > 0.99 * HOURS * 3600 * RATE
    assert memory_later < memory + 8
    assert size_later <= 1.2 * size
