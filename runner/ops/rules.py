"""Rules: how the error at the outputs is turned into a change of weights. One block is one rule."""

from __future__ import annotations

from dataclasses import dataclass

from runner.registry import Registry


@dataclass(frozen=True)
class Rule:
    """A registered rule.

    Attributes
    ----------
    name, doc : str
    residual : bool
        Whether the output's error signal is the residual y - t itself, whatever loss and activation.
    single_layer : bool
        Whether the network must have one layer of weights.
    output : str or None
        The output activation it needs.
    """

    name: str
    doc: str
    residual: bool = False
    single_layer: bool = False
    output: str | None = None


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
