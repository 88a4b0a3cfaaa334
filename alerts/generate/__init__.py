"""The one source of all alert and recording rules, and what writes the three outputs from it.

`recording`, `operations`, `security` and `quota` hold the rules, `outputs` writes them as a
Prometheus rule file, a PrometheusRule resource and a Grafana-managed provisioning file. No rule
carries a session's id, a user or a page.
"""
