"""What is read off a finished table: summary, explanations, comparisons and claims.

`summary` counts outcomes and rates of convergence (over `tally`, or over `streamed` a table that does not fit into
memory), `explain` says why runs fail, `compare` pairs the runs of two sides, and `claims` checks what a study states.
`statistics` computes a statistic for groups of runs, and `survival` the share that has converged by an epoch; how sure
a share is, `runner.statistics` says. Nothing here needs the kernels; others use `summarize`, `explain`, `compare`,
`check_claims` and what shows them.
"""
