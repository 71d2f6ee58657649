"""Training a plan: from runs that have no row yet to their rows.

`session` is one start of a study, from lock to table; `engine` hands blocks of runs, which `blocks` makes, to threads.
`preview` tells what a start would do, and how long it takes, from the `speed` that earlier ones have measured; `replay`
trains rows again, from their `stored_rows`, and compares them. The command line and the public functions use
`run_session`, `preview`, `replay` and `record`.
"""
