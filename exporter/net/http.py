"""httpx as a library: without the command line that it brings along where rich is installed.

That costs 12 MiB, and no daemon needs it. Whoever needs httpx imports it from here.
"""

from exporter.withheld import withheld

with withheld("rich"):
    import httpx

__all__ = ["httpx"]
