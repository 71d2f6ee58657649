"""Faults of the hidden error: of the slope, of the weights on the way back, and of what is sent back."""

from __future__ import annotations

from runner.kernels import codes
from runner.kernels.faulty import table
from runner.ops.faults.record import FAULTS, SQUARED, Fault, Place

_RIGHT = "d_j = f'(z_j) sum_k w_kj d_k"
_RIGHT_LINE = "d[l] = (d[l+1] @ W[l+1]) * slope(z[l])"


def _way_back(
    name: str, doc: str, formula: str, line: str, code: int, square: bool = False, narrowing: bool = False
) -> None:
    """Other weights stand where a hidden layer's errors come back from the layer above."""
    FAULTS.add(
        Fault(
            name,
            doc,
            "hidden error",
            "hidden layer",
            formula=formula,
            right=_RIGHT,
            line=line,
            right_line=_RIGHT_LINE,
            entries=((table.WAY_BACK, code),),
            replaces="weights on the way back",
            square=square,
            narrowing=narrowing,
        )
    )


def _slope(
    name: str,
    doc: str,
    formula: str,
    line: str,
    code: int,
    place: Place = "layer",
    parameters: tuple[str, ...] = (),
) -> None:
    """Another slope stands in the error of a layer."""
    hidden = place == "hidden layer"
    FAULTS.add(
        Fault(
            name,
            doc,
            "hidden error",
            place,
            formula=formula,
            right="d_j = f'(z_j) e_j, e_j = dE/da_j",
            line=line,
            right_line="d[l] = e * slope(z[l])",
            entries=((table.SLOPE, code),),
            replaces="slope",
            parameters=parameters,
            losses=() if hidden else SQUARED,
            softmax=None if hidden else False,
        )
    )


FAULTS.add(
    Fault(
        "early_derivative",
        "A hidden error has the slope at the weighted sum of the layer before, 0 for the inputs.",
        "hidden error",
        "hidden layer",
        formula="d_j = f'(z of the layer below, unit j) sum_k w_kj d_k",
        right=_RIGHT,
        line="d[l] = (d[l+1] @ W[l+1]) * slope(z[l-1])",
        right_line=_RIGHT_LINE,
        bit=codes.EARLY_DERIVATIVE,
        entries=((table.SLOPE, table.EARLY),),
        replaces="slope",
        equal_widths=True,
    )
)
_slope(
    "slope_of_activation",
    "The slope is taken at the activation instead of at the weighted sum: the activation function once too often.",
    "d_j = f'(a_j) e_j",
    "d[l] = e * slope(a[l])",
    table.OF_ACTIVATION,
)
_slope(
    "slope_at_sum",
    "The slope is written in terms of the activation, but is given the weighted sum: z (1 - z) for a (1 - a).",
    "d_j = f'(a := z_j) e_j",
    "d[l] = e * z[l] * (1 - z[l])  # sigmoid",
    table.AT_SUM,
)
_slope(
    "no_hidden_slope",
    "The slope is left out of a hidden error.",
    "d_j = sum_k w_kj d_k",
    "d[l] = d[l+1] @ W[l+1]",
    table.NONE,
    "hidden layer",
)
_slope(
    "slope_of",
    "The slope is that of another activation, written in terms of z or a as that one's is: 1 - a^2 for a (1 - a).",
    "d_j = F'(z_j, a_j) e_j",
    "d[l] = e * (1 - a[l] ** 2)  # slope_of(tanh) in a sigmoid layer",
    table.OF,
    parameters=("activation",),
)
_slope(
    "slope_is_activation",
    "The activation itself stands for the slope.",
    "d_j = a_j e_j",
    "d[l] = e * a[l]",
    table.IS_ACTIVATION,
)
_slope(
    "slope_at_error",
    "The slope is taken at the error that comes back instead of at the weighted sum.",
    "d_j = f'(e_j) e_j",
    "d[l] = e * slope(e)",
    table.AT_ERROR,
)
_slope(
    "summed_slope",
    "The slope is summed over the units of the layer.",
    "d_j = e_j sum_i f'(z_i)",
    "d[l] = e * slope(z[l]).sum(1, keepdims=True)",
    table.SUMMED,
)
_slope(
    "late_slope",
    "The slope is taken from what leaves the unit, its bias added outside or cut by a threshold: 1 - (tanh z + b)^2.",
    "d_j = f'(a := what is put out) e_j",
    "d[l] = e * (1 - a[l] ** 2)  # where a[l] = np.tanh(z[l]) + b[l]",
    table.LATE,
)
_way_back(
    "moved_weights",
    "A hidden error comes back by the weights that this very update has moved already.",
    "d_j = f'(z_j) sum_k (w_kj - h g_kj) d_k",
    "W[l+1] -= h * gW[l+1]; d[l] = (d[l+1] @ W[l+1]) * slope(z[l])",
    table.MOVED,
)
_way_back(
    "unweighted_error",
    "Errors come back without the weights: a hidden unit has the sum of the errors above, the output's in every unit.",
    "d_j = f'(z_j) sum_k d_k",
    "d[l] = d[l+1].sum(1, keepdims=True) * slope(z[l])",
    table.UNWEIGHTED,
)
_way_back(
    "summed_weights",
    "An error comes back by the sum of the weights of its unit instead of the weight that leads to it.",
    "d_j = f'(z_j) sum_k d_k sum_i w_ki",
    "d[l] = (d[l+1] * W[l+1].sum(1)).sum(1, keepdims=True) * slope(z[l])",
    table.SUM_OF_WEIGHTS,
)
_way_back(
    "diagonal_weights",
    "One index stands for both: every error comes back by the weight from the unit of its own number.",
    "d_j = f'(z_j) sum_k w_kk d_k",
    "d[l] = (d[l+1] * np.diag(W[l+1])).sum(1, keepdims=True) * slope(z[l])",
    table.DIAGONAL,
    narrowing=True,
)
_way_back(
    "transposed_weights",
    "Errors come back by the transposed matrix.",
    "d_j = f'(z_j) sum_k w_jk d_k",
    "d[l] = (d[l+1] @ W[l+1].T) * slope(z[l])",
    table.TRANSPOSED,
    square=True,
)
FAULTS.add(
    Fault(
        "outputs_sent_back",
        "The activations of the layer above are sent back in the place of its errors.",
        "hidden error",
        "hidden layer",
        formula="d_j = f'(z_j) sum_k w_kj a_k",
        right=_RIGHT,
        line="d[l] = (a[l+1] @ W[l+1]) * slope(z[l])",
        right_line=_RIGHT_LINE,
        entries=((table.SENT_BACK, table.OUTPUTS),),
        replaces="what is sent back",
    )
)
FAULTS.add(
    Fault(
        "no_output_derivative",
        "The slope of the outputs is left out on the way back to the hidden units.",
        "hidden error",
        "output layer",
        formula="d_j = f'(z_j) sum_k w_kj (y_k - t_k)",
        right=_RIGHT,
        line="d[l] = ((y - t) @ W[l+1]) * slope(z[l])",
        right_line=_RIGHT_LINE,
        bit=codes.NO_OUTPUT_DERIVATIVE,
        entries=((table.UNSLOPED, 1),),
        replaces="what is sent back",
    )
)
FAULTS.add(
    Fault(
        "activation_factor",
        "A hidden error has an extra factor, the unit's activation.",
        "hidden error",
        "hidden layer",
        formula="d_j = a_j f'(z_j) sum_k w_kj d_k",
        right=_RIGHT,
        line="d[l] = (d[l+1] @ W[l+1]) * slope(z[l]) * a[l]",
        right_line=_RIGHT_LINE,
        bit=codes.ACTIVATION_FACTOR,
        entries=((table.EXTRA, table.TIMES_ACTIVATION),),
    )
)
