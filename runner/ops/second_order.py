"""Methods of second order for small networks: how a whole network makes one update; see `optimizers`.

Their algorithms are in `runner.kernels.second_order`, a file each. They need all samples in every update, have no
learning rate, and are said of the loss with weight_decay / 2 times the squared weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from runner.kernels.second_order import lbfgs, levenberg_marquardt, scg
from runner.ops.optimizers import OPTIMIZERS, Iteration, Optimizer


def _register(name: str, doc: str, settings: Mapping[str, float], iteration: Iteration) -> None:
    given = MappingProxyType(dict(settings))
    OPTIMIZERS.add(Optimizer(name, doc, None, given, update=None, tick=None, iteration=iteration))


def _work_of_levenberg_marquardt(parameters: int, samples: int, outputs: int) -> float:
    """A forward pass for the trial; a row of the Jacobian for each output and sample; the matrix, and its factor."""
    rows = samples * outputs
    return samples * parameters + rows * (2 * parameters + parameters**2 / 2) + parameters**3 / 6


_register(
    "levenberg_marquardt",
    "Damped Gauss-Newton steps for squared losses (Hagan and Menhaj 1994), as MATLAB's trainlm; an update is one trial "
    "of a step.",
    {"damping": 0.001, "damping_decrease": 0.1, "damping_increase": 10.0, "damping_max": 1e10},
    Iteration(
        levenberg_marquardt.levenberg_marquardt,
        levenberg_marquardt.kept_rows,
        levenberg_marquardt.work_rows,
        _work_of_levenberg_marquardt,
        of_residuals=True,
    ),
)


def _work_of_scg(parameters: int, samples: int, outputs: int) -> float:
    """A second gradient, and the loss of a step."""
    return 4 * samples * parameters + 15 * parameters


_register(
    "scg",
    "Scaled conjugate gradients (Moller 1993), as MATLAB's trainscg; an update is one iteration, whether its step "
    "succeeds or not.",
    {"sigma": 1e-4, "damping": 1e-6},
    Iteration(scg.scg, scg.kept_rows, scg.work_rows, _work_of_scg),
)


def _work_of_lbfgs(parameters: int, samples: int, outputs: int) -> float:
    """Mostly one step that is tried, and a direction from ten pairs."""
    return 3 * samples * parameters + 60 * parameters


_register(
    "lbfgs",
    "L-BFGS (Nocedal 1980) with a line search for Wolfe's conditions by doubling and bisection (Lewis and Overton "
    "2013); an update is one iteration.",
    {"history": 10},
    Iteration(lbfgs.lbfgs, lbfgs.kept_rows, lbfgs.work_rows, _work_of_lbfgs),
)
