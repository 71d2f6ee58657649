"""Which members of the registries can stand together in a network."""

from __future__ import annotations

from runner.ops import ACTIVATIONS, LOSSES


def combinations() -> list[dict[str, str]]:
    """Every activation with every loss: in the hidden layers and, where the loss allows it, at the output."""
    found = []
    for name, activation in ACTIVATIONS.items():
        for loss, record in LOSSES.items():
            output = name if record.outputs is None or name in record.outputs else record.outputs[0]
            row = {"activation": name if activation.hidden else "tanh", "output": output, "loss": loss}
            found += [row] if row not in found else []
    return found
