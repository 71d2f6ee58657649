"""`--device`: what is no device, and what a machine without a graphics card says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.host_card import HostDriver

from runner.cli.main import run

STUDY = str(Path(__file__).parents[2] / "configs" / "xor_sweep.yaml")


def test_a_device_that_is_none_or_is_not_there_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    study = [STUDY, "--out", str(tmp_path)]
    assert run([*study, "--device", "gpu"]) == 2
    assert "expected cpu or cuda, not 'gpu'; did you mean 'cuda'?" in capsys.readouterr().err
    assert run([*study, "--device", "cuda", "--dask", "local:1"]) == 2
    assert "--device cuda can not be combined with --dask" in capsys.readouterr().err
    assert run([*study, "--device", "cuda", "-n"]) == 0
    assert "times are those of the processor" in capsys.readouterr().err


def test_a_machine_without_a_graphics_card_refuses(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.kernels.cuda._bindings", lambda: HostDriver(fails="cuInit"))
    assert run([STUDY, "--out", str(tmp_path / "new"), "--device", "cuda"]) == 3
    shown, err = capsys.readouterr()
    told = (
        "nothing is compiled"
        if os.environ.get("NUMBA_DISABLE_JIT") == "1"
        else "no graphics card of NVIDIA can be used"
    )
    assert (shown, told in err, err.count("\n")) == ("", True, 1)
    assert not (tmp_path / "new").exists()
