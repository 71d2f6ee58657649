"""Rows that another program has changed: a table with such a row is not added to, with or without its checksums."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runner
from runner.__main__ import main
from runner.errors import Refused, RunnerError
from runner.results.sums import SUMS

STUDY = """\
name: s
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 100
sweep: {grid: {activation: [sigmoid, relu]}}
replicates: 10
"""
WHAT_TO_DO = (
    "; another program, a spreadsheet perhaps, has changed the file, and can have changed other rows too; bring back "
    "the file as it was, remove the row, which is then trained again, or pass --fresh to move the file aside"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study and its results."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "s.yaml").write_text(STUDY)
    runner.run(folder / "s.yaml", out=folder / "results", threads=1)
    return folder


@pytest.fixture(params=["with sums", "without"])
def table(made: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Its table, with and without checksums beside it, as it was before."""
    path = made / "results" / "s" / "runs.csv"
    before = {each: each.read_bytes() for each in path.parent.iterdir()}
    if request.param == "without":
        (path.parent / SUMS).unlink()
    yield path
    for each in path.parent.iterdir():
        each.unlink()
    for each, content in before.items():
        each.write_bytes(content)


def start(table: Path, *overrides: str) -> Path:
    folder = table.parents[2]
    return runner.run(folder / "s.yaml", *overrides, out=folder / "results", threads=1)


def by_pandas(**options: object) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        pd.read_csv(path).to_csv(path, index=False, **options)  # type: ignore[call-overload]

    return save


def by_text(change: Callable[[str], str]) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_text(change(path.read_text()))

    return save


def every_field(column: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        at = rows[0].index(column)
        for row in rows[1:]:
            row[at] = change(row[at])
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    return save


SAVED = {
    "%.6g": by_pandas(float_format="%.6g"),
    "%.10g": by_pandas(float_format="%.10g"),
    "%.15g": by_pandas(float_format="%.15g"),
    "%.10f": by_pandas(float_format="%.10f"),
    "missing as NaN": by_pandas(na_rep="NaN"),
    "whole numbers with a point": every_field("updates_to_converge", lambda text: text and f"{text}.0"),
    "TRUE and FALSE": by_text(lambda text: text.replace("True", "TRUE").replace("False", "FALSE")),
    "1E-07": every_field("mse", lambda text: f"{float(text):.16E}"),
    "epochs as 100.0": every_field("epochs", lambda text: f"{text}.0"),
    "dates": every_field("architecture", lambda text: "2/2/2001"),
    "another name": every_field("outcome", lambda text: "stuck " if text == "stuck" else "learned"),
    "seeds with zeros": every_field("seed", lambda text: f"0{text}"),
    "spaces": every_field("loss", lambda text: f" {text}"),
    "cell": every_field("cell_id", lambda text: text[::-1]),
    "quotes": by_text(lambda text: text.replace(",xor,", ',"xor",')),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_table_saved_by_a_spreadsheet_is_not_added_to(table: Path, name: str) -> None:
    SAVED[name](table)
    changed = table.read_bytes()
    for overrides in ([], ["replicates=11"], ["replicates=3"]):
        with pytest.raises(Refused) as caught:
            start(table, *overrides)
        message = str(caught.value)
        assert message.startswith(f"{table}: row ")
        assert message.endswith(WHAT_TO_DO)
        assert caught.value.exit_code == 3
    with pytest.raises(Refused):
        start(table, "learning_rate=2")  # all rows would be set aside
    assert table.read_bytes() == changed
    assert not (table.parent / "orphans.csv").exists()
    for command in ("report", "explain", "claims"):
        assert main([command, str(table.parent)]) == 0


def test_row_and_field_are_named(table: Path) -> None:
    header, first, *_ = table.read_text().splitlines()
    fields = dict(zip(header.split(","), first.split(","), strict=True))
    for name, found, expected in (
        ("architecture", "2/2/2001", "2-2-1"),
        ("epochs_run", "100", "100.0"),
        ("final_loss", "much", "a number, or nothing"),
        ("converged", "TRUE", "True or False"),
        ("seed", "-1", "a whole number"),
        ("seed", "7", fields["seed"]),
        ("learning_rate", "0.50", "0.5"),
    ):
        before = table.read_bytes()
        values = fields | {name: found}
        table.write_text(table.read_text().replace(first, ",".join(values.values())))
        with pytest.raises(Refused) as caught:
            start(table)
        assert str(caught.value) == (
            f"{table}: row 1, {name}: found '{found}', where the runner writes {expected}{WHAT_TO_DO}"
        )
        table.write_bytes(before)


def test_what_nobody_has_changed_is_the_same_in_any_order(table: Path) -> None:
    """Rows that were removed are trained again, and rows in another order put back."""
    before = {path.name: path.read_bytes() for path in table.parent.iterdir() if path.suffix in (".csv", ".sums")}
    header, *rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join([header, *rows[:3:-1]]))
    start(table)
    for name, content in before.items():
        assert (table.parent / name).read_bytes() == content


def test_a_digit_that_has_changed(table: Path) -> None:
    """Only the checksum tells, when the number could have been another run's; the row is made again when removed."""
    whole = table.read_bytes()
    header, *rows = table.read_text().splitlines(keepends=True)
    # In the weight norm, which no column of this study stands behind.
    at = len(rows[4].rstrip(",\n")) - 4
    digit = str((int(rows[4][at]) + 1) % 10)
    rows[4] = rows[4][:at] + digit + rows[4][at + 1 :]
    table.write_text("".join([header, *rows]))
    if (table.parent / SUMS).exists():
        with pytest.raises(Refused, match=r"runs.csv: row 5(, weight_norm: | is not the row that was written)"):
            start(table)
        del rows[4]
        table.write_text("".join([header, *rows]))
        start(table)
        assert table.read_bytes() == whole


@pytest.mark.parametrize("name", ["runs.csv", "orphans.csv"])
def test_random_damage_is_never_kept(made: Path, table: Path, name: str) -> None:
    """A byte that is changed, lost or put in: the start is refused, or makes the row again."""
    whole = table.read_bytes()
    if name == "orphans.csv":
        start(table, "replicates=5")
    path = table.parent / name
    before = {each: each.read_bytes() for each in table.parent.iterdir()}
    random = np.random.default_rng(4)
    for _ in range(25):
        data = bytearray(before[path])
        at = int(random.integers(data.index(b"\n") + 1, len(data)))
        change = random.integers(3)
        if change == 0:
            data[at] ^= 1 << int(random.integers(8))
        elif change == 1:
            del data[at : at + int(random.integers(1, 20))]
        else:
            data[at:at] = bytes([data[int(random.integers(len(data)))]])
        path.write_bytes(data)
        told = ""
        try:
            start(table)
        except RunnerError as error:
            told = str(error)
        assert name in told if told else table.read_bytes() == whole or table.parent / SUMS not in before
        for each in table.parent.iterdir():
            each.unlink()
        for each, content in before.items():
            each.write_bytes(content)


ODD = (
    "",
    "2/2/2001",
    "nan",
    "-",
    "1e999",
    "TRUE",
    "\n",
    "a\nb",
    '"',
    ",",
    "é✓",
    "9" * 20,
    "-0",
    "\0",
    "[1, 2",
    "1_0",
    " ",
)


def test_odd_fields_are_read_without_a_traceback(
    made: Path, table: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one row or in all of them, in any column, by everything that only reads."""
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    name, run_id = str(table.parent), rows[3][0]
    commands = [
        *([command, name, *flags] for command in ("report", "explain", "claims") for flags in ([], ["--json"])),
        *(["explain", name, run_id, *flags] for flags in ([], ["--json"])),
        ["table", name, "--rows", "activation"],
        ["plot", name, "--x", "activation", "--y", "median(final_loss)", "--into", str(made / "plot.svg")],
        ["replay", name, "--all", "-q"],
        ["replay", name, run_id],
        ["export", name, "--to", "sqlite", "--into", str(made / "table.sqlite")],
        ["export", name, "--to", "xlsx", "--into", str(made / "table.xlsx")],
    ]
    random = np.random.default_rng(6)
    wanted = [("architecture", "2/2/2001", "explain"), ("init", "\n", "explain"), ("run_id", "\n", "explain")]
    wanted += [
        (str(random.choice(header)), ODD[random.integers(len(ODD))], "")
        for _ in range(pytestconfig.getoption("--damages"))
    ]
    for column, odd, first in wanted:
        changed = [list(row) for row in rows]
        for row in [changed[3]] if random.random() < 0.7 else changed:
            row[header.index(column)] = odd
        with table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *changed])
        chosen = [command for command in commands if command[0] == first] if first else random.choice(len(commands), 3)
        for command in chosen:
            arguments = command if first else commands[command]
            assert main(arguments) in (0, 1, 2, 3), (column, odd, arguments)
            assert "Traceback" not in capsys.readouterr().err
