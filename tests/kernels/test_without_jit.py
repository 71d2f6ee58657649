"""The kernels in plain Python: NUMBA_DISABLE_JIT=1 runs their NumPy twins, and finds what the compiled ones find."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from support import studies

TESTS = Path(__file__).parents[1]

KEYS: dict[str, Any] = {
    "learning_rate": 0.3,
    "bias_init": "uniform(-1, 1)",
    "replicates": 2,
    "updates": 6,
    "record": {"weights": True},
}
STUDIES: dict[str, dict[str, Any]] = {
    "everything": {
        "data": "xor",
        "architecture": "2-3-1",
        "sweep": {
            "zip": [
                {"activation": "sigmoid", "optimizer": "sgd"},
                {"activation": "tanh", "optimizer": "momentum"},
                {"activation": "relu", "optimizer": "nesterov"},
                {"activation": "leaky_relu", "optimizer": "rprop"},
                {"activation": "identity", "optimizer": "quickprop"},
                {"activation": "softplus", "optimizer": "adagrad"},
                {"activation": "softsign", "optimizer": "rmsprop"},
                {"activation": "step", "optimizer": "adam"},
                {"activation": "sigmoid", "optimizer": "adamw"},
            ],
            "grid": {"batch": ["full", 1, 3]},
        },
    },
    "orders": {
        "data": "gaussian(5, 2, 0)",
        "architecture": "2-2-1",
        "output": "identity",
        "init": "orthogonal",
        "batch": 2,
        "stop": "converged",
        "criterion": {"max_error": 1.5, "grad_norm": 3.0},
        "sweep": {"grid": {"order": ["shuffled", "with_replacement"], "bias": ["trained", "shared", 0.5]}},
    },
    "binary cross-entropy": {
        "data": "xor",
        "architecture": "2-2-1",
        "loss": "binary_cross_entropy",
        "parameterization": "mean_field",
    },
    "classes": {
        "data": "iris",
        "scaling": "standardize",
        "target_encoding": "one_hot",
        "architecture": "4-3",
        "output": "softmax",
        "loss": "cross_entropy",
        "init": "normal(0, 1)",
        "criterion": {"accuracy": 0.9},
        "updates": 2,
    },
    "faults": {
        "data": "xor",
        "architecture": "2-2-1",
        "sweep": {"grid": {"faults": ["moved_weights", "own_activation(layer=1)", ["bias_outside", "summed_slope"]]}},
    },
    "noise": {
        "data": "parity(3)",
        "architecture": "3-4-3-1",
        "loss": "binary_cross_entropy",
        "batch": 3,
        "order": "shuffled",
        "label_noise": 0.2,
        "l1": 0.01,
        "class_weights": [1, 3],
        "updates": 3,
        "sweep": {"grid": {"dropout": [0.3], "input_noise": [0.1], "clip_norm": [0.5], "clip_value": [0.2]}},
    },
    "second order": {
        "data": "xor",
        "architecture": "2-2-1",
        "sweep": {"grid": {"optimizer": ["sgd", "levenberg_marquardt", "scg", "lbfgs"]}},
    },
    "single precision": {"data": "xor", "architecture": "2-2-1", "precision": "float32"},
}

PROGRAM = """
import sys
from pathlib import Path
import numpy as np, yaml
from support import studies
from numba import config
assert config.DISABLE_JIT
for k, keys in enumerate(yaml.safe_load(Path(sys.argv[1]).read_text())):
    runs = studies.run(Path(sys.argv[2]), **keys)
    np.savez(Path(sys.argv[2]) / f"{k}.npz", records=runs.records, final=np.concatenate([w[1] for w in runs.weights]))
"""


def test_plain_python_agrees(tmp_path: Path) -> None:
    """Within 1e-9: the NumPy twin of a fused multiply-add rounds twice. In single precision, within 1e-5."""
    chosen = [KEYS | keys for keys in STUDIES.values()]
    (tmp_path / "studies.yaml").write_text(yaml.safe_dump(chosen, sort_keys=False))
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "studies.yaml"), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for k, (name, keys) in enumerate(STUDIES.items()):
        compiled = studies.run(tmp_path, **KEYS | keys)
        plain = np.load(tmp_path / f"{k}.npz")
        tolerance = 1e-5 if name == "single precision" else 1e-9
        assert np.allclose(plain["records"], compiled.records, tolerance, tolerance, equal_nan=True), name
        final = np.concatenate([weights[1] for weights in compiled.weights])
        assert np.allclose(plain["final"], final, tolerance, tolerance), name
        assert not np.array_equal(final, np.concatenate([weights[0] for weights in compiled.weights])), name
