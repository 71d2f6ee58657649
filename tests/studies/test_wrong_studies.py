# ruff: noqa: E501 - messages stand in one piece
"""A corpus of wrong studies, each with its whole message: what a user sees is written down here word for word."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.data import DATASETS
from runner.errors import Problem, Refused, StudyError, nearest
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS
from runner.studies.load import load_study
from runner.studies.parser import MOST_BYTES, MOST_VALUES
from runner.studies.plan import make_plan
from runner.sweep.ranges import range_values

BASE = "data: xor\narchitecture: 2-4-1\nlearning_rate: 0.5\nepochs: 100\n"


def signatures(registry, **wanted):
    """The names of a registry with their arguments, as messages list them."""
    records = [r for r in registry.values() if all(getattr(r, name) == value for name, value in wanted.items())]
    return ", ".join(
        r.name + (f"({', '.join(args)})" if (args := getattr(r, "parameters", ())) else "") for r in records
    )


HIDDEN = signatures(ACTIVATIONS, hidden=True)
DATA = signatures(DATASETS)
INITS = signatures(INITIALIZERS)
BIAS_INITS = signatures(INITIALIZERS, biases=True)
LOSS_NAMES = signatures(LOSSES)
OPTIMIZER_NAMES = signatures(OPTIMIZERS)

STUDIES = [
    # not YAML
    pytest.param(
        "",
        "x.yaml:1:1: expected a mapping of keys, found nothing",
        id="empty file",
    ),
    pytest.param(
        "# nothing here\n",
        "x.yaml:2:1: expected a mapping of keys, found nothing",
        id="only a comment",
    ),
    pytest.param(
        "- data: xor\n",
        "x.yaml:1:1: expected a mapping of keys, found a list",
        id="a list",
    ),
    pytest.param(
        "hello\n",
        "x.yaml:1:1: expected a mapping of keys, found 'hello'",
        id="a text",
    ),
    pytest.param(
        BASE + "sweep: {grid: {epochs: [1, 2}}\n",
        "x.yaml:5:29: not valid YAML: expected ',' or ']', but got '}'",
        id="unclosed list",
    ),
    pytest.param(
        "data: xor\n\tarchitecture: 2-4-1\n",
        "x.yaml:2:1: not valid YAML: found character '\\t' that cannot start any token",
        id="tab",
    ),
    pytest.param(
        BASE + "description: on XOR: a study\n",
        "x.yaml:5:20: not valid YAML: mapping values are not allowed here",
        id="colon in a plain text",
    ),
    pytest.param(
        BASE + "---\n" + BASE,
        "x.yaml:5:1: expected one document, found a second one",
        id="two documents",
    ),
    pytest.param(
        BASE + 'description: "a\x07b"\n',
        "x.yaml:5:16: character U+0007 is not allowed",
        id="control character",
    ),
    pytest.param(
        BASE + "description: !!python/object/apply:os.system [echo]\n",
        "x.yaml:5:14: tags are not allowed, found !!python/object/apply:os.system\n"
        "x.yaml:5:14: description: expected a text, found a list",
        id="object tag",
    ),
    pytest.param(
        BASE + "name: !mine x\n",
        "x.yaml:5:7: tags are not allowed, found !mine",
        id="custom tag",
    ),
    pytest.param(
        BASE + "momentum: !!float 1\noptimizer: momentum\n",
        "x.yaml:5:11: tags are not allowed, found !!float\n"
        "x.yaml:5:11: momentum: expected a number >= 0 and < 1, found 1",
        id="standard tag",
    ),
    pytest.param(
        BASE + "epochs: 200\n",
        "x.yaml:5:1: epochs: the key is given twice; it stands on line 4 already",
        id="duplicate key",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: [1], epochs: [2]}\n",
        "x.yaml:6:23: epochs: the key is given twice; it stands on line 6 already",
        id="duplicate key below",
    ),
    pytest.param(
        BASE + "name: *n\n",
        "x.yaml:5:7: alias *n has no anchor before it",
        id="unknown alias",
    ),
    pytest.param(
        BASE + "sweep: &s {grid: *s}\n",
        "x.yaml:5:18: alias *s has no anchor before it",
        id="alias in itself",
    ),
    pytest.param(
        "base: &b {epochs: 1}\n" + BASE + "<<: *b\n",
        "x.yaml:1:1: unknown key 'base'\n"
        "x.yaml:6:1: unknown key '<<': merge keys are not supported; write the keys out",
        id="merge key",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-2-1\nepochs: 1\nsweep: {grid: {optimizer: &o [sgd, adam]}}\n<<: {learning_rate: 1}\n",
        "x.yaml:1:1: learning_rate is missing\n"
        "x.yaml:5:1: unknown key '<<': merge keys are not supported; write the keys out",
        id="merge key that gives what is missing",
    ),
    pytest.param(
        BASE + "name: -q\n",
        "x.yaml:5:7: name: '-q' would be taken for a flag; expected one that does not begin with -",
        id="flag as name",
    ),
    pytest.param(
        BASE + "name: --\n",
        "x.yaml:5:7: name: '--' would be taken for a flag; expected one that does not begin with -",
        id="end of flags as name",
    ),
    pytest.param(
        BASE + "? [a, b]\n: 1\n",
        "x.yaml:5:3: expected a name as key, found a list or a mapping",
        id="list as key",
    ),
    pytest.param(
        BASE + "sweep: " + "[" * 40 + "]" * 40 + "\n",
        "x.yaml:5:40: nested more than 32 deep",
        id="too deep",
    ),
    # keys
    pytest.param(
        BASE + "learning_rat: 3\n",
        "x.yaml:5:1: unknown key 'learning_rat'; did you mean 'learning_rate'?",
        id="unknown key",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-4-1\nlearningrate: 0.5\nepochs: 100\n",
        "x.yaml:3:1: unknown key 'learningrate'; did you mean 'learning_rate'?",
        id="misspelt required key",
    ),
    pytest.param(
        BASE + "colour: blue\n",
        "x.yaml:5:1: unknown key 'colour'",
        id="unknown key without a near one",
    ),
    pytest.param(
        BASE + "Loss: mse\n",
        "x.yaml:5:1: unknown key 'Loss'; did you mean 'loss'?",
        id="key in capitals",
    ),
    pytest.param(
        BASE + "sweep:\n  gird: {epochs: [1]}\n",
        "x.yaml:6:3: sweep: unknown key 'gird'; did you mean 'grid'?",
        id="unknown key in sweep",
    ),
    pytest.param(
        BASE + "record: {curve: 10}\n",
        "x.yaml:5:10: record: unknown key 'curve'; did you mean 'curves'?",
        id="unknown key in record",
    ),
    pytest.param(
        BASE + "criterion: {acuracy: 0.9}\n",
        "x.yaml:5:13: criterion: unknown key 'acuracy'; did you mean 'accuracy'?",
        id="unknown key in criterion",
    ),
    pytest.param(
        BASE + "sweep:\n  when:\n    - {iff: {epochs: 1}, grid: {epochs: [1]}}\n",
        "x.yaml:7:7: sweep.when: if is missing\nx.yaml:7:8: sweep.when: unknown key 'iff'; did you mean 'if'?",
        id="unknown key in when",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rte: [1]}\n",
        "x.yaml:6:10: unknown key 'learning_rte'; did you mean 'learning_rate'?",
        id="unknown key on an axis",
    ),
    pytest.param(
        BASE + "sweep:\n  include:\n    - {epoch: 3}\n",
        "x.yaml:7:8: unknown key 'epoch'; did you mean 'epochs'?",
        id="unknown key in include",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: [1, 2]}\n  exclude:\n    - {epoch: 1}\n",
        "x.yaml:8:8: unknown key 'epoch'; did you mean 'epochs'?",
        id="unknown key in exclude",
    ),
    pytest.param(
        BASE.replace("xor", "{csv: a.csv, input: [x], targets: [y]}"),
        "x.yaml:1:20: data: unknown key 'input'; did you mean 'inputs'?",
        id="unknown key in csv data",
    ),
    pytest.param(
        "name: x\n",
        "x.yaml:1:1: data is missing\n"
        "x.yaml:1:1: architecture is missing\n"
        "x.yaml:1:1: learning_rate is missing\n"
        "x.yaml:1:1: the budget is missing: give epochs, updates or samples",
        id="everything is missing",
    ),
    pytest.param(
        BASE.replace("epochs: 100\n", ""),
        "x.yaml:1:1: the budget is missing: give epochs, updates or samples",
        id="budget is missing",
    ),
    pytest.param(
        BASE + "updates: 3\n",
        "x.yaml:5:1: updates: give epochs or updates, not both",
        id="two budgets",
    ),
    # types
    pytest.param(
        BASE.replace("0.5", "fast"),
        "x.yaml:3:16: learning_rate: expected a number, found 'fast'",
        id="text for a number",
    ),
    pytest.param(
        BASE.replace("0.5", "'0.5'"),
        "x.yaml:3:16: learning_rate: expected a number, found '0.5' in quotes",
        id="quoted number",
    ),
    pytest.param(
        BASE.replace("0.5", "true"),
        "x.yaml:3:16: learning_rate: expected a number, found true",
        id="true for a number",
    ),
    pytest.param(
        BASE.replace("0.5", ""),
        "x.yaml:3:15: learning_rate: expected a number, found nothing",
        id="nothing for a number",
    ),
    pytest.param(
        BASE.replace("0.5", "[1, x, 2, y]"),
        "x.yaml:3:20: learning_rate: expected a number, found 'x'\n"
        "x.yaml:3:26: learning_rate: expected a number, found 'y'",
        id="list of texts for rates",
    ),
    pytest.param(
        BASE.replace("0.5", "{a: 1}"),
        "x.yaml:3:16: learning_rate: expected a number, found a mapping",
        id="mapping for a number",
    ),
    pytest.param(
        BASE.replace("0.5", ".inf"),
        "x.yaml:3:16: learning_rate: expected a finite number, found inf",
        id="infinite",
    ),
    pytest.param(
        BASE.replace("0.5", "inf"),
        "x.yaml:3:16: learning_rate: expected a finite number, found inf",
        id="inf",
    ),
    pytest.param(
        BASE.replace("0.5", "nan"),
        "x.yaml:3:16: learning_rate: expected a finite number, found nan",
        id="nan",
    ),
    pytest.param(
        BASE.replace("0.5", "1e999"),
        "x.yaml:3:16: learning_rate: expected a finite number, found inf",
        id="overflow",
    ),
    pytest.param(
        BASE.replace("100", "0.5"),
        "x.yaml:4:9: epochs: expected a whole number from 1 to 1,000,000,000,000, found 0.5",
        id="half an epoch",
    ),
    pytest.param(
        BASE.replace("100", "0"),
        "x.yaml:4:9: epochs: expected a whole number from 1 to 1,000,000,000,000, found 0",
        id="no epochs",
    ),
    pytest.param(
        BASE.replace("100", "1e13"),
        "x.yaml:4:9: epochs: expected a whole number from 1 to 1,000,000,000,000, found 10000000000000",
        id="too many epochs",
    ),
    pytest.param(
        BASE.replace("100", "0x64"),
        "x.yaml:4:9: epochs: expected a whole number from 1 to 1,000,000,000,000, found '0x64'",
        id="hexadecimal",
    ),
    pytest.param(
        BASE + "batch: -1\n",
        "x.yaml:5:8: batch: expected full or a whole number >= 1, found -1",
        id="negative batch",
    ),
    pytest.param(
        BASE + "batch: al\n",
        "x.yaml:5:8: batch: expected full or a whole number >= 1, found 'al'",
        id="batch all",
    ),
    pytest.param(
        BASE + "name: 2024\n",
        "x.yaml:5:7: name: expected a text, found 2024; put it in quotes",
        id="number as name",
    ),
    pytest.param(
        BASE + "name: ../x\n",
        "x.yaml:5:7: name: expected up to 100 letters, digits and . _ - that do not begin with a dot, found '../x'",
        id="path as name",
    ),
    pytest.param(
        BASE + "name: .x\n",
        "x.yaml:5:7: name: expected up to 100 letters, digits and . _ - that do not begin with a dot, found '.x'",
        id="hidden name",
    ),
    pytest.param(
        BASE + "record: {weights: yes}\n",
        "x.yaml:5:19: record.weights: expected true or false, found 'yes'",
        id="yes",
    ),
    pytest.param(
        BASE + "record: [weights]\n",
        "x.yaml:5:9: record: expected a mapping, found a list",
        id="record as a list",
    ),
    pytest.param(
        BASE + "sweep: [grid]\n",
        "x.yaml:5:8: sweep: expected a mapping, found a list",
        id="sweep as a list",
    ),
    pytest.param(
        BASE + "stop: convergence\n",
        "x.yaml:5:7: stop: expected one of budget, converged, patience(n), gl(alpha), pq(alpha, k), up(s, k), "
        "found 'convergence'; did you mean 'converged'?",
        id="stop",
    ),
    pytest.param(
        BASE + "samples: 100\n",
        "x.yaml:5:1: samples: give epochs or samples, not both",
        id="two budgets, one in samples",
    ),
    pytest.param(
        BASE.replace("epochs: 100", "samples: 3"),
        "x.yaml:4:10: samples: 3 is less than the 4 samples of one update (batch full)",
        id="a budget of less than one update",
    ),
    pytest.param(
        BASE + "restarts: 5\n",
        "x.yaml:5:11: restarts: expected none or {after: EPOCHS, max: TIMES}, found 5",
        id="restarts without a form",
    ),
    pytest.param(
        BASE + "restarts: {after: 0, max: 2}\n",
        "x.yaml:5:19: restarts: after: expected a whole number from 1 to 1,000,000,000,000, found 0",
        id="restarts after no epoch",
    ),
    pytest.param(
        BASE + "restarts: {max: 2}\n",
        "x.yaml:5:11: restarts: after is missing; expected none or {after: EPOCHS, max: TIMES}",
        id="restarts at no time",
    ),
    pytest.param(
        BASE + "restarts: {after: 10, times: 2}\nstop: converged\n",
        "x.yaml:5:23: restarts: unknown key 'times'",
        id="restarts with another key",
    ),
    pytest.param(
        BASE + "restarts: {after: 10}\n",
        "x.yaml:5:11: restarts: a run that may start again stops when it has met its criterion: it needs stop converged, "
        "found budget",
        id="restarts without a stop",
    ),
    pytest.param(
        BASE + "precision: float16\n",
        "x.yaml:5:12: precision: expected one of float64, float32, found 'float16'; not supported: use 'float32' instead, because it is the shortest",
        id="precision",
    ),
    pytest.param(
        BASE + "bias: train\n",
        "x.yaml:5:7: bias: expected trained, none, shared or a number, found 'train'; did you mean 'trained'?",
        id="bias",
    ),
    pytest.param(
        BASE + "bias: [0]\n",
        "x.yaml:5:7: bias: expected trained, none, shared or a number, found a list",
        id="bias as a list",
    ),
    pytest.param(
        BASE + "target_range: [1, 0]\n",
        "x.yaml:5:15: target_range: expected [lo, hi] with lo < hi, found [1, 0]",
        id="target range the wrong way",
    ),
    pytest.param(
        BASE + "target_range: [1, 0, 2]\n",
        "x.yaml:5:15: target_range: expected none or two numbers [lo, hi], found a list",
        id="target range of three",
    ),
    pytest.param(
        BASE + "scoring: 40-20-60\ncriterion_window: 0\ncriterion_from: running\n",
        "x.yaml:5:10: scoring: expected one of none, 40-20-40, found '40-20-60'; did you mean '40-20-40'?\n"
        "x.yaml:6:19: criterion_window: expected a whole number from 1 to 10,000, found 0\n"
        "x.yaml:7:17: criterion_from: expected one of none, training, found 'running'; did you mean 'training'?",
        id="how a criterion is judged",
    ),
    pytest.param(
        BASE + "undecided_band: 0.2\n",
        "x.yaml:5:17: undecided_band: needs rule bipolar_perceptron, found backprop",
        id="undecided band of another rule",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-1\noutput: sign\nrule: bipolar_perceptron\nlearning_rate: 1\nepochs: 3\n",
        "x.yaml:4:7: rule: bipolar_perceptron needs the targets -1 and 1, as target_range: [-1, 1] makes them; those of "
        "xor are others",
        id="targets of a bipolar perceptron",
    ),
    pytest.param(
        "data: gaussian(5, 2, 0)\narchitecture: 2-1\nlearning_rate: 1\nepochs: 3\nscoring: 40-20-40\n",
        "x.yaml:5:10: scoring: 40-20-40 is about targets of two values; those of gaussian(5, 2, 0) have more",
        id="margin of many targets",
    ),
    pytest.param(
        BASE.replace("learning_rate: 0.5\n", "optimizer: scg\n") + "criterion_from: training\n",
        "x.yaml:3:12: optimizer: scg needs criterion_from none, found training",
        id="second order and what training sees",
    ),
    pytest.param(
        BASE + "criterion: 0.5\n",
        "x.yaml:5:12: criterion: expected a mapping of max_error, loss, mse, accuracy, grad_norm, test_loss, "
        "test_mse, test_accuracy, test_max_error to numbers, found 0.5",
        id="criterion as a number",
    ),
    pytest.param(
        BASE + "criterion: {accuracy: 95}\n",
        "x.yaml:5:23: criterion: accuracy: expected a number from 0 to 1, found 95",
        id="accuracy in percent",
    ),
    pytest.param(
        BASE + "criterion: {}\n",
        "x.yaml:5:12: criterion: expected a mapping of max_error, loss, mse, accuracy, grad_norm, test_loss, "
        "test_mse, test_accuracy, test_max_error to numbers, found an empty mapping",
        id="empty criterion",
    ),
    pytest.param(
        BASE + "optimizer: adam\nbeta1: 1\nbeta2: -0.5\n",
        "x.yaml:6:8: beta1: expected a number >= 0 and < 1, found 1\n"
        "x.yaml:7:8: beta2: expected a number >= 0 and < 1, found -0.5",
        id="setting out of range",
    ),
    # names
    pytest.param(
        BASE.replace("xor", "xro"),
        f"x.yaml:1:7: data: expected one of {DATA}, found 'xro'; did you mean 'xor'?",
        id="unknown data",
    ),
    pytest.param(
        BASE + "activation: sigmiod\n",
        f"x.yaml:5:13: activation: expected one of {HIDDEN}, found 'sigmiod'; did you mean 'sigmoid'?",
        id="unknown activation",
    ),
    pytest.param(
        BASE + "activation: softmax\n",
        f"x.yaml:5:13: activation: expected one of {HIDDEN}, found 'softmax'; it couples the units of its layer and is for the output layer: 'output: softmax'",
        id="softmax in a hidden layer",
    ),
    pytest.param(
        BASE + "loss: multi_margin\n",
        f"x.yaml:5:7: loss: expected one of {LOSS_NAMES}, found 'multi_margin'; did you mean 'multi_class_hinge'?",
        id="unknown loss",
    ),
    pytest.param(
        BASE + "loss: categorical_hinge\n",
        f"x.yaml:5:7: loss: expected one of {LOSS_NAMES}, found 'categorical_hinge'; not supported: use 'multi_class_hinge' instead, which sums over the other classes and not the worst alone",
        id="a loss that is called like another one elsewhere",
    ),
    pytest.param(
        BASE + "loss: multi_class_hinge\n",
        "x.yaml:5:7: loss: multi_class_hinge needs targets of which one is the class, as target_encoding: one_hot makes them; xor has others",
        id="targets of a hinge loss of several classes",
    ),
    pytest.param(
        "data: encoder(4)\narchitecture: 4-2-4\nlearning_rate: 0.5\nepochs: 9\nloss: multi_class_hinge\nfaults: [ascent]\n",
        "x.yaml:5:7: loss: multi_class_hinge needs faults none, found [ascent]",
        id="a fault beside a loss that couples outputs",
    ),
    pytest.param(
        BASE + "loss: hinge\n",
        "x.yaml:5:7: loss: hinge needs targets of the two values -1, 1; those of xor lie between 0 and 1 (target_range: [-1, 1] maps two values to these)",
        id="targets of a hinge loss",
    ),
    pytest.param(
        BASE + "init: sparse(1.5, 1)\n",
        "x.yaml:5:7: init: expected sparsity from 0 to 1, found sparse(1.5, 1)",
        id="sparsity",
    ),
    pytest.param(
        BASE + "optimizer: Adam\n",
        f"x.yaml:5:12: optimizer: expected one of {OPTIMIZER_NAMES}, found 'Adam'; did you mean 'adam'?",
        id="unknown optimizer",
    ),
    pytest.param(
        BASE + "init: xavier\n",
        f"x.yaml:5:7: init: expected one of {INITS}, found 'xavier'; did you mean 'xavier_uniform' or 'xavier_normal'?",
        id="unknown init",
    ),
    pytest.param(
        BASE + "init: normal(1)\n",
        "x.yaml:5:7: init: expected normal(mean, std), found normal(1)",
        id="init with too few arguments",
    ),
    pytest.param(
        BASE + "init: uniform\n",
        "x.yaml:5:7: init: expected uniform(a, b), found uniform",
        id="init without arguments",
    ),
    pytest.param(
        BASE + "init: he_normal(2)\n",
        "x.yaml:5:7: init: expected he_normal without arguments, found he_normal(2)",
        id="init with arguments that are none",
    ),
    pytest.param(
        BASE + "init: normal(0, big)\n",
        "x.yaml:5:7: init: expected numbers in the parentheses, found 'big'",
        id="init with a text",
    ),
    pytest.param(
        BASE + "init: normal(0, 1\n",
        "x.yaml:5:7: init: expected an initialiser or a list of numbers, found 'normal(0, 1', whose parentheses do not match",
        id="init without a closing parenthesis",
    ),
    pytest.param(
        BASE + "init: uniform(1, -1)\n",
        "x.yaml:5:7: init: expected a < b, found uniform(1, -1)",
        id="init the wrong way",
    ),
    pytest.param(
        BASE + "init: normal(0, -1)\n",
        "x.yaml:5:7: init: expected std >= 0, found normal(0, -1)",
        id="negative std",
    ),
    pytest.param(
        BASE + "bias_init: orthogonal\n",
        f"x.yaml:5:12: bias_init: expected one of {BIAS_INITS}, found 'orthogonal'",
        id="orthogonal biases",
    ),
    pytest.param(
        BASE.replace("xor", "parity(0)"),
        "x.yaml:1:7: data: parity(n): n must be a whole number from 2 to 16, found 0",
        id="argument out of range",
    ),
    pytest.param(
        BASE.replace("xor", "boolean(011)"),
        "x.yaml:1:7: data: boolean(bits): bits must be a truth table of 2, 4, 8, ... or 65536 digits, each 0 or 1, found '011'",
        id="truth table of odd length",
    ),
    pytest.param(
        BASE + "scaling: divide(0)\n",
        "x.yaml:5:10: scaling: divide(c): c must be a finite number other than 0, found 0",
        id="scaling",
    ),
    # architecture
    pytest.param(
        BASE.replace("2-4-1", "2--1"),
        "x.yaml:2:15: architecture: expected layer sizes such as 2-4-1, found '2--1'",
        id="architecture with a gap",
    ),
    pytest.param(
        BASE.replace("2-4-1", "2"),
        "x.yaml:2:15: architecture: expected at least two layer sizes such as 2-4-1, found 1",
        id="one layer",
    ),
    pytest.param(
        BASE.replace("2-4-1", "-".join(["2"] * 100_000)),
        "x.yaml:2:15: architecture: expected at most 256 layers, found 100,000",
        id="too many layers",
    ),
    pytest.param(
        BASE.replace("2-4-1", "2-0-1"),
        "x.yaml:2:15: architecture: expected layers of 1 to 65,536 units, found 0",
        id="layer without units",
    ),
    pytest.param(
        BASE.replace("2-4-1", "2-100000-1"),
        "x.yaml:2:15: architecture: expected layers of 1 to 65,536 units, found 100000",
        id="absurd layer",
    ),
    pytest.param(
        BASE.replace("2-4-1", "3-4-2"),
        "x.yaml:2:15: architecture: 3-4-2 begins with 3; xor has 2 inputs\n"
        "x.yaml:2:15: architecture: 3-4-2 ends with 2; xor has 1 target",
        id="does not fit the data",
    ),
    pytest.param(
        BASE + "sweep:\n  grid:\n    architecture: [2-2-1, 3-2-1, 2-2-2]\n",
        "x.yaml:7:27: architecture: 3-2-1 begins with 3; xor has 2 inputs\n"
        "x.yaml:7:34: architecture: 2-2-2 ends with 2; xor has 1 target",
        id="several architectures, one fits",
    ),
    pytest.param(
        BASE + "sweep:\n  grid:\n    data: [xor, parity(3), iris]\n",
        "x.yaml:2:15: architecture: 2-4-1 begins with 2; parity(3) has 3 inputs\n"
        "x.yaml:2:15: architecture: 2-4-1 begins with 2; iris has 4 inputs",
        id="data axis",
    ),
    # combinations
    pytest.param(
        BASE.replace("0.5", "[1, 2, 3]"),
        "x.yaml:3:16: learning_rate: 3 numbers for architecture 2-4-1, which has 2 layers of weights",
        id="too few rates",
    ),
    pytest.param(
        BASE + "sweep:\n  grid:\n    learning_rate: [1, [1, 2], [1, 2, 3]]\n",
        "x.yaml:7:32: learning_rate: 3 numbers for architecture 2-4-1, which has 2 layers of weights",
        id="rates on an axis",
    ),
    pytest.param(
        BASE + "bias_learning_rate: [1]\n",
        "x.yaml:5:21: bias_learning_rate: 1 number for architecture 2-4-1, which has 2 layers of weights",
        id="bias rates",
    ),
    pytest.param(
        BASE + "init: [1, 2, 3]\n",
        "x.yaml:5:7: init: 3 numbers, but architecture 2-4-1 with bias trained has 17",
        id="explicit init",
    ),
    pytest.param(
        BASE + "bias: none\ninit: [1, 2, 3]\n",
        "x.yaml:6:7: init: 3 numbers, but architecture 2-4-1 with bias none has 12",
        id="explicit init without biases",
    ),
    pytest.param(
        BASE + "bias: 1\ninit: [1, 2, 3]\n",
        "x.yaml:6:7: init: 3 numbers, but architecture 2-4-1 with frozen biases has 12",
        id="explicit init with frozen biases",
    ),
    pytest.param(
        BASE + "activation: [tanh, relu]\n",
        "x.yaml:5:13: activation: 2 names for architecture 2-4-1, which has 1 hidden layer",
        id="more activations than hidden layers",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-1\nactivation: [tanh]\nlearning_rate: 0.5\nepochs: 100\n",
        "x.yaml:3:13: activation: 1 name for architecture 2-1, which has no hidden layer",
        id="activations without hidden layers",
    ),
    pytest.param(
        BASE + "sweep: {grid: {activation: [tanh, [relu], [tanh, relu]]}}\n",
        "x.yaml:5:43: activation: 2 names for architecture 2-4-1, which has 1 hidden layer",
        id="activations of layers on an axis",
    ),
    pytest.param(
        BASE + "activation: []\n",
        "x.yaml:5:13: activation: expected at least one name, found an empty list",
        id="no activation",
    ),
    pytest.param(
        BASE + "activation: [tanh, 3]\n",
        "x.yaml:5:20: activation: expected one of " + HIDDEN + ", found 3",
        id="a number among activations",
    ),
    pytest.param(
        BASE + "l1: -1\nclip_norm: small\nclass_weights: [1, 0]\nlabel_smoothing: {a: 1}\n",
        "x.yaml:5:5: l1: expected a number >= 0, found -1\n"
        "x.yaml:6:12: clip_norm: expected none or a number >= 0, found 'small'\n"
        "x.yaml:7:20: class_weights: expected a number > 0, found 0\n"
        "x.yaml:8:18: label_smoothing: expected none or a number from 0 to 1, found a mapping",
        id="penalties and weights out of bounds",
    ),
    pytest.param(
        BASE + "label_smoothing: 0.1\nclass_weights: [1, 2]\n",
        "x.yaml:5:18: label_smoothing: needs loss binary_cross_entropy or cross_entropy, found half_sse\n"
        "x.yaml:6:16: class_weights: needs loss binary_cross_entropy or cross_entropy, found half_sse",
        id="labels of a squared error",
    ),
    pytest.param(
        BASE + "loss: binary_cross_entropy\nclass_weights: [1, 2, 3]\n",
        "x.yaml:6:16: class_weights: 3 numbers for the two classes of output sigmoid, expected 2",
        id="as many class weights as there are no classes",
    ),
    pytest.param(
        BASE + "loss: binary_cross_entropy\nclass_weights: equal\n",
        "x.yaml:6:16: class_weights: expected none, balanced or a list of numbers > 0, found 'equal'",
        id="class weights by another name",
    ),
    pytest.param(
        BASE + "loss: binary_cross_entropy\nclass_weights: balanced\nlabel_noise: 0.1\n",
        "x.yaml:6:16: class_weights: balanced needs label_noise none, found 0.1",
        id="balanced weights of wrong labels",
    ),
    pytest.param(
        BASE.replace("xor", "boolean(1111)") + "loss: binary_cross_entropy\nclass_weights: balanced\n",
        "x.yaml:6:16: class_weights: balanced needs samples of every class to train on",
        id="balanced weights of one class",
    ),
    pytest.param(
        BASE.replace("xor", "encoder(8)").replace("2-4-1", "8-3-8")
        + "output: softmax\nloss: cross_entropy\nclass_weights: [1, 2]\n",
        "x.yaml:7:16: class_weights: 2 numbers for architecture 8-3-8, expected 8",
        id="too few class weights",
    ),
    pytest.param(
        BASE + "faults: ascent\nl1: 0.1\n",
        "x.yaml:6:5: l1: needs faults none, found [ascent]",
        id="a penalty with a fault",
    ),
    pytest.param(
        BASE.replace("learning_rate: 0.5\n", "optimizer: scg\n") + "clip_norm: 1\n",
        "x.yaml:3:12: optimizer: scg needs no clip_norm, found 1.0",
        id="clipping with a method of second order",
    ),
    pytest.param(
        BASE + "dropout: half\ninput_noise: -1\nlabel_noise: 2\n",
        "x.yaml:5:10: dropout: expected none or numbers from 0 to below 1, found 'half'\n"
        "x.yaml:6:14: input_noise: expected a number >= 0, found -1\n"
        "x.yaml:7:14: label_noise: expected a number from 0 to 1, found 2",
        id="noise out of bounds",
    ),
    pytest.param(
        BASE + "dropout: [0.1, 0.2]\n",
        "x.yaml:5:10: dropout: 2 numbers for architecture 2-4-1, which has 1 hidden layer",
        id="dropout of more layers than there are",
    ),
    pytest.param(
        BASE.replace("2-4-1", "2-1") + "dropout: 0.1\n",
        "x.yaml:5:10: dropout: needs a hidden layer; architecture 2-1 has none",
        id="dropout without hidden units",
    ),
    pytest.param(
        BASE.replace("xor", "gaussian(5, 2, 0)") + "label_noise: 0.1\n",
        "x.yaml:5:14: label_noise needs targets that are classes: two values, or target_encoding one_hot",
        id="wrong labels of targets that are no classes",
    ),
    pytest.param(
        BASE.replace("xor", "boolean(1111)") + "label_noise: 0.1\n",
        "x.yaml:5:14: label_noise needs samples of two classes; all targets are the same",
        id="wrong labels of one class",
    ),
    pytest.param(
        BASE + "gain: -1\n",
        "x.yaml:5:7: gain: expected a number >= 0, found -1",
        id="a negative gain",
    ),
    pytest.param(
        BASE + "gain: 2\nfaults: own_activation\n",
        "x.yaml:6:9: faults: own_activation is about layers without a gain",
        id="a fault of a layer with a gain",
    ),
    pytest.param(
        "data: and\narchitecture: 2-1\noutput: step\nrule: perceptron\ngain: 2\nlearning_rate: 0.5\nepochs: 100\n",
        "x.yaml:4:7: rule: perceptron has no slope that a gain could change",
        id="the rule of the perceptron with a gain",
    ),
    pytest.param(
        BASE + "shortcuts: skip\n",
        "x.yaml:5:12: shortcuts: expected one of none, all, input_output, found 'skip'",
        id="shortcuts that there are not",
    ),
    pytest.param(
        BASE + "shortcuts: true\n",
        "x.yaml:5:12: shortcuts: expected one of none, all, input_output, found true; did you mean 'all'?",
        id="shortcuts as a switch",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-1\nshortcuts: all\nlearning_rate: 0.5\nepochs: 100\n",
        "x.yaml:3:12: shortcuts: all needs a hidden layer; architecture 2-1 has none",
        id="shortcuts without a hidden layer",
    ),
    pytest.param(
        BASE + "shortcuts: input_output\ninit: [1, 2, 3]\n",
        "x.yaml:6:7: init: 3 numbers, but architecture 2-4-1 with bias trained and shortcuts input_output has 19",
        id="too few numbers for shortcuts",
    ),
    pytest.param(
        BASE + "faults: own_activation\nsweep: {grid: {shortcuts: [none, all]}}\n",
        "x.yaml:5:9: faults: own_activation is about layers that see the one below them alone; shortcuts is all",
        id="a fault of a layer with shortcuts",
    ),
    pytest.param(
        BASE + "output: softmax\n",
        "x.yaml:5:9: output: softmax needs at least 2 outputs; architecture 2-4-1 has 1",
        id="softmax of one",
    ),
    pytest.param(
        BASE + "loss: cross_entropy\n",
        "x.yaml:5:7: loss: cross_entropy needs output softmax, found sigmoid",
        id="cross entropy",
    ),
    pytest.param(
        BASE + "loss: binary_cross_entropy\noutput: tanh\n",
        "x.yaml:5:7: loss: binary_cross_entropy needs output sigmoid, found tanh",
        id="binary cross entropy",
    ),
    pytest.param(
        BASE + "rule: perceptron\n",
        "x.yaml:5:7: rule: perceptron needs 1 layer of weights; architecture 2-4-1 has 2\n"
        "x.yaml:5:7: rule: perceptron needs output step, found sigmoid",
        id="perceptron",
    ),
    pytest.param(
        BASE + "batch: 5\n",
        "x.yaml:5:8: batch: 5 is larger than the data set; xor has 4 samples",
        id="large batch",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {batch: [1, 4, 8], data: [xor, and]}\n",
        "x.yaml:6:24: batch: 8 is larger than the data set; xor has 4 samples\n"
        "x.yaml:6:24: batch: 8 is larger than the data set; and has 4 samples",
        id="large batch on an axis",
    ),
    pytest.param(
        BASE + "beta1: 0.5\n",
        "x.yaml:5:8: beta1 is used by adam, adamw, adamax, nadam, radam, lion; no run of this study uses them",
        id="unused setting",
    ),
    pytest.param(
        BASE + "momentum_schedule: linear(0.5, 1, 30)\n",
        "x.yaml:5:20: momentum_schedule is used by momentum, nesterov, rmsprop; no run of this study uses them",
        id="unused schedule of a setting",
    ),
    pytest.param(
        BASE + "optimizer: momentum\nmomentum_schedule: linear(0.5)\n",
        "x.yaml:6:20: momentum_schedule: expected linear(a, b, n), found linear(0.5)",
        id="schedule of a setting",
    ),
    pytest.param(
        BASE
        + "optimizer: momentum\nmomentum_schedule: plateau(0.5, 3)\nlearning_rate_schedule: test_plateau(0.5, 3)\n",
        "x.yaml:6:20: momentum_schedule: expected a schedule of epochs, found plateau(0.5, 3), which follows the loss\n"
        "x.yaml:7:25: learning_rate_schedule: test_plateau(0.5, 3) needs held-out samples, as in test: {fraction: 0.2}",
        id="plateaus",
    ),
    *(
        pytest.param(
            BASE.replace("epochs: 100", budget) + "learning_rate_schedule: exponential(0.9)\nbatch: 2\n",
            "x.yaml:5:25: learning_rate_schedule: exponential(0.9) has factors for at most 10,000,000 epochs, found 10,000,001",
            id=f"schedule without end, {budget}",
        )
        for budget in ("epochs: 10000001", "updates: 20000003", "samples: 40000007")
    ),
    pytest.param(
        BASE.replace("epochs: 100\n", "") + "optimizer: nesterov\nmomentum_schedule: inverse(9)\n"
        "sweep:\n  grid: {samples: [400, 4e8], data: [xor, parity(2)]}\n",
        "x.yaml:5:20: momentum_schedule: inverse(9) has factors for at most 10,000,000 epochs, found 100,000,000",
        id="schedule without end on axes",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {momentum: [0.5, 0.9], optimizer: [sgd, adam]}\n",
        "x.yaml:6:21: momentum is used by momentum, nesterov, rmsprop; no run of this study uses them",
        id="unused setting on an axis",
    ),
    pytest.param(
        BASE + "sweep:\n  grid:\n    output: [sigmoid, tanh]\n    loss: [mse, binary_cross_entropy]\n",
        "x.yaml:8:17: loss: binary_cross_entropy needs output sigmoid, found tanh",
        id="loss on an axis",
    ),
    # sweep
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: []}\n",
        "x.yaml:6:18: epochs: the axis has no values",
        id="axis without values",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: 5}\n",
        "x.yaml:6:18: epochs: expected a list of values or a range, found 5",
        id="axis that is one value",
    ),
    pytest.param(
        BASE + "sweep:\n  grid:\n    learning_rate: [0.1, fast, 1, slow]\n",
        "x.yaml:7:26: learning_rate: expected a number, found 'fast'\n"
        "x.yaml:7:35: learning_rate: expected a number, found 'slow'",
        id="axis with a wrong value",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: [1, 2, 1.0]}\n",
        "x.yaml:6:32: learning_rate: 1.0 stands there twice",
        id="axis with a value twice",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {linspace: [1, 1, 3]}}\n",
        "x.yaml:6:25: learning_rate: 1.0 stands there twice",
        id="range of one number twice",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {geospace: [0.1, 10, 7]}}\n",
        "x.yaml:6:26: learning_rate: expected one of linspace, geomspace, arange, found 'geospace'; did you mean 'geomspace'?",
        id="range with a typo",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {linspace: [0.1, 10]}}\n",
        "x.yaml:6:36: learning_rate: expected linspace: [first, last, how many], found 2 numbers",
        id="range with two numbers",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {linspace: [0.1, ten, 3]}}\n",
        "x.yaml:6:36: learning_rate: expected a number, found 'ten'",
        id="range with a text",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {geomspace: [0, 10, 7]}}\n",
        "x.yaml:6:37: learning_rate: geomspace: expected two numbers of the same sign, neither of them 0",
        id="range through zero",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {arange: [5, 1]}}\n",
        "x.yaml:6:34: learning_rate: arange: the range has no values",
        id="range without numbers",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {arange: [5, 6, 0]}}\n",
        "x.yaml:6:34: learning_rate: arange: expected a step other than 0",
        id="range with step 0",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {arange: [0, 1, 1e-9]}}\n",
        "x.yaml:6:34: learning_rate: arange: expected at most 1,000,000 values, found 1,000,000,000",
        id="range of too many",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: {geomspace: [1, 10, 4]}}\n",
        "x.yaml:6:18: epochs: expected a whole number from 1 to 1,000,000,000,000, found 2.154434690031884",
        id="range of epochs that are not whole",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {loss: {linspace: [0, 1, 2]}}\n",
        "x.yaml:6:16: loss: linspace makes numbers; expected a list of values",
        id="range of names",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {learning_rate: {linspace: [0, 1, 2], arange: [3]}}\n",
        "x.yaml:6:25: learning_rate: expected one of linspace, geomspace, arange, found linspace, arange",
        id="two ranges",
    ),
    pytest.param(
        BASE + "sweep:\n  grid:\n    init: [uniform(-1, 1), zeros, normal(0, 1)]\n",
        'x.yaml:7:12: YAML cuts uniform(-1, 1) at its commas here; put it in quotes: "uniform(-1, 1)"\n'
        'x.yaml:7:35: YAML cuts normal(0, 1) at its commas here; put it in quotes: "normal(0, 1)"',
        id="name cut at its commas",
    ),
    pytest.param(
        BASE + "sweep:\n  include:\n    - {init: uniform(-1, 1), epochs: 3}\n",
        'x.yaml:7:14: YAML cuts uniform(-1, 1) at its commas here; put it in quotes: "uniform(-1, 1)"',
        id="name cut in a mapping",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {seed: [1, 2]}\n",
        "x.yaml:6:10: seed: expected replicates or seeds at the top instead",
        id="seed on an axis",
    ),
    pytest.param(
        BASE + "replicates: 3\nseeds: [1, 2]\n",
        "x.yaml:6:1: seeds: replicates is given already",
        id="replicates and seeds",
    ),
    pytest.param(
        BASE + "replicates: 0\n",
        "x.yaml:5:13: replicates: expected a whole number >= 1, found 0",
        id="no replicates",
    ),
    pytest.param(
        BASE + "seeds: [1, 2, 1]\n",
        "x.yaml:5:15: seeds: 1 stands there twice",
        id="seed twice",
    ),
    pytest.param(
        BASE + "seeds: [-1]\n",
        "x.yaml:5:9: seeds: expected a whole number from 0 to 9,223,372,036,854,775,807, found -1",
        id="negative seed",
    ),
    pytest.param(
        BASE + "sweep:\n  zip:\n    - {epochs: 1, batch: 2}\n    - {epochs: 2, loss: mse}\n",
        "x.yaml:8:7: zip: expected the keys of the first row (epochs, batch), found epochs, loss",
        id="zip of different keys",
    ),
    pytest.param(
        BASE + "sweep:\n  zip:\n    - {epochs: 1}\n    - {epochs: 1.0}\n",
        "x.yaml:8:7: zip: the row stands there twice",
        id="zip row twice",
    ),
    pytest.param(
        BASE + "sweep:\n  zip: {epochs: [1, 2]}\n",
        "x.yaml:6:8: sweep.zip: expected a list of mappings, found a mapping",
        id="zip as a mapping",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: [1, 2]}\n  zip:\n    - {loss: mse, epochs: 5}\n",
        "x.yaml:8:19: epochs: it is on an axis of grid already",
        id="key on two axes",
    ),
    pytest.param(
        BASE
        + "sweep:\n  grid: {epochs: [1, 2], batch: [1, 2]}\n  when:\n    - {if: {batch: 1}, grid: {epochs: [3]}}\n",
        "x.yaml:8:31: epochs: it is on an axis of grid already",
        id="when on an axis that is there",
    ),
    pytest.param(
        BASE
        + "sweep:\n  grid: {batch: [1, 2, 3]}\n  when:\n    - {if: {batch: [1, 2]}, grid: {loss: [mse, sse]}}\n    - {if: {batch: [2, 3]}, grid: {loss: [half_mse]}}\n",
        "x.yaml:9:36: loss: it is on an axis of when already",
        id="when that overlap",
    ),
    pytest.param(
        BASE + "sweep:\n  when:\n    - {if: {epochs: 100}}\n",
        "x.yaml:7:7: sweep.when: grid is missing",
        id="when without grid",
    ),
    pytest.param(
        BASE
        + "sweep:\n  grid: {optimizer: [sgd, adam]}\n  when:\n    - {if: {optimizer: rprop}, grid: {eta_plus: [1.1, 1.3]}}\n",
        "x.yaml:8:24: when: optimizer is never rprop; its values are sgd, adam\n"
        "x.yaml:8:50: eta_plus is used by rprop, rprop_minus, rprop_plus, irprop_minus, irprop_plus, supersab; no run of this study uses them",
        id="when of a value that never is",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-2-1\nepochs: 3\nloss: mae\noutput: identity\nbatch: 2\nfaults: ascent\n"
        "learning_rate_schedule: cosine(3)\noptimizer: levenberg_marquardt\n",
        "x.yaml:9:12: optimizer: levenberg_marquardt needs batch full, found 2\n"
        "x.yaml:9:12: optimizer: levenberg_marquardt needs faults none, found [ascent]\n"
        "x.yaml:9:12: optimizer: levenberg_marquardt needs learning_rate_schedule constant, found cosine(3)\n"
        "x.yaml:9:12: optimizer: levenberg_marquardt needs loss half_sse, sse, half_mse or mse, found mae",
        id="what a method of second order can not do",
    ),
    pytest.param(
        BASE + "optimizer: scg\nbias_learning_rate: 2\n",
        "x.yaml:3:16: learning_rate: scg has none\nx.yaml:6:21: bias_learning_rate: scg has none",
        id="a learning rate that nothing has a use for",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-2-1\nepochs: 3\noptimizer: scg\nsweep:\n  grid: {loss: [mse, sse]}\n"
        "  include: [{optimizer: lbfgs}, {optimizer: sgd}]\n",
        "x.yaml:7:33: include: learning_rate is missing here and at the top",
        id="a learning rate missing where an include needs one",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-2-1\nepochs: 3\nsweep:\n  grid: {optimizer: [scg, sgd]}\n"
        "  when: [{if: {optimizer: scg}, grid: {learning_rate: [1, 2]}}]\n",
        "x.yaml:1:1: learning_rate is missing where no when gives it",
        id="a learning rate only where it is not used",
    ),
    pytest.param(
        BASE
        + "sweep:\n  grid: {learning_rate: {geomspace: [0.1, 10, 3]}, epochs: [1, 2]}\n  exclude:\n    - {learning_rate: 0.5, epochs: 2}\n",
        "x.yaml:8:23: exclude: learning_rate is never 0.5; its values are 0.1, 1.0, 10.0",
        id="exclude of a value that never is",
    ),
    pytest.param(
        BASE
        + "sweep:\n  zip:\n    - {epochs: 1, batch: 1}\n    - {epochs: 2, batch: 2}\n  exclude:\n    - {epochs: 1, batch: 2}\n",
        "x.yaml:10:7: exclude: no cell matches; these values never occur together",
        id="exclude of a combination that never is",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: [1, 2]}\n  exclude:\n    - {epochs: [1, 2]}\n",
        "x.yaml:8:5: exclude: no cell is left",
        id="exclude of everything",
    ),
    pytest.param(
        BASE + "sweep:\n  grid: {epochs: [1, 2], updates: [3, 4]}\n",
        "x.yaml:6:26: updates: give epochs or updates, not both",
        id="budget given twice by axes",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-4-1\nepochs: 5\nsweep:\n  grid: {learning_rate: [1, 2]}\n  include:\n    - {epochs: 7}\n",
        "x.yaml:7:7: include: learning_rate is missing here and at the top",
        id="rate missing in an include",
    ),
    pytest.param(
        "data: xor\narchitecture: 2-4-1\nepochs: 5\nsweep:\n  grid: {batch: [1, 2]}\n  when:\n    - {if: {batch: 1}, grid: {learning_rate: [1, 2]}}\n",
        "x.yaml:1:1: learning_rate is missing where no when gives it",
        id="rate missing where no when gives it",
    ),
    pytest.param(
        BASE + 'sweep:\n  grid: {"init[0]": [1, 2]}\n',
        "x.yaml:6:10: init[0]: expected init as a list of numbers, found xavier_uniform",
        id="element of an init that is a name",
    ),
    pytest.param(
        BASE.replace("2-4-1", "2-1") + 'init: [1, 2, 3]\nsweep:\n  grid: {"init[3]": [1, 2]}\n',
        "x.yaml:7:10: init[3]: init has 3 numbers, counted from 0",
        id="element that is not there",
    ),
    pytest.param(
        BASE.replace("2-4-1", "2-1")
        + 'init: [1, 2, 3]\nsweep:\n  grid: {"init[0]": [1, 2], init: [zeros, [4, 5, 6]]}\n',
        "x.yaml:7:10: init[0]: init is on an axis itself",
        id="element of an init on an axis",
    ),
    pytest.param(
        BASE + 'sweep:\n  grid: {"learning_rate[1]": [1, 2]}\n',
        "x.yaml:6:10: learning_rate[1]: expected learning_rate as a list of numbers, found 0.5",
        id="rate of one layer beside one of all",
    ),
    pytest.param(
        BASE.replace("0.5", "[1, 1]") + 'sweep:\n  grid: {"learning_rate[2]": [1, 2]}\n',
        "x.yaml:6:10: learning_rate[2]: learning_rate has 2 numbers, counted from 0",
        id="rate of a layer that is not there",
    ),
    pytest.param(
        BASE.replace("0.5", "[1, 1]")
        + 'sweep:\n  grid: {"learning_rate[0]": [1, 2], learning_rate: [[1, 1], [2, 2]]}\n',
        "x.yaml:6:10: learning_rate[0]: learning_rate is on an axis itself",
        id="rate of one layer beside an axis",
    ),
    pytest.param(
        BASE + 'sweep:\n  grid: {"bias_learning_rate[0]": [1, 2]}\n',
        "x.yaml:6:10: bias_learning_rate[0]: expected bias_learning_rate as a list of numbers, found nothing",
        id="rate of the biases of one layer, without the others",
    ),
    pytest.param(
        BASE + 'sweep:\n  grid: {"epochs[0]": [1, 2]}\n',
        "x.yaml:6:10: unknown key 'epochs[0]'; did you mean 'epochs'?",
        id="number of a key that is no list",
    ),
    pytest.param(
        BASE + "sweep:\n  sample: {space: {epochs: {integers: [1, 2]}}}\n",
        "x.yaml:6:11: sweep.sample: n is missing",
        id="sample without n",
    ),
    pytest.param(
        BASE + "sweep:\n  sample: {n: 5, method: halton, space: {epochs: {integers: [1, 2]}}}\n",
        "x.yaml:6:26: sweep.sample.method: expected one of random, sobol, lhs, found 'halton'; not supported: use 'sobol' instead, because it too fills the space evenly",
        id="sample by an unknown method",
    ),
    pytest.param(
        BASE + "sweep:\n  sample: {n: 5, space: {learning_rate: {normal: [1, 2]}}}\n",
        "x.yaml:6:42: learning_rate: expected one of uniform, loguniform, integers, choice, found 'normal'; not supported: use 'uniform' or 'loguniform' instead, because samples are drawn between two bounds",
        id="sample of an unknown distribution",
    ),
    pytest.param(
        BASE
        + "sweep:\n  sample: {n: 5, space: {learning_rate: {uniform: [2, 1]}, weight_decay: {loguniform: [0, 1]}}}\n",
        "x.yaml:6:51: learning_rate: uniform: expected [lo, hi] with lo < hi\n"
        "x.yaml:6:87: weight_decay: loguniform: expected [lo, hi] with 0 < lo < hi",
        id="sample from an empty interval",
    ),
    pytest.param(
        BASE + "optimizer: momentum\nsweep:\n  sample: {n: 50, space: {momentum: {uniform: [0, 3]}}}\n",
        "x.yaml:7:47: momentum: expected a number >= 0 and < 1, found 1.2342355799072158",
        id="sample out of range",
    ),
    pytest.param(
        BASE + "sweep:\n  sample: {n: 5, space: {epochs: {uniform: [1, 9]}}}\n",
        "x.yaml:6:44: epochs: uniform draws numbers that are not whole; expected integers or choice",
        id="sample of whole numbers",
    ),
    pytest.param(
        BASE + "sweep:\n  sample: {n: 5, space: {loss: {choice: [mse, msee]}}}\n",
        f"x.yaml:6:47: loss: expected one of {LOSS_NAMES}, found 'msee'; did you mean 'mse'?",
        id="choice of an unknown name",
    ),
    # data
    pytest.param(
        BASE.replace("xor", "{csv: nowhere.csv, inputs: [x], targets: [y]}"),
        "x.yaml:1:7: data: there is no file 'nowhere.csv'",
        id="no such CSV file",
    ),
    pytest.param(
        BASE.replace("xor", "{csv: some.csv, inputs: [a, z], targets: [c]}"),
        "some.csv:1: there is no column 'z'; the columns are a, b, c",
        id="CSV columns",
    ),
    pytest.param(
        BASE.replace("xor", "{csv: some.csv, inputs: [a, b], targets: [c]}"),
        "some.csv:3:2: column 'b' holds 'five'; expected a number",
        id="CSV text",
    ),
    pytest.param(
        BASE.replace("xor", "boolean(1111)") + "target_encoding: one_hot\n",
        "x.yaml:5:18: target_encoding: one_hot needs at least two classes, found 1 only",
        id="one class",
    ),
    pytest.param(
        BASE.replace("xor", "gaussian(6, 2, 0)") + "loss: binary_cross_entropy\n",
        "x.yaml:5:7: loss: binary_cross_entropy needs targets from 0 to 1; "
        "those of gaussian(6, 2, 0) lie between -1.21898 and 1.10324",
        id="targets outside the range of the loss",
    ),
    # many at once
    pytest.param(
        "data: xor\narchitecture: 3-4-1\nactivation: sigmiod\nlearning_rate: fast\nepoch: 100\nloss: cross_entropy\nsweep:\n  grid:\n    batch: [1, 9]\n",
        "x.yaml:2:15: architecture: 3-4-1 begins with 3; xor has 2 inputs\n"
        f"x.yaml:3:13: activation: expected one of {HIDDEN}, found 'sigmiod'; did you mean 'sigmoid'?\n"
        "x.yaml:4:16: learning_rate: expected a number, found 'fast'\n"
        "x.yaml:5:1: unknown key 'epoch'; did you mean 'epochs'?\n"
        "x.yaml:6:7: loss: cross_entropy needs output softmax, found sigmoid\n"
        "x.yaml:9:16: batch: 9 is larger than the data set; xor has 4 samples",
        id="many at once",
    ),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a CSV file that has a text for a number."""
    (tmp_path / "some.csv").write_text("a,b,c\n1,2,3\n4,five,6\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message_of(text, *overrides):
    Path("x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml", overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("text", "message"), STUDIES)
def test_the_whole_message(text, message):
    assert message_of(text) == message


# Files --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_files_that_cannot_be_read():
    def message(name):
        with pytest.raises(StudyError) as caught:
            load_study(name)
        return str(caught.value)

    Path("latin.yaml").write_bytes(b"data: xor\ndescription: caf\xe9\n")
    Path("large.yaml").write_bytes(b"#" * (MOST_BYTES + 1))
    Path("folder").mkdir()
    assert message("nowhere.yaml") == "nowhere.yaml: there is no such file"
    assert message("latin.yaml") == "latin.yaml:2: expected UTF-8 text"
    assert message("large.yaml") == "large.yaml: the file has more than 16,777,216 bytes"
    assert message("folder") == "folder: is a folder, not a study file"
    assert message("a\0b") == "a\0b: cannot be read: embedded null byte"


@pytest.mark.usefixtures("folder")
def test_a_file_whose_name_is_no_name_needs_one():
    Path("my study.yaml").write_text(BASE)
    with pytest.raises(StudyError) as caught:
        load_study("my study.yaml")
    assert str(caught.value) == "my study.yaml:1:1: name is missing: the file's name 'my study' cannot be used"
    Path("my study.yaml").write_text(BASE + "name: mine\n")
    assert load_study("my study.yaml").name == "mine"


@pytest.mark.usefixtures("folder")
def test_an_alias_bomb_is_refused_without_memory():
    levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 20))
    tracemalloc.start()
    message = message_of(f"l0: &l0 [{', '.join('0123456789')}]\n{levels}{BASE}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message == f"x.yaml:6:5: more than {MOST_VALUES:,} values once aliases are written out"
    assert peak < 5e6


@pytest.mark.usefixtures("folder")
def test_aliases_are_fine_in_moderation():
    Path("x.yaml").write_text(BASE + "sweep:\n  grid: {bias_learning_rate: &rates [1, 2], learning_rate: *rates}\n")
    assert make_plan(load_study("x.yaml")).n_cells == 4


@pytest.mark.usefixtures("folder")
def test_conditions_that_entangle_too_much_are_refused():
    keys = ["learning_rate", "weight_decay", "bias_learning_rate", "momentum", "bias"]
    axes = "".join(f"    {key}: {{linspace: [0, 0.9, 41]}}\n" for key in keys)
    values = [repr(value) for value in range_values("linspace", [0, 0.9, 41])]
    rules = "".join(f"    - {{{key}: {v}, bias: {v}}}\n" for key in keys[:-1] for v in values)
    message = message_of(f"{BASE}optimizer: momentum\nsweep:\n  grid:\n{axes}  exclude:\n{rules}")
    assert message == "x.yaml: sweep: when and exclude depend on too many combinations of values"


# Arguments ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["learning_rate=fast"], "<learning_rate=fast>: learning_rate: expected a number, found 'fast'"),
        (["learning_rate=[1, fast]"], "<learning_rate=[1, fast]>: learning_rate: expected a number, found 'fast'"),
        (["epochs=[]"], "<epochs=[]>: epochs: the axis has no values"),
        (["epochs="], "<epochs=>: epochs: expected a whole number from 1 to 1,000,000,000,000, found nothing"),
        (["learning_rat=1"], "<learning_rat=1>: unknown key 'learning_rat'; did you mean 'learning_rate'?"),
        (["record.curve=1"], "<record.curve=1>: unknown key 'record.curve'; did you mean 'record.curves'?"),
        (["record.weights=1"], "<record.weights=1>: record.weights: expected true or false, found 1"),
        (["0.5"], "<0.5>: expected key=value"),
        (["=0.5"], "<=0.5>: expected key=value"),
        (["loss=[mse"], "<loss=[mse>: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        (["loss=!!str mse"], "<loss=!!str mse>: tags are not allowed, found !!str"),
        (
            ["init=[zeros, normal(0, 1)]"],
            '<init=[zeros, normal(0, 1)]>: YAML cuts normal(0, 1) at its commas here; put it in quotes: "normal(0, 1)"',
        ),
        (
            ["architecture=[3-2-1, 2-2-1]", "batch=9"],
            "<architecture=[3-2-1, 2-2-1]>: architecture: 3-2-1 begins with 3; xor has 2 inputs\n"
            "<batch=9>: batch: 9 is larger than the data set; xor has 4 samples",
        ),
        (
            ["name=a/b"],
            "<name=a/b>: name: expected up to 100 letters, digits and . _ - that do not begin with a dot, found 'a/b'",
        ),
        (["seed=[1, 1]"], "<seed=[1, 1]>: seeds: 1 stands there twice"),
    ],
)
def test_arguments_that_are_wrong(overrides, message):
    assert message_of(BASE, *overrides) == message


# Anything at all ----------------------------------------------------------------------------------------------------

SEEDS = sorted([*Path(__file__).parents[2].glob("configs/*.yaml")])
TOKENS = st.sampled_from(
    [":", ",", "-", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", '"', "%", "@", "#", "?", "~", "0", "1", "-1", "1e999", ".nan", "null", "true", "<<:", "*a", "&a", "!!set", "---", "...", "sweep", "grid", "zip", "when", "if", "exclude", "include", "sample", "space", "choice", "n", "seed", "seeds", "replicates", "init[0]", "init[9]", "linspace", "geomspace", "arange", "2-2-1", "[2,2,1]", "normal(0,1)", "adam", "beta1", "batch", "full", "order", "updates", "epochs", "data", "{csv:", "}", "xor", "parity(3)", "loss", "cross_entropy", "softmax", "output", "bias", "shared", "learning_rate", "0.5", "name", "description", "record", "curves", "weights", "criterion", "accuracy", "target_range", "scaling"]
)  # fmt: skip


@st.composite
def mutated(draw):
    """A study of `configs` with lines and pieces dropped, doubled, moved or replaced."""
    lines = draw(st.sampled_from(SEEDS)).read_text(encoding="utf-8").splitlines()
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1)) if lines else 0
        action = draw(st.sampled_from(["drop", "double", "move", "cut", "token", "replace", "indent"]))
        line = lines[at] if lines else ""
        if action == "drop" and lines:
            del lines[at]
        elif action == "double":
            lines.insert(at, line)
        elif action == "move" and lines:
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        elif lines:
            place = draw(st.integers(0, len(line)))
            token = draw(TOKENS | st.text(max_size=3))
            words = line.split(" ")
            words[draw(st.integers(0, len(words) - 1))] = token
            changed = {"cut": line[:place], "token": line[:place] + token + line[place:], "replace": " ".join(words)}
            lines[at] = changed.get(action, "  " + line)
    return "\n".join(lines) + "\n"


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=mutated(), overrides=st.lists(st.tuples(TOKENS, TOKENS).map("=".join), max_size=2))
def test_whatever_the_file_says_the_answer_is_a_study_or_its_problems(tmp_path_factory, text, overrides):
    folder = tmp_path_factory.mktemp("m")
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    plan, problems = None, ()
    try:
        plan = make_plan(load_study(path, overrides))
    except StudyError as error:
        problems = error.problems
    except Refused:
        return
    assert bool(plan) != bool(problems)
    files = {os.fspath(path), *(f"<{argument}>" for argument in overrides)}
    for problem in problems:
        assert problem.file in files
        assert "pydantic" not in str(problem).casefold()
        assert "validation error" not in str(problem).casefold()
    for i in {0, plan.n_cells // 2, plan.n_cells - 1} if plan else ():
        assert len(plan.cell(i).run_id(plan.seeds[0])) == 16


# Errors -------------------------------------------------------------------------------------------------------------


def test_a_problem_shows_the_parts_that_are_known():
    assert str(Problem("bad", "a.yaml", 3, 7)) == "a.yaml:3:7: bad"
    assert str(Problem("bad", "a.yaml", 3)) == "a.yaml:3: bad"
    assert str(Problem("bad", "a.yaml")) == "a.yaml: bad"
    assert str(Problem("bad")) == "bad"
    assert str(StudyError([Problem("one"), Problem("two", "f")])) == "one\nf: two"


def test_the_nearest_name():
    assert nearest("sigmiod", ["tanh", "sigmoid"]) == "; did you mean 'sigmoid'?"
    assert nearest("XOR", ["and", "xor"]) == "; did you mean 'xor'?"
    assert nearest("hello", ["tanh", "sigmoid"]) == ""


def test_a_network_that_no_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("runner.studies.checks.total", lambda: 24 * 10**9)
    Path("x.yaml").write_text(BASE + "sweep: {grid: {architecture: [2-3-1, 2-65536-65536-1]}}\n")
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml")
    assert str(caught.value) == (
        "x.yaml:5:38: architecture: 2-65536-65536-1 has 4,295,294,977 weights and biases; "
        "to train them takes 550 GB of memory, and this machine has 24 GB"
    )
    # Where the machine does not tell, the runs do.
    for unknown in (None, 10**12):
        monkeypatch.setattr("runner.studies.checks.total", lambda unknown=unknown: unknown)
        assert load_study("x.yaml").space


def test_lists_of_faults_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(BASE + f"faults: [{', '.join(['ascent'] * 10_000)}]\n")
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml")
    assert str(caught.value) == "x.yaml:5:9: faults: expected each fault once, 100 at most, found 10,000"


@pytest.mark.parametrize("method", ["random", "sobol", "lhs"])
def test_a_sample_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.chdir(tmp_path)
    space = ", ".join(f'"init[{k}]": {{uniform: [0, 1]}}' for k in range(12))
    sample = f"{{n: 1000000, method: {method}, space: {{{space}}}}}"
    Path("x.yaml").write_text(BASE + f"init: [{', '.join(['0'] * 17)}]\nsweep:\n  sample: {sample}\n")
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml")
    message = str(caught.value)
    assert message.endswith("space: expected at most 10,000,000 values, found 1,000,000 cells x 12 keys")
    assert message.startswith("x.yaml:7:")
