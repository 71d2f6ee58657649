"""The training loop of methods of second order, for a block of runs.

One update is one iteration of the method, and one epoch. It begins with a pass over all samples, which gives the loss
and its gradient, and evaluates the criterion where that is due; the passes that the method makes beside it are its own.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.bookkeeping import evaluate, freeze, freeze_early, record
from runner.kernels.buffers import buffers, group, group_out, opened
from runner.kernels.codes import ACCURACY
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import kernel, where_given
from runner.kernels.lanes.operations import advanced, not_inlined, pointer
from runner.kernels.lanes.switch import choose
from runner.kernels.measure import write_live
from runner.kernels.samples import group_samples
from runner.kernels.second_order.passes import CORRECT, INSPECT, LEARN, ZERO, Memory, sum_up
from runner.kernels.train import examine, leave, start


@entry
def train_second_order_block(
    network: Any, samples: Any, job: Any, method: Any, lanes: Any, results: Any, scratch: Any, width: Any
) -> None:
    """Train G groups of L runs from update `start` to update `until` and write their measurements after every event.

    Parameters
    ----------
    network, samples, job, lanes, results, scratch, width
        As for `train_block`, without faults, and with all samples in every update.
    method : Method
        See `passes`.
    """
    net = opened(network)
    buf = buffers(net, scratch, width)
    kept, work = pointer(method.kept), pointer(method.work)
    for g in range(lanes.first, lanes.end):
        data = group_samples(samples, g, width.lanes.n)
        runs = group(net, lanes, g, width.lanes.n)
        out = group_out(net, results, runs.n_events, g, width.lanes.n)
        memory = Memory(method.history, advanced(kept, g * method.kept_rows * width.lanes.n), work)
        start(net, runs, buf, width)
        _train_group(net, data, job, method.iterate, method.code, memory, runs, out, buf, width)
        leave(net, runs, buf, width)


@where_given("runs.held", otherwise=lambda net, data, job, runs, out, buf, width, made, event: False)
def _is_over(net: Any, data: Any, job: Any, runs: Any, out: Any, buf: Any, width: Any, made: Any, event: Any) -> Any:
    """Evaluate the held-out samples, and measure the runs that stop by it; whether all runs of the group have."""
    not_inlined()
    if not examine(net, job, runs, buf, width, made):
        return False
    sum_up(net, data, job, buf, width, LEARN | CORRECT | INSPECT)
    write_live(net, job, data, runs, buf, width, made)
    return freeze_early(net, event, made, out, runs, buf, width)


@kernel
def _train_group(
    net: Any, data: Any, job: Any, iterate: Any, code: int, memory: Any, runs: Any, out: Any, buf: Any, width: Any
) -> None:
    """Updates, evaluations and events of one group, until the end of the call or until every run has stopped."""
    not_inlined()
    # A call begins where an evaluation is due: at 0, or at a multiple of Job.every.
    made, next_look, event = runs.start, runs.start, ZERO
    look = LEARN | (CORRECT if job.watch & (1 << ACCURACY) else ZERO)
    everything = LEARN | CORRECT | INSPECT
    while runs.events[event] < made:
        event += 1
    while True:
        # What is due here is done by the next call, unless there is none.
        if made == runs.until and made < runs.events[runs.n_events - 1]:
            return
        measuring = runs.events[event] == made
        if (measuring or made % job.every == 0) and _is_over(net, data, job, runs, out, buf, width, made, event):
            return
        sum_up(net, data, job, buf, width, everything if measuring else look)
        if measuring:
            write_live(net, job, data, runs, buf, width, made)
            record(net, event, made, out, runs, buf, width)
            event += 1
            if event == runs.n_events:
                return
        if made == next_look:
            next_look += job.every
            if evaluate(net, data, job, runs, made, buf, width):
                if not measuring:
                    sum_up(net, data, job, buf, width, everything)
                write_live(net, job, data, runs, buf, width, made)
                if freeze(net, job, event, made, out, runs, buf, width):
                    return
        choose(iterate, code, (net, data, job, memory, runs, buf, width, made))
        made += 1
