"""The frame round every collector: timing, errors, staleness, and what a collector is."""
