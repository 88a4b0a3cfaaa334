"""The command backfill, against the simulated API on a real socket."""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter import cli
from exporter.api.errors import KeyRefusedError
from exporter.collect.sessions.past import Part, Past
from exporter.commands.backfill.counter import WRITTEN
from exporter.commands.backfill.span import Options, Range, read_range
from exporter.settings.errors import SettingsError
from exporter.simulator.service import DEFAULT_KEY
from exporter.simulator.truth import SCORE_BOUNDS, Truth
from tests.e2e.running import in_process
from tests.e2e.simulation import Simulation, simulated

NOW = 1_790_000_040.0
HOUR = timedelta(hours=1)

Samples = dict[str, dict[float, float]]


def options(**given: str) -> Options:
    chosen: dict[str, Any] = {"from_": "7d", "to": None, "step": "5m", **given}
    return Options(**chosen)


def test_a_range_is_whole_steps_and_ends_where_all_is_settled() -> None:
    wanted = read_range(options(from_="2h"), NOW, settle_after=900.0)

    assert wanted == Range(NOW - 7200 + 60, NOW - 900 - 240, 300.0)
    assert wanted.start % 300 == 0
    times = list(wanted.times())
    assert (times[0], times[1], times[-1]) == (wanted.start, wanted.start + 300, wanted.end)


def test_times_are_read_as_utc_unless_they_say_otherwise() -> None:
    plain = read_range(options(from_="2026-09-21", to="2026-09-21T02:00"), NOW, 900.0)
    zoned = read_range(
        options(from_="2026-09-21T02:00+02:00", to="2026-09-21T02:00:00Z"), NOW, 900.0
    )

    assert plain == zoned
    assert plain.start == datetime(2026, 9, 21, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"from_": None}, "--from: is missing"),
        ({"from_": "yesterday"}, "--from: must be a time such as"),
        ({"to": "1m"}, "--to: must lie further back than sessions.settle_after"),
        ({"from_": "1h", "to": "2h"}, "--to: must be at least a step later"),
        ({"step": "300"}, "--step: a duration needs a unit"),
        ({"step": "100ms"}, "--step: must be at least 1s"),
        ({"step": "1s"}, "--step: the range has more than"),
        ({"from_": "40m", "to": "20m", "step": "1h"}, "--step: no whole step of 1h lies between"),
    ],
)
def test_a_bad_option_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_range(options(**given), NOW, 900.0)


def test_a_range_never_covers_more_than_was_asked_for() -> None:
    wanted = read_range(options(from_="3h10m", to="20m", step="1h"), NOW, 900.0)

    assert wanted.start >= NOW - 3 * 3600 - 600
    assert wanted.end <= NOW - 1200
    assert (wanted.start % 3600, wanted.end % 3600) == (0, 0)


def test_a_range_ends_where_a_daemon_began_to_count() -> None:
    began = NOW - 5000

    assert read_range(options(from_="2h"), NOW, 900.0, began).end == began // 300 * 300
    with pytest.raises(SettingsError, match="--from: the exporter with this state counts since"):
        read_range(options(from_="1h"), NOW, 900.0, began)


async def written(api: Simulation, folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit code of a backfill, and what is in its file."""
    output = folder / "history.om"
    variables = {**api.variables, **more}
    command = ["backfill", "--output", str(output), *arguments]
    code = await asyncio.to_thread(cli.main, command, variables)
    assert not output.with_name("history.om.part").exists()
    return code, output.read_text() if output.exists() else ""


LINE = re.compile(r"(\w+)\{integration=\"default\",?(.*)\} (\S+) (\d+\.\d{3})")


def samples(text: str) -> Samples:
    """Values by time, by `name{labels}` without the integration.

    Line by line: prometheus-client's parser drops samples of a histogram with several times.
    """
    found: Samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        name, labels, value, time = match.groups()
        key = name + (f"{{{labels}}}".replace('"', "") if labels else "")
        found.setdefault(key, {})[float(time)] = float(value)
    return found


def at_time(text: str, time: float) -> str:
    """The exposition as it was at one time."""
    kept = (line for line in text.splitlines() if line[0] == "#" or line.endswith(f" {time:.3f}"))
    return "".join(f"{line}\n" for line in kept)


def final(found: Samples, key: str) -> float:
    values = found[key]
    return values[max(values)]


def counted(found: Samples) -> Truth:
    """The last values, in the simulator's terms."""

    def flags(name: str) -> dict[str, int]:
        by_flag = {
            key.partition("{flag=")[2].rstrip("}"): int(final(found, key))
            for key in found
            if key.startswith(name) and final(found, key)
        }
        return dict(sorted(by_flag.items()))

    return Truth(
        sessions=int(final(found, "isnotai_sessions_total")),
        bot_sessions=int(final(found, "isnotai_bot_sessions_total")),
        flags=flags("isnotai_session_flags_total"),
        bot_flags=flags("isnotai_bot_session_flags_total"),
        score_count=int(final(found, "isnotai_session_bot_score_count")),
        score_sum=round(final(found, "isnotai_session_bot_score_sum"), 6),
        score_buckets=tuple(
            int(final(found, f"isnotai_session_bot_score_bucket{{le={bound}}}"))
            for bound in SCORE_BOUNDS
        ),
        invalid_items=0,
    )


def less(past: dict[str, int], rest: dict[str, int]) -> dict[str, int]:
    """By flag, what was counted between; no flag without any."""
    between = {flag: count - rest.get(flag, 0) for flag, count in past.items()}
    return {flag: count for flag, count in between.items() if count}


def between(api: Simulation, found: Samples) -> Truth:
    """The truth of the range that the samples span."""
    times = found["isnotai_sessions_total"]
    past, rest = (
        api.service.world.truth(datetime.fromtimestamp(time, UTC))
        for time in (min(times), max(times))
    )
    buckets = zip(past.score_buckets, rest.score_buckets, strict=True)
    return Truth(
        sessions=past.sessions - rest.sessions,
        bot_sessions=past.bot_sessions - rest.bot_sessions,
        flags=less(past.flags, rest.flags),
        bot_flags=less(past.bot_flags, rest.bot_flags),
        score_count=past.score_count - rest.score_count,
        score_sum=round(past.score_sum - rest.score_sum, 6),
        score_buckets=tuple(before - after for before, after in buckets),
        invalid_items=0,
    )


@pytest.mark.parametrize(
    "lists", [{}, {"order": "random", "date_filter": "day"}, {"date_filter": "midnight"}]
)
async def test_the_last_values_are_the_truth_and_the_way_there_is_complete(
    tmp_path: Path, lists: dict[str, Any]
) -> None:
    # A quiet past of 3 h, in which 900 sessions are closed.
    async with simulated(
        lists=lists, history=3 * HOUR, static_sessions=900, rate=0.0, invalid_share=0.02
    ) as api:
        code, text = await written(
            api, tmp_path, "--from=4h", "--step=10m", ISNOTAI_SESSIONS_SETTLE_AFTER="1s"
        )

        assert code == 0
        assert text.endswith("# EOF\n")
        found = samples(text)
        assert counted(found) == between(api, found)
        assert counted(found).sessions > 700
        times = sorted(found["isnotai_sessions_total"])
        assert {later - earlier for earlier, later in pairwise(times)} == {600}
        assert len(times) >= 23
        for key, values in found.items():
            ordered = [values[time] for time in sorted(values)]
            assert sorted(values) == times, key
            assert ordered[0] == 0
            assert ordered == sorted(ordered), key
        for time in (times[0], times[-1]):
            # prometheus-client leaves it untyped.
            read = text_string_to_metric_families(at_time(text, time))  # type: ignore[no-untyped-call]
            assert [family.name for family in read] == [metric.name for metric in WRITTEN]
        steps = found["isnotai_sessions_total"]
        middle = times[len(times) // 2]
        assert steps[middle + 600] - steps[middle] == pytest.approx(900 * 10 / 180, rel=0.3)


@pytest.mark.parametrize("date_filter", ["exact", "day"])
async def test_a_range_within_the_past_gives_exactly_its_truth_under_faults(
    tmp_path: Path, date_filter: str
) -> None:
    async with simulated(
        lists={"date_filter": date_filter}, history=3 * HOUR, static_sessions=900, rate=0.0
    ) as api:
        api.fail(
            refuse_cursor=0.1,
            repeat_items=0.5,
            short_pages=0.5,
            status_5xx=0.05,
            retry_after="none",
            garbage=0.02,
        )
        end = api.service.now() - HOUR
        code, text = await written(
            api, tmp_path, "--from=150m", f"--to={end.isoformat()}", "--step=1m"
        )

        assert code == 0
        found = samples(text)
        assert counted(found) == between(api, found)
        assert 350 < counted(found).sessions < 550


async def test_the_budget_and_the_key_hold_for_a_backfill_too(tmp_path: Path) -> None:
    async with simulated(rate=0.0, static_sessions=10, history=HOUR) as api:
        code, text = await written(api, tmp_path, "--from=1h", ISNOTAI_API_KEY="aik_v1_" + "x" * 40)

        assert (code, text) == (1, "")
        assert api.answered(401) == 1
        assert DEFAULT_KEY not in text


async def test_a_file_that_cannot_be_written_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with simulated(rate=0.0) as api:
        code, _ = await written(api, tmp_path / "no" / "where", "--from=1h")

        assert code == 2
        assert capsys.readouterr().err == "isnotai-exporter: --output: its folder does not exist\n"
        assert api.asked() == 0


async def test_the_file_may_be_standard_output_and_what_else_is_said_goes_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with simulated(rate=0.0, static_sessions=50, history=HOUR) as api:
        command = ["backfill", "--from=50m", "--step=1m", "--output=-"]
        assert await asyncio.to_thread(cli.main, command, api.variables) == 0

    told = capsys.readouterr()
    assert told.out.startswith("# HELP isnotai_sessions ")
    assert told.out.endswith("# EOF\n")
    assert "default: about " in told.err
    assert list(tmp_path.iterdir()) == []


async def test_a_pipe_is_refused_before_a_request_is_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "history.om")
    async with simulated(rate=0.0) as api:
        command = ["backfill", "--from=1h", f"--output={tmp_path / 'history.om'}", "--force"]
        assert await asyncio.to_thread(cli.main, command, api.variables) == 2
        assert api.asked() == 0

    assert "is a pipe" in capsys.readouterr().err
    assert (tmp_path / "history.om").is_fifo()


async def test_a_dry_run_tells_sessions_requests_and_time_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # 2,000 sessions in 4 h.
    async with simulated(
        tier="free", rate=0.0, static_sessions=2000, history=4 * HOUR, flat=True
    ) as api:
        command = ["backfill", "--from=3h", "--to=1h", "--dry-run"]
        assert await asyncio.to_thread(cli.main, command, api.variables) == 0
        asked = api.asked()

    told = capsys.readouterr().out
    match = re.search(r"about ([\d,]+) sessions: (\d+) requests at 15 a minute, (\S+)", told)
    assert match, told
    assert int(match[1].replace(",", "")) == pytest.approx(1000, rel=0.1)
    assert 20 <= int(match[2]) <= 30
    assert " UTC to " in told
    assert asked <= 4
    assert list(tmp_path.iterdir()) == []


async def test_an_interrupted_backfill_goes_on_and_writes_what_it_would_have_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole_parts = Past.parts
    broken = True

    async def parts(past: Past) -> AsyncIterator[Part]:
        count = 0
        async for part in whole_parts(past):
            if broken and count == 2:
                raise KeyRefusedError("the API refused the key")
            count += 1
            yield part

    async with simulated(rate=0.0, static_sessions=900, history=3 * HOUR) as api:
        end = api.service.now() - HOUR / 2
        arguments = ["--from=170m", f"--to={end.isoformat()}", "--step=10m"]
        (tmp_path / "a").mkdir()
        _, expected = await written(api, tmp_path / "a", *arguments)

        monkeypatch.setattr(Past, "parts", parts)
        assert await written(api, tmp_path, *arguments) == (1, "")
        kept = tmp_path / "history.om.checkpoint"
        before = api.asked("/v1/sessions")
        told = capsys.readouterr().err
        assert "default: the API refused the key" in told
        assert f"kept in {kept}" in told
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        with kept.open("a") as file:
            file.write('["default", 17')

        # Other options are another backfill.
        assert (await written(api, tmp_path, *arguments[:2], "--step=5m"))[0] == 2
        assert "with other options or settings" in capsys.readouterr().err

        broken = False
        code, text = await written(api, tmp_path, *arguments)
        spent = api.asked("/v1/sessions") - before
        assert not kept.exists()

    assert code == 0
    assert "goes on with" in capsys.readouterr().err
    assert text.splitlines()[0] == expected.splitlines()[0]
    assert counted(samples(text)).sessions > 500
    # The range is the one that was begun, a moment older than the whole one.
    first, later = (sorted(samples(it)["isnotai_sessions_total"]) for it in (expected, text))
    if first == later:
        assert text == expected
    assert spent <= 8


async def test_what_a_daemon_with_this_state_counts_is_not_written_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"ISNOTAI_STATE_PATH": str(tmp_path / "state.db")}
    async with simulated(rate=0.0, static_sessions=300, history=3 * HOUR) as api:
        variables = {**api.variables, **state}
        async with in_process(variables) as exporter:
            # It counts the last hour.
            await exporter.until(lambda scrape: scrape.value("isnotai_sessions_total"))

            code, _ = await written(api, tmp_path, "--from=2h", "--to=30m", **state)
            assert code == 2
            assert "would be there twice" in capsys.readouterr().err

            code, text = await written(api, tmp_path, "--from=170m", "--step=10m", **state)
        assert code == 0
        began = api.service.now() - HOUR
        assert max(samples(text)["isnotai_sessions_total"]) <= began.timestamp()
