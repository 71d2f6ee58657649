"""The named data sets: each is one block here, a function from checked arguments to inputs and targets.

The first line of its docstring is its documentation; its arguments and their bounds stand in the decorator.
Inputs have the shape (samples, inputs), targets (samples, outputs).
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np

from runner.data.parameters import Entry, Floats, Integer, TruthTable, register
from runner.data.portable_math import normal_quantile, product, sine_cosine
from runner.registry import Registry

Raw = tuple[Floats, Floats]
"""Inputs and targets before they are scaled, encoded and mapped."""

DATASETS: Registry[Entry[Raw]] = Registry("data set")

MOST_NUMBERS = 10**7
"""Numbers in a generated data set, at most."""
MOST_BITS = 16
"""Inputs of a data set that lists all combinations of bits, at most: 65,536 samples."""


def _counting(bits: int) -> Floats:
    """All 2**bits rows of binary digits in counting order, the highest digit first."""
    rows = np.arange(2**bits)[:, None]
    return ((rows >> np.arange(bits - 1, -1, -1)) & 1).astype(np.float64)


def _truth_table(digits: str) -> Raw:
    """The boolean function whose outputs, in counting order, are the digits."""
    bits = len(digits).bit_length() - 1
    return _counting(bits), np.array([[float(digit)] for digit in digits])


@register(DATASETS, "and")
def and_gate() -> Raw:
    """Logical AND of two inputs, 00 01 10 11: targets 0 0 0 1."""
    return _truth_table("0001")


@register(DATASETS, "or")
def or_gate() -> Raw:
    """Logical OR of two inputs, 00 01 10 11: targets 0 1 1 1."""
    return _truth_table("0111")


@register(DATASETS, "nand")
def nand_gate() -> Raw:
    """Logical NAND of two inputs, 00 01 10 11: targets 1 1 1 0."""
    return _truth_table("1110")


@register(DATASETS, "nor")
def nor_gate() -> Raw:
    """Logical NOR of two inputs, 00 01 10 11: targets 1 0 0 0."""
    return _truth_table("1000")


@register(DATASETS, "xor")
def xor_gate() -> Raw:
    """Logical XOR of two inputs, 00 01 10 11: targets 0 1 1 0."""
    return _truth_table("0110")


@register(DATASETS, "xnor")
def xnor_gate() -> Raw:
    """Logical XNOR of two inputs, 00 01 10 11: targets 1 0 0 1."""
    return _truth_table("1001")


@register(DATASETS, "parity", n=Integer(2, MOST_BITS))
def parity(n: int) -> Raw:
    """All 2^n inputs of n bits in counting order; the target is 1 when an odd number of bits is 1."""
    inputs = _counting(n)
    return inputs, inputs.sum(axis=1, keepdims=True) % 2.0


@register(DATASETS, "boolean", bits=TruthTable(MOST_BITS))
def boolean(bits: str) -> Raw:
    """Any boolean function, given by its truth table in counting order: 2^k digits 0 or 1 make k inputs."""
    return _truth_table(bits)


@register(DATASETS, "encoder", n=Integer(2, 1024))
def encoder(n: int) -> Raw:
    """The n patterns with a single 1 among n, each to be reproduced: inputs and targets are equal."""
    return np.eye(n), np.eye(n)


@register(DATASETS, "parity_of_integers", n=Integer(1, 10**6))
def parity_of_integers(n: int) -> Raw:
    """The whole numbers 1 to n as they are, one input; the target is 1 for even and 0 for odd numbers."""
    integers = np.arange(1, n + 1)[:, None]
    return integers.astype(np.float64), (integers % 2 == 0).astype(np.float64)


def _gaussian_fits(n: int, d: int, seed: int) -> str:
    """What is wrong with the size of the data set; empty when nothing is."""
    count = n * (d + 1)
    return f"n * (d + 1) = {count:,} numbers, more than {MOST_NUMBERS:,}" if count > MOST_NUMBERS else ""


@register(
    DATASETS, "gaussian", n=Integer(1, 10**6), d=Integer(1, 10**5), seed=Integer(0, 2**63 - 1), fits=_gaussian_fits
)
def gaussian(n: int, d: int, seed: int) -> Raw:
    """Noise: n samples of d standard normal inputs and one standard normal target, independent of each other.

    Sample after sample, inputs then target, from Philox 4x64-10 with the seed as its key: the first samples
    are the same whatever n is.
    """
    words = np.random.Philox(key=seed).random_raw(n * (d + 1))
    # 52 bits and a half: every p lies inside (0, 1), is exact, and so is 1 - p.
    p = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    rows = normal_quantile(p).reshape(n, d + 1)
    return rows[:, :d], rows[:, d:]


@register(DATASETS, "two_spirals", n=Integer(2, 10**5))
def two_spirals(n: int) -> Raw:
    """Two interlocking spirals of n points and three turns each, targets 1 and 0; the original has n = 97.

    Lang & Witbrock (1988): from radius 6.5 inwards to 0.5, a point of the first spiral and then its mirror
    image through the origin on the second.
    """
    points = []
    for i in range(n):
        passed = Fraction(i, n - 1)
        radius = Fraction(13, 2) - 6 * passed
        sine, cosine = sine_cosine(3 * passed)
        points.append((product(sine, radius), product(cosine, radius)))
    first = np.array(points)
    # 0.0 - x rather than -x: no negative zeros.
    inputs = np.stack([first, 0.0 - first], axis=1).reshape(2 * n, 2)
    return inputs, np.tile([[1.0], [0.0]], (n, 1))


SPECIES = ("setosa", "versicolor", "virginica")


@register(DATASETS, "iris")
def iris() -> Raw:
    """Fisher's 150 irises: length and width of sepal and petal in cm; the target is the species, 0, 1 or 2.

    As printed by Fisher (1936), rows 35 and 38 included, which are wrong in the copy of the UCI repository.
    """
    with Path(__file__).with_name("iris.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    inputs = np.array([[float(cell) for cell in row[:4]] for row in rows])
    return inputs, np.array([[float(SPECIES.index(row[4]))] for row in rows])
