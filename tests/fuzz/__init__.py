"""Attacks on everything that reads what others wrote, for as long as one likes: `make fuzz`.

A module that attacks something exports TARGETS and is named in `MODULES` of `tests.fuzz.__main__`.
"""
