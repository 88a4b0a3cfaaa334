"""The session list, read in windows of createdAt and handed to the ledger; one part a module."""
