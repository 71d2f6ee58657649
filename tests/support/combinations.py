"""Which members of the core can stand together in a network; tests/ops/test_members.py is about the others."""

from __future__ import annotations

from runner.ops import ACTIVATIONS, LOSSES
from runner.ops.members import CORE_ACTIVATIONS, CORE_LOSSES


def combinations() -> list[dict[str, str]]:
    """Every activation with every loss: in the hidden layers and, where the loss allows it, at the output."""
    found = []
    for name in CORE_ACTIVATIONS:
        for loss in CORE_LOSSES:
            activation, record = ACTIVATIONS[name], LOSSES[loss]
            output = name if record.outputs is None or name in record.outputs else record.outputs[0]
            row = {"activation": name if activation.hidden else "tanh", "output": output, "loss": loss}
            found += [row] if row not in found else []
    return found
