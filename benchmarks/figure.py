"""The figure: how fast every program is, relative to the project, for each work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.goals import base_of
from benchmarks.measure import Row

_COLOURS = {"float64": "#3b6ea5", "float32": "#e08a3c"}
_SHORT = {
    "special": "project, special kernel",
    "kernel": "project, general kernel",
    "c": "C, vectors",
    "jax lanes": "JAX, runs last",
    "jax vmap": "JAX vmap, blocks",
    "jax vmap all": "JAX vmap, one call",
    "numpy runs": "NumPy over runs",
    "numpy": "NumPy, one network",
    "numba": "Numba prange",
    "torch func": "PyTorch vmap",
    "torch batched": "PyTorch by hand",
    "torch compiled": "PyTorch compiled",
    "fann": "FANN",
}
_TITLES = {
    "xor": "XOR 2-4-1, full batch",
    "online": "XOR 2-4-1, batch 1",
    "parity3": "Parity 3-4-1",
    "parity8": "Parity 8-16-1",
    "fractal": "16-16-1, 272 samples",
    "iris": "Iris 4-16-3, adam",
    "digits": "Digits 64-32-10, adam",
}
_COLUMNS = 3
# Numbers stay readable where the line at 1 runs through them.
_GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 0.3}


def draw(rows: Sequence[Row], path: Path, machine: str) -> None:
    """One panel per work: speed on one core over the project's, on a logarithmic axis.

    Parameters
    ----------
    rows : sequence of Row
    path : Path
        Its ending says the format: .svg, .png, .pdf.
    machine : str
    """
    rows = [row for row in rows if row.cores == 1]
    works = list(dict.fromkeys(row.work for row in rows))
    if not works:
        return
    lines = -(-len(works) // _COLUMNS)
    columns = min(_COLUMNS, len(works))
    # Without pyplot, which would look for a screen.
    figure = Figure(figsize=(5.2 * columns, 3.7 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    slowest = min(_relative(row, rows) for row in rows)
    fastest = max(_relative(row, rows) for row in rows)
    for work, ax in zip(works, axes.flat, strict=False):
        _panel(ax, [row for row in rows if row.work == work], (slowest / 2, fastest * 5))
        ax.set_title(_TITLES.get(work, work), fontsize=11, loc="left")
    spare = list(axes.flat)[len(works) :]
    for ax in spare:
        ax.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if spare:
        spare[0].legend(handles, labels, loc="upper left", frameon=False, fontsize=11)
    else:
        figure.legend(handles, labels, loc="outside lower right", ncols=len(labels), frameon=False)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    figure.suptitle(f"Speed relative to this project, one core: {machine}", fontsize=12, x=0.01, ha="left")
    # Letters as text, not as shapes: a tenth of the size.
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path, dpi=110)


def _relative(row: Row, rows: Sequence[Row]) -> float:
    base = base_of(row, rows)
    return 1 / row.ratio(base) if base else 1.0


def _words(relative: float) -> str:
    """1.5 as it is, 0.001 as 1/1000."""
    return f"{relative:.2g}" if relative >= 0.1 else f"1/{round(1 / relative)}"


def _panel(ax: Axes, rows: Sequence[Row], limits: tuple[float, float]) -> None:
    peers = dict.fromkeys(row.peer for row in rows if row.peer != "runner")
    order = sorted(peers, key=lambda peer: max(_relative(row, rows) for row in rows if row.peer == peer))
    height = 0.4
    for k, (precision, colour) in enumerate(_COLOURS.items()):
        at = [y + height / 2 - k * height for y, _ in enumerate(order)]
        values = [
            next((_relative(r, rows) for r in rows if (r.peer, r.precision) == (p, precision)), None) for p in order
        ]
        shown = [(y, value) for y, value in zip(at, values, strict=True) if value is not None]
        ax.barh([y for y, _ in shown], [value for _, value in shown], height, color=colour, label=precision)
        for y, value in shown:
            ax.text(value * 1.1, y, _words(value), va="center", fontsize=7, color="#333333", bbox=_GROUND)
    ax.axvline(1, color="#222222", linewidth=1, label="this project, through its engine")
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    ax.set_yticks(range(len(order)), [_SHORT.get(peer, peer) for peer in order], fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.grid(axis="x", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
