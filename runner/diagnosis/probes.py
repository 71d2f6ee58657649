"""What a program is asked: updates from generic weights on generic samples, in which no 0 and no symmetry hides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from runner.diagnosis.formula import stacked
from runner.diagnosis.functions import Floats
from runner.diagnosis.layouts import Layout, Network, fitting
from runner.diagnosis.observed import Observed
from runner.diagnosis.program import Program, ProgramError
from runner.errors import Problem

# So many independent updates; with fewer, a unit of ReLU may be silent in all of them.
PROBES = 14
UNITS = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11}


@dataclass(frozen=True, eq=False)
class Call:
    """One sequence of updates: where it begins, the samples of each call, and the weights after each.

    Attributes
    ----------
    start : Network
    samples : tuple of (x, t)
    states : tuple of Network
    """

    start: Network
    samples: tuple[tuple[Floats, Floats], ...]
    states: tuple[Network, ...]


@dataclass(frozen=True, eq=False)
class Asked:
    """A program that answers: its shape, and how it has its weights.

    Attributes
    ----------
    program : Program
    sizes : tuple of int
    layout : Layout
    repeats : int
        How often a sample stands in a call that is to have one: 1, or the number of samples without which it fails.
    own_targets : bool
        Whether targets must be rows of the author's.
    """

    program: Program
    sizes: tuple[int, ...]
    layout: Layout
    repeats: int = 1
    own_targets: bool = False

    @property
    def unit(self) -> float:
        """Unit roundoff of its arithmetic."""
        return UNITS.get(self.layout.dtype, UNITS["float64"])

    def network(self, rng: np.random.Generator) -> Network:
        """Generic weights and biases, of numbers that the program can hold."""
        weights = [rng.uniform(0.3, 1.3, (o, i)) * rng.choice((-1, 1), (o, i)) for i, o in pairwise(self.sizes)]
        biases = [rng.uniform(0.1, 0.7, o) * rng.choice((-1, 1), o) for o in self.sizes[1:]]
        if self.layout.biases == "none":
            biases = [np.zeros_like(b) for b in biases]
        if self.layout.biases == "single":
            biases = [np.full_like(b, b[0]) for b in biases]
        return self.layout.exact((weights, biases))

    def samples(self, rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Generic samples: inputs, and targets between 0.1 and 0.9 or rows of the author's."""
        x, t = rng.uniform(-1.6, 1.6, (n, self.sizes[0])), rng.uniform(0.1, 0.9, (n, self.sizes[-1]))
        if self.own_targets:
            own = self.program.array("targets")
            t = own[rng.integers(len(own), size=n)]
        kept = "float32" if self.layout.dtype == "float32" else "float64"
        return x.astype(kept).astype(float), t.astype(kept).astype(float)

    def single(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """One sample, as often as the program needs it."""
        x, t = self.samples(rng, 1)
        return np.repeat(x, self.repeats, 0), np.repeat(t, self.repeats, 0)

    def question(self, start: Network, samples: Sequence[tuple[Floats, Floats]], **more: Any) -> dict[str, Any]:
        """Updates on these samples, one call each."""
        weights, biases = self.layout.give(start)
        return {"do": "update", "weights": weights, "biases": biases, "calls": list(samples), **more}

    def updates(self, plans: Sequence[tuple[Network, Sequence[tuple[Floats, Floats]]]], **more: Any) -> list[Call]:
        """What the program makes of several sequences of calls.

        Raises
        ------
        ProgramError
            When it fails, or gives weights of other shapes.
        """
        answers = self.program.demand([self.question(start, samples, **more) for start, samples in plans])
        found = []
        for (start, samples), states in zip(plans, answers, strict=True):
            taken = [self.taken(state, start) for state in states]
            if any(state is None for state in taken):
                raise ProgramError(
                    [Problem("update gives weights of another shape than it was given", str(self.program.path))]
                )
            found.append(Call(start, tuple(samples), tuple(state for state in taken if state is not None)))
        return found

    def predictions(self, networks: Sequence[Network], samples: Sequence[Floats]) -> list[Floats] | None:
        """What the program predicts; None where it has no `predict` or fails in it."""
        if "predict" not in self.program.functions:
            return None
        asked = []
        for network, x in zip(networks, samples, strict=True):
            weights, biases = self.layout.give(network)
            asked.append({"do": "predict", "weights": weights, "biases": biases, "x": x})
        found = []
        for answer, x in zip(self.program.ask(asked), samples, strict=True):
            try:
                found.append(np.asarray(answer["value"], float).reshape(len(x), self.sizes[-1]))
            except (KeyError, TypeError, ValueError):
                return None
        return found

    def taken(self, state: Any, start: Network) -> Network | None:
        taken = self.layout.take(state, self.sizes)
        if taken is not None and self.layout.biases == "none":
            taken = taken[0], start[1]
        return taken


def answering(program: Program, sizes: Sequence[int]) -> Iterator[Asked]:
    """Ways of asking to which the program answers, the plainest first.

    Raises
    ------
    ProgramError
        When it fails whatever it is asked: the author's line and message.
    """
    example = program.demand([{"do": "initial", "seeds": [0]}])[0][0] if "initial" in program.functions else None
    layouts = list(fitting(example, sizes))
    if not layouts:
        shapes = [np.shape(w) for w in example[0]] if example else []
        text = (
            f"initial gives weights of shapes {shapes}, which do not fit the architecture {'-'.join(map(str, sizes))}"
        )
        raise ProgramError([Problem(text, str(program.path))])
    rows = len(program.array("inputs"))
    asked = [
        Asked(program, tuple(sizes), layout, repeats, own)
        for repeats in (1, rows)
        for own in (False, True)
        for layout in layouts
    ]
    first: dict[str, Any] | None = None
    found = False
    used: set[tuple[Any, ...]] = set()
    for way in asked:
        # The plainest form of biases to which the program answers; which column they are and which sign they have does
        # not show in an answer.
        layout = way.layout
        column = layout.biases if layout.biases in ("first", "last") else ""
        form = layout.transposed, layout.sign, column, way.own_targets, way.repeats
        if form in used:
            continue
        rng = np.random.default_rng(0)
        start, samples = way.network(rng), way.single(rng)
        answer = program.ask([way.question(start, [samples])])[0]
        if "late" in answer:
            # What hangs once hangs however it is asked.
            raise ProgramError([program.problem(answer)])
        if "error" in answer:
            first = first or answer
            continue
        state = way.taken(answer["value"][0], start)
        if state is None:
            continue
        found = True
        used.add(form)
        yield _typed(way, answer["value"][0])
    if not found:
        raise ProgramError([program.problem(first) if first else Problem("update gives no weights", str(program.path))])


def _typed(way: Asked, state: Any) -> Asked:
    """With the type of the weights that come back: arithmetic in float32 shows there."""
    kinds = {str(np.asarray(part).dtype) for part in state[0]}
    if kinds & {"float32"}:
        return replace(way, layout=replace(way.layout, dtype="float32"))
    return way


def observe(asked: Asked, seed: int = 1, draws: int = 0) -> Observed:
    """Single updates from many places.

    `draws` is the seed of the random numbers that the program draws itself.
    """
    done = asked.updates([(start, samples[:1]) for start, samples in _plans(asked, seed)], seed=draws)
    starts = [call.start for call in done]
    predicted = asked.predictions(starts, [call.samples[0][0] for call in done])
    return observed(asked, starts, [call.states[0] for call in done], [call.samples[0] for call in done], predicted)


def observe_late(asked: Asked, seen: Observed, still: Set[int], seed: int = 1) -> tuple[Observed, frozenset[int]]:
    """The same updates, where groups of weights that stayed still in the first call move in the second.

    Returns
    -------
    observed : Observed
        With the steps of the second call for these groups: they are made of the first gradient.
    late : set of int
        Which groups these are: 2 k are the weights of layer k, 2 k + 1 its biases.
    """
    done = asked.updates(_plans(asked, seed))
    groups: list[list[Floats]] = [list(seen.W_after), list(seen.b_after)]
    late = set()
    for place in still:
        k, group = divmod(place, 2)
        after = np.stack([call.states[1][group][k] for call in done])
        if not np.array_equal(after, groups[group][k]):
            groups[group][k] = after
            late.add(place)
    return replace(seen, W_after=tuple(groups[0]), b_after=tuple(groups[1])), frozenset(late)


def _plans(asked: Asked, seed: int) -> list[tuple[Network, list[tuple[Floats, Floats]]]]:
    """Many starts, with the samples of two calls."""
    rng = np.random.default_rng(seed)
    return [(asked.network(rng), [asked.single(rng) for _ in range(2)]) for _ in range(PROBES)]


def observed(
    asked: Asked,
    before: Sequence[Network],
    after: Sequence[Network],
    samples: Sequence[tuple[Floats, Floats]],
    predicted: Sequence[Floats] | None = None,
) -> Observed:
    """The arrays of several updates, one above the other."""
    return Observed(
        stacked([network[0] for network in before]),
        stacked([network[1] for network in before]),
        stacked([network[0] for network in after]),
        stacked([network[1] for network in after]),
        np.stack([x for x, _ in samples]),
        np.stack([t for _, t in samples]),
        None if predicted is None else np.stack(predicted),
        asked.unit,
    )
