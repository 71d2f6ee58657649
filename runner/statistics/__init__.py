"""Statistics of runs: what a claim, a figure or a table is about, each a number with its interval.

`members` and `efficiency` hold the members of the registry: a statistic is one record with its name, what it is made
from, how its number and its interval are computed, and what the documentation says. `reading` understands the words of
a study, `weights` takes numbers from the weights of a run, `trend` fits a line through a statistic over the values of a
key, and `combine` makes one number of several. `intervals` and `shares` are the mathematics below: exact intervals, and
what runs on common seeds are worth.
"""

# The order of the modules is that of messages and of the documentation.
from runner.statistics import members, efficiency  # noqa: F401, I001
from runner.statistics.record import STATISTICS, Member

__all__ = ["STATISTICS", "Member"]
