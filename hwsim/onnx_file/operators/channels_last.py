"""QONNX's operators on frames whose channels come last: the standard ones, between two transpositions."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded, Constant
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.operators.joining import batch_norm
from hwsim.onnx_file.operators.pooling import max_pool
from hwsim.onnx_file.operators.synaptic import conv
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.tensor import Tensor, transposed

DOMAIN = "qonnx.custom_op.channels_last"


def channels_last(lower: Callable[[Builder, Node], Tensor]) -> Callable[[Builder, Node], Tensor]:
    """An operator on frames (..., C)."""

    def lowered(builder: Builder, node: Node) -> Tensor:
        read = builder.tensor(node, 0)
        n_axis = len(read.shape)
        inputs = [f"{node.name} read", *node.inputs[1:]]
        builder.put(inputs[0], transposed(read, (n_axis - 1, *range(n_axis - 1))))
        if node.operator == "Conv":
            weight = builder.constant(node, 1, "weight")
            inputs[1] = f"{node.name} weight"
            if weight is not None:
                builder.put(inputs[1], _channels_first(weight))
            if node.inputs[1] in builder.declared:
                builder.declared.add(inputs[1])
        plain = replace(node, inputs=tuple(inputs), domain="", opset=builder.opset)
        made = lower(builder, plain)
        return transposed(made, (*range(1, n_axis), 0))

    return lowered


def _channels_first(weight: Constant) -> Constant:
    """(C_out, kH, kW, C_in) as (C_out, C_in, kH, kW)."""
    if isinstance(weight, Coded):
        return weight.moved(lambda array: np.moveaxis(array, -1, 1))
    return np.moveaxis(weight, -1, 1)


reads("BatchNormalization", domain=DOMAIN)(channels_last(batch_norm))
reads("Conv", domain=DOMAIN)(channels_last(conv))
reads("MaxPool", domain=DOMAIN, codes="kept")(channels_last(max_pool))
