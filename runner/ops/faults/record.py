"""What a fault is: a term of the formulas of training, what stands in its place, and where it can stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from runner.registry import Argument, Call, Registry

Term = Literal[
    "direction", "factor", "hidden error", "output", "order", "bias", "arithmetic", "memory", "axis", "forward"
]
Place = Literal["network", "output layer", "hidden layer", "layer after hidden", "layer"]

LAYER = "layer="
"""How the last argument of a fault of one layer begins."""


@dataclass(frozen=True)
class Fault:
    """A registered fault.

    The formulas and lines are those of one layer. In formulas, i is a unit below, j one of the layer, k one above, n a
    sample; x are inputs, t targets, y outputs, z weighted sums, a = f(z) activations, e = dE/da, d = dE/dz errors, g
    gradients, h the learning rate. In lines, `W[l]` (fan_out, fan_in) and `b[l]` belong to layer l = 1, ..., L; arrays
    `z[l]`, `a[l]` and `d[l]` have a row for each sample, `a[0]` are the inputs; `f` and `slope` are the activation and
    its derivative by z.

    Attributes
    ----------
    name, doc : str
        `doc` says in words what is wrong.
    term : str
        What it is a defect of.
    place : str
        Where it can stand: the `network` as a whole, its output layer, or each layer of a kind.
    formula, right : str
        What stands there, and what should.
    line, right_line : str
        The same as a line of NumPy.
    bit : int
        Its bit in the kernel that has no table; 0 where only the other kernel knows it.
    entries : tuple of pairs
        Rows of the kernel's table (`runner.kernels.faulty.table`) and what stands there.
    number : int or None
        Row of the table's numbers for the argument.
    replaces : str
        The quantity that stands wrong; two faults that replace the same one in the same layer exclude each other. ""
        where something is only added.
    parameters : tuple of str
        Names of its arguments: `n` decimals, an `activation`, a `tolerance`.
    in_engine : bool
        Whether the engine does it for a whole network, so that no kernel needs to know it.
    single_layer : bool
        Whether the network must have one layer of weights.
    equal_widths : bool
        Whether every hidden layer must be as wide as the layer before it.
    square, narrowing : bool
        Whether a layer of weights that it stands in must have as many units as inputs, or no more.
    outputs : int or None
        Number of outputs that the network must have.
    activation, order, optimizer : str
        What the layer's activation and these keys must be; "" for anything.
    batch : int or None
        What the batch must be.
    losses : tuple of str
        Losses it can be used with, where it stands in the output layer; () for any.
    softmax : bool or None
        Whether the output layer must be softmax, or must not be where the fault stands in it.
    """

    name: str
    doc: str
    term: Term
    place: Place
    formula: str
    right: str
    line: str
    right_line: str
    bit: int = 0
    entries: tuple[tuple[int, int], ...] = ()
    number: int | None = None
    replaces: str = ""
    parameters: tuple[str, ...] = ()
    in_engine: bool = False
    single_layer: bool = False
    equal_widths: bool = False
    square: bool = False
    narrowing: bool = False
    outputs: int | None = None
    activation: str = ""
    order: str = ""
    optimizer: str = ""
    batch: int | None = None
    losses: tuple[str, ...] = ()
    softmax: bool | None = None

    @property
    def by_layer(self) -> bool:
        """Whether it can be said of one layer: `own_activation(layer=1)`."""
        return self.place not in ("network", "output layer")

    def layers(self, layer: int | None, n_layers: int) -> list[int]:
        """The layers of a network that it stands in, from 1 on; [0] for the network as a whole.

        Parameters
        ----------
        layer : int or None
            The one that it is said of, None for all of them.
        n_layers : int
            Layers of weights.
        """
        if self.place == "network":
            return [0]
        possible = {
            "output layer": range(n_layers, n_layers + 1),
            "hidden layer": range(1, n_layers),
            "layer after hidden": range(2, n_layers + 1),
            "layer": range(1, n_layers + 1),
        }[self.place]
        return [at for at in possible if layer in (None, at)]


FAULTS: Registry[Fault] = Registry("fault")

SQUARED = ("half_sse", "sse", "half_mse", "mse")


def layer_of(fault: Call) -> int | None:
    """The layer that a fault is said of; None where it stands in all of them.

    Examples
    --------
    >>> layer_of(Call("own_activation", ("layer=2",))), layer_of(Call("ascent"))
    (2, None)
    """
    last = fault.args[-1] if fault.args else None
    return int(last.removeprefix(LAYER)) if isinstance(last, str) and last.startswith(LAYER) else None


def arguments_of(fault: Call) -> tuple[Argument, ...]:
    """The arguments of a fault but for its layer."""
    return fault.args if layer_of(fault) is None else fault.args[:-1]


def of_layer(name: str, arguments: Sequence[Argument], layer: int | None) -> Call:
    """A fault as it is written."""
    return Call(name, (*arguments, *([f"{LAYER}{layer}"] if layer is not None else [])))


def needs_table(faults: Sequence[Call]) -> bool:
    """Whether these are for the kernel that looks its formulas up in a table."""
    for fault in faults:
        record = FAULTS[fault.name]
        if layer_of(fault) is not None or not (record.bit or record.in_engine):
            return True
    return False


def table_entries(faults: Sequence[Call], n_layers: int) -> Iterator[tuple[Fault, tuple[Argument, ...], list[int]]]:
    """Each fault that the table has to hold, with its arguments and layers."""
    for fault in faults:
        record, layer = FAULTS[fault.name], layer_of(fault)
        if record.entries:
            yield record, arguments_of(fault), record.layers(layer, n_layers)
