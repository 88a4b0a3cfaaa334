"""The Not AI API, simulated: seedable, on a real socket, with faults on demand.

Used by the commands `simulate` and `demo`, by tests and by benchmarks. Nothing in it is imported
by the daemon, and nothing in it knows the exporter: what it answers follows the vendor's public
documentation alone, so that the two can disagree and a test can see it.
"""
