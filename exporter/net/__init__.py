"""How the exporter reaches others: proxies, trusted certificates, and words for what fails.

The API and the OTLP endpoint are reached by the same rules, which are all here: the HTTP libraries
read nothing from the environment themselves.
"""
