"""How much of the processor is used: 16-16-1 with 272 samples against the multiply-adds that one core can do.

The peak is measured with a loop of independent fused multiply-adds in registers. Counted are, for one sample in one
network, 4 operations per weight (a multiply-add forward, one for the gradient) and 20 per hidden unit (tanh, its
slope, and the error that comes back).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.aspects import Fact
from benchmarks.aspects.training import in_turns, plan_of, ratio, trained
from benchmarks.compiler import address, aligned, compiled, vector_bytes
from benchmarks.order import Order
from benchmarks.works import load_item

_CHAINS = 16
_GOAL = 0.6
_SOURCE = """
typedef {real} v __attribute__((vector_size({width})));
void multiply(long n, const v *given, v *out) {{
    v a = given[0], b = given[1];
    v {declared};
    for (long k = 0; k < n; k++) {{ {steps} }}
    *out = {total};
}}
"""


def _multiply_adds(precision: str, times: int) -> tuple[Callable[[], None], float]:
    """A function that does nothing but multiply-adds, and how many operations they are."""
    chains = range(_CHAINS)
    source = _SOURCE.format(
        real={"float64": "double", "float32": "float"}[precision],
        width=vector_bytes(),
        declared=", ".join(f"c{k} = b * {k}" for k in chains),
        steps=" ".join(f"c{k} = c{k} * a + b;" for k in chains),
        total=" + ".join(f"c{k}" for k in chains),
    )
    lanes = vector_bytes() // np.dtype(precision).itemsize
    given, out = aligned((2, lanes), np.dtype(precision)), aligned((1, lanes), np.dtype(precision))
    given[:] = [[0.999], [0.001]]
    library = compiled(source)

    def run() -> None:
        library.multiply(ctypes.c_long(times), address(given), address(out))

    return run, 2.0 * _CHAINS * lanes * times


def measure(order: Order) -> Iterator[Fact]:
    """Operations per second of the project and of the processor, in turns."""
    item = load_item("fractal")
    runs = 64 if order.quick else item.runs
    for precision in ("float64", "float32"):
        plan = plan_of("fractal", f"precision={precision}", *item.overrides(runs))
        fan_in, hidden, _ = plan.cell(0).architecture
        samples = len(plan.cell(0).data_set.inputs)
        steps = plan.n_runs * plan.cell(0).epochs * samples
        operations = float(steps * (4 * (fan_in + 1) * hidden + 20 * hidden))
        peak, made = _multiply_adds(precision, 10**5 if order.quick else 10**7)
        ours, theirs = in_turns([trained(plan), peak], order.repeats)
        share = ratio([operations / t for t in ours], [made / t for t in theirs])
        rate = made / float(np.median(theirs)) / 1e9
        yield Fact(
            "peak",
            f"16-16-1, 272 samples, {precision}: share of the processor's multiply-adds",
            f"{share:.0%} of {rate:.0f} GFLOP/s",
            f"{_GOAL:.0%}",
            share >= _GOAL,
        )
