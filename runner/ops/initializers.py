"""Initialisers: the distribution of the initial weights. One block is one initialiser.

Each gives, for a layer's fan_in and fan_out, a kind of distribution with location and width, from which
kernels/initial.py draws. A uniform distribution within +-b has the standard deviation b / sqrt(3).

Sources: xavier, Glorot and Bengio (2010), eq. 12 and 16; he, He et al. (2015), eq. 10; lecun, LeCun et al., Efficient
BackProp (1998), eq. 16; orthogonal, Saxe, McClelland and Ganguli (2013); sparse, Martens (2010), in the form of
torch.nn.init.sparse_; nguyen_widrow, Nguyen and Widrow (1990); wessels_barnard, Wessels and Barnard, Avoiding False
Local Minima by Proper Initialization of Connections (IEEE Transactions on Neural Networks 3, 1992); lsuv, Mishkin and
Matas, All You Need Is a Good Init (ICLR 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal

import numpy as np
from numpy.typing import NDArray

from runner.kernels.initial import NORMAL, ORTHOGONAL, TRUNCATED, UNIFORM
from runner.registry import Registry


@dataclass(frozen=True)
class Distribution:
    """What the kernel draws from: location + width * number, with random numbers of a kind.

    Attributes
    ----------
    kind : int
        UNIFORM: numbers uniform in (0, 1). NORMAL: standard normal. ORTHOGONAL: standard normal, and then the weights
        of a layer are made orthonormal. TRUNCATED: standard normal within +-2.
    location, width : float
        Low and high - low of a uniform distribution, mean and standard deviation of a normal one.
    """

    kind: int
    location: float
    width: float


@dataclass(frozen=True)
class Initializer:
    """A registered initialiser.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    distribution : callable (fan_in, fan_out, *arguments) -> Distribution
        Of a layer's weights, or of its biases: these take fan_in and fan_out of the layer too.
    parameters : tuple of str
        Names of its arguments.
    biases : bool
        Whether it can be used for biases.
    finish : callable (weights, seeds, *arguments), or None
        What is made of the weights of a layer when they are drawn: changes a float64 array (runs, fan_out, fan_in) in
        place, each run by itself. `seeds`, uint64 (runs,), are those of the runs. In it every operation of NumPy must
        give the same bits on every processor: arithmetic and roots do, sums and powers do not.
    source : str
        As of an activation.
    unit_variance : bool
        Whether the weights are then divided, layer by layer, so that weighted sums have variance 1 over the samples
        that the run is trained on (see `runner.kernels.lsuv`).
    """

    name: str
    doc: str
    distribution: Callable[..., Distribution]
    parameters: tuple[str, ...] = ()
    biases: bool = True
    finish: Callable[..., None] | None = None
    source: str = ""
    unit_variance: bool = False


INITIALIZERS: Registry[Initializer] = Registry("initialiser")


def _symmetric(bound: float) -> Distribution:
    """Uniform within +-bound."""
    return Distribution(UNIFORM, -bound, 2.0 * bound)


def _normal(std: float) -> Distribution:
    """Normal with mean 0."""
    return Distribution(NORMAL, 0.0, std)


INITIALIZERS.add(
    Initializer(
        "uniform",
        "Uniform between a and b.",
        lambda fan_in, fan_out, a, b: Distribution(UNIFORM, a, b - a),
        ("a", "b"),
    )
)
INITIALIZERS.add(
    Initializer(
        "normal",
        "Normal with the given mean and standard deviation.",
        lambda fan_in, fan_out, mean, std: Distribution(NORMAL, mean, std),
        ("mean", "std"),
    )
)
INITIALIZERS.add(
    Initializer(
        "xavier_uniform",
        "Uniform within +-sqrt(6 / (fan_in + fan_out)).",
        lambda fan_in, fan_out: _symmetric(math.sqrt(6.0 / (fan_in + fan_out))),
    )
)
INITIALIZERS.add(
    Initializer(
        "xavier_normal",
        "Normal with standard deviation sqrt(2 / (fan_in + fan_out)).",
        lambda fan_in, fan_out: _normal(math.sqrt(2.0 / (fan_in + fan_out))),
    )
)
INITIALIZERS.add(
    Initializer(
        "he_uniform",
        "Uniform within +-sqrt(6 / fan_in).",
        lambda fan_in, fan_out: _symmetric(math.sqrt(6.0 / fan_in)),
    )
)
INITIALIZERS.add(
    Initializer(
        "he_normal",
        "Normal with standard deviation sqrt(2 / fan_in).",
        lambda fan_in, fan_out: _normal(math.sqrt(2.0 / fan_in)),
    )
)
INITIALIZERS.add(
    Initializer(
        "lecun_uniform",
        "Uniform within +-sqrt(3 / fan_in).",
        lambda fan_in, fan_out: _symmetric(math.sqrt(3.0 / fan_in)),
    )
)
INITIALIZERS.add(
    Initializer(
        "lecun_normal",
        "Normal with standard deviation sqrt(1 / fan_in).",
        lambda fan_in, fan_out: _normal(math.sqrt(1.0 / fan_in)),
    )
)
INITIALIZERS.add(
    Initializer(
        "orthogonal",
        "Orthonormal rows or columns, uniformly distributed.",
        lambda fan_in, fan_out: Distribution(ORTHOGONAL, 0.0, 1.0),
        biases=False,
    )
)
INITIALIZERS.add(
    Initializer(
        "lsuv",
        "orthogonal, and then divided layer by layer until weighted sums have a variance within 0.1 of 1 over the "
        "samples that are trained on (Mishkin and Matas 2016).",
        lambda fan_in, fan_out: Distribution(ORTHOGONAL, 0.0, 1.0),
        biases=False,
        unit_variance=True,
    )
)
INITIALIZERS.add(Initializer("zeros", "All zero.", lambda fan_in, fan_out: Distribution(UNIFORM, 0.0, 0.0)))
INITIALIZERS.add(
    Initializer("constant", "All equal to c.", lambda fan_in, fan_out, c: Distribution(UNIFORM, c, 0.0), ("c",))
)
INITIALIZERS.add(
    Initializer(
        "torch_linear",
        "Uniform within +-1 / sqrt(fan_in): what torch.nn.Linear gives its weights, and its biases.",
        lambda fan_in, fan_out: _symmetric(math.sqrt(1.0 / fan_in)),
    )
)
INITIALIZERS.add(
    Initializer(
        "uniform_fan_in",
        "Uniform within +-c / fan_in.",
        lambda fan_in, fan_out, c: _symmetric(abs(c) / fan_in),
        ("c",),
    )
)
INITIALIZERS.add(
    Initializer(
        "wessels_barnard",
        "Uniform within +-3 / sqrt(fan_in): the random weights of Wessels and Barnard (1992).",
        lambda fan_in, fan_out: _symmetric(3.0 * math.sqrt(1.0 / fan_in)),
    )
)
INITIALIZERS.add(
    Initializer(
        "truncated_normal",
        "Normal, and no further from the mean than two of these standard deviations.",
        lambda fan_in, fan_out, mean, std: Distribution(TRUNCATED, mean, std),
        ("mean", "std"),
    )
)


def _put_identity(weights: NDArray[np.float64], seeds: NDArray[np.uint64]) -> None:
    weights[:] = np.eye(*weights.shape[1:])


INITIALIZERS.add(
    Initializer(
        "identity",
        "1 from unit k to unit k of the layer above, else 0, as torch.nn.init.eye_.",
        lambda fan_in, fan_out: Distribution(UNIFORM, 0.0, 0.0),
        biases=False,
        finish=_put_identity,
    )
)

# The second word of the key of Philox, which the weights themselves and the order of samples have otherwise.
_STREAM_SPARSE = 3


def _thin_out(weights: NDArray[np.float64], seeds: NDArray[np.uint64], sparsity: float, std: float) -> None:
    runs, fan_out, fan_in = weights.shape
    n = math.ceil(sparsity * fan_out)
    for run in range(runs):
        words = np.random.Philox(key=(_STREAM_SPARSE << 64) + int(seeds[run])).random_raw(fan_out * fan_in)
        # Of the weights that leave a unit, those with the smallest of these numbers.
        chosen = np.argsort(words.reshape(fan_out, fan_in), axis=0, kind="stable")[:n]
        np.put_along_axis(weights[run], chosen, 0.0, axis=0)


INITIALIZERS.add(
    Initializer(
        "sparse",
        "Normal with mean 0, and of the weights that leave a unit a share of zeros, as torch.nn.init.sparse_.",
        lambda fan_in, fan_out, sparsity, std: _normal(std),
        ("sparsity", "std"),
        biases=False,
        finish=_thin_out,
    )
)


def _norm_of_nguyen_and_widrow(fan_in: int, fan_out: int) -> float:
    """0.7 fan_out^(1 / fan_in), rounded once; the powers of a processor differ in the last bit."""
    exact = Context(prec=40)
    power = exact.exp(exact.divide(exact.ln(Decimal(fan_out)), Decimal(fan_in)))
    return float(exact.multiply(Decimal("0.7"), power))


def _scale_rows(weights: NDArray[np.float64], seeds: NDArray[np.uint64]) -> None:
    _, fan_out, fan_in = weights.shape
    total = np.zeros(weights.shape[:2])
    for k in range(fan_in):
        total = total + weights[:, :, k] * weights[:, :, k]
    weights *= (_norm_of_nguyen_and_widrow(fan_in, fan_out) / np.sqrt(total))[:, :, None]


INITIALIZERS.add(
    Initializer(
        "nguyen_widrow",
        "Weights of a unit of norm 0.7 fan_out^(1 / fan_in), for inputs within +-1; biases uniform within +- that.",
        lambda fan_in, fan_out: _symmetric(_norm_of_nguyen_and_widrow(fan_in, fan_out)),
        finish=_scale_rows,
    )
)
