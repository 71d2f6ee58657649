"""Parts of a study: each run in one of them, alike in what they cover, and merged to the bytes of the whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import divided

from runner.__main__ import main
from runner.studies.load import load_study
from runner.studies.plan import Plan, make_plan
from runner.studies.shard import Shard

COUNTS = (1, 2, 3, 7, 40)


def plan_of(folder: Path, text: str) -> Plan:
    return make_plan(load_study(divided.write(folder, text)))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "1/3/5", "-1/3", "1/2000000", "", "1.5/3"])
def test_what_is_no_part_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="expected I/N, such as 1/3, 2/3 and 3/3"):
        Shard.parse(text)
    assert main(["nothing.yaml", f"--shard={text}"]) == 2
    assert "expected I/N, such as 1/3" in capsys.readouterr().err


@pytest.mark.parametrize("of", COUNTS)
@pytest.mark.parametrize("text", divided.STUDIES.values(), ids=divided.STUDIES)
def test_every_run_is_in_one_part_and_shares_its_trajectory_there(tmp_path: Path, text: str, of: int) -> None:
    plan = plan_of(tmp_path, text)
    parts = np.array([Shard(i, of).runs(plan) for i in range(1, of + 1)])
    assert (parts.sum(axis=0) == 1).all()
    sizes = parts.sum(axis=1)
    assert sizes.max() - sizes.min() <= 3 * max(map(len, plan.schedule()))
    by_cell = parts.reshape(of, plan.n_cells, len(plan.seeds))
    for cells in plan.schedule():
        assert (by_cell[:, list(cells)] == by_cell[:, [cells[0]]]).all()


@pytest.mark.parametrize("of", [2, 3, 5])
def test_parts_cover_every_axis_alike(tmp_path: Path, of: int) -> None:
    """Also with one seed: of 12 x 12 x 9 cells, each value of each axis falls to each part about as often."""
    plan = plan_of(
        tmp_path,
        """\
name: divided
data: xor
architecture: 2-2-1
learning_rate: 1
epochs: 50
sweep:
  grid:
    learning_rate: {geomspace: [0.1, 10, 12]}
    init: {choices}
    architecture: [2-2-1, 2-3-1, 2-4-1, 2-5-1, 2-6-1, 2-7-1, 2-8-1, 2-9-1, 2-10-1]
""".replace("{choices}", str([f"normal(0, {k})" for k in range(1, 13)])),
    )
    codes = np.unravel_index(np.arange(plan.n_cells), (12, 12, 9))
    for i in range(1, of + 1):
        mine = Shard(i, of).runs(plan)
        for axis in codes:
            counts = np.bincount(axis[mine])
            assert np.abs(counts / counts.mean() - 1).max() <= 0.3


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of all results of a study: trained as one, as `whole`, and in three parts; made once."""
    made: dict[str, Path] = {}

    def results(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp("divided")
            study, out = divided.write(folder, divided.STUDIES[name]), folder / "results"
            assert main([str(study), "-q", "--out", str(out)]) == 0
            (out / "divided").rename(out / "whole")
            for i in (2, 1, 3):
                assert main([str(study), "-q", "--out", str(out), "--shard", f"{i}/3"]) == 0
            made[name] = out
        return made[name]

    return results


@pytest.fixture
def parts(trained: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of such a folder, to be changed."""

    def copied(name: str) -> Path:
        shutil.copytree(trained(name), tmp_path / "results")
        return tmp_path / "results"

    return copied


@pytest.mark.parametrize("name", divided.STUDIES)
def test_merged_parts_are_the_whole(
    parts: Callable[[str], Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = parts(name)
    assert main(["merge", "divided", "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    assert divided.contents(out / "divided") == divided.contents(out / "whole")
    assert len(divided.contents(out / "whole")) == (3 if name == "recorded" else 1)
    runs = len(pd.read_csv(out / "whole" / "runs.csv"))
    told = json.loads(printed.out)
    assert (told["merged"], told["left"], told["doubled"], told["absent"]) == (runs, 0, 0, [])
    assert f"divided: merged {runs} runs in " in printed.err
    # Once more: all is there, and nothing changes. And it is an ordinary study, that goes on and is replayed.
    assert main(["merge", "divided", "--out", str(out), "-q"]) == 0
    assert main(["replay", "divided", "--all", "--out", str(out), "-q"]) == 0
    assert divided.contents(out / "divided") == divided.contents(out / "whole")
    facts = [json.loads((out / name / "environment.json").read_text()) for name in ("divided", "whole")]
    for fact in facts:
        del fact["study"]["beside_results"]  # the parts have been copied to another place
    for key in ("study", "axes", "runs", "kernels", "results_version", "record", "defaults", "shard"):
        assert facts[0][key] == facts[1][key]


def test_a_part_that_is_absent_is_told_and_trained_by_the_study_itself(
    parts: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = parts("recorded")
    assert main(["merge", "divided", "divided.1-of-3", str(out / "divided.3-of-3"), "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert "divided: not among the parts: 2/3" in printed.err
    left = len(pd.read_csv(out / "divided.2-of-3" / "runs.csv"))
    assert f"divided: {left} runs are left: resume with the same command" in printed.err
    assert main(["merge", "divided", "divided.2-of-3", "--out", str(out), "-q"]) == 0
    assert divided.contents(out / "divided") == divided.contents(out / "whole")


def test_a_part_given_twice_is_told(parts: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = parts("plain")
    shutil.copytree(out / "divided.2-of-3", out / "again")
    names = ["divided.1-of-3", "divided.2-of-3", "again", "divided.3-of-3"]
    assert main(["merge", "divided", *names, "--out", str(out), "-q"]) == 0
    doubled = len(pd.read_csv(out / "again" / "runs.csv"))
    assert f"divided: {doubled} rows stood in more than one part, with the same contents" in capsys.readouterr().err
    assert divided.contents(out / "divided") == divided.contents(out / "whole")


def damage(folder: Path, row: int, old: str, new: str) -> None:
    """Change a field of a row."""
    lines = (folder / "runs.csv").read_text().splitlines(keepends=True)
    assert old in lines[row]
    lines[row] = lines[row].replace(old, new, 1)
    (folder / "runs.csv").write_text("".join(lines))


def test_what_does_not_belong_is_refused(parts: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = parts("plain")
    kept = {folder.name: (folder / "runs.csv").read_bytes() for folder in out.glob("divided.*")}

    def refused(change: Callable[[Path], object], code: int, message: str) -> None:
        folder = out / "divided.2-of-3"
        shutil.copytree(folder, out / "kept")
        change(folder)
        assert main(["merge", "divided", "--out", str(out), "-q"]) == code
        assert message in capsys.readouterr().err
        shutil.rmtree(folder)
        (out / "kept").rename(folder)
        shutil.rmtree(out / "divided", ignore_errors=True)

    def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
        def change(folder: Path) -> None:
            text = (folder / name).read_text()
            assert old in text
            (folder / name).write_text(text.replace(old, new, 1))

        return change

    refused(edit("study.yaml", "replicates: 5", "replicates: 6"), 3, "not of the same study as")
    refused(edit("environment.json", '"overrides": []', '"overrides": ["epochs=3"]'), 3, "it was started with epochs=3")
    refused(edit("environment.json", '"kernels": "', '"kernels": "x'), 3, "2 different states of the kernels")
    refused(edit("environment.json", '"results_version": ', '"results_version": 1'), 3, "holds results of version 1")
    refused(lambda folder: damage(folder, 2, ",2-2-1,", ",2-2-1 ,"), 1, "is not as the runner writes it")
    refused(lambda folder: (folder / "runs.journal").write_bytes(b""), 1, "divided.2-of-3 is not finished")
    refused(lambda folder: (folder / "study.yaml").unlink(), 1, "cannot read")
    assert {folder.name: (folder / "runs.csv").read_bytes() for folder in out.glob("divided.*")} == kept


def test_two_rows_of_one_run_that_differ_are_refused(
    parts: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = parts("plain")
    shutil.copytree(out / "divided.2-of-3", out / "again")
    value = str(pd.read_csv(out / "again" / "runs.csv", dtype=str).final_loss[1])
    damage(out / "again", 2, f",{value},", ",0.125,")
    assert main(["merge", "divided", "divided.2-of-3", "again", "--out", str(out), "-q"]) == 1
    assert "is not as the runner writes it (changed by another program?)" in capsys.readouterr().err
    (out / "again" / "runs.sums").unlink()
    assert main(["merge", "divided", "divided.2-of-3", "again", "--out", str(out), "-q"]) == 3
    assert "stands in another part with different contents" in capsys.readouterr().err


def test_a_run_of_another_study_is_told(parts: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = parts("plain")
    table = out / "divided.2-of-3" / "runs.csv"
    text = table.read_text().splitlines(keepends=True)
    table.write_text("".join([*text, "0123456789abcdef" + text[1][16:]]))
    assert main(["merge", "divided", "--out", str(out), "-q"]) == 1
    said = "1 row is of a run that the study does not have: 0123456789abcdef"
    assert said in capsys.readouterr().err


def test_no_parts_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", "divided", "--out", str(tmp_path)]) == 2
    assert "there are no parts of 'divided'" in capsys.readouterr().err
    assert main(["merge", "a/b", "--out", str(tmp_path)]) == 2
    assert "expected the name of the study" in capsys.readouterr().err


def test_a_part_goes_on_where_it_was_and_tells_of_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, out = divided.write(tmp_path, divided.PLAIN), tmp_path / "results"
    command = [str(study), "--out", str(out), "--shard", "2/3"]
    mine = int(Shard(2, 3).runs(make_plan(load_study(study))).sum())
    assert main([*command, "-n"]) == 0
    planned = capsys.readouterr().out
    assert f"part 2/3: {mine} of these runs" in planned
    assert f"rows: {mine} new, 0 kept" in planned
    assert main([*command, "--limit", "10"]) == 0
    assert f"divided.2-of-3: {mine - 10} runs are left" in capsys.readouterr().err
    assert main(command) == 0
    told = capsys.readouterr()
    assert f"divided.2-of-3: 10 of {mine} runs are done already" in told.err
    assert f"divided.2-of-3: {mine} runs" in told.out
    assert main([*command, "-n", "--json"]) == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["new"], view["kept"], view["shard"], view["runs"]) == (0, mine, "2/3", mine)


def test_runs_of_a_part_share_a_training_only_where_budgets_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, shared in ((divided.OWN_DATA, False), (divided.PLAIN, True)):
        study = divided.write(tmp_path, text)
        assert main([str(study), "--out", str(tmp_path / "results"), "--shard", "1/2", "-n"]) == 0
        assert ("runs that differ only in their budget share one" in capsys.readouterr().out) == shared


def test_rows_copied_by_hand_are_a_merge_as_well(trained: Callable[[str], Path], tmp_path: Path) -> None:
    """Without curves and weights: any way that brings the rows together will do."""
    out = trained("plain")
    lines = [line for i in (3, 1, 2) for line in (out / f"divided.{i}-of-3" / "runs.csv").open()]
    study, here = divided.write(tmp_path, divided.PLAIN), tmp_path / "results"
    assert main([str(study), "--limit", "1", "-q", "--out", str(here)]) == 0
    table = here / "divided" / "runs.csv"
    with table.open("a") as file:
        file.writelines(line for line in lines if not line.startswith("run_id,") and line not in table.read_text())
    assert main([str(study), "-q", "--out", str(here)]) == 0
    assert divided.contents(here / "divided") == divided.contents(out / "whole")
