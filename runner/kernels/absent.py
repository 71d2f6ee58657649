"""What a study does not use: the empty tuple stands in the place of what would describe it.

As its type differs from that of a description, a function of two forms by that type (`lanes.functions.where_given`)
compiles into nothing for studies without: schedules, held-out samples, judged criteria, adjusted gradients, labels,
pairs of outputs, noise and bands are told apart so.
"""

from __future__ import annotations

NONE: tuple[()] = ()
"""There is nothing of the kind."""
