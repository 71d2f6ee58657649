"""A block as the arrays that a kernel takes and gives: runs by groups of lanes, lanes innermost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes, criterion, gradients, held_out, noise, schedules, structs
from runner.kernels.absent import NONE
from runner.kernels.buffers import carried_rows, scratch_rows
from runner.kernels.faulty.table import memory_rows
from runner.kernels.initial import initial_weights
from runner.kernels.lanes.vector import Lanes
from runner.kernels.lsuv import make_unit_variance
from runner.kernels.second_order.passes import Method
from runner.ops import SCHEDULES
from runner.ops.schedules import CONSTANT, factors_of
from runner.training.blocks.segments import Carried, state_rows

if TYPE_CHECKING:
    from runner.data import DataSet
    from runner.training.blocks.arguments import Shared
    from runner.training.blocks.block import Block


Floats = NDArray[np.float64]
_CACHE_LINE = 64


def by_run(array: NDArray[Any], n: int) -> NDArray[Any]:
    """(groups, ..., L) as (..., n): the lanes of all groups in one row, the filling left out."""
    groups, *rows, lanes = array.shape
    moved = np.ascontiguousarray(np.moveaxis(array, 0, -2))
    return moved.reshape(*rows, groups * lanes)[..., :n]


def by_group(array: NDArray[Any], groups: int, lanes: int) -> NDArray[Any]:
    """(..., n) as (groups, ..., L); lanes without a run repeat the last one."""
    *rows, n = array.shape
    filled = np.concatenate([array, np.repeat(array[..., -1:], groups * lanes - n, axis=-1)], axis=-1)
    return np.ascontiguousarray(np.moveaxis(filled.reshape(*rows, groups, lanes), -2, 0))


def lane_arrays(
    block: Block, carried: Carried | None, samples: structs.Data | structs.LaneData, drawn: bool = True
) -> structs.LaneArrays:
    """All that differs from lane to lane: initial weights, or what runs carry from their stage before.

    Without `drawn`, initial weights are zeros: for who wants to know the types of the arrays.
    """
    shared = block.shared
    groups, lanes = block.groups, shared.width.lanes.n
    seeds = by_group(block.attempt.seeds(np.concatenate([segment.seeds for segment in block.segments])), groups, lanes)

    def spread(field: str, dtype: Any) -> NDArray[Any]:
        """What the runs' cells have for a field as (groups, ..., L)."""
        return by_group(np.moveaxis(block.by_run(field).astype(dtype), 0, -1), groups, lanes)

    if carried is None:
        initial = np.zeros((groups, shared.parameters, lanes))
        if drawn:
            kinds, scales = spread("kinds", np.float64), spread("scales", np.float64)
            fan_ins, numbers = shared.net.whole[5], np.empty((4, lanes))
            initial_weights(shared.sizes, fan_ins, seeds, kinds, scales, initial, numbers, Lanes(lanes))
            _finish(block, initial.swapaxes(1, 2), seeds)
            _replace_given(block, initial.swapaxes(1, 2))
            _settle_biases(block, initial)
        with np.errstate(over="ignore"):
            weights = initial.astype(shared.dtype)
        if drawn and (chosen := spread("unit_variance", shared.dtype)).any():
            make_unit_variance(shared.net, samples, weights, chosen, scratch(shared), shared.width)
        rows = 0 if block.is_last else carried_rows(shared.parameters)
        state = np.empty((groups, rows, lanes), shared.dtype)
        books = np.empty((groups, codes.COUNTS, lanes), np.int64)
    else:
        weights = np.empty((0, 0, 0), shared.dtype)
        common = carried.state[: carried_rows(shared.parameters)]
        state, books = by_group(common, groups, lanes), by_group(carried.books, groups, lanes)
    with np.errstate(over="ignore"):
        # A learning rate beyond float32 is infinite in it.
        numbers = spread("numbers", shared.dtype)
    return structs.LaneArrays(
        0,
        groups,
        seeds,
        weights,
        numbers,
        *shared.clock,
        block.events,
        block.start,
        block.until,
        state,
        books,
        _schedule(block, carried, numbers),
        _held(block, carried),
        _judged(block, carried),
        _adjustment(shared, spread),
        _noise(shared, seeds, spread),
    )


def _adjustment(shared: Shared, spread: Callable[[str, Any], NDArray[Any]]) -> gradients.Adjustment | tuple[()]:
    """What is done to gradients."""
    if not any(shared.adjusts):
        return NONE
    penalises, clips_values, clips_norms = map(int, shared.adjusts)
    return gradients.Adjustment(penalises, clips_values, clips_norms, spread("adjustments", shared.dtype))


def _noise(
    shared: Shared, seeds: NDArray[np.uint64], spread: Callable[[str, Any], NDArray[Any]]
) -> noise.Noise | tuple[()]:
    """What is random in training, with the memory for it."""
    if not any(shared.noises):
        return NONE
    numbers, lanes = spread("noise", shared.dtype), int(shared.width.lanes.n)
    drawn, kept = _aligned(4 * lanes, np.float64), _aligned(shared.net.n_units * shared.width.tile.n, shared.dtype)
    on_inputs, drops = map(int, shared.noises)
    return noise.Noise(on_inputs, drops, numbers.shape[1], numbers, seeds, drawn, kept)


def job_of_call(shared: Shared) -> structs.Job:
    """What is done to the networks, with memory for one call where that needs some."""
    job = shared.job
    if job.labels == NONE:
        return job
    total = _aligned(shared.width.lanes.n, shared.dtype)
    return job._replace(labels=job.labels._replace(total=total))


def samples_of_block(block: Block) -> structs.Data | structs.LaneData:
    """What its runs are trained on."""
    shared = block.shared
    if shared.data_of is None:
        return shared.data
    return _by_lane(block, [shared.data_of(seed) for seed in block.seeds])


def _by_lane(block: Block, data_sets: Sequence[DataSet]) -> structs.LaneData:
    """Data sets of as many samples, one for each run, lane by lane."""
    groups, lanes, dtype = block.groups, int(block.shared.width.lanes.n), block.shared.dtype
    # Runs with the same seed have the same data set.
    each = {id(data): data for data in data_sets}
    place = {key: k for k, key in enumerate(each)}
    order = by_group(np.array([place[id(data)] for data in data_sets]), groups, lanes)
    inputs, targets = (
        np.ascontiguousarray(np.stack([getattr(data, part) for data in each.values()], -1), dtype)
        for part in ("inputs", "targets")
    )
    laid = [np.ascontiguousarray(np.moveaxis(array[..., order], -2, 0)) for array in (inputs, targets)]
    return structs.LaneData(len(inputs), *laid)


def _held(block: Block, carried: Carried | None) -> held_out.HeldOut | tuple[()]:
    """The held-out samples, with room for what is kept of them."""
    shared, groups, lanes = block.shared, block.groups, int(block.shared.width.lanes.n)
    if shared.held is None:
        return NONE
    samples = shared.held.samples
    if shared.data_of is not None:
        samples = _by_lane(block, [_tested(shared.data_of(seed)) for seed in block.seeds])
    if carried is not None:
        kept = [by_group(array, groups, lanes) for array in carried.held]
    else:
        events = len(block.events)
        kept = [
            np.empty((groups, held_out.H_STATE, lanes), shared.dtype),
            np.empty((groups, 1, lanes), np.int64),
            np.empty((groups, events, held_out.H_VALUES, lanes), shared.dtype),
            np.empty((groups, events, 1, lanes), np.int64),
        ]
    return held_out.HeldOut(samples, *shared.held[1:5], *kept)


def _judged(block: Block, carried: Carried | None) -> criterion.Judged | tuple[()]:
    """How the criterion is judged, with room for what is kept for it."""
    shared, groups, lanes = block.shared, block.groups, int(block.shared.width.lanes.n)
    if shared.judged is None:
        return NONE
    if carried is not None:
        kept = [by_group(array, groups, lanes) for array in carried.judged]
    else:
        kept = [
            np.empty((groups, shared.judged.rows, lanes), shared.dtype),
            np.empty((groups, criterion.J_COUNTS, lanes), np.int64),
            np.empty((groups, len(block.events), 1, lanes), shared.dtype),
        ]
    return criterion.Judged(*shared.judged[:4], *kept)


def _tested(data: DataSet) -> DataSet:
    assert data.test is not None, "a division holds samples out"
    return data.test


def _schedule(block: Block, carried: Carried | None, numbers: NDArray[Any]) -> schedules.Schedule | tuple[()]:
    """What changes from epoch to epoch, for as many epochs as there are; `numbers` are those of LaneArrays."""
    shared = block.shared
    if not shared.is_scheduled:
        return NONE
    epochs = -(-block.budgets[-1] // shared.updates_per_epoch)
    rates: Any = NONE
    if shared.follows:
        rates = _plateau(block, carried)
    elif shared.schedule.name != CONSTANT:
        rates = factors_of(shared.schedule, epochs)
    momenta: Any = NONE
    if shared.momentum_schedule is not None:
        first = 2 * shared.net.layers
        settings = numbers[:, first : first + codes.SLOTS].copy()
        momenta = schedules.Momenta(factors_of(shared.momentum_schedule, epochs), shared.momentum_row, settings)
    return schedules.Schedule(rates, momenta, shared.updates_per_epoch)


def _plateau(block: Block, carried: Carried | None) -> schedules.Plateau:
    """How learning rates follow a loss, with room for what is kept for it."""
    shared, groups, lanes = block.shared, block.groups, int(block.shared.width.lanes.n)
    if carried is not None:
        (state,) = (by_group(array, groups, lanes) for array in carried.followed)
    else:
        state = np.empty((groups, schedules.P_STATE, lanes), shared.dtype)
    factor, patience = shared.schedule.args
    tested = SCHEDULES[shared.schedule.name].follows == "test_loss"
    return schedules.Plateau(float(factor), int(patience), int(tested), state)


def _finish(block: Block, by_lane: Floats, seeds: NDArray[np.uint64]) -> None:
    """Weights of initialisers that make something of what is drawn; `by_lane` is (groups, L, P)."""
    finish = block.by_run("finish")
    if not finish.any():
        return
    sizes, _, weights, biases, _, fan_ins, _, _ = block.shared.net.whole
    of_lane = by_group(finish, *by_lane.shape[:2])
    for each in set(finish.tolist()) - {None}:
        lanes = of_lane == each
        drawn = by_lane[lanes]
        for layer in range(1, len(sizes)):
            part = drawn[:, weights[layer] : biases[layer]]
            shaped = part.reshape(len(part), sizes[layer], fan_ins[layer])
            each(shaped, seeds[lanes])
            drawn[:, weights[layer] : biases[layer]] = shaped.reshape(part.shape)
        by_lane[lanes] = drawn


def _replace_given(block: Block, by_lane: Floats) -> None:
    """Initial weights that a study gives one by one; `by_lane` is (groups, L, P)."""
    first = 0
    for segment in block.segments:
        if segment.numbers.given is not None:
            weights = segment.numbers.given[segment.of]
            which = np.flatnonzero(~np.isnan(weights[:, 0]))
            by_lane[np.divmod(first + which, by_lane.shape[1])] = weights[which]
        first += segment.n


def _settle_biases(block: Block, initial: Floats) -> None:
    """Biases that are not trained have their value, and shared ones that of their layer's first unit."""
    bias = block.shared.job.bias
    if bias == codes.TRAINED:
        return
    frozen = by_group(block.by_run("bias"), len(initial), initial.shape[-1])
    sizes, _, _, biases = block.shared.net.whole[:4]
    for size, first in zip(sizes[1:], biases[1:], strict=True):
        part = initial[:, first : first + size, :]
        part[:] = part[:, :1, :] if bias == codes.SHARED else frozen[:, None, :]


def results(block: Block, carried: Carried | None) -> structs.Out:
    """Room for what is measured, and for the weights after every budget where they are recorded."""
    shared, events = block.shared, len(block.events)
    groups, lanes = block.groups, shared.width.lanes.n
    kept = np.full(events, -1)
    n_kept = 0 if block.weights is None else len(block.budgets)
    kept[np.searchsorted(block.events, block.budgets[:n_kept])] = np.arange(n_kept)
    if carried is not None:
        earlier = (carried.values, carried.counts, carried.weights)
        return structs.Out(n_kept, kept, *(by_group(array, groups, lanes) for array in earlier))
    return structs.Out(
        n_kept,
        kept,
        np.empty((groups, events, codes.VALUES, lanes), shared.dtype),
        np.empty((groups, events, codes.COUNTS, lanes), np.int64),
        np.empty((groups, n_kept, shared.parameters if n_kept else 0, lanes), shared.dtype),
    )


def method_of(block: Block, carried: Carried | None) -> Method:
    """The method of second order, with its memory."""
    shared = block.shared
    assert shared.iteration is not None
    groups, lanes = block.groups, shared.width.lanes.n
    common = int(carried_rows(shared.parameters))
    rows = state_rows(shared) - common
    if carried is None:
        kept = np.zeros((groups, rows, lanes), shared.dtype)
    else:
        kept = by_group(carried.state[common:], groups, lanes)
    work = _aligned(_work_rows(shared) * lanes, shared.dtype)
    return Method(shared.iterate, shared.job.optimizer, shared.history, kept, rows, work)


def _work_rows(shared: Shared) -> int:
    return shared.iteration.work_rows(shared.parameters, shared.history) if shared.iteration is not None else 0


def carried_on(
    block: Block, runs: structs.LaneArrays, method: Method | None, out: structs.Out, before: Carried | None
) -> Carried:
    """All that a call of the kernel gave, run by run."""
    n = block.n
    if before is not None:
        initial = before.initial
    else:
        initial = by_run(runs.weights, n) if out.n_kept else np.empty((0, n), block.shared.dtype)
    state, books, values, counts, weights = (
        by_run(array, n) for array in (runs.state, runs.counts, out.values, out.counts, out.weights)
    )
    if method is not None and len(state):
        state = np.concatenate([state, by_run(method.kept, n)])
    # What is kept of runs comes last in a HeldOut and in a Judged.
    held, judged = (tuple(by_run(array, n) for array in kept) for kept in (runs.held[5:], runs.judged[4:]))
    followed = (by_run(runs.schedule.rates.state, n),) if block.shared.follows else ()
    return Carried(state, books, values, counts, weights, initial, held, judged, followed)


def scratch_bytes(shared: Shared) -> int:
    """Memory of one call's scratch but for the order of samples, and of a method of second order."""
    return int((_scratch_numbers(shared) + _work_rows(shared) * shared.width.lanes.n) * shared.dtype.itemsize)


def _scratch_numbers(shared: Shared) -> int:
    """Numbers in `Scratch.numbers`."""
    net, lanes = shared.net, shared.width.lanes.n
    return int(scratch_rows(net, int(shared.sizes[-1]), shared.width.tile.n // lanes) * lanes)


def memory(shared: Shared) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """What only faults remember: numbers of the training's precision, and the sample of each lane."""
    lanes = shared.width.lanes.n
    rows = memory_rows(shared.parameters, shared.net.n_units, int(shared.sizes[-1]))
    return _aligned(rows * lanes, shared.dtype), np.zeros(lanes, np.int64)


def _aligned(n: int, dtype: Any) -> NDArray[Any]:
    """n zeros that start on a cache line: a vector of 64 bytes never straddles two."""
    size = n * np.dtype(dtype).itemsize
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + size].view(dtype)


def scratch(shared: Shared) -> structs.Scratch:
    """Memory for one call."""
    job, lanes = shared.job, shared.width.lanes.n
    n_order = 0
    if job.order == codes.SHUFFLED:
        n_order = shared.data.n
    elif job.order == codes.WITH_REPLACEMENT:
        n_order = shared.updates_per_epoch * job.batch
    elif shared.faults is not None:
        # A fault may choose one sample for each lane.
        n_order = 1
    return structs.Scratch(
        _aligned(_scratch_numbers(shared), shared.dtype),
        np.zeros(codes.COUNTS * lanes, np.int64),
        n_order,
        np.zeros(lanes * n_order, np.int32),
    )
