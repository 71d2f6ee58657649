"""What is not known of a program, with the numbers of the first probe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runner.diagnosis.find import Found
from runner.diagnosis.layer import Matched


def unknown(found: Found) -> list[dict[str, Any]]:
    """What is not known, with the numbers of the first probe."""
    told: list[dict[str, Any]] = []
    if not found.deterministic:
        return [
            {
                "term": "update",
                "layer": None,
                "says": "the program is not deterministic: the same update twice gives other weights",
            }
        ]
    if found.process is None:
        layers = found.identified.layers or (None,) * len(found.seen.W)
        for k, matched in enumerate(layers):
            for term, says in _missing(matched):
                told.append({"term": term, "layer": k + 1, "says": says, "numbers": _numbers(found, k)})
        if found.identified.forward is None:
            told.insert(0, {"term": "forward", "layer": None, "says": "no forward pass that is known fits the update"})
    if not found.memory_known:
        says = "what an update keeps from the one before is none of the known sums, momenta and optimizers"
        told.append({"term": "memory", "layer": None, "says": says})
    if not found.batch_known:
        says = "how the samples of one call are put together is not known"
        told.append({"term": "batch", "layer": None, "says": says})
    return told


def _missing(matched: Matched | None) -> Iterator[tuple[str, str]]:
    if matched is None or (matched.error is None and matched.factor is None):
        yield "layer", "the update of this layer is none of the known formulas"
        return
    if matched.error is None:
        yield "error", "the error dE/dz of this layer is none of the known formulas; its factor is known"
    if matched.factor is None:
        yield "factor", "the step of the weights is no known factor times the error of the layer"
    if matched.bias_step is None or matched.bias_error is not None:
        yield "bias_step", "the step of the biases is not made from the error of the layer"


def _numbers(found: Found, k: int) -> dict[str, Any]:
    """Weights and steps of a layer in the first probe, for who wants to look."""
    seen = found.seen
    return {
        "weights": seen.W[k][0].tolist(),
        "step": (seen.W_after[k][0] - seen.W[k][0]).tolist(),
        "bias_step": (seen.b_after[k][0] - seen.b[k][0]).tolist(),
    }
