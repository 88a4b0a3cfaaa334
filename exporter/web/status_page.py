"""The status page: what the daemon knows of itself, as one HTML document for a person.

Plain semantic HTML, legible in light and dark, with no script, no external resource and no form.
Every value is escaped. It shows no user data and no key; what is a secret never reaches it.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from exporter.web.backend import Health, IntegrationStatus, KeyState, Link, ResourceStatus, Status

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6577; --line: #dde2ea;
  --page: #f6f7f9; --card: #fff; --link: #1a56c4; --good: #12703a; --good-bg: #e2f5e9;
  --bad: #a61b1b; --bad-bg: #fdeaea; --plain-bg: #eceff4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ef; --soft: #9aa5b8; --line: #2e3644;
  --page: #12161d; --card: #1a202a; --link: #8ab4ff; --good: #7fdba3; --good-bg: #143524;
  --bad: #ff9c9c; --bad-bg: #421c1e; --plain-bg: #28303d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline;
  justify-content: space-between; padding-top: 2rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.15rem; margin: 0; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 0; padding: 0; }
nav li { list-style: none; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  margin: 1.25rem 0; padding: 1.1rem 1.25rem; }
.title { display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: center; }
.mark { border-radius: 999px; padding: .1rem .6rem; font-size: .85rem; white-space: nowrap;
  background: var(--plain-bg); }
.good { color: var(--good); background: var(--good-bg); }
.bad { color: var(--bad); background: var(--bad-bg); }
.problems { margin: .75rem 0 0; padding-left: 1.2rem; color: var(--bad); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  gap: .75rem 1.5rem; margin: .9rem 0 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.figure { font-size: 1.35rem; line-height: 1.3; font-weight: 600; }
.scroll { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; padding: .45rem .9rem .45rem 0; border-top: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-top: 0; color: var(--soft); font-size: .85rem; font-weight: 500; }
tbody th { font-weight: 600; }
td.number, th.number { text-align: right; padding-right: 1.75rem; }
td.words { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
@media (min-width: 60rem) { table { table-layout: fixed; }
  th:nth-child(1) { width: 13%; } th:nth-child(2) { width: 12%; } th:nth-child(3) { width: 16%; }
  th:nth-child(4) { width: 10%; } th:nth-child(6) { width: 9%; } th:nth-child(7) { width: 15%; } }
footer { color: var(--soft); font-size: .9rem; padding-bottom: 2rem; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}

_KEY_STATES: dict[KeyState, tuple[str, str]] = {
    "valid": ("key valid", "good"),
    "refused": ("key refused", "bad"),
    "missing": ("key missing", "bad"),
    "unknown": ("key not tried yet", ""),
}

_NONE = "–"
_HEADINGS = ("Resource", "State", "Last success", "Failures", "Last error", "Every", "Next poll")


def render(status: Status, health: Health, ready: Health, links: Iterable[tuple[str, str]]) -> str:
    """The page as HTML. `links` are label and path of the server's own places."""
    every_link = (*(Link(label, path) for label, path in links), *status.links)
    integrations = "".join(_integration(one, status.now) for one in status.integrations)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>isnotai-exporter: {_state_word(health, ready)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>isnotai-exporter</h1>
<nav aria-label="Places">{_links(every_link)}</nav>
</header>
<main>
<section aria-labelledby="exporter">
<div class="title"><h2 id="exporter">Exporter</h2>{_verdicts(health, ready)}</div>
{_problems((*health.problems, *ready.problems))}
<dl>
{_fact("Version", escape(status.version))}
{_fact("Revision", escape(status.revision) or _NONE)}
{_fact("Running since", _time(status.started, status.now))}
{_fact("Series", _count(status.series))}
</dl>
</section>
{integrations}
</main>
<footer><p>As of {_clock(status.now)}. Counts are of sessions that the API recorded, as last
committed.</p></footer>
</body>
</html>
"""


def _state_word(health: Health, ready: Health) -> str:
    if not health.ok:
        return "not healthy"
    return "healthy" if ready.ok else "starting"


def _verdicts(health: Health, ready: Health) -> str:
    healthy = _mark("healthy", "good") if health.ok else _mark("not healthy", "bad")
    return healthy + (_mark("ready", "good") if ready.ok else _mark("not ready yet"))


def _mark(text: str, kind: str = "") -> str:
    return f'<span class="{f"mark {kind}".strip()}">{escape(text)}</span>'


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    items = "".join(f"<li>{escape(problem)}</li>" for problem in dict.fromkeys(problems))
    return f'<ul class="problems">{items}</ul>'


def _links(links: Iterable[Link]) -> str:
    items = (f'<li><a href="{escape(link.href)}">{escape(link.label)}</a></li>' for link in links)
    return f"<ul>{''.join(items)}</ul>"


def _fact(term: str, html: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<div><dt>{escape(term)}</dt><dd{attribute}>{html}</dd></div>"


def _integration(one: IntegrationStatus, now: float) -> str:
    name = escape(one.name)
    key_text, key_kind = _KEY_STATES[one.key_state]
    marks = [_mark(key_text, key_kind)]
    if one.api_region:
        marks.append(_mark(f"region {one.api_region}"))
    marks.append(_mark(f"{one.api_tier} tier" if one.api_tier else "tier unknown"))
    rows = "".join(_row(resource, now) for resource in one.resources)
    headings = "".join(
        f'<th scope="col"{_class("number" if heading == "Failures" else "")}>{heading}</th>'
        for heading in _HEADINGS
    )
    return f"""<section aria-label="Integration {name}">
<div class="title"><h2>{name}</h2>{"".join(marks)}</div>
<dl>
{_fact("Sessions counted", _count(one.sessions), "figure")}
{_fact("Bot sessions", _count(one.bot_sessions), "figure")}
{_fact("All counted up to", _time(one.frontier, now))}
{_fact("Budget", _budget(one))}
</dl>
<div class="scroll" tabindex="0" role="region" aria-label="Resources of {name}">
<table>
<caption>Resources of {name}</caption>
<thead><tr>{headings}</tr></thead>
<tbody>{rows}</tbody>
</table>
</div>
</section>
"""


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _row(resource: ResourceStatus, now: float) -> str:
    if resource.up is None:
        state = _mark("not tried yet")
    else:
        state = _mark("up", "good") if resource.up else _mark("down", "bad")
    return (
        f'<tr><th scope="row">{escape(resource.resource)}</th>'
        f"<td>{state}</td>"
        f"<td>{_time(resource.last_success, now)}</td>"
        f'<td class="number">{resource.consecutive_failures:,}</td>'
        f'<td class="words">{escape(resource.last_error or "") or _NONE}</td>'
        f"<td>{_span(resource.interval)}</td>"
        f"<td>{_time(resource.next_poll, now)}</td></tr>\n"
    )


def _count(number: int | None) -> str:
    return _NONE if number is None else f"{number:,}"


def _budget(one: IntegrationStatus) -> str:
    if one.budget is None:
        return _NONE
    own = f"{one.budget:,.10g} requests/min"
    return own if one.rate_limit is None else f"{own} of {one.rate_limit:,.10g}"


def _time(moment: float | None, now: float) -> str:
    """`moment` relative to `now` in words, and absolute to whoever asks (UTC)."""
    if moment is None:
        return _NONE
    span = _span(abs(now - moment))
    words = "now" if span == "0 s" else f"in {span}" if moment > now else f"{span} ago"
    return f'<time datetime="{_iso(moment)}" title="{_readable(moment)}">{words}</time>'


def _clock(moment: float) -> str:
    return f'<time datetime="{_iso(moment)}">{_readable(moment)}</time>'


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _readable(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: float) -> str:
    """A length of time in its two largest units, e.g. `2 h 5 min`."""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount or parts:
            parts.append(f"{amount} {unit}" if amount else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or "0 s"
