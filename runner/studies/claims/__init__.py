"""What a claim of a study may say.

`grammar` reads the list of claims, `statistic` the number that a claim is about, and `expectation` the range it should
lie in. `runner.analysis.claims` checks them on results.
"""
