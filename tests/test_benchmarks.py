"""The benchmarks' programs really do the same work: all of them reach the project's losses."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from support.host_card import HostCard, HostDriver

from benchmarks import document, goals, table
from benchmarks.__main__ import main
from benchmarks.aspects import Fact
from benchmarks.aspects.cluster import Cluster
from benchmarks.measure import Row, measure
from benchmarks.network import Network, final_losses
from benchmarks.order import Found, Order, carry_out
from benchmarks.peers import Peer, load_peers
from benchmarks.peers.project import special_kernel
from benchmarks.work import Program, Work, prepare
from benchmarks.works import WORKS, load_item

PEERS, NOTES = load_peers()
# What the other programs compile takes seconds each; here it is enough to see them on two small works.
QUICK_WORKS = ("xor", "iris")


def _small(name: str, precision: str = "float64") -> Work:
    return prepare(load_item(name), precision, 6, ["epochs=20" if name == "xor" else "epochs=2"])


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("name", QUICK_WORKS)
def test_every_program_reaches_the_same_losses(peer: Peer, name: str) -> None:
    work = _small(name)
    if not peer.supports(work) or (peer.name, name) in (("numba", "iris"), ("torch compiled", "iris")):
        pytest.skip("another kind of work, or compiled for too long")
    program = peer.prepare(work, 1)
    allowed = max(1e-9, peer.tolerance)
    assert work.difference(program.losses(program.train()), peer.outliers) <= allowed
    np.testing.assert_array_equal(program.losses(program.train()), program.losses(program.train()))


SOON_READY = [peer for peer in PEERS if peer.name not in ("numba", "fann", "scikit-learn", "torch compiled")]


@pytest.mark.parametrize("peer", SOON_READY, ids=lambda peer: peer.name)
def test_single_precision_stays_single(peer: Peer) -> None:
    work = _small("xor", "float32")
    program = peer.prepare(work, 1)
    losses = program.losses(program.train())
    np.testing.assert_allclose(losses, work.losses, rtol=1e-4)
    assert not np.array_equal(losses, _small("xor").losses)


@pytest.mark.parametrize("name", [name for name in WORKS if name != "digits"])
def test_a_loss_from_weights_is_that_of_the_project(name: str) -> None:
    work = prepare(load_item(name), "float64", 4, ["epochs=1", "learning_rate=0"])
    losses = final_losses(work.network, work.inputs, work.targets, work.weights)
    np.testing.assert_allclose(losses[: len(work.losses)], work.losses, rtol=1e-12)


def test_numpy_reaches_the_losses_of_every_work() -> None:
    numpy = next(peer for peer in PEERS if peer.name == "numpy")
    for name in WORKS:
        if name != "digits":
            work = prepare(load_item(name), "float64", 4, ["epochs=2"])
            program = numpy.prepare(work, 1)
            np.testing.assert_allclose(program.losses(program.train()), work.losses, rtol=1e-9, err_msg=name)


def test_the_work_is_that_of_its_title() -> None:
    work = prepare(load_item("xor"), "float64", runs=3)
    assert (work.network.sizes, work.epochs, work.rates.tolist()) == ((2, 4, 1), 1000, [[2.0, 2.0]] * 3)
    assert work.weights.shape == (3, 17)
    assert work.sample_steps == 3 * 1000 * 4
    assert len(np.unique(work.weights[:, 0])) == 3


def test_the_grid_has_a_rate_for_each_layer_and_the_same_weights() -> None:
    work = prepare(load_item("fractal"), "float64", 9, ["epochs=1"])
    assert work.runs == 9
    assert len(np.unique(work.rates, axis=0)) == 9
    assert (work.weights == work.weights[0]).all()
    assert work.network.scales == (pytest.approx((2 / 16) ** 0.5), 1 / 16)
    assert not work.network.biases


def test_a_program_with_other_losses_is_refused() -> None:
    def wrong(work: Work, cores: int) -> Program:
        return Program(lambda: work.losses * (1 + 1e-6), lambda losses: losses)

    message = "wrong, float64: final losses differ from the project's by 1.0e-06 relative, more than 1e-09"
    with pytest.raises(ValueError, match=re.escape(message)):
        measure(load_item("xor"), "float64", [Peer("wrong", "", wrong)], runs=4, repeats=1, overrides=["epochs=5"])


def test_outliers_are_left_aside_and_infinite_losses_are_not() -> None:
    work = _small("xor")
    losses = work.losses.copy()
    losses[0] = np.nan
    assert work.difference(losses) == np.inf
    assert work.difference(losses, outliers=1 / 6) == 0


def test_runs_are_split_among_cores() -> None:
    c = next((peer for peer in PEERS if peer.name == "c"), None)
    if c is None:
        pytest.skip("gcc is not installed")
    work = _small("xor")
    one, two = c.prepare(work, 1), c.prepare(work, 2)
    np.testing.assert_array_equal(one.losses(one.train()), two.losses(two.train()))


def test_the_last_batch_may_be_smaller() -> None:
    net = Network((4, 16, 3), "tanh", "softmax", "cross_entropy", "sgd", (), True, (1.0, 1.0), 150, 16)
    batches = list(net.batches())
    assert [len(range(150)[batch]) for batch in batches] == [16] * 9 + [6]
    assert net.parameters == 4 * 16 + 16 + 16 * 3 + 3


def _row(peer: str, speed: float, work: str = "xor", precision: str = "float64") -> Row:
    return Row(work, peer, peer.upper(), precision, 1, 8, (speed, speed, speed), 1e-12)


def test_the_table_has_a_line_for_every_program_and_every_goal() -> None:
    rows = [_row("runner", 12e6), _row("kernel", 14e6), _row("c", 10e6), _row("jax lanes", 5.6e6)]
    found = Found(rows, [Fact("axis", "an axis", "1.01", "1.02", True)], ["jax is left out: jax is not installed"])
    lines = list(table.lines(found, repeats=3))
    assert "| C | 10 (1.20 x) | 0% | 1e-12 |" in lines
    assert "| xor | float64 | C | general | 1.4 x | 1.40 x | yes | 1.20 x |" in lines
    assert "| xor | float64 | JAX LANES | general | 2.4 x | 2.50 x | yes | 2.14 x |" in lines
    assert "| an axis | 1.01 | 1.02 | yes |" in lines
    assert "- jax is left out: jax is not installed." in lines


def test_goals_are_judged_by_the_kernel_of_a_long_study_and_its_fastest_peer() -> None:
    speeds = {"runner": 9.0, "special": 12.0, "kernel": 8.0, "c": 8.0, "jax vmap": 5.0, "jax vmap all": 6.0}
    rows = [_row(peer, speed, "parity3") for peer, speed in speeds.items()]
    c, vmap = goals.judged(rows)
    assert (c.goal.factor, c.kernel.peer, c.peer.peer, c.ratio, c.is_met) == (1.3, "special", "c", 1.5, True)
    assert (vmap.goal.factor, vmap.peer.peer, vmap.ratio, vmap.is_met) == (2.0, "jax vmap all", 2.0, True)
    c, _ = goals.judged([row for row in rows if row.peer != "special"])
    assert (c.kernel.peer, c.ratio, c.is_met) == ("kernel", 1.0, False)
    assert c.engine is not None
    assert c.engine.peer == "runner"


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_a_study_of_some_minutes_has_a_special_kernel_for_small_networks_only() -> None:
    assert special_kernel(_small("xor")) != 0
    assert special_kernel(_small("iris")) == 0


def test_a_process_of_its_own_measures() -> None:
    found = Found()
    order = Order(1, ["xor"], repeats=1, seconds=0.001, runs=8, overrides=["epochs=5"], peers=["runner", "numpy"])
    told: list[str] = []
    carry_out(order, found, told.append)
    assert [(row.peer, row.precision) for row in found.rows] == [
        (peer, precision) for precision in ("float64", "float32") for peer in ("runner", "numpy")
    ]
    assert len(told) == 4


def test_rows_survive_the_way_between_processes() -> None:
    row = _row("c", 1.5)
    found = Found()
    found.take(json.loads(json.dumps({"kind": "row", "row": asdict(row)})))
    assert found.rows[0].speed == row.speed


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.figure import draw

    rows = [
        replace(_row(peer, speed), precision=p) for peer, speed in (("runner", 4.0), ("c", 2.0)) for p in ("float64",)
    ]
    draw(rows, tmp_path / "figure.svg", "a machine")
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_an_unknown_work_item_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["xro"])
    assert f"unknown work item 'xro'; there are {', '.join(WORKS)}" in capsys.readouterr().err


def test_a_page_keeps_what_stands_around_its_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{document.BEGIN}\nold\n{document.END}\nbelow\n", encoding="utf-8")
    document.replace_table(page, "new")
    document.replace_table(page, "newer")
    assert page.read_text(encoding="utf-8") == f"above\n{document.BEGIN}\n\nnewer\n\n{document.END}\nbelow\n"
    with pytest.raises(ValueError, match="expected <!-- begin benchmarks -->"):
        document.replace_table(Path(__file__).parent / "support" / "naive.py", "new")


@pytest.mark.parametrize("workers", [1, 10, 1000])
def test_a_simulated_cluster_reaches_what_its_client_or_its_workers_can(workers: int) -> None:
    """Whichever is slower, but for what the last tasks and the first ones lose."""
    for run_seconds in (1e-4, 1e-2):
        for row_seconds in (1e-7, 5e-6, 1e-3):
            rows = min(max(2 / run_seconds, 1), 50_000)
            trained = workers / run_seconds
            taken = rows / (rows * row_seconds + 2e-3)
            found = Cluster(workers, run_seconds, row_seconds).rows_per_second()
            assert found == pytest.approx(min(trained, taken), rel=0.1), (run_seconds, row_seconds)


def test_a_card_that_is_not_there_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.aspects import card

    monkeypatch.setattr("runner.kernels.cuda._bindings", lambda: HostDriver(fails="cuInit"))
    (fact,) = card.measure(Order(1))
    assert (fact.aspect, fact.what, fact.met) == ("card", "graphics card", None)
    assert fact.value.startswith("not measured: device 'cuda'")


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_a_card_does_the_work_of_the_engine() -> None:
    from benchmarks.aspects import card

    work = prepare(load_item("xor"), "float64", 8, ["epochs=5"])
    with HostCard() as played:
        program = card.on_card(work, played)
        assert np.array_equal(program.losses(program.train()), work.losses)
