"""Completion as a user meets it: bash, zsh and fish are asked, with the script that `completion` prints."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import runner
from runner.cli.main import run
from runner.keys.definitions import KEYS
from runner.ops import LOSSES, OPTIMIZERS

pytest.importorskip("argcomplete")

# What `complete -F` of bash gives to the script, and what the script offers.
_BASH = """\
source <(runner completion bash)
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:' COMPREPLY=()
    _python_argcomplete runner
    (IFS=$'\\t'; echo "${COMPREPLY[*]}")
done
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study, its results, and the command `runner`."""
    folder = tmp_path_factory.mktemp("completion")
    study = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.5, "epochs": 10, "replicates": 5}
    text = "".join(f"{key}: {value}\n" for key, value in study.items())
    (folder / "small.yaml").write_text(f"{text}sweep: {{grid: {{loss: [sse, mse]}}}}\n")
    runner.run(folder / "small.yaml", out=folder / "results", threads=1)
    runner.run(folder / "small.yaml", out=folder / "results" / "kept", threads=1, store="parquet")
    (folder / "bin").mkdir()
    program = folder / "bin" / "runner"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m runner "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """Variables of a shell that finds `runner`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("_ARGCOMPLETE")}
    path = os.pathsep.join(filter(None, [str(Path(runner.__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    return own | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": path, "HOME": str(folder)}


@pytest.fixture
def ask(folder: Path, environment: dict[str, str]) -> object:
    """Ask bash what may stand at the end of a line."""

    def asked(line: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", _BASH],
            input=f"{line}\n",
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [text.strip() for text in done.stdout.rstrip("\n").split("\t") if text]

    return asked


def run_ids(folder: Path) -> list[str]:
    """Identities of the runs."""
    return [line.split(",")[0] for line in (folder / "results/small/runs.csv").read_text().splitlines()[1:]]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("runner rep", {"report", "replay"}),
        ("runner re", {"report", "replay", "results/"}),
        ("runner sm", {"small.yaml"}),
        ("runner plan sm", {"small.yaml", "small"}),
        ("runner -q --out results report ", {"small", "bin/", "results/"}),
        ("runner report sm", {"small"}),
        ("runner report small --h", {"--help", "--html"}),
        ("runner example xor", {"xor_sweep"}),
        ("runner example xor_sweep learning_rate=1 optim", {"optimizer="}),
        ("runner example xor_sweep -j 2 loss=", set(LOSSES)),
        ("runner small.yaml optimizer=ad", {name for name in OPTIMIZERS if name.startswith("ad")}),
        ("runner small.yaml epo", {"epochs="}),
        ("runner explain small --at lo", {"loss="}),
        ("runner explain small --at loss=", {"sse", "mse"}),
        ("runner plot small --x los", {"loss"}),
        ("runner plot small --kind h", {"heatmap"}),
        ("runner plot small --y conv", {"converged"}),
        ("runner small.yaml --store p", {"parquet"}),
        ("runner export small --to sq", {"sqlite"}),
        ("runner export small --to o", {"optuna"}),
        ("runner export small --to=sq", {"sqlite"}),
        ("runner table small --rows arch", {"architecture"}),
        ("runner completion ", {"bash", "zsh", "fish"}),
        ("runner --out results/kept explain small --at lo", {"loss="}),
        ("runner --out results/kept explain small --at loss=", {"sse", "mse"}),
        ("runner --out results/kept explain small --at seed=", {"0", "1", "2", "3", "4"}),
        ("runner --out results/kept table small --rows arch", {"architecture"}),
    ],
)
def test_bash_offers(line: str, offered: set[str], ask: object) -> None:
    assert set(ask(line)) == offered  # type: ignore[operator]


def test_bash_offers_all_keys_and_the_ids_of_runs(folder: Path, ask: object) -> None:
    assert set(ask("runner small.yaml ")) >= {f"{key}=" for key in KEYS}  # type: ignore[operator]
    first = run_ids(folder)[0]
    expected = {run_id for run_id in run_ids(folder) if run_id.startswith(first[:2])}
    assert set(ask(f"runner explain small {first[:2]}")) == expected  # type: ignore[operator]
    assert set(ask(f"runner --out results/kept explain small {first[:2]}")) == expected  # type: ignore[operator]
    assert ask("runner explain nowhere ab") == []  # type: ignore[operator]


def test_fish_offers(folder: Path, environment: dict[str, str]) -> None:
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    for line, offered in (("runner rep", {"report", "replay"}), ("runner small.yaml epo", {"epochs="})):
        program = f"runner completion fish | source; complete -C {shlex.quote(line)}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", program],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert {found.split("\t")[0] for found in done.stdout.splitlines()} == offered


def test_zsh_completes_what_is_typed(folder: Path, environment: dict[str, str]) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment | {"TERM": "dumb", "PS1": "% "})

    def typed(keys: str, until: str) -> str:
        """What the terminal shows until some text comes."""
        os.write(terminal, keys.encode())
        shown, end = "", time.monotonic() + 30
        while until not in shown and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(terminal, 4096).decode(errors="replace"))
        return shown

    try:
        typed("autoload -U compinit; compinit -u -D; eval \"$(runner completion zsh)\"; echo rea'dy'\n", "\nready")
        assert "runner small.yaml epochs=" in typed("runner small.yaml epo\t", "epochs=")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def test_an_unknown_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "argument SHELL: invalid choice: 'tcsh'" in capsys.readouterr().err


def test_names_are_made_once_and_again_when_the_sources_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.cli import completion

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    made = completion._names()
    assert made["keys"].keys() >= KEYS.keys()
    file = tmp_path / "runner-kernels" / "completion.json"
    with monkeypatch.context() as patch:
        patch.setattr(completion, "_collect_names", lambda: pytest.fail("they are there"))
        assert completion._names() == made
    file.write_text(file.read_text().replace(completion.VERSION, "0.0.1"))
    monkeypatch.setattr(completion, "_collect_names", lambda: {"keys": {}})
    assert completion._names() == {"keys": {}}
    file.write_text("{")
    assert completion._names() == {"keys": {}}
