"""Why runs fail, which settings decide, and what would have saved the runs that failed.

`runs` and `factors` read a table as axes and codes, `outcomes`, `axes`, `anova` and `counterfactuals` each answer one
question about it, `one_run` looks at a single run, `explanation` puts the parts together, and `answer` and `show` say
them in words. Others use `explain`, `answer` and `show`.
"""
