"""The commands, one module each; `exporter.cli` imports only the one that is asked for."""
