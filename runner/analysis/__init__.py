"""What is read off a finished table: summary, claims and explanations.

`summary` counts outcomes and rates of convergence (over `tally`, in bounded memory), `intervals` and `shares` say how
sure a share is, `explain` says why runs fail, and `claims` checks what a study states. Nothing here needs the kernels;
others use `summarize`, `explain`, `check_claims` and what shows them.
"""
