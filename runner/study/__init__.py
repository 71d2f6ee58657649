"""A study: from the text of a YAML file to a validated plan of numbered runs, or to every mistake in it at once.

`load` goes through the steps (`parser` and `tree`, `overrides`, `model`, `pruning`, `consistency`, `checks` and
`data_checks`); `plan` numbers the cells and runs (`cells`), and `schedule` orders them for training. Others use
`load_study`, `Study`, `make_plan`, `Plan` and `Cell`.
"""
