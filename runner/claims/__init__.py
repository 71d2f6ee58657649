"""Claims: statements about the results of a study, checked against its table.

`grammar` reads them and needs no table; `check` judges them, and is imported only where there are results.
"""
