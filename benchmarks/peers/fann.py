"""FANN, the C library of 2003 (libfann-dev of Debian), one network after the other.

Its sigmoid with steepness 1/2 and its linear error function make half_sse; its batch training divides the learning
rate by the number of samples, so it is given that many times as much. Its slope of the sigmoid takes activations
within 0.01 of a limit for 0.01 and 0.99: networks that saturate go another way. So its losses are compared after a few
epochs, where all that have not saturated agree to the last digits, and its speed is measured over all of them.
"""

from __future__ import annotations

import ctypes

import numpy as np

from benchmarks.compiler import address, compiled
from benchmarks.network import Floats
from benchmarks.peers import Peer, in_threads
from benchmarks.work import Program, Work

_SOURCE = """
#include <string.h>
#include <@kind@fann.h>

void train(int runs, int epochs, int parameters, int layers, const unsigned *sizes, int samples, int batch,
           const fann_type *weights, const fann_type *rates, const fann_type *x, const fann_type *t, fann_type *out) {
    struct fann *net = fann_create_standard_array(layers, sizes);
    struct fann_train_data *data = fann_create_train(samples, sizes[0], sizes[layers - 1]);
    for (int s = 0; s < samples; s++) {
        memcpy(data->input[s], x + s * sizes[0], sizes[0] * sizeof(fann_type));
        memcpy(data->output[s], t + s * sizes[layers - 1], sizes[layers - 1] * sizeof(fann_type));
    }
    fann_set_activation_function_hidden(net, FANN_SIGMOID);
    fann_set_activation_function_output(net, FANN_SIGMOID);
    fann_set_activation_steepness_hidden(net, 0.5);
    fann_set_activation_steepness_output(net, 0.5);
    fann_set_train_error_function(net, FANN_ERRORFUNC_LINEAR);
    fann_set_training_algorithm(net, batch == 1 ? FANN_TRAIN_INCREMENTAL : FANN_TRAIN_BATCH);
    fann_set_learning_momentum(net, 0);
    for (int run = 0; run < runs; run++) {
        memcpy(net->weights, weights + (long)run * parameters, parameters * sizeof(fann_type));
        if (net->train_slopes) memset(net->train_slopes, 0, parameters * sizeof(fann_type));
        if (net->prev_weights_deltas) memset(net->prev_weights_deltas, 0, parameters * sizeof(fann_type));
        fann_set_learning_rate(net, rates[run] * batch);
        for (int epoch = 0; epoch < epochs; epoch++) fann_train_epoch(net, data);
        memcpy(out + (long)run * parameters, net->weights, parameters * sizeof(fann_type));
    }
    fann_destroy_train(data);
    fann_destroy(net);
}
"""
_KINDS = {"float64": "double", "float32": "float"}


def _library(precision: str) -> ctypes.CDLL:
    kind = _KINDS[precision]
    return compiled(_SOURCE.replace("@kind@", kind), f"{kind}fann")


def _supports(work: Work) -> bool:
    net = work.network
    plain = (net.activation, net.output, net.loss, net.optimizer) == ("sigmoid", "sigmoid", "half_sse", "sgd")
    one_rate = bool((work.rates == work.rates[:, :1]).all())
    return plain and one_rate and net.biases and set(net.scales) == {1.0} and net.batch in (1, net.samples)


def _places(work: Work) -> Floats:
    """For every weight of FANN, whose units keep their bias behind their weights, where it is here."""
    return np.concatenate(
        [np.column_stack([W, b]).ravel() for W, b in work.network.split(np.arange(work.network.parameters))]
    )


def _prepare(work: Work) -> Program:
    net, library, places = work.network, _library(work.precision), _places(work)
    weights = np.ascontiguousarray(work.weights[:, places])
    rates = np.ascontiguousarray(work.rates[:, 0])
    data = np.ascontiguousarray(work.inputs), np.ascontiguousarray(work.targets)
    sizes, out = np.array(net.sizes, np.uint32), np.empty_like(weights)
    numbers = (work.runs, work.epochs, net.parameters, len(sizes))

    def train() -> Floats:
        arrays = [address(array) for array in (weights, rates, *data, out)]
        library.train(*numbers, address(sizes), net.samples, net.batch, *arrays)
        return out

    def losses(result: Floats) -> Floats:
        return work.from_weights(result[:, np.argsort(places)])

    return Program(train, losses)


for _precision in _KINDS:
    _library(_precision)
PEERS = (
    Peer(
        "fann",
        "FANN, one network after the other",
        in_threads(_prepare),
        _supports,
        checked=20,
        outliers=0.1,
        remark="FANN holds the slope of its sigmoid above 0.0099: its losses are compared after 20 epochs, when nine "
        "networks of ten have not come that far",
    ),
)
