"""The command line: exit codes, one clear line on stderr, and no key in it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import __version__, cli, terminal
from exporter.metrics import catalogue
from tests.e2e.running import client_of, process
from tests.e2e.simulation import simulated

KEY = "aik_v1_" + "x" * 40


def refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], **environ: str
) -> tuple[int, str]:
    """The exit code and the one line on stderr."""
    code = cli.main(arguments, environ)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1, written.err
    return code, written.err.strip()


def test_a_bad_region_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(capsys, [], ISNOTAI_API_KEY=KEY, ISNOTAI_REGION="mars")

    assert code == 2
    assert line == "isnotai-exporter: ISNOTAI_REGION: must be 'us' or 'eu', got 'mars'"


def test_no_key_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(capsys, [])

    assert code == 2
    assert "ISNOTAI_API_KEY is not set" in line


@pytest.mark.parametrize(
    "arguments",
    [["--no-such-flag", KEY], ["--api-key", KEY], [KEY], ["check", "--region", "mars"]],
    ids=["unknown flag", "key as a flag", "stray argument", "flag of a command"],
)
def test_a_bad_command_line_is_one_line_without_its_secrets(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    code, line = refused(capsys, arguments, ISNOTAI_API_KEY=KEY)

    assert code == 2
    assert KEY not in line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["chekc"], "command: unknown, did you mean check?"),
        (["check", "--regoin", "eu"], "unknown flag --regoin, did you mean --region?"),
        (["metrics", "--region", "eu"], "--region: metrics reads no settings"),
        (["metrics", "--no-such-flag", "eu"], "unknown flag --no-such-flag"),
        (["simulate", "--tier", "hunter22"], "--tier: must be one of free, pro, enterprise"),
        (["sessions", "--limit", "hunter22"], "--limit: must be a whole number"),
        (["sessions", "--json=hunter22"], "--json: takes no value"),
        (["sessions", "--since"], "--since: needs a value"),
        (["check", "hunter22"], "unexpected argument; every setting is a --flag with its value"),
        (["--password", "hunter22"], "unknown flag --password"),
        (["check", "--password", "hunter22"], "unknown flag --password"),
        (["hunter22"], f"command: unknown, choose from {', '.join(cli.COMMANDS)}"),
    ],
)
def test_a_mistyped_command_or_flag_gets_a_word_on_what_was_meant(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert refused(capsys, arguments, ISNOTAI_API_KEY=KEY) == (2, f"isnotai-exporter: {line}")


def test_commands_take_the_flags_of_the_settings_on_either_side_of_their_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--region=mars", "check", "--region=venus"]

    _, line = refused(capsys, flags, ISNOTAI_API_KEY=KEY)
    assert "got 'venus'" in line

    _, line = refused(capsys, flags[:2], ISNOTAI_API_KEY=KEY)
    assert "got 'mars'" in line


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("che", ["check"]),
        ("check --poll.st", ["--poll.stats-interval", "--poll.stale-after"]),
        ("sessions --bot", ["--bot-only"]),
        ("check --api-k", ["--api-key-file"]),
    ],
)
def test_a_shell_can_complete_commands_and_flags(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    completed: list[str],
) -> None:
    monkeypatch.setenv("COMP_WORDS", f"isnotai-exporter {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))

    assert cli.main([], {"_ISNOTAI_EXPORTER_COMPLETE": "bash_complete"}) == 0

    assert capsys.readouterr().out.split() == [f"plain,{word}" for word in completed]


def test_the_process_itself_ends_with_2_on_bad_settings() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "exporter"],
        env={"ISNOTAI_API_KEY": KEY, "ISNOTAI_REGION": "mars"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "isnotai-exporter: ISNOTAI_REGION: must be 'us' or 'eu', got 'mars'\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "foo:hunter22:baz"),
        ("ALL_PROXY", "socks5://user:hunter22@127.0.0.1:1080"),
        ("ALL_PROXY", "gopher://hunter22"),
        ("HTTPS_PROXY", "http://hunter22.example:99999"),
    ],
)
@pytest.mark.parametrize("command", ["", "check", "sessions", "backfill"])
def test_a_variable_that_no_connection_can_use_is_named_without_its_value(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
    value: str,
    command: str,
) -> None:
    monkeypatch.setenv(variable, value)
    options = ["--from", "1h", "--output", str(tmp_path / "out")] if command == "backfill" else []
    environ = {"ISNOTAI_API_KEY": KEY, "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0"}

    code = cli.main([*([command] if command else []), *options], environ)

    written = capsys.readouterr()
    assert code == 2
    assert written.err.splitlines()[0].startswith(f"isnotai-exporter: {variable}: ")
    assert len(written.err.splitlines()) == 1
    assert "hunter22" not in written.out + written.err
    assert value not in written.err


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGINT], [signal.SIGHUP, signal.SIGTERM]],
    ids=["SIGTERM", "SIGINT", "SIGHUP"],
)
def test_signals_while_it_still_imports_end_it_with_0_or_are_ignored(
    tmp_path: Path, signals: list[signal.Signals]
) -> None:
    # An import that lasts until the signals have come.
    (tmp_path / "pydantic.py").write_text(
        "import time\nprint('importing', flush=True)\n"
        "end = time.monotonic() + 20\nwhile time.monotonic() < end: pass\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "exporter"],
        env={"PYTHONPATH": str(tmp_path), "ISNOTAI_API_KEY": KEY},
        stdout=subprocess.PIPE,
        text=True,
    ) as starting:
        try:
            assert starting.stdout is not None
            assert starting.stdout.readline() == "importing\n"
            for number in signals:
                starting.send_signal(number)
            assert starting.wait(10) == 0
        finally:
            starting.kill()


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"], {})

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"isnotai-exporter {__version__}\n"


def test_the_catalogue_is_printed_with_types_and_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["metrics"], {}) == 0

    printed = capsys.readouterr().out
    assert "isnotai_polls_total{integration,resource,outcome} counter {poll}\n" in printed
    assert [metric.name for metric in catalogue.METRICS if metric.exposed_name not in printed] == []


def test_a_reader_that_goes_away_is_not_a_crash() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "metrics"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as printing:
        assert printing.stdout is not None
        assert printing.stderr is not None
        printing.stdout.close()
        assert printing.stderr.read() == ""
        assert printing.wait(30) in (0, terminal.BROKEN_PIPE)


def test_bad_settings_of_the_demo_are_told_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, line = refused(capsys, ["demo"], ISNOTAI_POLL_SESSIONS_INTERVAL="5")

    assert code == 2
    assert "ISNOTAI_POLL_SESSIONS_INTERVAL" in line


@pytest.mark.parametrize(
    "flag",
    ["--base-url=http://localhost:1", "--api-key-file=k", "--config.file=c.yml", "--region=eu"],
)
def test_flags_that_would_lead_the_demo_elsewhere_are_refused(
    capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    code, line = refused(capsys, ["demo", flag])

    assert code == 2
    name = flag.partition("=")[0]
    assert line == f"isnotai-exporter: {name}: the demo has a simulator and a key of its own"


async def test_an_address_that_is_taken_is_one_line_and_exit_code_1() -> None:
    async with simulated(rate=1.0) as api, process(api.variables) as first:
        async with client_of(first) as exporter:
            taken = {**api.variables, "ISNOTAI_WEB_LISTEN_ADDRESS": exporter.url[7:]}
            async with process(taken) as second:
                assert await second.ended() == 1
        assert second.lines[-1].startswith("isnotai-exporter: ")
        assert KEY not in second.output
