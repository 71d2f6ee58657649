"""A trained network by itself: its layers, and what was done to inputs and targets, so that it takes raw ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.data.coding import Coding
from runner.errors import RunnerError
from runner.keys.architecture import hidden_activations, seen_by
from runner.networks.activations import conversion

if TYPE_CHECKING:
    import onnx
    import torch

Floats = NDArray[np.float64]
Layer = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class Network:
    """The network of a run, as `Results.network` gives it.

    Inputs are raw: they are scaled here as those that the network was trained on. Outputs are in the units of the
    data's targets: where the run has a `target_range`, they are mapped back from it.

    Attributes
    ----------
    run_id : str
    architecture : tuple of int
        Units of every layer, from the inputs to the outputs.
    activation : str or tuple of str
        Of the hidden layers, or of each of them.
    output : str
        Activation of the output layer.
    weights : list of pairs of arrays
        W (fan_out, fan_in) and b (fan_out,) of every layer, of float64 or of float32: a layer computes f(W x + b). Of
        the mean-field parameterisation W has its factor, and with a gain both have it.
    coding : Coding
        What was done to inputs and targets.
    shortcuts : str or None
        Which layers see layers before the one below them, as the key of a study; x is what a layer sees.
    """

    run_id: str
    architecture: tuple[int, ...]
    activation: str | tuple[str, ...]
    output: str
    weights: list[Layer]
    coding: Coding
    shortcuts: str | None = None

    def __repr__(self) -> str:
        shape = "-".join(map(str, self.architecture))
        activations = self.activation if isinstance(self.activation, str) else "-".join(self.activation)
        return f"<Network {shape} of run {self.run_id}: {activations}, {self.output}>"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which it was trained, and computes."""
        return self.weights[0][0].dtype

    @property
    def names(self) -> list[str]:
        """The activation of every layer."""
        return [*hidden_activations(self.activation, self.architecture), self.output]

    @property
    def seen(self) -> tuple[tuple[int, ...], ...]:
        """The layers that every layer sees, in the order of its inputs; layer 0 are the inputs of the network."""
        return seen_by(self.architecture, self.shortcuts)

    def outputs(self, X: Any) -> NDArray[np.floating[Any]]:
        """What the output units give.

        Computed by NumPy, in the precision of the training. The kernels add products in another order and have an
        exponential of their own, so that the last digits differ.

        Parameters
        ----------
        X : array (samples, inputs)
            As they stand in the data, not scaled.

        Returns
        -------
        array (samples, outputs)
            One column for each target; for each class with `target_encoding: one_hot`.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self.coding.from_range(self.outputs_in_range(self.coding.scale(self._checked(X)))).astype(self.dtype)

    def outputs_in_range(self, scaled: Floats) -> NDArray[np.floating[Any]]:
        """Outputs for inputs that are scaled already, as they were compared with the targets in training."""
        layers = [scaled.astype(self.dtype)]
        for (W, b), name, seen in zip(self.weights, self.names, self.seen, strict=True):
            a = np.hstack([layers[k] for k in seen])
            layers.append(conversion(name).in_numpy(a @ W.T + b))
        return layers[-1]

    def predict(self, X: Any) -> NDArray[Any]:
        """Targets: the outputs, or with `target_encoding: one_hot` the class whose output is the largest.

        Parameters
        ----------
        X : array (samples, inputs)
            As they stand in the data, not scaled.

        Returns
        -------
        array (samples, targets)
            Numbers; or (samples,), the class labels, which are texts where the data have texts. Of outputs that are
            equally large the first one counts.
        """
        outputs = self.outputs(X)
        return self.coding.classes[outputs.argmax(axis=1)] if len(self.coding.classes) else outputs

    def to_torch(self) -> torch.nn.Sequential:
        """The same network in PyTorch, whose outputs are those of `outputs`; scaling is a part of it.

        Raises
        ------
        RunnerError
            When PyTorch is missing, or has no such activation.
        """
        module: torch.nn.Sequential = _converter("in_torch", "torch", "torch")(self)
        return module

    def to_sklearn(self) -> Any:
        """An estimator of scikit-learn, fitted: a classifier for class labels and for one target of two values, else a
        regressor.

        Raises
        ------
        RunnerError
            When scikit-learn is missing.
        """
        return _converter("in_sklearn", "sklearn", "scikit-learn")(self)

    def to_onnx(self) -> onnx.ModelProto:
        """The same network as an ONNX model, from ``inputs`` (samples, inputs) to ``outputs``, those of `outputs`.

        Raises
        ------
        RunnerError
            When the package onnx is missing, or the activation has no form in it.
        """
        model: onnx.ModelProto = _converter("in_onnx", "onnx", "onnx")(self)
        return model

    def _checked(self, X: Any) -> Floats:
        """Inputs as a table of numbers."""
        try:
            x = np.asarray(X, np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"X: expected an array of numbers, found {type(X).__name__}") from None
        if x.ndim != 2 or x.shape[1] != self.architecture[0]:
            raise ValueError(f"X: expected shape (samples, {self.architecture[0]}), found {x.shape}")
        return x


def _converter(module: str, needed: str, package: str) -> Callable[[Network], Any]:
    """What makes a network one of another library; RunnerError where that is not installed."""
    if find_spec(needed) is None:
        raise RunnerError(f"this takes the package {package}: pip install {package}")
    convert: Callable[[Network], Any] = import_module(f"runner.networks.{module}").convert
    return convert
