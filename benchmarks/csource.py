"""The C program: source for one network, one data set and one vector width.

As an expert writes it by hand for one shape: one network per vector lane, GCC's vector extension, all sizes constants,
tiles of units and samples that keep their sums in registers, own elementary functions (`benchmarks.celementary`), and
short loops unrolled altogether. Lanes lie innermost: W[parameter][lane]. Sizes of tiles are the caller's to choose.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.celementary import ACTIVATIONS, functions
from benchmarks.network import Network


@dataclass(frozen=True)
class Shape:
    """How the work is cut: bytes of a vector, units and samples of a tile, and whether all loops are unrolled."""

    width: int
    units: int
    samples: int
    unrolled: bool


def source(net: Network, precision: str, shape: Shape) -> str:
    """The whole program; `train` is its entry."""
    real = {"float64": "double", "float32": "float"}[precision]
    lanes = shape.width // (8 if real == "double" else 4)
    sizes = {min(shape.samples, batch.stop - at) for batch in net.batches() for at in _tiles(batch, shape.samples)}
    return "\n".join(
        [
            "#include <math.h>",
            f"typedef {real} real;",
            f"typedef real v __attribute__((vector_size({shape.width})));",
            f"enum {{ L = {lanes}, P = {net.parameters}, IN = {net.sizes[0]}, OUT = {net.sizes[-1]} }};",
            "#define INLINE static inline __attribute__((always_inline))",
            f'#define UNROLL _Pragma("GCC unroll {1024 if shape.unrolled else 1}")',
            functions(real, shape.width),
            *(_pass(net, shape, size) for size in sorted(sizes)),
            _update(net, real),
            _train(net, shape),
        ]
    )


def _tiles(batch: slice, samples: int) -> range:
    return range(batch.start, batch.stop, samples)


def _offsets(net: Network) -> list[tuple[int, int]]:
    """Where the weights and the biases of every layer begin."""
    found, at = [], 0
    for fan_in, fan_out in zip(net.sizes, net.sizes[1:], strict=False):
        found.append((at, at + fan_in * fan_out))
        at += fan_in * fan_out + fan_out * net.biases
    return found


def _divisor(n: int, most: int) -> int:
    return max(k for k in range(1, most + 1) if n % k == 0)


def _pass(net: Network, shape: Shape, T: int) -> str:
    """Forward and backward pass of a tile of T samples; the gradient is added to G."""
    arrays = [f"    v a{k}[{size}][{T}], d{k}[{size}][{T}];" for k, size in enumerate(net.sizes) if k]
    forward = [_forward(net, layer, shape.units, T) for layer in range(1, net.layers + 1)]
    backward = [_gradient(net, layer, shape.units, T) for layer in range(net.layers, 0, -1)]
    return "\n".join(
        [
            f"INLINE void pass{T}(const v *W, v *G, const real *x, const real *targets, real factor) {{",
            *arrays,
            *forward,
            _output_error(net, T),
            *backward,
            "}",
        ]
    )


def _below(layer: int, unit: str, t: int, fan_in: int) -> str:
    return f"x[{t} * IN + {unit}]" if layer == 1 else f"a{layer - 1}[{unit}][{t}]"


def _forward(net: Network, layer: int, most: int, T: int) -> str:
    fan_in, fan_out = net.sizes[layer - 1], net.sizes[layer]
    weights, biases = _offsets(net)[layer - 1]
    U, scale = _divisor(fan_out, most), net.scales[layer - 1]
    last = layer == net.layers
    activate = ACTIVATIONS[net.output if last else net.activation][0]
    lines = [f"    UNROLL for (int j = 0; j < {fan_out}; j += {U}) {{"]
    tile = [(u, t) for u in range(U) for t in range(T)]
    for u in range(U):
        start = f"W[{biases} + j + {u}]" if net.biases and scale == 1 else "(v){}"
        lines.append(f"        v {', '.join(f'z{u}_{t} = {start}' for t in range(T))};")
    lines.append(f"        UNROLL for (int i = 0; i < {fan_in}; i++) {{")
    lines += [f"            v w{u} = W[{weights} + (j + {u}) * {fan_in} + i];" for u in range(U)]
    lines += [f"            z{u}_{t} += w{u} * {_below(layer, 'i', t, fan_in)};" for u, t in tile]
    lines.append("        }")
    for u, t in tile:
        z = f"z{u}_{t}"
        if scale != 1:
            lines.append(f"        {z} = {z} * (real){scale!r}" + (f" + W[{biases} + j + {u}];" if net.biases else ";"))
        lines.append(f"        {{ v z = {z}; a{layer}[j + {u}][{t}] = {activate}; }}")
    return "\n".join([*lines, "    }"])


def _output_error(net: Network, T: int) -> str:
    last = net.layers
    lines = []
    if net.output == "softmax":
        lines += [
            f"    for (int t = 0; t < {T}; t++) {{",
            f"        v top = a{last}[0][t], total = {{}};",
            f"        UNROLL for (int k = 1; k < OUT; k++) top = pick(a{last}[k][t] > top, a{last}[k][t], top);",
            f"        UNROLL for (int k = 0; k < OUT; k++) {{ v e = vexp(a{last}[k][t] - top);"
            f" a{last}[k][t] = e; total += e; }}",
            "        v share = 1 / total;",
            f"        UNROLL for (int k = 0; k < OUT; k++) a{last}[k][t] *= share;",
            "    }",
        ]
    slope = "" if net.fused else f" * {ACTIVATIONS[net.output][1]}"
    lines += [
        "    UNROLL for (int k = 0; k < OUT; k++)",
        f"        UNROLL for (int t = 0; t < {T}; t++) {{",
        f"            v a = a{last}[k][t];",
        f"            d{last}[k][t] = factor * (a - targets[t * OUT + k]){slope};",
        "        }",
    ]
    return "\n".join(lines)


def _gradient(net: Network, layer: int, most: int, T: int) -> str:
    fan_in, fan_out = net.sizes[layer - 1], net.sizes[layer]
    weights, biases = _offsets(net)[layer - 1]
    U, V, scale = _divisor(fan_out, most), _divisor(fan_in, most), net.scales[layer - 1]
    lines = [f"    UNROLL for (int j = 0; j < {fan_out}; j += {U}) {{"]
    tile = [(u, t) for u in range(U) for t in range(T)]
    factor = "" if scale == 1 else f" * (real){scale!r}"
    lines += [f"        v e{u}_{t} = d{layer}[j + {u}][{t}];" for u, t in tile]
    if net.biases:
        lines += [f"        G[{biases} + j + {u}] += {' + '.join(f'e{u}_{t}' for t in range(T))};" for u in range(U)]
    if factor:
        lines += [f"        e{u}_{t} = d{layer}[j + {u}][{t}] = e{u}_{t}{factor};" for u, t in tile]
    lines.append(f"        UNROLL for (int i = 0; i < {fan_in}; i++) {{")
    lines += [f"            v g{u} = G[{weights} + (j + {u}) * {fan_in} + i];" for u in range(U)]
    lines += [f"            g{u} += e{u}_{t} * {_below(layer, 'i', t, fan_in)};" for t in range(T) for u in range(U)]
    lines += [f"            G[{weights} + (j + {u}) * {fan_in} + i] = g{u};" for u in range(U)]
    lines += ["        }", "    }"]
    if layer == 1:
        return "\n".join(lines)
    back = [(u, t) for u in range(V) for t in range(T)]
    lines.append(f"    UNROLL for (int i = 0; i < {fan_in}; i += {V}) {{")
    lines += [f"        v e{u}_{t} = {{}};" for u, t in back]
    lines.append(f"        UNROLL for (int j = 0; j < {fan_out}; j++) {{")
    lines += [f"            v w{u} = W[{weights} + j * {fan_in} + i + {u}];" for u in range(V)]
    lines += [f"            e{u}_{t} += w{u} * d{layer}[j][{t}];" for u, t in back]
    lines.append("        }")
    slope = ACTIVATIONS[net.activation][1]
    lines += [
        f"        {{ v a = a{layer - 1}[i + {u}][{t}]; d{layer - 1}[i + {u}][{t}] = e{u}_{t} * {slope}; }}"
        for u, t in back
    ]
    return "\n".join([*lines, "    }"])


def _update(net: Network, real: str) -> str:
    """One update of all parameters of a group from its gradient; clears the gradient."""
    root = "sqrt" if real == "double" else "sqrtf"
    head = "INLINE void update(v *W, v *G, v *M, v *S, const v *rate, real *power) {"
    if net.optimizer == "sgd":
        body = ["v g = G[p];", "W[p] -= rate[layer] * g;", "G[p] = (v){};"]
        before = []
    else:
        beta1, beta2, epsilon = net.settings
        before = [
            f"    power[0] *= (real){beta1!r}; power[1] *= (real){beta2!r};",
            f"    real step = 1 / (1 - power[0]), root = 1 / {root}(1 - power[1]);",
        ]
        body = [
            "v g = G[p], m = M[p], s = S[p], scale;",
            f"m += (g - m) * (real){1 - beta1!r};",
            f"s = s * (real){beta2!r} + g * g * (real){1 - beta2!r};",
            f"for (int k = 0; k < L; k++) scale[k] = {root}(s[k]);",
            f"W[p] -= rate[layer] * step * m / (scale * root + (real){epsilon!r});",
            "M[p] = m; S[p] = s; G[p] = (v){};",
        ]
    loops = []
    ends = [first for first, _ in _offsets(net)[1:]] + [net.parameters]
    for layer, (first, end) in enumerate(zip([0, *ends], ends, strict=False)):
        inner = " ".join(body).replace("layer", str(layer))
        loops.append(f"    UNROLL for (int p = {first}; p < {end}; p++) {{ {inner} }}")
    return "\n".join([head, *before, *loops, "}"])


def _train(net: Network, shape: Shape) -> str:
    """Epochs of all groups; whole batches in a loop, a smaller last one after it."""
    full, rest = divmod(net.samples, net.batch)
    adam = net.optimizer == "adam"
    state = "v M[P] = {}, S[P] = {}; real power[2] = {1, 1};" if adam else "v *M = 0, *S = 0; real *power = 0;"
    return f"""
void train(long groups, long epochs, const v *weights, const v *rates, const real *x, const real *t, v *out) {{
    for (long g = 0; g < groups; g++) {{
        v W[P], G[P] = {{}}, rate[{net.layers}];
        {state}
        for (int p = 0; p < P; p++) W[p] = weights[g * P + p];
        for (int l = 0; l < {net.layers}; l++) rate[l] = rates[g * {net.layers} + l];
        for (long epoch = 0; epoch < epochs; epoch++) {{
            for (long b = 0; b < {full * net.batch}; b += {net.batch}) {{
{_batch(net, net.batch, shape.samples, "b")}
            }}
{_batch(net, rest, shape.samples, str(full * net.batch)) if rest else ""}
        }}
        for (int p = 0; p < P; p++) out[g * P + p] = W[p];
    }}
}}"""


def _batch(net: Network, n: int, T: int, first: str) -> str:
    whole, rest = divmod(n, T)
    factor = f"(real){net.factor(n) * (1 if net.fused else 2)!r}"
    at = f"x + ({first} + s) * IN, t + ({first} + s) * OUT, {factor}"
    lines = [f"UNROLL for (long s = 0; s < {whole * T}; s += {T}) pass{T}(W, G, {at});"] if whole else []
    if rest:
        lines.append(f"{{ long s = {whole * T}; pass{rest}(W, G, {at}); }}")
    return "\n".join(["                " + line for line in [*lines, "update(W, G, M, S, rate, power);"]])
