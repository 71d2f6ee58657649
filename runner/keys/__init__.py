"""The keys of a run: what each may be, how it is read, and its one canonical text.

`definitions` lists them in the order of the columns, `kinds`, `calls` and `architecture` say how values are read and
written, `scalars` what a plain text of YAML means, and `issues` how a wrong value is described. Others use `KEYS`,
`Key`, `Issue` and `Invalid`; `scalars` and `architecture` need no registries, and so no Numba.
"""
