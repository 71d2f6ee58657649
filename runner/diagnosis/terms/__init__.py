"""The terms of one update, right and wrong, each with its formula, its line in NumPy and its words.

An update of layer l is a product of few terms: the error *signal* of the outputs, their *slope*, what is *sent* back,
the *way* back through the weights, the slope of a hidden layer, and the *factor* of each weight's gradient. Biases take
a *step* of their own. Every term is a function of a forward pass (`runner.diagnosis.forward.Pass`); layers are counted
from 0 here. In formulas, a is an activation, z its weighted sum, d = dE/dz, f' a slope, y an output and t its target.

A wrong term that is a fault of `runner.ops.faults` has its name and its words from there: here stands only how it is
computed from a forward pass. One that is none has words of its own.
"""

from runner.diagnosis.terms.factors import BIAS_STEPS, ERROR_BELOW, FACTORS
from runner.diagnosis.terms.record import Table, Term, Words
from runner.diagnosis.terms.signals import CROSS_ENTROPY, CROSSED, RESIDUAL, SIGNALS
from runner.diagnosis.terms.slopes import EXPONENT_SIGN, EXTRAS, NO_SLOPE, SLOPES
from runner.diagnosis.terms.ways import SENT, WAYS

TABLES: dict[str, Table] = {table.slot: table for table in (SIGNALS, SLOPES, EXTRAS, SENT, WAYS, FACTORS, BIAS_STEPS)}


def right(slot: str) -> Term:
    """The term that should stand there."""
    return TABLES[slot][0]


__all__ = [
    "BIAS_STEPS",
    "CROSSED",
    "CROSS_ENTROPY",
    "ERROR_BELOW",
    "EXPONENT_SIGN",
    "EXTRAS",
    "FACTORS",
    "NO_SLOPE",
    "RESIDUAL",
    "SENT",
    "SIGNALS",
    "SLOPES",
    "TABLES",
    "WAYS",
    "Term",
    "Words",
    "right",
]
