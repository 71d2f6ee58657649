"""The public functions: they check their arguments, and the packages do the work.

`import runner` takes them from here. Heavy packages (numpy, numba, pandas, pydantic) are imported by the functions that
need them, so that it stays fast. An argument of another type is a TypeError that names the argument, what was expected
and what was found.
"""
