"""From a program that answers to its training step: formula, batch and memory, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from runner.diagnosis.batches import batches, find_batch
from runner.diagnosis.constants import settle
from runner.diagnosis.forward import Forward
from runner.diagnosis.identify import Identified, Observed, forwards, identify
from runner.diagnosis.memory import find_rule, sequences
from runner.diagnosis.probes import Asked, observe
from runner.diagnosis.process import Process
from runner.diagnosis.rules import Momentum, Rule, Sgd


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


def find(asked: Asked, keys: dict[str, Any]) -> Found:
    """The training step of a program that is asked in one way."""
    learning_rate = float(np.ravel(np.asarray(keys["learning_rate"], float))[0])
    hows = forwards(len(asked.sizes) - 1, keys.get("activation"), keys.get("output"))
    seen = observe(asked)
    again = observe(replace_seed(asked), seed=1)
    deterministic = all(np.array_equal(p, q, equal_nan=True) for p, q in zip(seen.W_after, again.W_after, strict=True))
    rule: Rule = Sgd()
    identified = _identified(asked, seen, hows)
    if isinstance(identified, tuple):
        identified, rule = identified
    if not identified.known or not deterministic:
        return Found(asked, identified, seen, None, deterministic=deterministic)
    process = Process(settle(identified.formula(), learning_rate, asked.sizes, asked.unit), rule=rule)
    remembering = find_rule(process, sequences(asked), asked.unit)
    runs = batches(asked)
    batched = find_batch(remembering or process, runs, asked.unit) if runs else process
    if batched is not None and remembering is not None:
        remembering = replace(remembering, batch=batched.batch, formula=batched.formula)
    return Found(
        asked,
        identified,
        seen,
        remembering or batched or process,
        batched is not None,
        remembering is not None,
        len(runs),
    )


def replace_seed(asked: Asked) -> Asked:
    """The same questions once more."""
    return asked


def _identified(asked: Asked, seen: Observed, hows: Sequence[Forward]) -> Identified | tuple[Identified, Rule]:
    """The formula of the first update; where nothing moves, of the one that the second call makes."""
    still = all(np.array_equal(p, q) for p, q in zip((*seen.W, *seen.b), (*seen.W_after, *seen.b_after), strict=True))
    if still:
        later = observe(asked, calls=2)
        moves = not all(np.array_equal(p, q) for p, q in zip(later.W, later.W_after, strict=True))
        if moves:
            return identify(later, hows), Momentum(0.0, 0.0, late=True)
    return identify(seen, hows)
