"""The command line: which command is meant, what it is given, what is shown, and the exit code.

`main` runs the commands that train and plan, on the `studies` that are named, `results` those that begin with results,
and `parser` says what each takes.
Only `__main__` uses it, and only `main.run`.
"""
