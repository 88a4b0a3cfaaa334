"""Makes files of the repository from its code. Run by hand, held to by tests; never shipped."""
