"""From a program that answers to its training step: formula, batch and memory, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from runner.diagnosis.batches import batches, find_batch
from runner.diagnosis.constants import settle
from runner.diagnosis.formula import Formula
from runner.diagnosis.forward import Forward
from runner.diagnosis.identify import NOTHING, Identified, identify
from runner.diagnosis.memory import find_rule, sequences
from runner.diagnosis.observed import Observed
from runner.diagnosis.passes import forwards
from runner.diagnosis.probes import Asked, observe, observe_late
from runner.diagnosis.process import Process
from runner.diagnosis.rounding import rounded
from runner.diagnosis.rules import Momentum, Rule, Sgd
from runner.diagnosis.unusual import adaptive, weight_by_weight


@dataclass(frozen=True, eq=False)
class Found:
    """What is known of a program's training step.

    Attributes
    ----------
    asked : Asked
    identified : Identified
        Of a single update.
    seen : Observed
    process : Process or None
        None where a term of a single update is not known.
    batch_known, memory_known : bool
    deterministic : bool
    """

    asked: Asked
    identified: Identified
    seen: Observed
    process: Process | None
    batch_known: bool = True
    memory_known: bool = True
    batches_seen: int = 0
    deterministic: bool = True

    @property
    def cost(self) -> float:
        """How unlikely it is."""
        return self.identified.cost


def find(asked: Asked, keys: Mapping[str, Any], thorough: bool = True) -> Found:
    """The training step of a program that is asked in one way.

    Parameters
    ----------
    asked : Asked
    keys : mapping
        What the author's file says.
    thorough : bool
        Whether single terms are looked for, and formulas that are not linear in one gradient: optimizers, rounding, a
        pass for each weight.
    """
    learning_rate = float(np.ravel(np.asarray(keys["learning_rate"], float))[0])
    hows = forwards(asked.sizes, keys.get("activation"), keys.get("output"))
    seen, again = observe(asked), observe(asked, draws=1)
    same = zip((*seen.W_after, *seen.b_after), (*again.W_after, *again.b_after), strict=True)
    deterministic = all(np.array_equal(p, q, equal_nan=True) for p, q in same)
    identified, process = (
        _first_update(asked, seen, hows, learning_rate, thorough) if deterministic else (NOTHING, None)
    )
    if process is None:
        return Found(asked, identified, seen, None, deterministic=deterministic)
    remembering = find_rule(process, sequences(asked), asked.unit)
    runs = batches(asked, 2 if getattr(process.rule, "late", False) else 1)
    batched = find_batch(remembering or process, runs, asked.unit) if runs else process
    if batched is not None and remembering is not None:
        remembering = replace(remembering, batch=batched.batch, formula=batched.formula)
    known = remembering or batched or process
    return Found(asked, identified, seen, known, batched is not None, remembering is not None, len(runs))


def _first_update(
    asked: Asked, seen: Observed, hows: Sequence[Forward], learning_rate: float, thorough: bool
) -> tuple[Identified, Process | None]:
    """The formula of the first update, usual or not; where weights wait for the second call, with what moves then."""
    rule: Rule = Sgd()
    places = 2 * len(seen.W)
    still = frozenset(2 * k + group for k in range(len(seen.W)) for group in (0, 1) if seen.frozen(k)[group])
    if still:
        seen, late = observe_late(asked, seen, still)
        rule = Momentum((0.0,) * places, late=late) if late else rule
        if len(still - late) == places:
            return NOTHING, None
    samples = len(asked.program.array("inputs"))

    def process(formula: Formula) -> Process:
        coarse = 1e-3 if formula.round_weights else asked.unit
        return Process(settle(formula, learning_rate, asked.sizes, coarse, samples), rule=rule)

    # Decimals that show are no chance.
    if (formula := rounded(seen, hows, learning_rate, asked.sizes, hidden=False)) is not None:
        return NOTHING, process(formula)
    if thorough and (adapted := adaptive(asked, seen, hows, learning_rate)) is not None:
        identified, rule = adapted
    else:
        identified = identify(seen, hows, partly=thorough)
    if identified.known:
        return identified, process(identified.formula())
    if not thorough:
        return identified, None
    if (formula := rounded(seen, hows, learning_rate, asked.sizes, hidden=True)) is not None:
        return identified, process(formula)
    return identified, weight_by_weight(seen, asked, hows, learning_rate)
