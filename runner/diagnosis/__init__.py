"""A program of somebody else's, line by line: which formula stands in each of its lines, and what it costs.

The author's file runs in a process of its own (`program`, `worker`), on generic weights and samples (`probes`), in
which no 0 and no symmetry hides anything. Every term of its update is then matched, layer by layer (`identify`),
against the terms that are known (`terms`), right ones and wrong ones, each one record with its formula, its line in
NumPy and its words. A match is one to rounding (`match`); what matches nothing is told as not known. `formula` is the
update composed of terms, in plain NumPy, and `process` a whole training step: `batches` and `memory` find how samples
are put together and what is kept from one update to the next, `order` which samples a loop takes, `unusual` what is not
linear in one gradient. `twin` restates the program as a study, `cost` trains it with and without its mistakes, and
`settings` searches what else it needs. `findings`, `notes`, `advice` and `anatomy` put it into words, which `show`
prints and `page` makes a page of.
"""
