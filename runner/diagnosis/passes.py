"""Forward passes that may be a program's: plain ones first, then those in which something is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from runner.diagnosis.candidates import WRONG
from runner.diagnosis.forward import Forward
from runner.diagnosis.functions import FUNCTIONS, HARD, HIDDEN, OUTPUT

_COMMON = ("sigmoid", "tanh", "relu", "identity", "softmax")
_WRONG_OUTPUTS = ("softmax_over_batch", "softmax_over_all", "sigmoid_twice", "softmax_twice")
_FALLING = "falling_sigmoid"
# Other activations in every hidden layer are tried up to so many layers of weights.
_MIXED = 4


def forwards(sizes: Sequence[int], hidden: str | None, output: str | None) -> list[Forward]:
    """Forward passes to try: what the author believes first, then plain ones, then wrong ones.

    Parameters
    ----------
    sizes : sequence of int
        Units of every layer, the inputs first.
    hidden, output : str or None
        The activations that the author believes in.
    """
    plain = sorted(_plain(sizes, hidden, output), key=lambda how: _strange(how, hidden, output))
    common = [how for how in plain if not _strange(how, hidden, output)]
    # One output's softmax is 1, but for its sums over a batch.
    outputs = [name for name in _WRONG_OUTPUTS if sizes[-1] > 1 or name != "softmax_twice"]
    last = [Forward((*how.functions[:-1], name)) for how in plain for name in outputs]
    once = [changed for how in plain for changed in _changed(how)]
    twice = [changed for how in common for one in _changed(how) for changed in _changed(one)]
    twice += [changed for how in last if not _strange(how, hidden, how.functions[-1]) for changed in _changed(how)]
    found = {(how.functions, how.outside): how for how in (*plain, *once, *last, *twice)}
    return list(found.values())


def unlikely(how: Forward) -> float:
    """The cost of a forward pass beside those of wrong terms."""
    kinds = {name for name in how.functions if name in _WRONG_OUTPUTS or name == _FALLING}
    hard = sum(name.startswith(HARD) for name in how.functions)
    # A falling sigmoid with its right slope is 1 - sigmoid: rare, but no mistake.
    return WRONG * bool(how.outside) + 0.9 * (len(kinds) + bool(hard)) + 0.001 * hard


def plain_passes(forwards: Sequence[Forward], most: int) -> list[Forward]:
    """The first of them in which nothing is wrong."""
    return [how for how in forwards if not unlikely(how)][:most]


def _plain(sizes: Sequence[int], hidden: str | None, output: str | None) -> Iterator[Forward]:
    n_layers = len(sizes) - 1
    usual = [name for name in HIDDEN if name != _FALLING and not name.startswith(HARD)]
    hiddens = sorted(usual, key=lambda name: name != hidden) if n_layers > 1 else ["identity"]
    possible = [name for name in OUTPUT if name in usual or (name == "softmax" and sizes[-1] > 1)]
    outputs = sorted(possible, key=lambda name: name != output)
    for h, o in product(hiddens, outputs):
        yield Forward((h,) * (n_layers - 1) + (o,))
    if 2 < n_layers <= _MIXED:
        for mixed in product(hiddens[:4], repeat=n_layers - 1):
            if len(set(mixed)) > 1:
                yield from (Forward((*mixed, o)) for o in outputs[:5])


def _strange(how: Forward, hidden: str | None, output: str | None) -> int:
    return len(set(how.functions) - {*_COMMON, hidden, output})


def _changed(how: Forward) -> Iterator[Forward]:
    """With one thing wrong, in all layers or in one of them."""
    every = range(len(how.functions))
    for layers in dict.fromkeys((tuple(every), *((k,) for k in every))):
        if not how.outside:
            yield replace(how, outside=frozenset(layers))
        falling = tuple(_FALLING if k in layers and f == "sigmoid" else f for k, f in enumerate(how.functions))
        hard = tuple(HARD + f if k in layers and HARD + f in FUNCTIONS else f for k, f in enumerate(how.functions))
        for functions in (falling, hard):
            if functions != how.functions:
                yield replace(how, functions=functions)
