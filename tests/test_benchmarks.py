"""The benchmarks' programs really do the same work: all of them reach the project's losses."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import table, xor
from benchmarks.__main__ import main
from benchmarks.measure import measure
from benchmarks.peers import Peer, load_peers
from benchmarks.work import Program, Work, prepare

PEERS, NOTES = load_peers()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_program_reaches_the_same_losses(peer: Peer) -> None:
    work = prepare(xor.ITEM, "float64", runs=6, epochs=300)
    assert peer.supports(work)
    np.testing.assert_allclose(peer.prepare(work)(), work.losses, rtol=1e-9)


SOON_READY = [peer for peer in PEERS if not peer.name.startswith("numba")]


@pytest.mark.parametrize("peer", SOON_READY, ids=lambda peer: peer.name)
def test_single_precision_stays_single(peer: Peer) -> None:
    work = prepare(xor.ITEM, "float32", runs=6, epochs=100)
    losses = peer.prepare(work)()
    np.testing.assert_allclose(losses, work.losses, rtol=1e-4)
    assert not np.array_equal(losses, prepare(xor.ITEM, "float64", runs=6, epochs=100).losses)


def test_the_work_is_that_of_its_title() -> None:
    work = prepare(xor.ITEM, "float64", runs=3)
    assert (work.sizes, work.epochs, work.learning_rate) == ((2, 4, 1), 1000, 2.0)
    assert work.weights.shape == (3, 17)
    assert work.sample_steps == 3 * 1000 * 4
    assert len(np.unique(work.weights[:, 0])) == 3


def test_a_program_with_other_losses_is_refused() -> None:
    def wrong(work: Work) -> Program:
        return lambda: work.losses * (1 + 1e-6)

    bad = replace(PEERS[0], name="wrong", prepare=wrong)
    message = "wrong, float64: final losses differ from the project's by 1.0e-06 relative, more than 1e-09"
    with pytest.raises(ValueError, match=re.escape(message)):
        measure(xor.ITEM, "float64", [bad], runs=4, repeats=1, epochs=5)


def test_the_table_has_a_line_for_every_program_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [peer for peer in PEERS if peer.name in ("runner", "kernel")]
    monkeypatch.setattr(table, "load_peers", lambda: (few, ["jax is left out: jax is not installed"]))
    out = io.StringIO()
    table.write_table(["xor"], runs=8, repeats=2, out=out)
    lines = out.getvalue().splitlines()
    assert "jax is left out: jax is not installed" in lines
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| this project")]
    assert [row[1].strip() for row in rows] == ["float64"] * 2 + ["float32"] * 2
    assert rows[0][4].strip() == "1.00 x as fast"


def test_an_unknown_work_item_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["xro"])
    assert "unknown work item 'xro'; there are xor" in capsys.readouterr().err
