"""Wrong labels: random classification noise (Angluin and Laird 1988, Learning From Noisy Examples, Machine Learning 2).

Each sample to train on has, with the probability that the study gives and independently of the others, the label of
another class, each of these as likely: the symmetric noise of Patrini et al. (2017, CVPR). Which ones is drawn once for
a seed, and stays for all of training. Held-out samples keep their labels.

What is drawn are words of 64 bits, of Philox 4x64-10 with the key (seed, 6): word 2i, as a fraction of 2^64, is below
the probability where the label of sample i is wrong; the upper half h of word 2i + 1 chooses number h (K - 1) / 2^32,
rounded down, of the K - 1 other classes in their order. A sample that is wrong with some probability is so with every
higher one.
"""

from __future__ import annotations

import numpy as np

from runner.data.parameters import Floats
from runner.data.targets import are_classes
from runner.errors import DataError, Problem

# The second word of Philox's key; runner.kernels.random has a list of them.
STREAM_LABELS = 6


def check_labels(targets: Floats) -> None:
    """Refuse targets that are no classes, with a DataError."""
    if np.isnan(targets).any():
        raise DataError([Problem("label_noise needs a label of every sample to train on; some are missing")])
    if not are_classes(targets):
        message = "label_noise needs targets that are classes: two values, or target_encoding one_hot"
        raise DataError([Problem(message)])
    if len(np.unique(targets, axis=0)) < 2:
        raise DataError([Problem("label_noise needs samples of two classes; all targets are the same")])


def with_wrong_labels(targets: Floats, probability: float, seed: int) -> Floats:
    """Targets some of whose samples have those of another class.

    Parameters
    ----------
    targets : array (samples, outputs)
        Encoded and mapped; each different row is a class.
    probability : float
        Of a wrong label.
    seed : int
        Of the run.
    """
    classes, own = np.unique(targets, axis=0, return_inverse=True)
    own = own.reshape(-1)
    words = np.random.Philox(key=np.array([seed, STREAM_LABELS], np.uint64)).random_raw(2 * len(targets))
    # 53 bits are a float exactly, so that the comparison is the same on every machine.
    wrong = (words[::2] >> np.uint64(11)) * 2.0**-53 < probability
    other = ((words[1::2] >> np.uint64(32)) * np.uint64(len(classes) - 1) >> np.uint64(32)).astype(np.int64)
    other += other >= own
    return classes[np.where(wrong, other, own)]
