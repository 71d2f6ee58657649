"""Why runs fail, which settings decide, and what would have saved the runs that failed.

A factor is what differs between the cells of a table: mostly a key that the study sweeps, but also the presence of one
fault, or several keys that advance together. `runs` and `factors` read a table as codes by factor. `outcomes`,
`levels`, `anova` and `counterfactuals` each answer one question about it, `one_run` looks at a single run,
`explanation` puts the parts together, and `answer` and `show` say them in words. Others use `explain`, `as_json`,
`answer` and `show`.
"""
