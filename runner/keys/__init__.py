"""The keys of a run: what each may be, how it is read, and its one canonical text.

`definitions` lists them in the order of the columns, `kinds`, `calls` and `architecture` say how values are read and
written, `scalars` what a plain text of YAML means, `issues` how a wrong value is described, and `synonyms` what all of
this is called elsewhere. Others use `KEYS`, `Key`, `Issue` and `Invalid`; `scalars`, `architecture` and `synonyms` need
no registries, and so no Numba.
"""
