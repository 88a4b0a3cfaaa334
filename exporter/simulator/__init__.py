"""The Not AI API, simulated: seedable, on a real socket, with faults on demand.

Used by the commands `simulate` and `demo`, by tests and by benchmarks. The daemon imports nothing
of it, and it knows nothing of the exporter. Its answers follow the vendor's public documentation
alone. So the two can disagree, and a test can see it.
"""
