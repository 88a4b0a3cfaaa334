"""The shipped alerts over a site's own past: what would have fired, when, at which thresholds.

`past` reads samples of a file, `prometheus` those of a Prometheus, `promql` parses the rules'
expressions, `evaluate` computes them minute by minute, `rules` follows `for` and `keep_firing_for`,
`report` prints. It is no PromQL engine: it knows what the shipped rules use, and refuses the rest
by name. The tests hold it to Prometheus' own engine.
"""
