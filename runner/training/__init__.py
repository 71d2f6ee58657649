"""Training a plan: from runs that are missing to rows that are there.

`session` is one start of a study, from lock to table, `engine` hands blocks of runs to threads, and `blocks` holds
what a block is. `preview` tells what a start would do, `replay` trains rows again and compares them. Others use
`run_session`, `preview`, `replay`, `record` and `train`.
"""
