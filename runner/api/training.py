"""`run`: train a study from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.api import studies
from runner.api.arguments import on_card, path_of, register_pieces, store_of, threads_of, writer_of
from runner.machine import MAX_RUNS

if TYPE_CHECKING:
    import distributed

    from runner.api.results import Results
    from runner.studies.load import Study


def run(
    study: Study | str | Path | Mapping[str, Any],
    *overrides: str,
    out: str | Path = "results",
    threads: int | None = None,
    max_runs: int | None = MAX_RUNS,
    retry_failed: bool = False,
    quiet: bool = True,
    device: str = "cpu",
    client: distributed.Client | None = None,
    store: str | None = None,
    write: str = "client",
    pieces: str | Path | Sequence[str | Path] | None = None,
) -> Results:
    """Train every run of a study that has no row yet.

    Parameters
    ----------
    study : Study, str, Path or mapping
        The study, or what `load` takes: its file, or what it would hold.
    *overrides : str
        Keys to change, when it is not a Study.
    out : str or Path
        Folder of all results.
    threads : int, optional
        Default all cores; it changes no byte of the table.
    max_runs : int, optional
        A study with more runs is refused; default ten million, as on the command line.
    retry_failed : bool
        Whether runs that could not be trained by an earlier call are tried again.
    quiet : bool
        Whether to show nothing while it trains.
    device : {"cpu", "cuda"}
        Where runs are trained: by the processor, or by a graphics card of NVIDIA; it changes no byte of the table.
    client : distributed.Client, optional
        Trains on the workers of its Dask cluster instead of threads of this process.
    store : {"csv", "parquet"}, optional
        As what the table is kept: `runs.csv`, or parts in the folder `runs`. Default: as it is, and CSV where there is
        none. A table of the other kind is converted when the study is complete.
    write : {"client", "workers"}
        Who writes the rows: this process, or with `client` and `store="parquet"` the workers, which must all see the
        folder of results. It changes no row.
    pieces : str or Path, or a list of them, optional
        Python files with activations, losses, optimizers or initialisers of your own (see `runner.pieces`).

    Returns
    -------
    Results
        With `table`, `runs`, `summary`, `explain()`, `claims()` and `plot()`; usable as the path of the table,
        `out/NAME/runs.csv`, or `out/NAME/runs` in Parquet.

    Raises
    ------
    RunnerError
        When the study is wrong or has too many runs, the results are in use or can not be written, some runs failed, or
        no graphics card can be used.
    KeyboardInterrupt
        After Ctrl-C; all finished runs have their rows, and the same call goes on with the others.
    """
    from runner.api.results import Results
    from runner.errors import RunnerError
    from runner.terminal import counted
    from runner.training.session import Options, run_session

    register_pieces(pieces)
    if isinstance(study, str | os.PathLike | Mapping):
        study = studies.load(study, *overrides)
    elif overrides:
        raise TypeError("overrides change a study while it is read: pass them to load()")
    options = Options(
        out=path_of("out", out),
        threads=threads_of(threads),
        retry_failed=bool(retry_failed),
        quiet=bool(quiet),
        store=store_of("store", store),
    )
    writer = writer_of("write", write)
    if writer == "workers" and client is None:
        raise ValueError("write: 'workers' needs a cluster, client=..., and store='parquet'")
    plan = studies.plan(study, max_runs)
    if on_card("device", device):
        from runner.kernels.cuda import Card

        if client is not None:
            raise ValueError("device: workers of a cluster train on their processors; leave 'cuda' or client out")
        with Card() as card:
            result = run_session(plan, replace(options, card=card))
    elif client is None:
        result = run_session(plan, options)
    else:
        from runner.cluster.part_engine import run_on

        result = run_on(client, plan, options, writer)
    if result.interrupted:
        raise KeyboardInterrupt
    if result.failed:
        raise RunnerError(f"{counted(result.failed, 'run')} could not be trained: {'; '.join(result.reasons)}")
    return Results(result.table)
