"""The laboratory of the alerts: simulated terms with labelled attacks, judged by the real engine.

`python -m benchmarks.alerts` runs it. `term` makes what happens at a site, `exporter` what an
exporter counts and shows of it, `engine` evaluates rule files over that, `judge` compares what
fired with what happened.
"""
