"""The source of the three Grafana dashboards; `python -m dashboards.generate` writes their JSON.

Plain typed Python rather than grafana-foundation-sdk: its 0.0.x releases follow Grafana's internal
schema and change names from one to the next, it would be the only dependency that no test of the
exporter needs, and a dashboard here takes a dozen fields of each panel. `panels` knows Grafana's
classic JSON, `queries` how the exporter's series are asked for, and each dashboard is one module.
No panel shows a session's id, a user or a page.
"""
