"""The check: does it all work, what will it cost, and what to do where it does not.

Settings, state, certificates, OTLP endpoint, and every endpoint of the API once, as the daemon
would ask it. It writes no state, and prints neither the key nor anything that the API says of
people. Exit code 0: it works; 1: something failed; 2: the settings are bad.
"""

import asyncio
import json as json_
from collections.abc import Mapping, Sequence

import click

from exporter.clock import SystemClock
from exporter.commands.accounts import chosen
from exporter.commands.check import local, remote
from exporter.commands.check.findings import Report, verdict
from exporter.commands.command import Line, make_command
from exporter.commands.screen import BAD, tell
from exporter.log import configure
from exporter.settings.load import Loaded, load_parsed
from exporter.settings.model import Account
from exporter.terminal import complain, say
from exporter.web import webconfig

OPTIONS = [
    click.Option(["-v", "--verbose"], is_flag=True, help="everything, and the series of each"),
    click.Option(["--json"], is_flag=True, help="one JSON object"),
    click.Option(["--offline"], is_flag=True, help="ask nobody: settings and files, for CI"),
    click.Option(
        ["--probe-regions"], is_flag=True, help="show the key to the other region: is it of there?"
    ),
]


def run(line: Line, *, verbose: bool, json: bool, offline: bool, probe_regions: bool) -> int:
    """Check everything; the exit code. Raises SettingsError."""
    loaded = load_parsed(line.flags, line.environ, require_key=not offline)
    configure("error", loaded.settings.log.format)
    accounts = () if offline else chosen(line, loaded)
    picked = "integration" in line.flags and bool(loaded.settings.integrations)
    try:
        reports = asyncio.run(
            _all(
                loaded,
                accounts,
                line.environ,
                picked=picked,
                probe_regions=probe_regions,
                offline=offline,
            )
        )
    except webconfig.WebConfigError as error:
        complain(error)
        return 2
    level, text = verdict(reports)
    if json:
        said = [report.as_json() for report in reports]
        say(json_.dumps({"level": level, "verdict": text, "checks": said}))
    else:
        for report in reports:
            report.show(all_of_it=verbose or len(accounts) < 2, series=verbose)
        say()
        tell(level, f"verdict: {text}")
    return 1 if level == BAD else 0


async def _all(
    loaded: Loaded,
    accounts: Sequence[Account],
    environ: Mapping[str, str],
    *,
    picked: bool,
    probe_regions: bool,
    offline: bool,
) -> list[Report]:
    """What all integrations share, then each of them. Raises WebConfigError, SettingsError."""
    settings, clock = loaded.settings, SystemClock()
    shared = [
        *local.settings(loaded, picked=picked),
        *local.web(settings, clock.now()),
        *local.state(settings),
        *await local.otlp(environ, offline=offline),
    ]
    each = [
        await remote.integration(settings, account, clock, probe_regions=probe_regions)
        for account in accounts
    ]
    return [Report(shared), *each]


command = make_command("check", run, __doc__, OPTIONS)
