"""The keys of a run: one record per key, in the order of the columns of the results.

Every value has one canonical text. It stands in the results, the ids of runs are hashed from it, and `read` takes it
back to the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.data import ENCODINGS, MISSING_POLICIES
from runner.keys import synonyms
from runner.keys.architecture import SHORTCUTS, architecture
from runner.keys.calls import BIAS_INIT, DATA, INIT, SCALING, SCHEDULE, SETTING_SCHEDULE
from runner.keys.faults import FAULT_LIST
from runner.keys.held_out import STOP, TEST
from runner.keys.issues import Invalid
from runner.keys.kinds import (
    Kind,
    choice,
    class_weights,
    integer,
    interval,
    limits,
    none_or,
    number,
    one_or_each,
    or_none,
    rates,
    word_or,
)
from runner.keys.restarts import RESTARTS
from runner.ops import ACTIVATIONS, LOSSES, OPTIMIZERS, RULES, SETTINGS
from runner.registry import Call, element
from runner.terminal import listed

MOST_SEED = 2**63 - 1
MOST_UPDATES = 10**12
MOST_WINDOW = 10**4
DATA_KEYS = (
    *("data", "scaling", "missing", "target_encoding", "target_range"),
    *("test", "fold", "split_seed", "label_noise"),
)
"""The keys that decide what samples a run has."""
BUDGETS = ("epochs", "updates", "samples")
"""The keys of which a run has exactly one."""
FULL = "full"
"""The `batch` of all samples."""
CRITERIA = MappingProxyType(
    {
        "max_error": number(0),
        "loss": number(),
        "mse": number(0),
        "accuracy": number(0, 1),
        "grad_norm": number(0),
        "test_loss": number(),
        "test_mse": number(0),
        "test_accuracy": number(0, 1),
        "test_max_error": number(0),
    }
)
"""What a criterion may bound, in the order in which it is written."""
LISTS = MappingProxyType(
    {
        "init": "One number of an explicit init.",
        "learning_rate": "The learning rate of one layer.",
        "bias_learning_rate": "The learning rate of the biases of one layer.",
    }
)
"""The keys of whose lists a sweep may vary a number, and what such a number is."""


@dataclass(frozen=True)
class Key:
    """One setting of a run.

    Attributes
    ----------
    name, doc : str
    kind : Kind
        How its values are read and written.
    default : object
        Canonical default; None where there is none, or where it depends on other keys.
    required : bool
        Whether a study must give it.
    """

    name: str
    doc: str
    kind: Kind
    default: Any = None
    required: bool = False

    def read(self, value: object, base: Path | None = None) -> Any:
        """The canonical value of what YAML gives; raises Invalid, its messages beginning with the key.

        Parameters
        ----------
        value : object
            As YAML reads it.
        base : Path, optional
            Folder of the study, to look at files of data; without it files are left alone.
        """
        try:
            return self.kind.read(value, base)
        except Invalid as invalid:
            raise Invalid(*(issue.named(self.name) for issue in invalid.issues)) from None

    def text(self, value: Any) -> str:
        """The canonical text; empty for None."""
        return "" if value is None else self.kind.text(value)


def _setting_keys() -> list[Key]:
    keys = []
    for name, setting in SETTINGS.items():
        users = [f"{o.settings[name]:g} for {o.name}" for o in OPTIMIZERS.values() if name in o.settings]
        if setting.whole:
            kind = integer(int(setting.low), int(setting.high))
        else:
            kind = number(setting.low, setting.high, below=not setting.high_included)
        keys.append(Key(name, f"{setting.doc} Default: {', '.join(users)}.", kind))
    return keys


def _keys() -> list[Key]:
    # Pieces of a user's own may be registered at any time.
    def hidden() -> list[str]:
        return [name for name, record in ACTIVATIONS.items() if record.hidden]

    def output() -> list[str]:
        return [name for name, record in ACTIVATIONS.items() if record.output]

    budget = integer(1, MOST_UPDATES)
    without = listed([name for name, record in OPTIMIZERS.items() if record.iteration is not None])
    return [
        Key("data", "A named data set, or columns of a CSV, npz or Parquet file.", DATA, required=True),
        Key("scaling", "Of the inputs, column by column.", SCALING, Call("none")),
        Key(
            "missing",
            "What a missing number in data does.",
            choice(MISSING_POLICIES, synonyms.MISSING),
            "error",
        ),
        Key(
            "target_encoding",
            "one_hot: class labels to one output each.",
            choice(ENCODINGS, synonyms.TARGET_ENCODING),
            "none",
        ),
        Key("target_range", "Where the smallest and the largest target are mapped.", interval()),
        Key("test", "Samples that are not trained on: a fraction, k folds, or those of a file.", TEST),
        Key("fold", "Which of the k folds is held out, from 0; default: each of them in turn.", integer(0)),
        Key(
            "split_seed",
            "Who is held out, the same for all runs; default: the seed of the run.",
            integer(0, MOST_SEED),
        ),
        Key(
            "label_noise",
            "The probability with which a sample to train on has the label of another class.",
            or_none(number(0, 1), "a number from 0 to 1"),
        ),
        Key("architecture", "Layer sizes from input to output.", architecture(), required=True),
        Key(
            "shortcuts",
            "all: each layer sees all layers before it; input_output: the output layer sees the inputs too.",
            none_or(SHORTCUTS, synonyms.SHORTCUTS),
        ),
        Key(
            "activation",
            "Of the hidden layers: one for all, or one for each.",
            one_or_each(choice(hidden, synonyms.ACTIVATIONS)),
            "sigmoid",
        ),
        Key("output", "Activation of the output layer.", choice(output, synonyms.ACTIVATIONS), "sigmoid"),
        Key(
            "bias",
            "trained, none, shared (one per layer), or a number at which they are frozen.",
            word_or(("trained", "none", "shared"), number(), "a number", synonyms.BIAS),
            "trained",
        ),
        Key("gain", "The factor in f(gain z), of all activations.", or_none(number(0), "a number >= 0")),
        Key(
            "dropout",
            "The probability with which hidden units are left out in training: one for all layers, or one for each.",
            or_none(one_or_each(number(0, 1, below=True), "number"), "numbers from 0 to below 1"),
        ),
        Key("parameterization", "Of the network.", choice(("standard", "mean_field")), "standard"),
        Key(
            "init",
            "Distribution of the initial weights, or all parameters: layer by layer W (fan_out, fan_in), then b.",
            INIT,
            Call("xavier_uniform"),
        ),
        Key("bias_init", "Distribution of the initial biases.", BIAS_INIT, Call("zeros")),
        Key("loss", "What is minimised.", choice(LOSSES.keys, synonyms.LOSSES), "half_sse"),
        Key(
            "label_smoothing",
            "This share of every target is spread evenly over the classes, in the loss alone.",
            or_none(number(0, 1), "a number from 0 to 1"),
        ),
        Key(
            "class_weights",
            "How much the samples of each class count in the loss, whose mean is a weighted one.",
            class_weights(),
        ),
        Key("rule", "How weights learn from errors.", choice(RULES, synonyms.RULES), "backprop"),
        Key("undecided_band", "bipolar_perceptron: it puts out 0 where a weighted sum is within +- this.", number(0)),
        Key("faults", "Defects of a hand-written program, combined: none, or a list.", FAULT_LIST, ()),
        Key(
            "optimizer",
            "How a gradient becomes a change of the weights.",
            choice(OPTIMIZERS.keys, synonyms.OPTIMIZERS),
            "sgd",
        ),
        *_setting_keys(),
        Key("learning_rate", f"A number of any sign, or one per layer; {without} have none.", rates(), required=True),
        Key("bias_learning_rate", "The same for biases; default: learning_rate.", rates()),
        Key(
            "learning_rate_schedule",
            "How the learning rates change from epoch to epoch.",
            SCHEDULE,
            Call("constant"),
        ),
        Key("momentum_schedule", "How the momentum changes from epoch to epoch: its factors.", SETTING_SCHEDULE),
        Key("weight_decay", "Default: the optimizer's, 0 for most.", number()),
        Key(
            "l1",
            "This many times the sum of the sizes of all trained weights and biases is minimised beside the loss.",
            or_none(number(0), "a number >= 0"),
        ),
        Key(
            "clip_value",
            "Every number of a gradient is cut off at plus and minus this.",
            or_none(number(0), "a number >= 0"),
        ),
        Key(
            "clip_norm",
            "A gradient whose Euclidean norm is larger is shortened to this norm.",
            or_none(number(0), "a number >= 0"),
        ),
        Key(
            "batch",
            "Samples per update.",
            word_or((FULL,), integer(1), "a whole number >= 1", synonyms.BATCH),
            FULL,
        ),
        Key(
            "order",
            "Of the samples in mini-batches.",
            choice(("sequential", "shuffled", "with_replacement"), synonyms.ORDER),
            "sequential",
        ),
        Key(
            "input_noise",
            "Standard deviation of normal noise on the inputs, in training alone, anew each time a sample is shown.",
            or_none(number(0), "a number >= 0"),
        ),
        Key("epochs", "The budget in passes over the data; this, updates or samples.", budget),
        Key("updates", "The budget in changes of the weights.", budget),
        Key("samples", "The budget in samples that are shown: as many updates as show no more than these.", budget),
        Key(
            "scoring",
            "Which outputs are right: any on their target's side; 40-20-40: those within 40% of the range there.",
            none_or(("40-20-40",), synonyms.SCORING),
        ),
        Key("criterion", "When a run counts as converged.", limits(CRITERIA, synonyms.CRITERIA), (("max_error", 0.5),)),
        Key(
            "criterion_from",
            "training: the criterion is about what training saw, each update's outputs before it, as programs print.",
            none_or(("training",), synonyms.CRITERION_FROM),
        ),
        Key(
            "criterion_window",
            "The criterion is about the means of its measures over so many evaluations; default: each alone.",
            integer(1, MOST_WINDOW),
        ),
        Key(
            "evaluate_every",
            "Updates between two evaluations of the criterion; default: one epoch.",
            integer(1, MOST_UPDATES),
        ),
        Key(
            "stop",
            "At the end of the budget, at the criterion, or by the loss of held-out samples.",
            STOP,
            "budget",
        ),
        Key(
            "restarts",
            "Whether a run that has not met its criterion after so many epochs starts again from new initial weights.",
            RESTARTS,
        ),
        Key("precision", "Of the arithmetic.", choice(("float64", "float32"), synonyms.PRECISION), "float64"),
        Key("seed", "The replicate.", integer(0, MOST_SEED)),
    ]


KEYS: Mapping[str, Key] = MappingProxyType({key.name: key for key in _keys()})
"""Every key of a run, in the order of the columns."""


def sweep_key(name: str) -> Key | None:
    """The key that a sweep may vary under this name: any but seed, and numbers of lists such as `init[k]`."""
    if (found := element(name)) is not None:
        return Key(name, LISTS[found.key], number()) if found.key in LISTS else None
    return KEYS.get(name) if name != "seed" else None


def text(key: str, value: Any) -> str:
    """The canonical text of a value of a key; empty for None."""
    return KEYS[key].text(value)
