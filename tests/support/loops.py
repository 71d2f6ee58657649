"""A right program with loops of its own, as files for `diagnose`: which samples each of its updates has."""

from __future__ import annotations

from support.right_programs import RIGHT_PROGRAMS

_TRAIN = "\ndef train(weights, biases, inputs, targets, updates):\n"


def with_loop(loop: str, program: str = RIGHT_PROGRAMS["in place"]) -> str:
    """A program with the body of a `train`."""
    body = "".join(f"    {line}\n" for line in loop.strip("\n").splitlines())
    return f"{program}\nimport random\n{_TRAIN}{body}    return weights, biases\n"


def _single(chosen: str, before: str = "") -> str:
    """One sample an update, by its number."""
    return f"""
n = len(inputs)
for u in range(updates):
{before}    i = {chosen}
    update(weights, biases, inputs[i:i + 1], targets[i:i + 1])
"""


# Name of the order, the fault that is to be found, and the loop.
LOOPS: dict[str, tuple[str, str | None, str]] = {
    "in turn": ("sequential", None, _single("u % n")),
    "all": ("full", None, "for u in range(updates):\n    update(weights, biases, inputs, targets)"),
    "shuffled once a pass, seeded": (
        "shuffled",
        None,
        "rng = np.random.default_rng(1)\n"
        + _single("order[u % n]", "    if u % n == 0: order = rng.permutation(n)\n").strip("\n"),
    ),
    "shuffled by the global generator": (
        "shuffled",
        None,
        _single("order[u % n]", "    if u % n == 0: order = np.random.permutation(n)\n"),
    ),
    "drawn": ("with_replacement", None, _single("random.randrange(n)")),
    "drawn otherwise in every call": (
        "with_replacement",
        None,
        "rng = np.random.default_rng()\n" + _single("rng.integers(n)").strip("\n"),
    ),
    "pairs of samples": (
        "sequential",
        None,
        """
n = len(inputs)
for u in range(updates):
    i = 2 * u % n
    update(weights, biases, inputs[i:i + 2], targets[i:i + 2])
""",
    ),
    "counts passes": (
        "sequential",
        None,
        """
for epoch in range(updates):
    for x, y in zip(inputs, targets):
        update(weights, biases, x[None], y[None])
""",
    ),
    "always the first": ("first_batch", "first_batch", _single("0")),
    "until right": (
        "until_right",
        "until_right(0.1)",
        """
made = 0
for x, y in zip(inputs, targets):
    while made < updates and np.abs(predict(weights, biases, x[None]) - y).max() > 0.1:
        update(weights, biases, x[None], y[None])
        made += 1
""",
    ),
    "sliced by the epoch": (
        "epoch_slice",
        "epoch_slice",
        """
for epoch in range(updates):
    batch = slice(epoch, epoch + len(inputs) + 1)
    update(weights, biases, inputs[batch], targets[batch])
""",
    ),
    "inputs shuffled apart, once": (
        "apart",
        "inputs_shuffled_apart",
        "inputs = inputs[np.random.default_rng(3).permutation(len(inputs))]\n" + _single("u % n").strip("\n"),
    ),
    "inputs shuffled apart, every pass, all at once": (
        "apart",
        "inputs_shuffled_apart",
        """
for u in range(updates):
    mixed = np.random.permutation(inputs)
    update(weights, biases, mixed, targets)
""",
    ),
    "inputs shuffled apart, otherwise in every call": (
        "apart",
        "inputs_shuffled_apart",
        "inputs = np.random.default_rng().permutation(inputs)\n" + _single("u % n").strip("\n"),
    ),
    "one update less": ("nothing", None, "for u in range(1, updates):\n    update(weights, biases, inputs, targets)"),
    "nothing": ("nothing", None, "pass"),
    "stops": ("stops", None, _single("u % n", "    if u == 6: break\n")),
}
