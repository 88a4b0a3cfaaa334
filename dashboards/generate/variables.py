"""A dashboard's variables, in Grafana's classic JSON: a label's values, and the data source."""

from dashboards.generate.panels import DATASOURCE, Json

ALL = ".*"
"""What All matches. Not ".+": what was backfilled has no job and no instance, and many series have
no cluster."""


def label_variable(name: str, label: str, query: str) -> Json:
    """A variable over the values of a label: several at once, or all."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "allValue": ALL,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 1,
        "regex": "",
        "hide": 0,
        "options": [],
        "skipUrlSync": False,
    }


def choice_variable(name: str, label: str, query: str, value: str) -> Json:
    """A variable over the values of a label, of which one is chosen."""
    single = {
        "includeAll": False,
        "multi": False,
        "current": {"selected": True, "text": value, "value": value},
    }
    variable = {**label_variable(name, label, query), **single}
    del variable["allValue"]
    return variable


def datasource_variable() -> Json:
    """The variable over the data sources of Prometheus' kind."""
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "includeAll": False,
        "multi": False,
        "current": {"selected": False, "text": "default", "value": "default"},
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "options": [],
        "skipUrlSync": False,
    }
