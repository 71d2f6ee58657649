"""What a cross-entropy makes of its targets: label smoothing, and weights of the classes.

With targets t, the share e of smoothing, K classes and their weights w, the loss of a sample is that of PyTorch's
CrossEntropyLoss(weight=w, label_smoothing=e),

    - sum_k w_k s_k log y_k    where s_k = (1 - e) t_k + e / K,

and a mean of it over samples is divided by the sum of the weights of their classes, sum_k w_k t_k each. A binary
cross-entropy is the same with the two classes of each output: t and 1 - t, y and 1 - y. What the targets are compared
with elsewhere (accuracy, squared error, largest error) stays as it is.

In a softmax network the weights are part of the targets of the loss, w_k s_k. In a binary one an output of target t
has the weight u = w_1 s_1 + w_0 s_0 and the target w_1 s_1 / u.

A run without any of this has the empty tuple in place of Labels: a kernel for those is compiled from code that has
nothing of this in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runner.kernels.codes import A_LOSS
from runner.kernels.lanes.functions import inlined, where_given
from runner.kernels.lanes.operations import fill, fma, load, not_inlined, pointer, store, where_lt
from runner.kernels.lanes.tiles import fold_add


class Labels(NamedTuple):
    """What is made of targets, the same for all runs of a block.

    Attributes
    ----------
    kept, spread : float
        1 - e, and e / K.
    of_outputs : int
        1 where each output is a class, 0 where each output has two.
    weighted : int
        1 where classes have weights.
    weights : float64 array (K,)
    total : float array (L,)
        Memory for the sum of the weights in a pass over samples.
    """

    kept: float
    spread: float
    of_outputs: int
    weighted: int
    weights: Any
    total: Any


@inlined
def _changed_target(labels: Any, out: int, t: Any) -> Any:
    """What the loss takes for the target of output number `out`."""
    s = fma(t, labels.kept, labels.spread)
    if labels.weighted:
        s = s * labels.weights[out] if labels.of_outputs else s * labels.weights[1] / _weight(labels, t)
    return s


@inlined
def _weight(labels: Any, t: Any) -> Any:
    """The weight of a target that has two classes."""
    s = fma(t, labels.kept, labels.spread)
    return fma(s, labels.weights[1], (1.0 - s) * labels.weights[0])


@where_given("job.labels", otherwise=lambda job, at, t, tile: t)
def target_of_loss(job: Any, at: int, t: Any, tile: Any) -> Any:
    """What the loss takes for a target t, which stands at number `at` of Buffers.T."""
    return _changed_target(job.labels, at // tile.n, t)


@where_given("job.labels", otherwise=lambda job, t, value: value)
def weighed(job: Any, t: Any, value: Any) -> Any:
    """A value of the loss, or its slope, times the weight of its target t where an output has two classes."""
    labels = job.labels
    return value * _weight(labels, t) if labels.weighted and not labels.of_outputs else value


@where_given("job.labels")
def add_weights(net: Any, job: Any, buf: Any, width: Any, first: bool) -> None:
    """Add up the weights of the samples of a tile; `first` says that it is the first one of a pass."""
    not_inlined()
    labels, lanes, tile = job.labels, width.lanes, width.tile
    total = pointer(labels.total)
    if first:
        store(total, 0, fill(buf.T, 0.0, lanes))
    if not labels.weighted:
        return
    mask = load(buf.mask, 0, tile)
    weights = fill(buf.T, 0.0, tile)
    for out in range(net.sizes[net.layers]):
        t = load(buf.T, out * tile.n, tile)
        if labels.of_outputs:
            weights = fma(t, labels.weights[out], weights)
        else:
            weights = weights + fma(t, labels.weights[1], (1.0 - t) * labels.weights[0])
    weights = where_lt(0.0, mask, weights, mask)
    store(total, 0, fold_add(weights, load(total, 0, lanes)))


@where_given("job.labels")
def divide_by_weights(net: Any, job: Any, buf: Any, width: Any, observed: bool, learned: bool) -> None:
    """Make weighted means of what a pass has summed up: the loss in buf.acc, the gradient in buf.G, or both."""
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    if not job.labels.weighted:
        return
    share = 1.0 / load(pointer(job.labels.total), 0, lanes)
    if observed:
        store(buf.acc, A_LOSS * L, load(buf.acc, A_LOSS * L, lanes) * share)
    if learned:
        for at in range(0, net.parameters * L, L):
            store(buf.G, at, load(buf.G, at, lanes) * share)
