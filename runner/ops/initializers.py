"""Initialisers: the distribution of the initial weights. One block is one initialiser.

Each gives, for a layer's fan_in and fan_out, a kind of distribution with location and width, from which
kernels/initial.py draws. A uniform distribution within +-b has the standard deviation b / sqrt(3).

Sources: xavier, Glorot and Bengio (2010), eq. 12 and 16; he, He et al. (2015), eq. 10; lecun, LeCun et al., Efficient
BackProp (1998), eq. 16; orthogonal, Saxe, McClelland and Ganguli (2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from runner.kernels.initial import NORMAL, ORTHOGONAL, UNIFORM
from runner.registry import Registry


@dataclass(frozen=True)
class Distribution:
    """What the kernel draws from: location + width * number, with random numbers of a kind.

    Attributes
    ----------
    kind : int
        UNIFORM: numbers uniform in (0, 1). NORMAL: standard normal. ORTHOGONAL: standard normal, and then the weights
        of a layer are made orthonormal.
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
    """

    name: str
    doc: str
    distribution: Callable[..., Distribution]
    parameters: tuple[str, ...] = ()
    biases: bool = True


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
INITIALIZERS.add(Initializer("zeros", "All zero.", lambda fan_in, fan_out: Distribution(UNIFORM, 0.0, 0.0)))
INITIALIZERS.add(
    Initializer("constant", "All equal to c.", lambda fan_in, fan_out, c: Distribution(UNIFORM, c, 0.0), ("c",))
)
