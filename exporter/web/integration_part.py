"""One integration on the status page: foldable, with its counts, charts, bars and resources."""

from html import escape
from urllib.parse import quote

from exporter.web import charts
from exporter.web.backend import Finding, IntegrationStatus, KeyState, Quota, ResourceStatus
from exporter.web.words import NONE, count, length, percent, share, time

_KEY_STATES: dict[KeyState, tuple[str, str]] = {
    "valid": ("key valid", "good"),
    "refused": ("key refused", "bad"),
    "missing": ("key missing", "bad"),
    "unknown": ("key not tried yet", ""),
}

_HEADINGS = ("Resource", "State", "Last success", "Failures", "Last error", "Every", "Next poll")


def render(one: IntegrationStatus, now: float, worst: Finding | None, *, unfolded: bool) -> str:
    """The integration as HTML. worst: what is to be said of it first; None: nothing."""
    name = escape(one.name)
    place = anchor(one.name)
    bots = share(one.bot_sessions, one.sessions)
    return f"""<details id="{place}" data-name="{name}"{" open" if unfolded else ""}>
<summary id="{place}-title"><h2>{name}</h2> <span class="marks">{_marks(one, worst)}</span>
<span class="brief">{count(one.sessions)} sessions, {bots} bots</span></summary>
<dl>
{fact("Sessions counted", count(one.sessions), "figure")}
{fact("Bot sessions", count(one.bot_sessions), "figure")}
{fact("All counted up to", time(one.frontier, now))}
</dl>
<dl class="bars">
{fact("Budget", _budget(one)) if one.polls else ""}
{"".join(map(_quota, one.quotas))}
</dl>
{charts.last_day(one.recent)}
{_resources(one, now) if one.polls else ""}
</details>
"""


def _resources(one: IntegrationStatus, now: float) -> str:
    rows = "".join(_row(resource, now) for resource in one.resources)
    headings = "".join(
        f'<th scope="col" role="columnheader"{_class("number" if it == "Failures" else "")}>'
        f"{it}</th>"
        for it in _HEADINGS
    )
    return f"""<table role="table">
<caption>Resources of {escape(one.name)}</caption>
<thead role="rowgroup"><tr role="row">{headings}</tr></thead>
<tbody role="rowgroup">{rows}</tbody>
</table>"""


def anchor(name: str) -> str:
    """The id of an integration's part, which is a fragment of a URL as it stands."""
    return f"integration-{quote(name, safe='')}"


def mark(text: str, kind: str = "") -> str:
    """A word on a coloured ground; kind: good, bad, warning or none."""
    return f'<span class="{f"mark {kind}".strip()}">{escape(text)}</span>'


def fact(term: str, html: str, kind: str = "") -> str:
    """A term and its value, for a list of them."""
    return f"<div><dt>{escape(term)}</dt><dd{_class(kind)}>{html}</dd></div>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _marks(one: IntegrationStatus, worst: Finding | None) -> str:
    marks = [mark(worst.headline, worst.level)] if worst else []
    if not one.polls:
        if one.polled_by:
            marks.append(mark(f"polled by {one.polled_by}"))
        return " ".join(marks)
    key_text, key_kind = _KEY_STATES[one.key_state]
    if worst is None or worst.about != "key":
        # While nothing answers, nobody knows whether it still is.
        known = one.key_state != "valid" or one.answered
        marks.append(mark(key_text, key_kind) if known else mark("key was valid"))
    if one.api_region:
        marks.append(mark(f"region {one.api_region}"))
    marks.append(mark(f"{one.api_tier} tier" if one.api_tier else "tier unknown"))
    return " ".join(marks)


def _budget(one: IntegrationStatus) -> str:
    if one.budget is None:
        return NONE
    own = f"{count(one.budget)} requests/min"
    words = own if one.rate_limit is None else f"{own} of {count(one.rate_limit)}"
    if one.spent is None or one.budget < 1:
        return words
    label = f"{one.spent} requests in the last minute"
    return f"{words}<br>{label}{_bar(one.spent / one.budget, label)}"


def _quota(quota: Quota) -> str:
    if quota.used is None:
        return fact(f"Quota of {quota.metric}, this month", f"{NONE} of {count(quota.limit)}")
    words = f"{percent(quota.used)} of {count(quota.limit)}"
    bar = _bar(quota.used, f"{quota.metric}: {words}")
    return fact(f"Quota of {quota.metric}, this month", words + bar)


def _bar(ratio: float, label: str) -> str:
    return (
        f'<meter aria-label="{escape(label)}" min="0" max="1" low="0.8" high="0.95" optimum="0" '
        f'value="{min(ratio, 1):.3f}">{percent(ratio)}</meter>'
    )


def _row(resource: ResourceStatus, now: float) -> str:
    if resource.up is None:
        state = mark("nothing to ask for yet" if resource.idle else "not tried yet")
    else:
        state = mark("up", "good") if resource.up else mark("down", "bad")
    cells = (
        ("", state),
        ("last success", time(resource.last_success, now)),
        ("failures", f"{resource.consecutive_failures:,}"),
        ("last error", escape(resource.last_error or "") or NONE),
        ("every", length(resource.interval)),
        ("next poll", _next(resource, now)),
    )
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{escape(resource.resource)}</th>'
        + "".join(_cell(label, html) for label, html in cells)
        + "</tr>\n"
    )


def _cell(label: str, html: str) -> str:
    named = f' data-is="{label}"' if label else ""
    # On a phone, where cells stand below each other, those that say nothing are left out.
    kinds = ("number" if label == "failures" else "", "nothing" if html in (NONE, "0") else "")
    return f'<td role="cell"{named}{_class(" ".join(filter(None, kinds)))}>{html}</td>'


def _next(resource: ResourceStatus, now: float) -> str:
    """When it is polled next; a time that has passed is that of the poll under way."""
    if resource.next_poll is not None and resource.next_poll <= now:
        return "under way"
    return time(resource.next_poll, now)
