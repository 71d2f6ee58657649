"""Learning rules: how the errors of the outputs become the gradient that an optimizer takes. One block is one rule."""

from __future__ import annotations

from dataclasses import dataclass

from runner.registry import Registry


@dataclass(frozen=True)
class Rule:
    """A registered rule.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    residual : bool
        Whether the error signal of an output is the residual y - t itself, whatever the loss and the activation.
    single_layer : bool
        Whether the network must have exactly one layer of weights.
    output : str or None
        The output activation that it needs; None for any.
    bipolar : bool
        Whether an output that is not its target counts as -target, whatever it is; targets are then -1 and 1.
    """

    name: str
    doc: str
    residual: bool = False
    single_layer: bool = False
    output: str | None = None
    bipolar: bool = False


RULES: Registry[Rule] = Registry("rule")

RULES.add(Rule("backprop", "Gradient of the loss by back-propagation (Rumelhart, Hinton and Williams 1986)."))
RULES.add(
    Rule(
        "perceptron",
        "w += learning_rate (t - y) x for a step unit (Rosenblatt 1958).",
        residual=True,
        single_layer=True,
        output="step",
    )
)
RULES.add(
    Rule(
        "bipolar_perceptron",
        "w += learning_rate t x where the output, -1, 0 or 1, is not the target; 0 is undecided (Fausett 1994).",
        residual=True,
        single_layer=True,
        output="sign",
        bipolar=True,
    )
)
