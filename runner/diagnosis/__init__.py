"""A program of somebody else's, line by line: which formula stands in each of its lines, and what it costs.

The author's file runs in a process of its own (`program`), on weights and samples that are generic (`probes`), so that no
0 and no symmetry hides anything. Every term of its update is then matched, layer by layer (`identify`), against the terms
that are known (`terms`), right ones and wrong ones, each one record with its formula, its line in NumPy and its words. A
match is one to rounding; what matches nothing is told as not known. `formula` is the update composed of terms, in plain
NumPy; `memory` and `order` find what an update keeps from the one before and which samples a loop takes.
"""
