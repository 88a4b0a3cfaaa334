"""The dashboards on trial: real queries, run by a real Prometheus, for the tests and the previews.

`stage` runs a simulator full of faults, a daemon that reads it and a Prometheus that scrapes that;
`history` writes what a Prometheus would hold had it all run for longer; `queries` asks what the
panels ask. Everything stays on loopback and ends with its block.
"""
