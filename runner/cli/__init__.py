"""The command line: which command is meant, what it is given, what is shown, and the exit code.

`main` runs the commands that train and plan, `results` those that read results, and `parser` says what each takes.
Only `__main__` uses it, and only `main.run`.
"""
