"""What a claim of a study may say.

`grammar` reads the list of claims, and `expectation` the range that a number should lie in. Which number it is, such as
a rate or a median, `runner.statistics.reading` reads; `runner.analysis.claims` checks claims on results.
"""
