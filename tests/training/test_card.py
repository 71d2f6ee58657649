"""Runs that a graphics card trains have the bytes of those that the processor trains."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.host_card import HostCard

import runner
from runner.errors import Refused
from runner.kernels import cuda
from runner.kernels.lanes.kinds import numbers_of
from runner.studies.plan import make_plan
from runner.training.session import Options, run_session

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

PLAIN: dict[str, Any] = {
    "data": "xor",
    "architecture": ["2-2-1", "2-3-1"],
    "init": "normal(0, 1)",
    "learning_rate": [0.5, 5],
    "epochs": [50, 200],
    "replicates": 5,
}
STUDIES: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    # What a run carries from stage to stage goes there and back.
    "stopped": PLAIN
    | {
        "optimizer": "momentum",
        "batch": 3,
        "order": "shuffled",
        "stop": "converged",
        "epochs": 3000,
        "record": {"curves": 5, "weights": True},
    },
    "diverging": PLAIN | {"activation": "relu", "output": "identity", "loss": "mse", "learning_rate": [30, 3000]},
    "tested": {
        "data": "iris",
        "target_encoding": "one_hot",
        "architecture": "4-3-3",
        "output": "softmax",
        "loss": "cross_entropy",
        "test": {"fraction": 0.2},
        "stop": "patience(5)",
        "learning_rate": 0.5,
        "epochs": 40,
        "precision": "float32",
        "replicates": 3,
    },
    "judged": PLAIN
    | {
        "batch": 2,
        "order": "shuffled",
        "stop": "converged",
        "epochs": 3000,
        "criterion": {"mse": 0.05},
        "criterion_from": "training",
        "criterion_window": 4,
        "scoring": "40-20-40",
    },
    "undecided": {
        "data": "and",
        "target_range": [-1, 1],
        "architecture": "2-1",
        "output": "sign",
        "rule": "bipolar_perceptron",
        "undecided_band": 0.2,
        "batch": 1,
        "learning_rate": [0.1, 1],
        "epochs": 30,
        "replicates": 3,
    },
    "scheduled": PLAIN | {"learning_rate_schedule": "cosine(40)", "faults": ["early_derivative"]},
}


def files_of(keys: dict[str, Any], out: Path, card: cuda.Card | None) -> dict[str, bytes]:
    """What a study leaves in its folder, but for its record of the machine."""
    plan = make_plan(runner.study(name="study", **keys))
    done = run_session(plan, Options(out=out, card=card, quiet=True, threads=2))
    assert (done.trained, done.failed) == (plan.n_runs, 0), done.reasons
    files = {each.name: each.read_bytes() for each in (out / "study").glob("*.csv")}
    if (out / "study" / "weights.npz").exists():
        weights = np.load(out / "study" / "weights.npz")
        files |= {name: weights[name].tobytes() for name in weights.files}
    return files


@pytest.mark.parametrize("name", STUDIES)
def test_rows_are_the_processors(name: str, tmp_path: Path) -> None:
    with HostCard() as card:
        found = files_of(STUDIES[name], tmp_path / "card", card)
        assert card.facts()["launches"] > 0
    assert not card.driver.memory
    assert found == files_of(STUDIES[name], tmp_path / "processor", None)


@pytest.mark.parametrize("name", STUDIES)
def test_rows_of_a_real_card_are_the_processors(name: str, tmp_path: Path) -> None:
    try:
        card = cuda.Card()
    except Refused as refused:
        pytest.skip(str(refused))
    with card:
        assert files_of(STUDIES[name], tmp_path / "card", card) == files_of(STUDIES[name], tmp_path / "processor", None)


def test_what_it_can_not_train_the_processor_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(runner.study(name="study", **PLAIN | {"faults": ["none", ["no_factor(layer=1)"]]}))
    with HostCard() as card:
        done = run_session(plan, Options(out=tmp_path, card=card))
    assert done.trained == plan.n_runs
    told = " ".join(capsys.readouterr().err.split())
    assert "some runs are trained by the processor: a graphics card leaves to it methods of second order" in told


def test_a_card_that_fails_loses_no_other_run(tmp_path: Path) -> None:
    plan = make_plan(runner.study(name="study", **PLAIN))
    with HostCard(fails="cuMemAlloc") as card:
        done = run_session(plan, Options(out=tmp_path, card=card, quiet=True))
    assert done.failed == plan.n_runs
    assert done.reasons == ("CardError: out of memory (cuMemAlloc)",)
    again = run_session(plan, Options(out=tmp_path, retry_failed=True, quiet=True))
    assert (again.trained, again.failed) == (plan.n_runs, 0)


@pytest.mark.parametrize("name", ["plain", "tested"])
def test_ptx_names_the_rounding_of_every_operation(name: str, tmp_path: Path) -> None:
    """So that NVIDIA's compiler fuses no multiplication with an addition, and no quotient is only nearly right."""
    made: list[str] = []

    class Noted(HostCard):
        def _kernel(self, arguments: tuple[Any, ...]) -> Any:
            if not made:
                code, request = cuda.lowered_for(arguments), cuda.request_for(arguments)
                path = cuda.special.place_of(request, code)
                path.unlink(missing_ok=True)
                cuda.special.Making(request, code).wait()
                content = cuda.cache.read(path)
                assert content is not None
                made[:] = content.decode(), str(len(list(numbers_of(arguments, lambda array: 0))))
            return super()._kernel(arguments)

    with Noted() as card:
        files_of(STUDIES[name], tmp_path, card)
    ptx, values = made
    head = ptx[ptx.index(".entry train(") :]
    assert head[: head.index("\n)")].count(".param") == int(values)
    number = {"plain": "f64", "tested": "f32"}[name]
    pattern = rf"^\t(?:@\S+\s+)?((?:add|sub|mul|fma|div|sqrt|rcp)[.\w]*\.{number})\b"
    operations = set(re.findall(pattern, ptx, re.MULTILINE))
    assert operations == {f"{each}.rn.{number}" for each in ("add", "sub", "mul", "fma", "div", "sqrt")}
    assert not re.search(r"\.(approx|ftz|full)\b", ptx)
    if tool := shutil.which("ptxas"):
        import subprocess

        source = tmp_path / "kernel.ptx"
        source.write_text(ptx)
        subprocess.run([tool, "-arch=sm_75", source, "-o", tmp_path / "kernel.cubin"], check=True)
