"""When a network gets a kernel of its own, and that nothing which goes wrong there is in the way of training."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import studies
from support.made_at_once import AtOnce

from runner.kernels import special, specialise
from runner.training import session
from runner.training.specials import Specials

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


class _Making:
    """Stands for the process; done at the second look."""

    begun: list[str]

    def __init__(self, request: Any, code: Any) -> None:
        self.path = Path(code)
        self.begun.append(request)
        self._looks = 0

    def finished(self) -> float | None:
        self._looks += 1
        return 0.5 if self._looks > 1 else None

    def close(self) -> None:
        pass


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of which networks, by their names, a kernel was begun; nothing is made."""
    _Making.begun = []
    monkeypatch.setattr(special, "Making", _Making)
    monkeypatch.setattr(special, "is_worth_making", lambda network, width, outputs: network != "large")
    monkeypatch.setattr(special, "general_code", lambda network, *rest: Path(network))
    monkeypatch.setattr(special, "make_request", lambda network, *rest: network)
    monkeypatch.setattr(special, "place_of", lambda request, code: code.with_suffix(".kept"))
    monkeypatch.setattr(special, "load", lambda path: 0 if path.suffix else 77)
    return _Making.begun


def _network(name: str) -> Any:
    job = SimpleNamespace(band=(), pairwise=())
    given = {"data": None, "job": job, "width": None, "sizes": [2, 1], "clock": (0.0, 0.0)}
    given |= dict.fromkeys(("faults", "held", "judged", "iteration", "data_of"))
    return SimpleNamespace(net=name, is_scheduled=False, dtype=np.dtype(float), is_regularised=False, **given)


def test_the_network_that_is_most_worth_it_comes_first(begun: list[str]) -> None:
    specials = Specials(1000)
    small, main, large = _network("small"), _network("main"), _network("large")
    assert [specials.address(each) for each in (small, main, large)] == [0, 0, 0]
    specials.add(large, 0, 2, 1e9, 90.0)
    specials.add(small, 0, 1, 1e9, 0.001)
    # 0.3 seconds for 10 of 1,000 updates: some thirty are left, of which a fifth is saved.
    specials.add(main, 0, 7, 3e9, 0.3)
    assert begun == ["main"]
    specials.add(main, 0, 10, 3e9, 0.3)
    assert specials.address(main) == 0
    specials.add(main, 0, 10, 3e9, 0.3)
    assert (specials.address(main), specials.address(small), specials.address(large)) == (77, 0, 0)
    assert specials.facts() == {"made": 1, "loaded": 0, "slower": 0}
    assert begun == ["main"]


@pytest.mark.parametrize(("faster", "address"), [(1.2, 77), (0.9, 0)])
def test_a_kernel_that_is_slower_is_laid_aside(begun: list[str], faster: float, address: int) -> None:
    specials, network = Specials(1000), _network("main")
    specials.address(network)
    for _ in range(3):
        specials.add(network, 0, 10, 3e9, 0.3)
    assert specials.address(network) == 77
    for _ in range(3):
        specials.add(network, 77, 10, 3e9 * faster, 0.3)
    assert specials.address(network) == address
    # Nor is it made again.
    specials.add(network, 0, 10, 3e9, 0.3)
    assert (begun, specials.facts()["slower"]) == (["main"], int(address == 0))


def test_nothing_is_made_for_what_is_nearly_done(begun: list[str]) -> None:
    specials, network = Specials(1000), _network("main")
    specials.address(network)
    specials.add(network, 0, 990, 1e9, 100.0)
    assert begun == []


def test_nothing_is_judged_by_a_start_too_short(begun: list[str]) -> None:
    specials, network = Specials(100_000), _network("main")
    specials.address(network)
    specials.add(network, 0, 100, 1e9, 10.0)
    assert begun == []


def told(specials: AtOnce) -> AtOnce:
    """Made at once, with its failures told as those of the background are."""
    at_once = specials.address

    def address(shared: Any) -> int:
        try:
            return at_once(shared)
        except Exception as error:
            specials._fail(error)
            return 0

    specials.address = address  # type: ignore[method-assign]
    return specials


FAILURES = {
    "it dies": "import os; os.abort()",
    "it says why": "raise SystemExit('no such processor')",
}


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_a_line_beside_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The study is trained to its end all the same, and nobody is troubled."""
    program = tmp_path / "fails.py"
    program.write_text(script)
    plan = studies.make(tmp_path, data="xor", architecture="2-2-1", learning_rate=0.5, epochs=7, replicates=40)
    monkeypatch.setattr(specialise, "__file__", str(program))
    monkeypatch.setattr(special, "place_of", lambda request, code: tmp_path / f"{len(script)}.object")
    monkeypatch.setattr("runner.training.specials.Specials", lambda updates: told(AtOnce(updates)))
    found = session.run_session(plan, session.Options(out=tmp_path, threads=1, quiet=True))
    assert (found.trained, found.failed, found.exit_code) == (40, 0, 0)
    facts = json.loads((found.table.parent / "environment.json").read_text())["special_kernels"]
    assert facts["failed"]
    if "SystemExit" in script:
        assert facts["failed"] == "ValueError: no such processor"
    assert capfd.readouterr() == ("", "")


def test_no_python_to_start_is_a_failure_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    plan = studies.make(tmp_path, data="xor", architecture="2-2-1", learning_rate=0.5, epochs=11, replicates=3)
    specials = told(AtOnce())
    monkeypatch.setattr(special, "place_of", lambda request, code: tmp_path / "none.object")
    runs = studies.train_plan(plan, specials=specials)
    assert np.isfinite(runs.column("final_loss")).all()
    assert "FileNotFoundError" in specials.facts()["failed"]
