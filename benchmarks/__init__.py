"""Benchmarks: the project against what a user would otherwise write, on the same work in the same run.

A work item is a study file beside a module of this package; a program is a module of `benchmarks.peers`. Adding
either is one small file, and for a work item its name in `benchmarks.__main__.WORKS`.
"""
