"""Claims checked on results: which rows are meant, the number and its interval, and the verdict.

`selection` finds the rows, `estimate` and `comparison` the number and how sure it is, `check` the verdict, `verdicts`
those on all claims of a study, `show` the page; `recorded` reads the claims that were recorded with the results. What a
claim may say is `runner.studies.claims`. Others use `check_claims`, `check_recorded_claims`,
`check` and `show`.
"""
