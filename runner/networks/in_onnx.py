"""A network as an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from runner.networks.activations import conversion
from runner.networks.network import Network

# Of the operators; from 2021, and all that is needed is in it.
_OPSET = 15
_IR_VERSION = 8


class _Graph:
    """The nodes of a model, and the constants that they take."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._dtype = dtype

    def emit(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node; inputs that are no names are constants. Returns the name of its result."""
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        result = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [result], **attributes))
        return result

    def _constant(self, value: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, self._dtype), name))
        return name


def convert(network: Network) -> onnx.ModelProto:
    """The same network; see `Network.to_onnx`."""
    graph = _Graph(network.dtype)
    x = "inputs"
    for step in network.coding.input_steps:
        x = graph.emit("Sigmoid", x) if step is None else graph.emit("Div", graph.emit("Sub", x, step[0]), step[1])
    layers = [x]
    for (W, b), name, seen in zip(network.weights, network.names, network.seen, strict=True):
        x = layers[seen[0]] if len(seen) == 1 else graph.emit("Concat", *(layers[k] for k in seen), axis=1)
        layers.append(conversion(name).in_onnx(graph.emit, graph.emit("Gemm", x, W, b, transB=1)))
    x = layers[-1]
    if (step := network.coding.output_step) is not None:
        x = graph.emit("Div", graph.emit("Sub", x, step[0]), step[1])
    graph.nodes.append(helper.make_node("Identity", [x], ["outputs"]))
    kind = helper.np_dtype_to_tensor_dtype(network.dtype)
    first, last = network.architecture[0], network.architecture[-1]
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info("inputs", kind, ["samples", first])],
        [helper.make_tensor_value_info("outputs", kind, ["samples", last])],
        graph.constants,
        doc_string=repr(network),
    )
    model = helper.make_model(
        made, producer_name="runner", ir_version=_IR_VERSION, opset_imports=[helper.make_opsetid("", _OPSET)]
    )
    onnx.checker.check_model(model)
    return model
