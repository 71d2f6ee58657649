"""A study: from the text of a YAML file to a validated plan of numbered runs, or to every mistake in it at once.

`load` goes through the steps: `parser` (text to `tree`), `overrides`, `model` and `pruning` (each value by itself),
`consistency` with `checks` and `data_checks` (values against each other). `plan` numbers the `cells` and runs, and
`schedule` orders them for training. Others use `load_study`, `Study`, `make_plan`, `Plan` and `Cell`.
"""
