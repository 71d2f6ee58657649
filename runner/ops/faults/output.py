"""Faults of the error of the outputs, and of which samples an update sees."""

from __future__ import annotations

from runner.kernels import codes
from runner.kernels.faulty import table
from runner.ops.faults.record import FAULTS, SQUARED, Fault

_SIGNAL, _SIGNAL_LINE = "dE/dy_k = y_k - t_k", "e = y - t"

FAULTS.add(
    Fault(
        "scalar_cost",
        "The cost of the batch, one number, stands as the error signal of every output.",
        "output",
        "network",
        formula="dE/dy_k = E",
        right=_SIGNAL,
        line="e = np.full_like(y, cost)",
        right_line=_SIGNAL_LINE,
        bit=codes.SCALAR_COST,
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "cost_times_residual",
        "The error signal is multiplied by the cost of the batch.",
        "output",
        "network",
        formula="dE/dy_k = E (y_k - t_k)",
        right=_SIGNAL,
        line="e = cost * (y - t)",
        right_line=_SIGNAL_LINE,
        bit=codes.COST_TIMES_RESIDUAL,
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "mean_cost_times_residual",
        "The error signal is multiplied by the cost of the batch divided by its number of samples.",
        "output",
        "network",
        formula="dE/dy_k = (E / N) (y_k - t_k)",
        right=_SIGNAL,
        line="e = cost / len(y) * (y - t)",
        right_line=_SIGNAL_LINE,
        bit=codes.MEAN_COST_TIMES_RESIDUAL,
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "target_for_residual",
        "The target alone stands for the residual, as if every output were 0.",
        "output",
        "network",
        formula="dE/dy_k = -t_k",
        right=_SIGNAL,
        line="e = -t",
        right_line=_SIGNAL_LINE,
        entries=((table.SIGNAL, table.TARGET),),
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "all_pairs",
        "Every output is held against every target of the batch: (N, 1) minus (N,) is (N, N).",
        "output",
        "network",
        formula="dE/dy_n = sum_m (y_n - t_m), over N x N pairs",
        right="dE/dy_n = y_n - t_n",
        line="e = (y - t.ravel()).sum(1, keepdims=True)  # divided by N * N in a mean",
        right_line=_SIGNAL_LINE,
        entries=((table.SIGNAL, table.ALL_PAIRS),),
        replaces="residual",
        outputs=1,
    )
)
FAULTS.add(
    Fault(
        "output_twice",
        "The loss applies softmax or sigmoid once more to outputs that are probabilities already.",
        "output",
        "network",
        formula="E = cross-entropy of f(y), where y = f(z)",
        right="E = cross-entropy of y, where y = f(z)",
        line="loss = F.cross_entropy(softmax(z), t)",
        right_line="loss = F.cross_entropy(z, t)",
        entries=((table.SIGNAL, table.TWICE),),
        replaces="residual",
        losses=("cross_entropy", "binary_cross_entropy"),
    )
)
FAULTS.add(
    Fault(
        "no_output_slope",
        "The slope is left out of the outputs' own error, although the loss is a squared error.",
        "output",
        "output layer",
        formula="d_k = y_k - t_k",
        right="d_k = f'(z_k) (y_k - t_k)",
        line="d[L] = y - t",
        right_line="d[L] = (y - t) * slope(z[L])",
        entries=((table.SLOPE, table.NONE),),
        replaces="slope",
        losses=SQUARED,
    )
)
FAULTS.add(
    Fault(
        "epoch_slice",
        "A batch is sliced by the number of the epoch: samples e to e + batch in epoch e, counted from 0.",
        "order",
        "network",
        formula="samples e, ..., e + B in epoch e",
        right="samples B u, ..., B u + B - 1 in update u of an epoch",
        line="batch = X[epoch : epoch + B + 1]",
        right_line="batch = X[u * B : (u + 1) * B]",
        bit=codes.EPOCH_SLICE,
        replaces="order of the samples",
    )
)
FAULTS.add(
    Fault(
        "until_right",
        "A sample is trained until its error is at most the tolerance, then the next; none once all of them are right.",
        "order",
        "network",
        formula="the same n while max_k |y_k - t_k| > tolerance",
        right="each n once in an epoch",
        line="while np.abs(predict(X[n]) - t[n]).max() > tolerance: update(X[n], t[n])",
        right_line="update(X[n], t[n])",
        entries=((table.ORDER, table.UNTIL_RIGHT),),
        number=table.TOLERANCE,
        parameters=("tolerance",),
        replaces="order of the samples",
        batch=1,
    )
)
FAULTS.add(
    Fault(
        "first_batch",
        "Every update sees the first batch: the same sample for ever, where a batch is one.",
        "order",
        "network",
        formula="samples 0, ..., B - 1 in every update",
        right="samples B u, ..., B u + B - 1 in update u of an epoch",
        line="batch = X[0:B]",
        right_line="batch = X[u * B : (u + 1) * B]",
        entries=((table.ORDER, table.FIRST_BATCH),),
        replaces="order of the samples",
    )
)
FAULTS.add(
    Fault(
        "inputs_shuffled_apart",
        "Inputs are shuffled and targets are not: place n of an epoch has the target of sample n.",
        "order",
        "network",
        formula="x of sample p(n) with t of sample n",
        right="x and t of sample p(n)",
        line="X = X[rng.permutation(N)]",
        right_line="p = rng.permutation(N); X, T = X[p], T[p]",
        entries=((table.PAIRS, table.APART),),
        replaces="order of the samples",
        order="shuffled",
    )
)
