"""What a study asks for, in words: its runs, the values of its axes, and how much training that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.terminal import Shortener, counted, page_width


def plan_lines(
    name: str,
    cells: int,
    seeds: int,
    axes: Mapping[str, int | Sequence[str]],
    updates: int,
    trajectories: int,
    runs: int,
) -> list[str]:
    """The first lines of `plan`.

    Parameters
    ----------
    name : str
        Of the study.
    cells, seeds : int
        Their product is the number of runs of the study.
    axes : mapping of str to (int or sequence of str)
        The values of every swept key, or how many there are.
    updates, trajectories, runs : int
        What is really trained, and for how many of these runs.
    """
    lines = [f"{name}: {counted(cells * seeds, 'run')} = {counted(cells, 'cell')} x {counted(seeds, 'seed')}"]
    width = max(map(len, axes), default=0)
    lines += [_fitted(f"  {key:<{width}}  ", values) for key, values in axes.items()]
    shared = " (runs that differ only in their budget share one)" if trajectories < runs else ""
    networks = counted(trajectories, "trajectory", "trajectories")
    return [*lines, f"training: {counted(updates, 'update')} in {networks}{shared}"]


def _fitted(start: str, values: int | Sequence[str]) -> str:
    """An axis on one line: all its values, or the first ones and the last when they do not fit."""
    if isinstance(values, int):
        return f"{start}{values:,} values"
    texts, width = [*map(Shortener(values), values)], page_width()
    start = f"{start}{len(texts):,}: "
    if len(start + ", ".join(texts)) <= width:
        return start + ", ".join(texts)
    shown = texts[: min(len(texts) - 1, width // 3)]
    while shown and len(start + ", ".join([*shown, "...", texts[-1]])) > width:
        shown.pop()
    return start + ", ".join([*shown, "...", texts[-1]])
