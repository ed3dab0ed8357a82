"""Operators that read codes and make codes: a DequantizeLinear of each input, an operator of ONNX, a QuantizeLinear.

Nothing is written with them: layers of codes are written as QONNX (``quantization``).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwsim.network.number_format import NumberFormat
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded, value_of
from hwsim.onnx_file.element_types import MICROSOFT
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.levels import Levels, levels
from hwsim.onnx_file.operators.elementwise import leaky_relu, sigmoid
from hwsim.onnx_file.operators.joining import add, concat, multiply
from hwsim.onnx_file.operators.linear_quantization import coded, each_to_levels, parameters, to_levels, values
from hwsim.onnx_file.operators.pooling import average_pool, global_average_pool
from hwsim.onnx_file.operators.probabilities import softmax
from hwsim.onnx_file.operators.synaptic import convolution, dense
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

Lower = Callable[[Builder, Node], Tensor]


def _on_values(builder: Builder, node: Node, lower: Lower, operator: str, first: tuple[int, ...]) -> Tensor:
    """What an operator of ONNX makes of the values of codes; each input has its scale and zero point after it."""
    names = []
    for number in first:
        given = parameters(builder, node, number + 1)
        names.append(f"{node.name} {number}")
        is_constant = builder.is_constant(node.inputs[number])
        read = coded(builder, node, number, *given, 1) if is_constant else values(builder, node, number, *given)
        builder.put(names[-1], read)
    if node.attributes.get("channels_last", 0):
        raise Refused("channels_last; export the network with channels first")
    opset = int(node.attributes.get("opset", builder.opset))
    return lower(builder, replace(node, operator=operator, inputs=tuple(names), domain="", opset=opset))


def _to_codes(builder: Builder, node: Node, made: Tensor, number: int) -> Levels:
    """Quantized with the scale and zero point at a place among a node's inputs."""
    scale, zero_point = parameters(builder, node, number)
    if scale.size != 1:
        raise Refused("a scale per channel of what is computed; quantize with one for all channels")
    return to_levels(builder, made, f"{node.name}_codes", scale, zero_point)


def _registered(operator: str, lower: Lower, n_read: int = 1) -> None:
    """Read onnxruntime's form of an operator on codes."""

    @reads(operator, domain=MICROSOFT, codes="read")
    def on_codes(builder: Builder, node: Node) -> Levels:
        made = _on_values(builder, node, lower, operator.removeprefix("QLinear"), tuple(range(0, 3 * n_read, 3)))
        return _to_codes(builder, node, made, 3 * n_read)


_registered("QLinearAdd", add, 2)
_registered("QLinearMul", multiply, 2)
_registered("QLinearAveragePool", average_pool)
_registered("QLinearGlobalAveragePool", global_average_pool)
_registered("QLinearLeakyRelu", leaky_relu)
_registered("QLinearSigmoid", sigmoid)
_registered("QLinearSoftmax", softmax)


@reads("QLinearConcat", domain=MICROSOFT, codes="read")
def q_linear_concat(builder: Builder, node: Node) -> Levels:
    """Concat of what is quantized before, which is the same; the scale and zero point of what it makes come first."""
    made = parameters(builder, node, 0)
    numbers = range(2, len(node.inputs), 3)
    read = [values(builder, node, number, *parameters(builder, node, number + 1)) for number in numbers]
    names = [f"{node.name} {number}" for number in numbers]
    for name, each in zip(names, each_to_levels(builder, read, f"{node.name}_codes", *made), strict=True):
        builder.put(name, each)
    return levels(concat(builder, replace(node, inputs=tuple(names))), *made)


@reads("QLinearConv", codes="read")
def q_linear_conv(builder: Builder, node: Node) -> Levels:
    """Conv, with a bias of codes of its sums."""
    read, weight, step = _factors(builder, node, 0)
    made = convolution(builder, replace(node, operator="Conv"), read, weight, _bias(builder, node, 8, step))
    return _to_codes(builder, node, made, 6)


@reads("QLinearMatMul", codes="read")
@reads("QLinearMatMul", domain=MICROSOFT, codes="read")
def q_linear_matmul(builder: Builder, node: Node) -> Levels:
    """MatMul."""
    read, weight, _ = _factors(builder, node, 1)
    return _to_codes(builder, node, dense(builder, node.name, read, weight, None), 6)


@reads("QGemm", domain=MICROSOFT, codes="read")
def q_gemm(builder: Builder, node: Node) -> Tensor:
    """Gemm; real numbers where no scale of its result is given."""
    if node.attributes.get("transA", 0):
        raise Refused("transA mixes frames")
    turned, alpha = bool(node.attributes.get("transB", 0)), float(node.attributes.get("alpha", 1.0))
    read, weight, step = _factors(builder, node, 0 if turned else 1)
    bias = _bias(builder, node, 6, step * alpha)
    made = dense(builder, node.name, read, weight.moved(np.transpose) if turned else weight, bias, alpha)
    return _to_codes(builder, node, made, 7) if len(node.inputs) > 7 and node.inputs[7] else made


def _factors(builder: Builder, node: Node, axis: int) -> tuple[Tensor, Coded, Array]:
    """What is read, the weight, whose scales lie along an axis, and the steps of their products."""
    given, own = parameters(builder, node, 1), parameters(builder, node, 4)
    weight = coded(builder, node, 3, *own, axis)
    return values(builder, node, 0, *given), weight, np.float64(given[0].ravel()[0]) * own[0].ravel().astype(np.float64)


def _bias(builder: Builder, node: Node, number: int, step: Array) -> Coded | None:
    """Codes of sums, in steps that products have; None where there are none."""
    codes = builder.constant(node, number, "bias")
    if codes is None:
        return None
    code = value_of(codes).astype(np.int64).ravel()
    return Coded(code, np.broadcast_to(step, code.shape), NumberFormat("integer", 32))
