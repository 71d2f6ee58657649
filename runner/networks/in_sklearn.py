"""A network as a fitted estimator of scikit-learn, which evaluates, plots and searches with it as with any other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from runner.errors import RunnerError
from runner.networks.network import Network


class _Fitted(BaseEstimator):
    """What classifier and regressor share.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    @property
    def n_features_in_(self) -> int:
        """Number of inputs."""
        return self.network.architecture[0]

    def fit(self, X: Any, y: Any = None) -> _Fitted:
        """Refuse: the network is trained, and trains by studies alone."""
        raise RunnerError("the network is trained already; to train others, run a study")

    def __sklearn_is_fitted__(self) -> bool:
        return True


class NetworkRegressor(RegressorMixin, _Fitted):
    """A network that predicts numbers."""

    def predict(self, X: Any) -> NDArray[Any]:
        """Targets: (samples,), or (samples, targets) where there are several."""
        found = self.network.outputs(X)
        return found[:, 0] if found.shape[1] == 1 else found


class NetworkClassifier(ClassifierMixin, _Fitted):
    """A network that predicts classes."""

    @property
    def classes_(self) -> NDArray[Any]:
        """The class labels: those of `target_encoding: one_hot`, or the two values of the one target."""
        coding = self.network.coding
        return coding.classes if len(coding.classes) else np.array(coding.two_values)

    def decision_function(self, X: Any) -> NDArray[Any]:
        """The outputs by class; of a single output, how far it is above the middle between its two values."""
        found = self.network.outputs(X)
        if found.shape[1] > 1:
            return found
        low, high = self.network.coding.two_values
        return found[:, 0] - (0.5 * low + 0.5 * high)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the largest output; of a single output, the value on whose side of the middle it is."""
        found = self.decision_function(X)
        labels: NDArray[Any] = self.classes_[found.argmax(axis=1) if found.ndim == 2 else (found > 0).astype(int)]
        return labels

    @available_if(lambda self: self.network.output == "softmax" or self._is_share)
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities by class, of softmax outputs and of one output between 0 and 1."""
        found = self.network.outputs(X)
        return found if found.shape[1] > 1 else np.hstack([1 - found, found])

    @property
    def _is_share(self) -> bool:
        """Whether its one output is between 0 and 1, as the targets are."""
        return self.network.output == "sigmoid" and self.network.coding.two_values == (0.0, 1.0)


def convert(network: Network) -> NetworkClassifier | NetworkRegressor:
    """A fitted estimator; see `Network.to_sklearn`."""
    coding = network.coding
    return NetworkClassifier(network) if len(coding.classes) or coding.two_values else NetworkRegressor(network)
