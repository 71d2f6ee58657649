"""What a run does to the inputs and targets of its data: to be done to other inputs, and undone on outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.files.samples import Samples
from runner.data.parameters import Floats
from runner.data.scaling import Fitted, Linear, apply, fit
from runner.data.targets import span
from runner.registry import Call

Step = tuple[Floats, Floats]
"""Shift and divisor of every column: (x - shift) / divisor."""


@dataclass(frozen=True, eq=False)
class Coding:
    """Scaling of the inputs, classes and range of the targets.

    Attributes
    ----------
    inputs : tuple of Fitted
        What scales each input.
    classes : array
        With `target_encoding: one_hot` the label of each output, a number or a text; else empty.
    two_values : tuple of two floats, or ()
        The values of a single target that has two.
    span : tuple of two floats
        The smallest and the largest target, 0 and 1 where they are classes.
    target_range : tuple of two floats, or None
        Where these two were mapped.
    """

    inputs: tuple[Fitted, ...]
    classes: NDArray[np.generic]
    two_values: tuple[float, ...]
    span: tuple[float, float]
    target_range: tuple[float, float] | None

    def scale(self, X: Floats) -> Floats:
        """Raw inputs, scaled."""
        return apply(self.inputs, X)

    def from_range(self, outputs: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Outputs in the units of the targets."""
        if (step := self.output_step) is None:
            return outputs
        return (outputs - step[0]) / step[1]

    @property
    def input_steps(self) -> list[Step | None]:
        """Scaling in steps: shift and divisor of each column, or None for the sigmoid; no step where inputs stay."""
        linear = [each for each in self.inputs if isinstance(each, Linear)]
        if len(linear) < len(self.inputs):
            return [None]
        shift, divisor = np.array([each.in_units for each in linear]).T
        return [(shift, divisor)] if (shift != 0).any() or (divisor != 1).any() else []

    @property
    def output_step(self) -> Step | None:
        """Shift and divisor that take outputs back from the target range; None where there is none."""
        if self.target_range is None:
            return None
        (low, high), (bottom, top) = self.span, self.target_range
        # low + (y - bottom) (high - low) / (top - bottom) = (y - shift) / divisor
        divisor = (top - bottom) / (high - low)
        return np.array(bottom - low * divisor), np.array(divisor)


def coding_of(
    samples: Samples, scaling: Call, target_encoding: str, target_range: tuple[float, float] | None
) -> Coding:
    """What a run does to these samples.

    Parameters
    ----------
    samples : Samples
        As `load_raw` gives them.
    scaling, target_encoding, target_range
        Keys of the run.
    """
    targets = samples.targets
    known = np.unique(targets[~np.isnan(targets)])
    if target_encoding == "one_hot":
        classes = np.array(samples.labels) if samples.labels else known
        return Coding(fit(samples.inputs, scaling), classes, (), (0.0, 1.0), target_range)
    two = tuple(known.tolist()) if targets.shape[1] == 1 and len(known) == 2 else ()
    return Coding(fit(samples.inputs, scaling), np.empty(0), two, span(targets), target_range)
