"""Which networks a fault can stand in, by their shape: what belongs to the registry of faults, in words."""

from __future__ import annotations

from runner.keys.architecture import layer_text
from runner.keys.definitions import KEYS
from runner.ops.faults import FAULTS, layer_of, needs_table
from runner.registry import Call


def fits_any_layers(fault: Call) -> bool:
    """Whether a fault means something in a network whose layers see more than the one below them, or have a gain.

    Those of a weight's factor and of the way back are lines of programs without such layers, and so are all that are
    said of one layer; those of the network's error signal, samples, rounding and direction are not.

    Examples
    --------
    >>> fits_any_layers(Call("ascent")), fits_any_layers(Call("own_activation"))
    (True, False)
    """
    return not needs_table((fault,)) and FAULTS[fault.name].term not in ("factor", "hidden error")


def misfit(fault: Call, architecture: tuple[int, ...]) -> str:
    """What keeps a fault from standing in a network of this shape; empty where nothing does.

    Examples
    --------
    >>> misfit(Call("early_derivative"), (2, 3, 1)), misfit(Call("early_derivative"), (2, 2, 1))
    ('early_derivative needs hidden layers as wide as the inputs; architecture is 2-3-1', '')
    """
    record, layer, n_layers = FAULTS[fault.name], layer_of(fault), len(architecture) - 1
    text = KEYS["architecture"].text(architecture)
    shown = f"architecture {text}"
    layers = record.layers(layer, n_layers)
    if record.single_layer and n_layers > 1:
        return f"{fault} needs 1 layer of weights; {shown} has {n_layers}"
    if record.equal_widths and len(set(architecture[:-1])) > 1:
        return f"{fault} needs hidden layers as wide as the inputs; architecture is {text}"
    if layer is not None and layer > n_layers:
        return f"{fault}: {shown} has {layer_text(architecture)}"
    if not layers and layer is not None:
        what = "the output layer" if record.place == "hidden layer" else "the first layer"
        return f"{fault} is about a {record.place}; in {shown} layer {layer} is {what}"
    if not layers and not record.bit:
        return f"{fault} needs a hidden layer; {shown} has none"
    if record.outputs not in (None, architecture[-1]):
        return f"{fault} needs {record.outputs} output; {shown} has {architecture[-1]}"
    # The weights between a hidden layer and the one above it, or those of the layer itself.
    shift = 1 if record.place == "hidden layer" else 0
    for at in layers:
        below, above = architecture[at + shift - 1], architecture[at + shift]
        if record.square and below != above:
            return f"{fault} needs layer {at + shift} to have as many units as inputs; {shown} has {above} and {below}"
        if record.narrowing and below < above:
            return (
                f"{fault} needs layer {at + shift} to have no more units than inputs; {shown} has {above} and {below}"
            )
    return ""
