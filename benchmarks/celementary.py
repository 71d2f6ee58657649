"""C source of exp, sigmoid and tanh of vectors, as somebody writes them who needs no last bit.

Everything is in powers of 2: y = x log2 e = k + f with an integer k and |f| <= 1/2, so that reducing an argument takes
one multiplication, and e^x is wrong by |x| units in the last place. Sigmoid and tanh take e^f as a quotient
(q + p) / (q - p) of two polynomials, which becomes part of the one division that they need anyway (the fits are those
of runner/kernels/lanes/elementary.py). With AVX-512 the processor rounds to an integer and scales by a power of 2 in an
instruction each, and an argument of any size needs no limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, log

_LN2, _LOG2E = log(2), 1 / log(2)


@dataclass(frozen=True)
class _Numbers:
    """What depends on the precision.

    Attributes
    ----------
    suffix : str
        Of a C literal.
    integer, register, ending : str
        C's integer type of the same size, Intel's type of a vector, and the ending of its functions.
    limit : int
        Powers of 2 within it are normal numbers.
    shifter : str
        Added to a small number, it leaves the integer next to it in the last bits.
    bias, shift : int
        Of an exponent.
    odd, even : tuple of float
        p = f odd(f^2) and q = even(f^2) with e^-r = (q - p) / (q + p), r = f ln 2, before they are scaled to f.
    degree : int
        Of the polynomial for exp alone.
    """

    suffix: str
    integer: str
    register: str
    ending: str
    limit: int
    shifter: str
    bias: int
    shift: int
    odd: tuple[float, ...]
    even: tuple[float, ...]
    degree: int


_NUMBERS = {
    "double": _Numbers(
        "", "long long", "__m512d", "pd", 1021, "0x1.8p52", 1023, 52,
        (3.304371395330362e-05, 0.013887383612038826, 0.5), (0.0009917624744920641, 0.11110810055740897, 1.0), 12,
    ),
    "float": _Numbers(
        "f", "int", "__m512", "ps", 125, "0x1.8p23f", 127, 23,
        (0.008322615176439285, 0.5), (0.0999784842133522, 1.0), 7,
    ),
}  # fmt: skip

# By name: what it is of z, and its slope where it is a.
ACTIVATIONS = {
    "sigmoid": ("sigmoid(z)", "(a - a * a)"),
    "tanh": ("vtanh(z)", "(1 - a * a)"),
    "relu": ("vmax(z, (v){})", "pick(a > 0, (v){} + 1, (v){})"),
    "identity": ("z", "((v){} + 1)"),
    "softmax": ("z", "((v){} + 1)"),
}


def functions(real: str, width: int) -> str:
    """Source of `pick`, `vmax`, `vexp`, `sigmoid` and `vtanh`, for vectors `v` of so many bytes.

    Parameters
    ----------
    real : {"double", "float"}
    width : int
    """
    n = _NUMBERS[real]
    odd, even = (_polynomial(terms, "g", n) for terms in quotient(real))
    exp = _polynomial([_LN2**k / factorial(k) for k in range(n.degree + 1)], "f", n)
    parts = _with_avx512(n) if width == 64 else _without(n)
    return f"""
#include <immintrin.h>
typedef {n.integer} iv __attribute__((vector_size({width})));
INLINE v pick(iv mask, v a, v b) {{ return (v)(((iv)a & mask) | ((iv)b & ~mask)); }}
{parts}
INLINE v vexp(v x) {{ SPLIT(x * {_literal(_LOG2E, n)}) v e = {exp}; return SCALED(e); }}
INLINE v sigmoid(v x) {{
    SPLIT(x * {_literal(-_LOG2E, n)})
    v g = f * f, p = ({odd}) * f, q = {even}, up = q - p;
    return up / (up + SCALED(q + p));
}}
INLINE v vtanh(v x) {{
    SPLIT(x * {_literal(-2 * _LOG2E, n)})
    v g = f * f, p = ({odd}) * f, q = {even}, up = q - p, down = SCALED(q + p);
    return (up - down) / (up + down);
}}"""


def quotient(real: str) -> tuple[list[float], list[float]]:
    """Coefficients of odd and even, constant ones first: 2^-f = (q - p) / (q + p), p = f odd(f^2), q = even(f^2).

    Parameters
    ----------
    real : {"double", "float"}
    """
    n = _NUMBERS[real]
    odd, even = (
        [c * _LN2 ** (2 * k + extra) for k, c in enumerate(reversed(terms))]
        for terms, extra in ((n.odd, 1), (n.even, 0))
    )
    return odd, even


def exponents(real: str) -> tuple[int, int, int]:
    """The largest power of 2 that is taken, and bias and place of an exponent."""
    n = _NUMBERS[real]
    return n.limit, n.bias, n.shift


def _literal(number: float, n: _Numbers) -> str:
    return f"{number!r}{n.suffix}"


def _polynomial(coefficients: list[float], x: str, n: _Numbers) -> str:
    """By Horner's rule; the constant coefficient first."""
    horner = _literal(coefficients[-1], n)
    for c in reversed(coefficients[:-1]):
        horner = f"({horner}) * {x} + {_literal(c, n)}"
    return horner


def _with_avx512(n: _Numbers) -> str:
    return f"""
INLINE v vmax(v a, v b) {{ return (v)_mm512_max_{n.ending}(({n.register})a, ({n.register})b); }}
#define SPLIT(of) v y = of, k = (v)_mm512_roundscale_{n.ending}(({n.register})y, 8), f = y - k;
#define SCALED(e) ((v)_mm512_scalef_{n.ending}(({n.register})(e), ({n.register})k))"""


def _without(n: _Numbers) -> str:
    return f"""
INLINE v vmax(v a, v b) {{ return pick(a > b, a, b); }}
#define SPLIT(of) v y = of; \\
    y = pick(y < {-n.limit}, (v){{}} - {n.limit}, y); y = pick(y > {n.limit}, (v){{}} + {n.limit}, y); \\
    v k = y + ({n.shifter} + {n.bias}); iv bits = (iv)k; v f = y - (k - ({n.shifter} + {n.bias}));
#define SCALED(e) ((e) * (v)(bits << {n.shift}))"""
