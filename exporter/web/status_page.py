"""The status page: what the daemon knows of itself, as one HTML document for a person.

Semantic HTML, legible in light and dark and on a phone. It loads nothing: its one style and its one
script stand inside, and the policy allows exactly these. The script asks this page again and puts
in what changed; without scripts the browser reloads it. Every value is escaped. It shows no user
data and no key; what is a secret never reaches it.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files

from exporter.web import integration_part
from exporter.web.backend import Finding, Level, Link, Status
from exporter.web.integration_part import anchor, fact, mark
from exporter.web.words import NONE, clock, count, named, time

_STYLE = files("exporter.web").joinpath("status.css").read_text("utf-8")
_SCRIPT = files("exporter.web").joinpath("status.js").read_text("utf-8")

RELOAD_SECONDS = 30
"""How often a browser without scripts asks again."""

FEW = 3
"""So many integrations are shown unfolded, and so many with findings among more."""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


SECURITY_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}'; "
        f"script-src 'sha256-{_hash(_SCRIPT)}'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}

_IN_WORDS: dict[Level, str] = {
    "bad": "wrong",
    "warning": "look at this",
    "unknown": "not known yet",
    "good": "good",
}


def render(status: Status, links: Iterable[tuple[str, str]]) -> str:
    """The page as HTML. `links` are label and path of the server's own places."""
    worst = _worst(status)
    every_link = (*(Link(label, path) for label, path in links), *status.links)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>isnotai-exporter: {escape(_headline(status.findings))}</title>
<style>{_STYLE}</style>
<script>{_SCRIPT}</script>
<noscript><meta http-equiv="refresh" content="{RELOAD_SECONDS}"></noscript>
</head>
<body>
<header>
<h1>isnotai-exporter</h1>
<nav aria-label="Places">{_links(every_link)}</nav>
</header>
<main>
<p id="lost" role="alert" hidden></p>
{_verdict(status.findings)}
{_index(status, worst)}
<div id="integrations">
{_integrations(status, worst)}</div>
{_about(status)}
</main>
<footer><p id="as-of">As of {clock(status.now)}. Counts are of sessions that the API recorded, as
last committed.</p></footer>
</body>
</html>
"""


def _headline(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return "nothing is known yet"
    more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
    return findings[0].headline + more


def _verdict(findings: tuple[Finding, ...]) -> str:
    level = findings[0].level if findings else "unknown"
    headline = _headline(findings)
    items = "".join(f"<li>{_finding(one)}</li>\n" for one in findings)
    return f"""<section id="verdict" aria-labelledby="headline">
<h2 id="headline" class="{level}" role="status">{escape(headline[0].upper() + headline[1:])}</h2>
<ul>{items}</ul>
</section>"""


def _finding(one: Finding) -> str:
    step = f' <span class="next">{escape(one.next_step)}</span>' if one.next_step else ""
    where = ""
    if one.integrations:
        where = f' <a href="#{anchor(one.integrations[0])}">{named(one.integrations)}</a>'
    label = f"{one.about}: {_IN_WORDS[one.level]}"
    return f"{mark(label, one.level)}{where} {escape(one.words)}{step}"


def _links(links: Iterable[Link]) -> str:
    items = (f'<li><a href="{escape(link.href)}">{escape(link.label)}</a></li>' for link in links)
    return f"<ul>{''.join(items)}</ul>"


def _worst(status: Status) -> dict[str, Finding]:
    """The worst finding of each integration that has one."""
    worst: dict[str, Finding] = {}
    for one in status.findings:
        for name in one.integrations:
            worst.setdefault(name, one)
    return worst


def _index(status: Status, worst: Mapping[str, Finding]) -> str:
    """Links to all integrations, where there are several; the script shows the filter."""
    if len(status.integrations) < 2:
        return '<div id="index-list"></div>'
    items = "".join(
        f'<li data-name="{escape(one.name)}"><a href="#{anchor(one.name)}">{escape(one.name)}</a>'
        f"{_short(worst.get(one.name))}</li>\n"
        for one in status.integrations
    )
    box = ""
    if len(status.integrations) > FEW:
        box = """<label id="filter-label" hidden>Show those whose name holds
<input id="filter" type="search" autocomplete="off"></label>
"""
    return f"""<section id="index" aria-labelledby="index-title">
<h2 id="index-title">{len(status.integrations)} integrations</h2>
{box}<ul id="index-list">{items}</ul>
</section>"""


def _short(finding: Finding | None) -> str:
    return mark(finding.headline, finding.level) if finding else ""


def _integrations(status: Status, worst: Mapping[str, Finding]) -> str:
    opened = [one.name for one in status.integrations]
    if len(opened) > FEW:
        opened = [name for name in opened if name in worst][:FEW]
    return "".join(
        integration_part.render(one, status.now, worst.get(one.name), unfolded=one.name in opened)
        for one in status.integrations
    )


def _about(status: Status) -> str:
    """The exporter itself: version, state, reload, and all settings."""
    rows = "".join(
        f'<tr role="row"><th scope="row" role="rowheader">{escape(one.name)}</th>'
        f'<td role="cell" data-is="value">{escape(one.value) or NONE}</td>'
        f'<td role="cell" data-is="from">{escape(one.source)}</td></tr>\n'
        for one in status.settings
    )
    kept = status.state.path or "in memory: counts start anew with the process"
    return f"""<details id="about">
<summary id="about-title"><h2>Exporter and settings</h2></summary>
<dl>
{fact("Version", escape(status.version))}
{fact("Revision", escape(status.revision) or NONE)}
{fact("Running since", time(status.started, status.now))}
{fact("Series", count(status.series))}
{fact("State", escape(kept))}
{fact("Last commit", time(status.state.last_commit, status.now))}
{fact("Last reload", _reload(status))}
</dl>
<table role="table">
<caption>Effective settings</caption>
<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Setting</th>
<th scope="col" role="columnheader">Value</th>
<th scope="col" role="columnheader">From</th></tr></thead>
<tbody role="rowgroup">{rows}</tbody>
</table>
</details>"""


def _reload(status: Status) -> str:
    if status.reload is None:
        return "none since the start"
    when = time(status.reload.at, status.now)
    return f"failed {when}" if status.reload.problem is not None else when
