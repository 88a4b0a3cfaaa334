"""Exactly-once counting: pure rules, and the store that commits what they say."""
