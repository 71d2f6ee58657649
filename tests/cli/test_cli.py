"""The command line as a user meets it: what it prints, and its exit codes.

A process takes a second to start: what does not depend on that is asked within this one (`call`).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest

import runner
from runner.__main__ import main as command_line
from runner.cli import main, parser

STUDY = """\
name: small
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 10
sweep:
  grid:
    learning_rate: [0.5, 8]
    epochs: [10, 1000]
replicates: 20
"""
# Some seconds of work on one core, in many blocks.
LONG = STUDY.replace("small", "long").replace("[10, 1000]", "[20000]").replace("replicates: 20", "replicates: 1500")
USAGE = "python -m runner [run] STUDY.yaml [STUDY.yaml ...] [key=value ...] [flags]"
SEE_RUN = "(see python -m runner run --help)"
COMMAND = (sys.executable, "-m", "runner")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two studies, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(runner.__file__).parent.parent))
    (tmp_path / "small.yaml").write_text(STUDY)
    (tmp_path / "long.yaml").write_text(LONG)
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command within this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = command_line(arguments)
    return code, out.getvalue(), err.getvalue()


def spawn(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_rows(process: subprocess.Popen[str], table: Path, n_bytes: int = 5000) -> None:
    """Until a running process has written the rows of some runs, wherever."""

    def written() -> int:
        return sum(path.stat().st_size for path in (table, table.with_suffix(".journal")) if path.exists())

    deadline = time.monotonic() + 100
    while written() < n_bytes and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, f"which study? usage: {USAGE}"),
        (["replicates=3"], 2, f"which study? usage: {USAGE}"),
        (["pln", "small.yaml"], 2, "'pln' is neither a command nor a study file; did you mean 'plan'?"),
        (["smal"], 2, "'smal' is neither a command nor a study file; did you mean 'small.yaml'?"),
        (["list"], 2, "'list' is neither a command nor a study file"),
        (["zzz"], 2, "'zzz' is neither a command nor a study file"),
        (["smal.yaml"], 2, "smal.yaml: there is no such file; did you mean 'small.yaml'?"),
        (["no/small.yaml"], 2, "no/small.yaml: there is no such file"),
        (["."], 2, ".: is a folder, not a study file"),
        (["/dev/null"], 2, "/dev/null: is a pipe or a device, not a study file"),
        (["n" * 300], 2, f"'{'n' * 40}...' is longer than the name of a file can be"),
        (["report", "n" * 300], 2, f"no results at {'n' * 300} nor at results/{'n' * 300} (looked in @/results)"),
        (["small.yaml", "--out", "n" * 300], 1, f"cannot create {'n' * 300}/small: File name too long"),
        (
            ["small.yaml", "-j", "0"],
            2,
            f"argument -j: expected a whole number of at least 1, not '0' {SEE_RUN}",
        ),
        (
            ["small.yaml", "-j", "100000"],
            2,
            f"argument -j: expected at most 1,024 threads, not 100,000 {SEE_RUN}",
        ),
        (
            ["small.yaml", "--limit", "x"],
            2,
            f"argument --limit: expected a whole number of at least 1, not 'x' {SEE_RUN}",
        ),
        (
            ["small.yaml", "--jsn"],
            2,
            f"unrecognized arguments: --jsn; did you mean '--json'? {SEE_RUN}",
        ),
        (
            ["small.yaml", "small.yaml"],
            2,
            "small.yaml: two studies have the name 'small': their rows would mix",
        ),
        (
            ["small.yaml", "--max-runs", "79"],
            3,
            "the study has 80 runs (4 cells x 20 seeds), more than --max-runs 79",
        ),
        (
            ["small.yaml", "learning_rate=1", "epochs=1", "replicates=2", "--max-runs", "1"],
            3,
            "the study has 2 runs (1 cell x 2 seeds), more than --max-runs 1",
        ),
        (
            ["report"],
            2,
            "which results? give a study's name or its folder of results (see python -m runner report --help)",
        ),
        (["report", "small"], 2, "no results at small nor at results/small (looked in @/results)"),
        (["report", "small", "--out", "o"], 2, "no results at small nor at o/small (looked in @/o)"),
        (["replay", "small", "--all"], 2, "no results at small nor at results/small (looked in @/results)"),
        (
            ["plan", "smal"],
            2,
            "'smal' is neither a study file nor a study that has results in results; did you mean 'small.yaml'?",
        ),
        (["-q", "plan", "zzz"], 2, "'zzz' is neither a study file nor a study that has results in results"),
        (["run", "plan"], 2, "'plan' is a command: only flags may stand before it"),
        (["small.yaml", "report"], 2, "'report' is a command: only flags may stand before it"),
        (["-j"], 2, f"argument -j: expected one argument {SEE_RUN}"),
        (["--sample", "plan", "zzz"], 2, f"unrecognized arguments: --sample {SEE_RUN}"),
        (["-q", "schema"], 2, "unrecognized arguments: -q (see python -m runner schema --help)"),
        (["schema", "x"], 2, "unrecognized arguments: x (see python -m runner schema --help)"),
    ],
)
def test_wrong_arguments(folder: Path, arguments: list[str], code: int, message: str) -> None:
    before = sorted(folder.iterdir())
    # The folder of these results, as an absolute path.
    assert call(*arguments) == (code, "", f"error: {message.replace('@', str(folder.resolve()))}\n")
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [[], ["zzz"], ["small.yaml", "--jsn"], ["small.yaml", "--max-runs", "79"]])
def test_a_process_ends_as_its_command(arguments: list[str]) -> None:
    told = call(*arguments)
    assert told[0] in (2, 3)
    assert spawn(*arguments) == told


def test_a_wrong_study_among_good_ones_stops_all(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(STUDY.replace("small", "wrong").replace("data: xor", "data: xorr"))
    code, out, err = call("small.yaml", "wrong.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("error: wrong.yaml:2:")
    assert not (folder / "results").exists()


def test_version() -> None:
    assert spawn("--version") == (0, f"runner {runner.__version__}\n", "")


def test_schema_is_json() -> None:
    code, out, _ = spawn("schema")
    assert code == 0
    assert json.loads(out)["type"] == "object"


def test_import_is_light() -> None:
    heavy = ("numpy", "numba", "pandas", "yaml", "rich", "pydantic")
    program = f"import sys, runner; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("flag", ["-q", "--no-page"])
def test_a_run_imports_what_it_needs(folder: Path, flag: str) -> None:
    """A study without claims needs no table in memory, and kernels that are on disk not what compiles them."""
    call("small.yaml", "-q")
    (folder / "results").rename("others")
    heavy = ["numba", "pandas", "pyarrow", "scipy.linalg", "matplotlib", "plotly", "jinja2"]
    # The table at the end has intervals, for which SciPy is needed, and this needs NumPy's masked arrays.
    heavy += ["numpy.ma", "scipy"] if flag == "-q" else []
    program = (
        f"import sys; from runner.__main__ import main; main(['small.yaml', '{flag}']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_from_start_to_report(folder: Path) -> None:
    code, out, err = spawn("small.yaml", "-j", "2")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "small: 80 runs"
    assert any(line.startswith("learning_rate  0.5") for line in lines)
    assert any(line.startswith("epochs         10 ") for line in lines)
    assert lines[-2] == "results: results/small/runs.csv"
    assert lines[-1].startswith("trained 80 runs in ")
    assert "small: training 80 runs" in err.splitlines()
    assert sorted(path.name for path in (folder / "results/small").iterdir()) == [
        "environment.json",
        "report.html",
        "runs.csv",
        "runs.sums",
        "study.yaml",
    ]
    assert err.splitlines()[-1] == "page: results/small/report.html"
    assert spawn("report", "small") == (0, "\n".join(lines[:-1]) + "\n", "")
    for name in ("small", "results/small", "results/small/runs.csv"):
        assert call("report", name) == (0, "\n".join(lines[:-1]) + "\n", "")
    code, out, err = call("small.yaml")
    assert (code, err) == (0, "small: all 80 runs are done already\npage: results/small/report.html\n")
    assert out.splitlines() == lines[:-1]


def test_json_and_quiet(folder: Path) -> None:
    code, out, err = spawn("small.yaml", "--json", "-q")
    assert (code, err) == (0, "")
    found = json.loads(out)
    table = pd.read_csv(folder / "results/small/runs.csv")
    assert (found["name"], found["runs"], found["trained"], found["left"]) == ("small", 80, 80, 0)
    assert found["outcomes"] == table.outcome.value_counts().to_dict()
    assert [entry["value"] for entry in found["axes"]["epochs"]] == ["10", "1000"]
    assert call("small.yaml", "-q") == (0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--out", "elsewhere", "report", "small", "--json"),
        ("--json", "--out=elsewhere", "report", "small"),
        ("report", "--json", "small", "--out", "elsewhere"),
        ("--out", "elsewhere", "--json", "report", "elsewhere/small"),
    ],
)
def test_flags_stand_before_or_after_the_command(folder: Path, arguments: tuple[str, ...]) -> None:
    assert call("-q", "--out", "elsewhere", "-j", "1", "run", "small.yaml")[::2] == (0, "")
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert json.loads(out)["results"] == "elsewhere/small/runs.csv"


def test_every_flag_with_a_value_may_stand_before_the_command() -> None:
    """Those that the parsers take, by their own account."""
    actions: list[argparse.Action] = []
    for command in main.COMMANDS.values():
        actions += [action for action in command.parser()._actions if action.option_strings]
    taking = {option for action in actions if action.nargs is None for option in action.option_strings}
    # What follows this one is taken out before all else.
    taking.remove("--pieces")
    assert taking == parser._WITH_VALUE
    for option in taking:
        found = parser.split_command([option, "report", "plan", "x"], main.COMMANDS)
        assert found == ("plan", [option, "report", "x"])


def test_overrides_and_flags_stand_anywhere(folder: Path) -> None:
    assert call("-q", "replicates=2", "small.yaml", "--out", "elsewhere", "learning_rate=[1, 2, 4]")[0] == 0
    assert len(pd.read_csv(folder / "elsewhere/small/runs.csv")) == 2 * 2 * 3


@pytest.mark.parametrize(
    "arguments", [["plan", "small.yaml"], ["run", "small.yaml", "-n"], ["small.yaml", "--dry-run"]]
)
def test_plan_writes_nothing(folder: Path, arguments: list[str]) -> None:
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert out.startswith("small: 80 runs = 4 cells x 20 seeds\n  learning_rate  2: 0.5, 8\n")
    assert "rows: 80 new, 0 kept, 0 orphaned\n" in out
    assert not (folder / "results").exists()


def test_plan_of_a_study_that_has_results(folder: Path) -> None:
    """By its name, its folder or its table: as it was run, with the same overrides, wherever its file is now."""
    (folder / "x.csv").write_text("a,b\n0,1\n1,0\n")
    data = "{csv: x.csv, inputs: [a], targets: [b]}"
    (folder / "own.yaml").write_text(STUDY.replace("xor", data).replace("2-2-1", "1-2-1").replace("small", "own"))
    assert call("-q", "own.yaml", "name=try", "replicates=3", "--limit", "5")[0] == 0
    for moved in ("own.yaml", "small.yaml"):
        (folder / moved).unlink()
    first = "try: 12 runs = 4 cells x 3 seeds\n"
    for name in ("try", "results/try", "results/try/runs.csv"):
        code, out, err = call("plan", name)
        assert (code, err) == (0, "")
        assert out.startswith(first)
        assert "rows: 7 new, 5 kept, 0 orphaned\n" in out
        assert out.endswith("results: results/try/runs.csv\n")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert call("plan", "../results/try")[1].startswith(first)
    assert call("--out", "../results", "plan", "try", "replicates=5")[1].startswith(
        "try: 20 runs = 4 cells x 5 seeds\n"
    )
    os.chdir(folder)
    # Another name of the folder is another name of the study.
    (folder / "results/try").rename(folder / "results/kept (old)")
    code, out, _ = call("plan", "kept (old)", "--json")
    assert code == 0
    assert (json.loads(out)["name"], json.loads(out)["kept"]) == ("kept (old)", 5)
    assert call("-q", "plan", "kept (old)") == (0, "", "")
    said = "'kept' is neither a study file nor a study that has results in results; did you mean 'kept (old)'?"
    assert call("plan", "kept") == (2, "", f"error: {said}\n")
    assert call("plan", "tri", "--out", "results")[0] == 2


def test_a_working_folder_that_is_gone(folder: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    said = "the folder in which this was started is no longer there: change to another one (cd), and start again"
    assert spawn("plan", str(folder / "small.yaml")) == (1, "", f"error: {said}\n")
    os.chdir(folder)


def test_a_report_says_how_much_there_is(folder: Path) -> None:
    code, out, _ = call("small.yaml", "--limit", "30")
    assert code == 0
    assert out.startswith("small: 30 of 80 runs\n")
    assert call("report", "small")[1].startswith("small: 30 of 80 runs\n")
    found = json.loads(call("report", "small", "--json")[1])
    assert (found["runs"], found["planned"]) == (30, 80)
    assert call("report", "small", "-q") == (0, "", "")
    # A folder that does not know tells what there is.
    (folder / "results/small/environment.json").unlink()
    assert call("report", "small")[1].startswith("small: 30 runs\n")
    assert call("small.yaml")[1].startswith("small: 80 runs\n")


def test_limit_stops_and_goes_on(folder: Path) -> None:
    code, _, err = call("small.yaml", "--limit", "30")
    assert code == 0
    assert err.splitlines()[-2] == "small: 50 runs are left: resume with the same command"
    assert len(pd.read_csv(folder / "results/small/runs.csv")) == 30
    assert call("small.yaml", "-q")[0] == 0
    assert call("small.yaml", "-q", "--out", "whole")[0] == 0
    assert (folder / "results/small/runs.csv").read_bytes() == (folder / "whole/small/runs.csv").read_bytes()


def test_a_reader_that_goes_away_is_no_error() -> None:
    piped = start("schema")
    assert piped.stdout is not None
    assert piped.stderr is not None
    piped.stdout.close()
    assert piped.wait(60) == 0
    assert piped.stderr.read() == ""
    piped.stderr.close()


def test_a_closed_output_is_no_traceback(folder: Path) -> None:
    """What shells do for `>&-`."""
    command = f"{sys.executable} -m runner small.yaml --json -q >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(pd.read_csv(folder / "results/small/runs.csv")) == 80
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f"{sys.executable} -m runner small.yaml --fresh {closed}"
        assert subprocess.run(["sh", "-c", command], capture_output=True, timeout=300, check=False).returncode == 0


def test_a_full_output_changes_no_exit_code(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(STUDY.replace("data: xor", "data: xorr"))
    for arguments, code in (("wrong.yaml", 2), ("zzz", 2), ("small.yaml --max-runs 3", 3), ("small.yaml -q", 0)):
        command = f"{sys.executable} -m runner {arguments} 2>/dev/full"
        assert subprocess.run(["sh", "-c", command], timeout=300, check=False).returncode == code


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    said = "pipe.yaml: is a pipe or a device, not a study file"
    assert call("plan", "pipe.yaml") == (2, "", f"error: {said}\n")
    with pytest.raises(runner.StudyError, match=said):
        runner.load("pipe.yaml")


@pytest.mark.parametrize("module", ["runner.cli.main", "runner.studies.load"])
def test_an_interrupt_while_modules_are_read(module: str) -> None:
    program = (
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == sys.argv[1]: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from runner.__main__ import main\n"
        "sys.exit(main(['plan', 'small.yaml']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, module], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_while_python_runs_a_finalizer() -> None:
    """Python can raise nothing there: it would print a traceback and go on."""
    program = (
        "import sys, weakref\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'runner.studies.load': return\n"
        "        def interrupt(): raise KeyboardInterrupt\n"
        "        weakref.finalize(set(), interrupt)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from runner.__main__ import main\n"
        "sys.argv[1:] = ['plan', 'small.yaml']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_what_a_study_says_does_nothing_to_a_terminal(folder: Path) -> None:
    """Sequences that colour, delete or turn around what stands there are shown as what they are."""
    evil, seen = r"\e[2J\u009b1m\u202e", r"\x1b[2J\x9b1m\u202e"
    claim = f'{{name: "a{evil}", statistic: rate(converged), expect: ">= 0", source: "b{evil}"}}'
    data = f'{{csv: "x.csv", inputs: ["c{evil}"], targets: [t]}}'
    text = f"{STUDY.replace('xor', data).replace('2-2-1', '1-2-1')}claims: [{claim}]\n"
    (folder / "small.yaml").write_text(text)
    (folder / "x.csv").write_text("c\x1b[2J\x9b1m\u202e,t\n0,1\n1,0\n")
    shown = "".join(
        "".join(call(*arguments.split())[1:])
        for arguments in ("small.yaml", "plan small.yaml", "report small", "explain small", "claims small")
    )
    assert f"a{seen}" in shown.replace("\n", "")
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    (folder / "wrong.yaml").write_text(text.replace("epochs: 10\n", f'epochs: 10\nactivation: "sig{evil}moid"\n'))
    code, _, err = call("wrong.yaml")
    assert code == 2
    assert f"found 'sig{seen}moid'" in err
    assert "wrong\\x1b[2J.yaml: there is no such file" in call("wrong\x1b[2J.yaml")[2]


def test_an_override_may_be_longer_than_a_name(folder: Path) -> None:
    rates = ", ".join(str(k / 1000) for k in range(1, 100))
    code, out, _ = call("plan", "small.yaml", f"learning_rate=[{rates}]", "--json")
    assert code == 0
    assert json.loads(out)["cells"] == 198


def test_results_of_another_encoding_are_told(folder: Path) -> None:
    assert call("small.yaml", "-q")[0] == 0
    path = folder / "results/small/runs.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"sigmoid", b"sigm\xefd", 1))
    assert call("replay", "small", "--all")[0] == 1
    path.write_bytes(whole.replace(b"run_id", b"run\xefid", 1))
    for command in ("report", "explain"):
        code, _, err = call(command, "small")
        assert code == 1
        assert err.splitlines()[-1].startswith("error: ")


def test_a_second_runner_is_refused(folder: Path) -> None:
    first = start("long.yaml", "-q", "-j", "1")
    try:
        wait_for_rows(first, folder / "results/long/runs.csv")
        code, out, err = spawn("long.yaml")
        assert (code, out) == (3, "")
        assert err.startswith(f"error: results/long is in use by another runner: process {first.pid} on ")
        assert call("plan", "long.yaml")[0] == 0
    finally:
        first.kill()
        first.communicate()


def test_interrupt_kill_and_resume_end_in_the_same_bytes(folder: Path) -> None:
    table = folder / "results/long/runs.csv"
    first = start("long.yaml", "-j", "1")
    wait_for_rows(first, table)
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=200)
    assert first.returncode == 130
    assert "interrupted: finishing the runs in flight (again: stop at once)\n" in err
    assert err.splitlines()[-1].endswith(" runs are left: resume with the same command")
    assert out.startswith("long: ")
    n_first = len(pd.read_csv(table))
    assert 0 < n_first < 3000
    second = start("long.yaml", "-q", "-j", "2")
    wait_for_rows(second, table, table.stat().st_size + 100_000)
    second.kill()
    second.communicate()
    code, out, _ = call("long.yaml", "--json")
    assert code == 0
    assert json.loads(out)["runs"] == 3000
    assert json.loads(out)["trained"] <= 3000 - n_first
    assert call("long.yaml", "-q", "--out", "whole")[0] == 0
    assert table.read_bytes() == (folder / "whole/long/runs.csv").read_bytes()


def test_the_second_interrupt_stops_at_once(folder: Path) -> None:
    # One block of this study takes far longer than the test.
    running = start("small.yaml", "epochs=100000000", "-j", "1")
    assert running.stderr is not None
    assert running.stderr.readline() == "small: training 40 runs\n"
    time.sleep(1)
    for _ in range(2):
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert running.wait(10) == 130
    running.communicate()
    assert (folder / "results/small/runs.csv").exists()
