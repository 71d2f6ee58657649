"""Write the tables of the reference and of the README from the registries: `python docs/make_reference.py`.

Each table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; the text around it is written by hand. With
`--check` nothing is written, and a page that is not current is an error; with `--print` the tables go to the terminal.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import measurements
from runner.data import DATASETS, SCALINGS
from runner.figures.kinds import FIGURES
from runner.keys.definitions import BUDGETS, CRITERIA, KEYS, Key
from runner.measurements import MEASUREMENTS
from runner.ops import ACTIVATIONS, FAULTS, INITIALIZERS, LOSSES, OPTIMIZERS, RULES, SCHEDULES, SETTINGS
from runner.ops.faults import SQUARED, Fault
from runner.registry import Call
from runner.statistics import STATISTICS
from runner.statistics.weights import WEIGHTS

REFERENCE = Path(__file__).with_name("reference.md")
FIGURE_PAGE = Path(__file__).with_name("figures.md")
CLAIMS = Path(__file__).with_name("claims.md")
README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)

# Keys whose values are a table of their own, or a form that is told best by an example.
_FORMS = {
    "data": "one of [Data sets](#data-sets), or columns of a [file](data.md#csv-data)",
    "scaling": "one of [Scalings](#scalings)",
    "target_range": "`none` or `[lo, hi]`",
    "test": "`none`, `{fraction: 0.2}`, `{k_fold: 5}` or a [file](data.md#held-out-samples)",
    "architecture": "`2-4-1` or `[2, 4, 1]`",
    "activation": "one of [Activations](#activations), or a list of one per hidden layer",
    "output": "one of [Activations](#activations)",
    "init": "one of [Initialisers](#initialisers), or a list of numbers",
    "bias_init": "one of [Initialisers](#initialisers)",
    "learning_rate_schedule": "one of [Schedules](#schedules)",
    "momentum_schedule": "`none`, or one of [Schedules](#schedules)",
    "loss": "one of [Losses](#losses)",
    "dropout": "`none`, a number from 0 to below 1, or a list of one per hidden layer",
    "class_weights": "`none`, `balanced`, or a list of numbers > 0, one per class",
    "faults": "`none`, or a list of [Faults](#faults)",
    "optimizer": "one of [Optimizers](#optimizers)",
    "learning_rate": "a number, or a list of one per layer",
    "bias_learning_rate": "a number, or a list of one per layer",
    "stop": "`budget`, `converged` or a rule of [early stopping](data.md#early-stopping)",
    "restarts": "`none`, `{after: EPOCHS, max: TIMES}` or `{after: EPOCHS}`",
    "criterion": f"`{{NAME: number, ...}}` of {', '.join(f'`{name}`' for name in CRITERIA)}",
}
_DEFAULTS = {
    "fold": "each of the folds",
    "split_seed": "the seed of the run",
    "bias_learning_rate": "`learning_rate`",
    "weight_decay": "the optimizer's",
    "evaluate_every": "one epoch",
    "seed": "the replicate",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def _code(*names: object) -> str:
    return " ".join(f"`{name}`" for name in names)


def _short(value: float) -> str:
    return f"{value:g}"


def _span(schema: Mapping[str, Any]) -> str:
    """The bounds of a number: `1 to 65536`, `at least 0`."""
    low, high, below = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMaximum"))
    if below is not None:
        return f" from {_short(low or 0)} to below {_short(below)}"
    if low is None:
        return ""
    return f" >= {_short(low)}" if high is None or high >= 1e12 else f" from {_short(low)} to {_short(high)}"


def _values(schema: Mapping[str, Any]) -> str:
    """The values of a key, from their JSON schema."""
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"])
    if "enum" in schema:
        return _code(*schema["enum"])
    if "const" in schema:
        return _code(schema["const"])
    return {"number": "a number", "integer": "a whole number"}[schema["type"]] + _span(schema)


def _default(key: Key) -> str:
    if key.required:
        return "required"
    if key.name in SETTINGS:
        return "the optimizer's"
    if key.name in BUDGETS:
        return "one of the three is required"
    return _DEFAULTS.get(key.name) or _code(key.text(key.default) or "none")


def keys() -> str:
    """All keys of a run in the order of the columns."""
    rows = (
        (_code(key.name), _FORMS.get(key.name) or _values(key.kind.schema), _default(key), key.doc)
        for key in KEYS.values()
    )
    return _table(("key", "values", "default", ""), rows)


def activations() -> str:
    """Activations."""

    def limits(low: float, high: float) -> str:
        parts = [f"<= {_short(low)}"] * math.isfinite(low) + [f">= {_short(high)}"] * math.isfinite(high)
        return " or ".join(parts) or "never"

    rows = (
        (
            _code(record.name),
            " ".join(["hidden"] * record.hidden + ["output"] * record.output),
            limits(record.low, record.high),
            record.doc,
        )
        for record in ACTIVATIONS.values()
    )
    return _table(("name", "layers", "saturated", ""), rows)


def losses() -> str:
    """Losses."""
    rows = ((_code(r.name), _code(*r.outputs) if r.outputs else "any", r.doc) for r in LOSSES.values())
    return _table(("name", "output", ""), rows)


def rules() -> str:
    """Learning rules."""

    def needs(single_layer: bool, output: str | None) -> str:
        parts = ["one layer of weights"] * single_layer + [f"output `{output}`"] * (output is not None)
        return ", ".join(parts) or "nothing"

    return _table(
        ("name", "needs", ""), ((_code(r.name), needs(r.single_layer, r.output), r.doc) for r in RULES.values())
    )


def faults() -> str:
    """Defects of hand-written programs."""
    rows = (
        (_code(Call(r.name, r.parameters)), r.term, _place(r), f"{r.doc} `{r.formula}`", f"`{r.line}`")
        for r in FAULTS.values()
    )
    return _table(("name", "term", "where", "what stands there", "as a line of NumPy"), rows)


def _place(fault: Fault) -> str:
    """Where a fault can stand, and what it needs."""
    where = f"each {fault.place}" if fault.by_layer else fault.place
    needs = ["one layer of weights"] * fault.single_layer + ["equal widths"] * fault.equal_widths
    needs += ["as many units as inputs"] * fault.square + ["no more units than inputs"] * fault.narrowing
    needs += ["one output"] * (fault.outputs == 1) + [f"{fault.activation} units"] * bool(fault.activation)
    needs += [f"batch {fault.batch}"] * (fault.batch is not None)
    needs += [f"order {fault.order} or a full batch"] * bool(fault.order)
    needs += [f"optimizer {fault.optimizer}"] * bool(fault.optimizer)
    needs += ["softmax"] * (fault.softmax is True)
    of_output = " for the output layer" if fault.by_layer else ""
    if fault.losses:
        squared = fault.losses == SQUARED
        needs.append(("a squared loss" if squared else " or ".join(fault.losses)) + of_output)
    elif fault.softmax is False:
        needs.append("no softmax" + of_output)
    return "; ".join([where, *needs])


def optimizers() -> str:
    """Optimizers with their settings."""
    rows = (
        (
            _code(record.name),
            ", ".join(f"`{name}: {_short(value)}`" for name, value in record.settings.items()) or "none",
            _short(record.weight_decay),
            record.doc,
        )
        for record in OPTIMIZERS.values()
    )
    return _table(("name", "settings and their defaults", "`weight_decay`", ""), rows)


def initialisers() -> str:
    """Initialisers."""
    rows = ((_code(Call(r.name, r.parameters)), "yes" if r.biases else "no", r.doc) for r in INITIALIZERS.values())
    return _table(("name", "for biases", ""), rows)


def _declared(registry: Mapping[str, Any], what: str = "") -> str:
    def arguments(declared: Mapping[str, Any]) -> str:
        return "; ".join(f"`{name}`: {parameter.expected}" for name, parameter in declared.items())

    rows = ((_code(e.signature), arguments(e.declared), e.doc) for e in registry.values())
    return _table(("name", "arguments", what), rows)


def data_sets() -> str:
    """Named data sets."""
    return _declared(DATASETS)


def schedules() -> str:
    """Schedules of the learning rate and the momentum."""
    return _declared(SCHEDULES, "factor of the learning rate or the momentum")


def scalings() -> str:
    """Scalings of the inputs."""
    return _declared(SCALINGS)


def columns() -> str:
    """Columns of runs.csv."""
    ids = (
        ("`run_id`", "text", "Hash of the canonical texts of all keys: 16 hexadecimal digits."),
        ("`cell_id`", "text", "The same of all keys but `seed`."),
        ("every key", "", "In the order of [Keys](#keys); empty where a run does not use it."),
        ("`outcome`", "text", "One of [Outcomes](#outcomes)."),
    )
    kinds = {"float": "number", "int": "whole number", "bool": "True or False"}
    measured = ((_code(column.name), kinds[column.kind], column.doc) for column in MEASUREMENTS)
    return _table(("column", "kind", ""), (*ids, *measured))


_THRESHOLDS = {
    "WINDOW",
    "DIVERGED",
    "OSCILLATING",
    "BACK_AND_FORTH",
    "LEARNING",
    "SLOWLY",
    "STEADY",
    "FEW",
    "FALLEN",
    "MOSTLY_RIGHT",
    "SATURATED",
    "CONSTANT",
}
# What else stands in measurements.py in capitals.
_OTHERS = {"MEASUREMENTS", "MISSING", "MISSING_BITS", "OUTCOMES", "RECORD_COLUMNS", "RESULTS_VERSION"}


def outcome_table() -> str:
    """Outcomes in the order in which they are decided."""
    known = {name for name in vars(measurements) if name.isupper()} - _OTHERS
    if known != _THRESHOLDS:
        raise SystemExit(f"measurements.py has other thresholds than are told here: {', '.join(known ^ _THRESHOLDS)}")
    end = f"in the last {1 / measurements.WINDOW:.0%} of the budget"
    swing = f"the loss changed by {measurements.OSCILLATING:.0%} of itself or more per evaluation"
    fell = f"the loss fell by {measurements.LEARNING:.0%} or more, or by {measurements.SLOWLY:.1%} or more"
    conditions = {
        "converged": "the criterion holds; by default, every output is less than 0.5 from its target",
        "diverged": f"the loss is infinite or not a number, or beyond {measurements.DIVERGED:,.0f} times the first one",
        "oscillating": f"{end}, {swing}, and "
        f"by {measurements.BACK_AND_FORTH:g} times as much or more as it gained or lost in the end",
        "learning": f"{end}, {fell} and steadily (at least {measurements.STEADY:.0%} of all its changes): train "
        f"longer; or, in mini-batches evaluated at most {measurements.FEW} times in it, the loss came down to "
        f"{measurements.FALLEN:.0%} of the first one or less",
        "saturated": f"{measurements.SATURATED:.0%} or more of the hidden activations lie within 1% of a limit: the "
        "gradient vanishes",
        "constant_output": f"the outputs spread less than {measurements.CONSTANT:.0%} of what the targets do: the same "
        "value for every input",
        "mostly_right": f"{measurements.MOSTLY_RIGHT:.0%} or more of the samples are right (where every target has two "
        "values), and only the criterion asks for more",
        "stuck": "none of these: a plateau or a local minimum",
    }
    if conditions.keys() != set(measurements.OUTCOMES):
        raise SystemExit(
            f"outcomes that are not told here: {', '.join(conditions.keys() ^ set(measurements.OUTCOMES))}"
        )
    return _table(("outcome", "the first of these that holds"), ((_code(n), text) for n, text in conditions.items()))


def figures() -> str:
    """Kinds of figures."""

    def place(rule: str | tuple[str, ...]) -> str:
        named = {"key or nothing": "a key, or nothing", "key": "a key", "column": "a measured column", "nothing": ""}
        return _code(*rule) if isinstance(rule, tuple) else named.get(rule, f"a {rule}")

    rows = ((_code(r.name), place(r.x), place(r.y), place(r.by), r.doc) for r in FIGURES.values())
    return _table(("kind", "`--x`", "`--y`", "`--by`", ""), rows)


def statistics() -> str:
    """Statistics of claims, figures and tables."""
    combined = "from the intervals of the points and how much they vary together over the seeds (MOVER)"
    both = "from both intervals and how much the two vary together over the seeds (MOVER; a ratio by logarithms)"
    rows = [(_code(record.form), record.doc, record.interval) for record in STATISTICS.values()]
    rows += [
        (_code("slope(STATISTIC, KEY)"), "of the line of least squares through the statistic over a key", combined),
        (
            _code("box_dimension(OUTCOME, KEY, KEY)"),
            "the box-counting dimension of the border between runs with the outcome and those without, over the values "
            "of two keys",
            "Student's t over sixteen parts of the plane (jackknife)",
        ),
        (
            _code("ratio(COLUMN)", "difference(COLUMN)"),
            "the median over pairs: a run of `where` and its partner in `versus`, of the same seed and otherwise the "
            "same settings",
            "as for a median",
        ),
        (
            _code("ratio(STATISTIC)", "difference(STATISTIC)"),
            "that of `where` against that of `versus`, on the seeds that both have",
            both,
        ),
    ]
    return _table(("statistic", "value", "99% interval"), rows)


def weight_numbers() -> str:
    """Numbers of weights, which stand where a column may."""
    return _table(("in place of a column", ""), ((_code(record.form), record.doc) for record in WEIGHTS.values()))


TABLES: Mapping[str, Callable[[], str]] = {
    "keys": keys,
    "activations": activations,
    "losses": losses,
    "rules": rules,
    "faults": faults,
    "optimizers": optimizers,
    "schedules": schedules,
    "initialisers": initialisers,
    "data_sets": data_sets,
    "scalings": scalings,
    "columns": columns,
    "outcomes": outcome_table,
    "figures": figures,
    "statistics": statistics,
    "weight_numbers": weight_numbers,
}


PAGES: Mapping[Path, Sequence[str]] = {
    REFERENCE: tuple(name for name in TABLES if name not in ("figures", "statistics", "weight_numbers")),
    README: ("outcomes",),
    FIGURE_PAGE: ("figures",),
    CLAIMS: ("statistics", "weight_numbers"),
}


def current(page: Path, names: Sequence[str]) -> str:
    """The text of a page with every table as it is now."""
    text = page.read_text(encoding="utf-8")
    found = [match[2] for match in _BLOCK.finditer(text)]
    if sorted(found) != sorted(names):
        raise SystemExit(f"{page.name} has the tables {', '.join(found)}; expected {', '.join(names)}")
    return _BLOCK.sub(lambda match: match[1] + "\n" + TABLES[match[2]]() + "\n" + match[3], text)


def main(argv: Sequence[str] | None = None) -> int:
    """Write, check or print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which pages are not current")
    parser.add_argument("--print", action="store_true", help="only print the tables")
    given = parser.parse_args(argv)
    if given.print:
        print("\n".join(f"{name}\n\n{table()}" for name, table in TABLES.items()), end="")
        return 0
    made = {page: current(page, names) for page, names in PAGES.items()}
    old = [page for page, text in made.items() if text != page.read_text(encoding="utf-8")]
    for page in old:
        if given.check:
            print(f"{page.name} is not current: python docs/make_reference.py", file=sys.stderr)
        else:
            page.write_text(made[page], encoding="utf-8")
    return int(given.check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
