"""Which activations, losses and optimizers a compiled kernel knows.

Every member of a kernel makes it larger and its first compilation longer. So the members that most studies use, the
core, are in every kernel; a study that uses others has a kernel of its own for these and the core, compiled once and
kept as the first one is. A member gives the same numbers in all kernels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from runner.kernels.lanes.switch import Table
from runner.ops import adam_family, rprop_family, second_order  # noqa: F401 - they register optimizers
from runner.ops.activations import ACTIVATIONS
from runner.ops.losses import LOSSES
from runner.ops.optimizers import OPTIMIZERS

# A member that is added here makes the first start of every study longer.
CORE_ACTIVATIONS = (
    *("sigmoid", "tanh", "relu", "leaky_relu", "identity"),
    *("softplus", "softsign", "step", "softmax"),
)
CORE_LOSSES = ("half_sse", "sse", "half_mse", "mse", "binary_cross_entropy", "cross_entropy")
CORE_OPTIMIZERS = (
    *("sgd", "momentum", "nesterov", "rprop", "quickprop"),
    *("adagrad", "rmsprop", "adam", "adamw"),
)


class _Family:
    """Members of one registry in the order of their codes; those that share their functions share a code.

    Parameters
    ----------
    records : iterable
        The members.
    functions : str
        The attribute of a record that holds its function, for each table of the kernel.
    """

    def __init__(self, records: Iterable[Any], **functions: str) -> None:
        self._attributes = tuple(functions.values())
        self._names: dict[tuple[Any, ...], str] = {}
        for record in records:
            self._names.setdefault(self._functions(record), _identity(record))
        self.tables = tuple(
            Table(what, {name: row[k] for row, name in self._names.items()}) for k, what in enumerate(functions)
        )

    def code(self, record: Any) -> int:
        """The place of a member in the tables."""
        return list(self._names).index(self._functions(record))

    def _functions(self, record: Any) -> tuple[Any, ...]:
        return tuple(getattr(record, attribute) for attribute in self._attributes)


class Members:
    """The core members, and some others.

    Parameters
    ----------
    activations, losses, optimizers : collection of str
        Names of registered members, whether they belong to the core or not.

    Attributes
    ----------
    activate, slope, loss_value, loss_slope, update_stateless, update, tick : Table
        What a kernel takes (see `runner.kernels.structs`).
    name : str
        A short name of these members, for kernels with them; empty for those of the core alone.
    """

    def __init__(
        self, activations: Collection[str] = (), losses: Collection[str] = (), optimizers: Collection[str] = ()
    ) -> None:
        of_units = _chosen(ACTIVATIONS, CORE_ACTIVATIONS, activations)
        of_outputs = _chosen(LOSSES, CORE_LOSSES, losses)
        iterating = {name for name in optimizers if OPTIMIZERS[name].iteration is not None}
        updating = _chosen(OPTIMIZERS, CORE_OPTIMIZERS, {*optimizers} - iterating)
        self._activations = _Family(of_units, activate="activate", slope="slope")
        self._losses = _Family(of_outputs, loss_value="value", loss_slope="slope")
        self._stateless = _Family((one for one in updating if not one.keeps_state), update_stateless="loop")
        self._with_state = _Family((one for one in updating if one.keeps_state), update="loop", tick="tick")
        self._iterations: dict[bool, dict[str, Any]] = {True: {}, False: {}}
        for name, record in OPTIMIZERS.items():
            if name in iterating and record.iteration is not None:
                self._iterations[record.iteration.of_residuals][name] = record.iteration.iterate
        self.activate, self.slope = self._activations.tables
        self.loss_value, self.loss_slope = self._losses.tables
        (self.update_stateless,) = self._stateless.tables
        self.update, self.tick = self._with_state.tables
        core = {*CORE_ACTIVATIONS, *CORE_LOSSES, *CORE_OPTIMIZERS}
        others = [_identity(one) for one in (*of_units, *of_outputs, *updating) if one.name not in core]
        self.name = blake2b(" ".join(others).encode(), digest_size=4).hexdigest() if others else ""

    def activation(self, name: str) -> int:
        """The code of an activation."""
        return self._activations.code(ACTIVATIONS[name])

    def loss(self, name: str) -> int:
        """The code of a loss."""
        return self._losses.code(LOSSES[name])

    def optimizer(self, name: str) -> int:
        """The code of an optimizer, in `iterate`, or among those that keep state or those that do not."""
        record = OPTIMIZERS[name]
        if record.iteration is not None:
            return list(self._iterations[record.iteration.of_residuals]).index(name)
        return (self._with_state if record.keeps_state else self._stateless).code(record)

    def iterate(self, name: str) -> Table:
        """The methods of second order that a kernel with this optimizer knows (see `runner.kernels.second_order`).

        Those of residuals have kernels of another width than all others: a kernel knows none that it never calls.
        """
        iteration = OPTIMIZERS[name].iteration
        return Table("iterate", self._iterations[iteration.of_residuals] if iteration is not None else {})


def _chosen(registry: Mapping[str, Any], core: Collection[str], names: Collection[str]) -> list[Any]:
    """The records of the core, and then those of the other names in the order of the registry."""
    others = [name for name in registry if name in names and name not in core]
    return [registry[name] for name in (*core, *others)]


def _identity(record: Any) -> str:
    """What tells a member apart from all others, also from one of the same name that was written otherwise."""
    return f"{record.name} {record.source}".rstrip()
