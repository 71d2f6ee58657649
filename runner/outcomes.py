"""Outcomes: what became of a run, in one word, decided from its measurements.

A run is looked at twice: at the end of its budget, and `window(budget)` updates before it. The thresholds are part of
the contract and stand in the README; the first outcome in the list below whose condition holds is the run's.

========================  ===========================================================================
converged                 the criterion holds
diverged                  a loss that is not finite, or is beyond DIVERGED times the first one
oscillating               over the window the loss changed by OSCILLATING of itself per evaluation, and by
                          BACK_AND_FORTH times more than it gained or lost in the end
learning                  over the window the loss fell by LEARNING of itself or more; or by SLOWLY or more,
                          steadily: at least STEADY of all its changes were falls in the end
saturated                 SATURATED of the hidden activations lie within 1% of a limit
constant_output           the outputs spread less than CONSTANT times as much as the targets
stuck                     none of these: a plateau or a local minimum
========================  ===========================================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OUTCOMES = ("converged", "learning", "constant_output", "saturated", "stuck", "oscillating", "diverged")
"""Names; a record holds an index into these."""

WINDOW = 10
DIVERGED = 1e6
OSCILLATING = 0.05
BACK_AND_FORTH = 5.0
LEARNING = 0.01
SLOWLY = 0.001
STEADY = 0.5
SATURATED = 0.9
CONSTANT = 0.05


def window(budget: int) -> int:
    """Updates before the end of a budget at which a run is looked at for the first time: a tenth, at least one."""
    return max(1, budget // WINDOW)


def classify(
    converged: NDArray[np.bool_],
    losses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    variation: NDArray[np.float64],
    evaluations: int,
    saturation: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The outcomes of n runs.

    Parameters
    ----------
    converged : bool array (n,)
    losses : three arrays (n,)
        At first, at the start of the window, and at the end.
    variation : array (n,)
        Sum of the absolute changes of the loss from evaluation to evaluation within the window.
    evaluations : int
        Evaluations within the window.
    saturation : array (n,)
        Share of saturated hidden activations; NaN without hidden units.
    spread : array (n,)
        Spread of the outputs divided by that of the targets.

    Returns
    -------
    int array (n,)
        Indices into OUTCOMES.
    """
    first, before, last = losses
    with np.errstate(all="ignore"):
        gain = before - last
        swing = variation / evaluations
        steadily = (gain >= SLOWLY * before) & (gain >= STEADY * variation)
        conditions = {
            "converged": converged,
            "diverged": ~np.isfinite(last) | ~np.isfinite(first) | (last > DIVERGED * np.abs(first)),
            "oscillating": (swing >= OSCILLATING * last) & (variation >= BACK_AND_FORTH * np.abs(gain)) & (last > 0),
            # Of full-batch XOR runs that are not done after 1,000 epochs, 81% of those called learning and 18% of
            # those called stuck are done after 10,000 (configs/xor_sweep.yaml).
            "learning": (gain > 0) & ((gain >= LEARNING * before) | steadily),
            "saturated": saturation >= SATURATED,
            "constant_output": spread < CONSTANT,
        }
    codes = np.full(len(last), OUTCOMES.index("stuck"))
    for name, holds in reversed(conditions.items()):
        codes[holds] = OUTCOMES.index(name)
    return codes
