"""Checks of values against each other, over the combinations that occur in the cells of a study.

Each check looks at the few keys that it is about, so that it sees each of their combinations once, however many
cells there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from runner.keys.architecture import layer_text, parameter_count
from runner.keys.definitions import KEYS
from runner.keys.issues import Issue, Step
from runner.machine import total
from runner.ops import FAULTS, LOSSES, RULES
from runner.registry import Call
from runner.sweep.space import SweepSpace

# For each parameter: a cache line of lanes, twice, for as it is drawn and as it is trained.
_LEAST_BYTES = 128
# Less is not worth a look at the system.
_SMALL = 1 << 30


def _rates(rates: int | None, architecture: tuple[int, ...]) -> str:
    if rates is None or rates == len(architecture) - 1:
        return ""
    return f"{_numbers(rates)} for architecture {_shown(architecture)}, which has {layer_text(architecture)}"


def _numbers(count: int) -> str:
    return f"{count:,} number{'s' if count > 1 else ''}"


def _shown(architecture: tuple[int, ...]) -> str:
    return KEYS["architecture"].text(architecture)


def _init(numbers: int | None, architecture: tuple[int, ...], bias: str) -> str:
    if numbers is None or numbers == (count := parameter_count(architecture, bias)):
        return ""
    biases = "frozen biases" if bias == "number" else f"bias {bias}"
    return f"{_numbers(numbers)}, but architecture {_shown(architecture)} with {biases} has {count:,}"


def _softmax(output: str, architecture: tuple[int, ...]) -> str:
    if output == "softmax" and architecture[-1] < 2:
        return f"softmax needs at least 2 outputs; architecture {_shown(architecture)} has 1"
    return ""


def _loss(loss: str, output: str) -> str:
    outputs = LOSSES[loss].outputs
    if outputs is None or output in outputs:
        return ""
    return f"{loss} needs output {' or '.join(outputs)}, found {output}"


def _rule_layers(rule: str, architecture: tuple[int, ...]) -> str:
    if RULES[rule].single_layer and len(architecture) > 2:
        return f"{rule} needs 1 layer of weights; architecture {_shown(architecture)} has {len(architecture) - 1}"
    return ""


def _rule_output(rule: str, output: str) -> str:
    wanted = RULES[rule].output
    return f"{rule} needs output {wanted}, found {output}" if wanted not in (None, output) else ""


def _memory(architecture: tuple[int, ...]) -> str:
    """Whether a network could be trained if it had the machine for itself; what is left is seen when it is."""
    n_parameters = parameter_count(architecture, "trained")
    needed = _LEAST_BYTES * n_parameters
    if needed < _SMALL or (most := total()) is None or needed <= most:
        return ""
    return (
        f"{_shown(architecture)} has {n_parameters:,} weights and biases; to train them takes "
        f"{needed / 1e9:,.0f} GB of memory, and this machine has {most / 1e9:,.0f} GB"
    )


def _fault_layers(faults: tuple[Call, ...], architecture: tuple[int, ...]) -> str:
    for fault in faults:
        record = FAULTS[fault.name]
        if record.single_layer and len(architecture) > 2:
            shown = f"architecture {_shown(architecture)} has {len(architecture) - 1}"
            return f"{fault.name} needs 1 layer of weights; {shown}"
        if record.equal_widths and len(set(architecture[:-1])) > 1:
            return f"{fault.name} needs hidden layers as wide as the inputs; architecture is {_shown(architecture)}"
    return ""


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, tuple) else None


def _sort(bias: str | float) -> str:
    return bias if isinstance(bias, str) else "number"


@dataclass(frozen=True)
class Check:
    """A condition on a few keys.

    Attributes
    ----------
    keys : tuple of str
        The keys; the first of them that the study gives is the one to blame.
    message : callable
        From their values to what is wrong with them, or an empty text.
    reduce : mapping of str to callable
        What of a value matters, where it is not the value.
    """

    keys: tuple[str, ...]
    message: Callable[..., str]
    reduce: tuple[tuple[str, Callable[[Any], Any]], ...] = ()


CHECKS = (
    Check(("architecture",), _memory),
    Check(("learning_rate", "architecture"), _rates, (("learning_rate", _length),)),
    Check(("bias_learning_rate", "architecture"), _rates, (("bias_learning_rate", _length),)),
    Check(("init", "architecture", "bias"), _init, (("init", _length), ("bias", _sort))),
    Check(("output", "architecture"), _softmax),
    Check(("loss", "output"), _loss),
    Check(("rule", "architecture"), _rule_layers),
    Check(("rule", "output"), _rule_output),
    Check(("faults", "architecture"), _fault_layers),
)


def places(space: SweepSpace, key: str) -> dict[Any, tuple[Step, ...]]:
    """Every value of a key that the study gives, and the first place where it does."""
    found = {value: path for value, path in space.values(key).items() if path != (key,) or key in space.base}
    for i, row in enumerate(space.sweep.include):
        if key in row:
            found.setdefault(row[key], ("sweep", "include", i, key))
    return found


def combination_issues(space: SweepSpace, checks: tuple[Check, ...] = CHECKS) -> Iterator[Issue]:
    """Everything that is wrong with values that occur together."""
    for check in checks:
        reduce = dict(check.reduce)
        where: dict[str, dict[Any, tuple[Step, ...]]] = {}
        for key in check.keys:
            where[key] = {}
            for value, path in places(space, key).items():
                where[key].setdefault(reduce.get(key, _same)(value), path)
        for values in space.together(check.keys, partial(_reduced, reduce)):
            known = "architecture" not in check.keys or values[check.keys.index("architecture")] is not None
            if known and (message := check.message(*values)):
                given = (key for key, value in zip(check.keys, values, strict=True) if value in where[key])
                blamed = next(given, check.keys[0])
                value = values[check.keys.index(blamed)]
                yield Issue(f"{check.keys[0]}: {message}", where[blamed].get(value, ()))


def _same(value: Any) -> Any:
    return value


def _reduced(reduce: Mapping[str, Callable[[Any], Any]], key: str, value: Any) -> Any:
    return reduce.get(key, _same)(value)
