"""Benchmarks: the project against what a user would otherwise write, on the same work in the same run.

A work item is a study file with a module beside it,
and a name in `benchmarks.__main__.WORKS`; a program is a module of `benchmarks.peers`.
"""
