"""The session list, read in windows of createdAt and handed to the ledger; one part a module.

`collector` decides what a poll reads. `plan` cuts that into slices, as wide as `pace` estimates and
`widths` allow, and `walk` reads one. `probe` learns the API's time, `dates` what its filters do,
and `served` where its history begins. `past` and `newest_first` read the list for commands, and
keep no state.
"""
