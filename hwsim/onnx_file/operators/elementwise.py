"""Operators that do something to one number at a time."""

from typing import Any

import numpy as np

from hwsim.network.layers import (
    ELU,
    GELU,
    ElementWise,
    HardTanh,
    LeakyReLU,
    MultiThreshold,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import factor_of
from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.element_types import INTEGER, REAL, type_name
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, same_function, writes
from hwsim.onnx_file.quant_nodes import channels
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor
from hwsim.onnx_file.thresholds import absorbed


@reads("Identity", codes="kept")
def same(builder: Builder, node: Node) -> Tensor:
    """What changes nothing."""
    return builder.tensor(node, 0)


@reads("Dropout")
def dropout(builder: Builder, node: Node) -> Tensor:
    """Nothing, outside training."""
    training = builder.numbers(node, 2, "training mode")
    if training is not None and np.any(training):
        raise Refused("dropout in training mode; export the network for inference")
    return builder.tensor(node, 0)


@reads("Cast")
def cast(builder: Builder, node: Node) -> Tensor:
    """To real numbers, or from whole numbers to whole numbers, of which the lowest bits are kept."""
    target, source = type_name(int(node.attributes["to"])), builder.graph.types.get(node.inputs[0], "")
    if target not in REAL and (target not in INTEGER or source not in INTEGER or target == "BOOL" != source):
        what = "integers" if target in INTEGER else target.lower() or "no type that onnx names"
        raise Refused(f"it casts to {what}; casts to float, half, double and bfloat16, and of integers, are supported")
    return builder.tensor(node, 0)


@reads("Relu")
def relu(builder: Builder, node: Node) -> Tensor:
    """max(x, 0)."""
    return builder.waiting(builder.tensor(node, 0), ReLU(node.name))


@writes(ReLU)
def relu_nodes(nodes: Nodes, layer: ReLU) -> str:
    """Relu."""
    return nodes.single("Relu", layer)


@reads("LeakyRelu")
def leaky_relu(builder: Builder, node: Node) -> Tensor:
    """x, or slope times x below zero."""
    return _leaky(builder, node, float(node.attributes.get("alpha", 0.01)))


@reads("PRelu")
def prelu(builder: Builder, node: Node) -> Tensor:
    """The same with a learned slope, one for all channels or one for each."""
    slope = builder.numbers(node, 1, "slope")
    assert slope is not None
    if np.all(slope == slope.ravel()[0]):
        return _leaky(builder, node, float(slope.ravel()[0]))
    tensor = builder.tensor(node, 0)
    along = [axis for axis, n in enumerate(builder.spread(tensor, slope)) if n > 1]
    if [tensor.places[axis] for axis in along] != [0]:
        raise Refused(f"slopes of shape {slope.shape} for frames of shape {tensor.shape}; expected one per channel")
    return builder.waiting(tensor, LeakyReLU(node.name, slope=slope.ravel().astype(np.float64)))


def _leaky(builder: Builder, node: Node, slope: float) -> Tensor:
    if slope < 0:
        raise Refused(f"slope {slope}; expected one that is not negative")
    return builder.waiting(builder.tensor(node, 0), LeakyReLU(node.name, slope=slope))


@writes(LeakyReLU)
def leaky_relu_nodes(nodes: Nodes, layer: LeakyReLU) -> str:
    """LeakyRelu, or with a slope per channel PRelu."""
    if not np.ndim(layer.slope):
        return nodes.single("LeakyRelu", layer, alpha=layer.slope)
    (tensor,), (read,) = nodes.tensors(layer), nodes.signals(layer)
    slope = nodes.constant(channels(layer.slope, read), "slope")
    return nodes.node("PRelu", (tensor, slope), "value", read.shape)


@reads("Clip")
def clip(builder: Builder, node: Node) -> Tensor:
    """Between two limits, either of which may be left out."""
    limits = []
    for number, name, default in ((1, "min", -np.inf), (2, "max", np.inf)):
        given = builder.numbers(node, number, name)
        limits.append(float(node.attributes.get(name, default)) if given is None else _one(given))
    return _limited(builder, node, builder.tensor(node, 0), *limits)


@reads("Max")
def largest(builder: Builder, node: Node) -> Tensor:
    """Max with a constant."""
    return _limited(builder, node, *_and_number(builder, node), np.inf)


@reads("Min")
def smallest(builder: Builder, node: Node) -> Tensor:
    """Min with a constant."""
    tensor, highest = _and_number(builder, node)
    return _limited(builder, node, tensor, -np.inf, highest)


def _and_number(builder: Builder, node: Node) -> tuple[Tensor, float]:
    if len(node.inputs) != 2 or not any(map(builder.is_constant, node.inputs)):
        raise Refused("it compares computed tensors with each other; one with a constant is supported")
    first = builder.is_constant(node.inputs[0])
    given = builder.numbers(node, 1 - first, "limit")
    assert given is not None
    return builder.tensor(node, int(first)), _one(given)


def _one(given: Array) -> float:
    if given.size != 1:
        raise Refused(f"a limit of shape {given.shape}; one number is supported")
    return float(given.ravel()[0])


def _limited(builder: Builder, node: Node, tensor: Tensor, lowest: float, highest: float) -> Tensor:
    if np.isnan(lowest) or np.isnan(highest) or lowest >= highest:
        raise Refused(f"limits {lowest} ... {highest}; expected the lower one first")
    # float32's ends stand for no limit
    reach = float(np.finfo(np.float32).max)
    lowest, highest = (-np.inf if lowest <= -reach else lowest), (np.inf if highest >= reach else highest)
    if np.isinf(lowest) and np.isinf(highest):
        return tensor
    layer: ElementWise = HardTanh(node.name, lowest=lowest, highest=highest)
    return builder.waiting(tensor, ReLU(node.name) if (lowest, highest) == (0, np.inf) else layer)


@reads("HardSigmoid")
def hard_sigmoid(builder: Builder, node: Node) -> Tensor:
    """Alpha x value + beta, between 0 and 1."""
    alpha, beta = (float(node.attributes.get(each, default)) for each, default in (("alpha", 0.2), ("beta", 0.5)))
    tensor = builder.affine(builder.tensor(node, 0), f"{node.name}_affine", alpha, beta)
    return _limited(builder, node, tensor, 0.0, 1.0)


@writes(HardTanh)
def hard_tanh_nodes(nodes: Nodes, layer: HardTanh) -> str:
    """Max and Min; of codes, with the outermost ones within the limits."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    limits: tuple[Any, Any] = (layer.lowest, layer.highest)
    if not read.format.is_real:
        lowest, highest = layer.limits(read)
        limits = (lowest * read.step, highest * read.step)
    for operator, limit, bound in zip(("Max", "Min"), limits, (layer.lowest, layer.highest), strict=True):
        if np.isfinite(bound):
            constant = nodes.constant(channels(limit, read), operator.lower() + "_limit")
            tensor = nodes.node(operator, (tensor, constant), operator.lower(), read.shape)
    return tensor


same_function("Sigmoid", Sigmoid)
same_function("Tanh", Tanh)


@reads("Gelu")
def gelu(builder: Builder, node: Node) -> Tensor:
    """X times the normal distribution's share below x, exactly or by tanh."""
    with_tanh = node.attributes.get("approximate", "none") == "tanh"
    return builder.waiting(builder.tensor(node, 0), GELU(node.name, with_tanh=with_tanh))


@writes(GELU)
def gelu_nodes(nodes: Nodes, layer: GELU) -> str:
    """Gelu."""
    nodes.since(20)
    return nodes.single("Gelu", layer, approximate="tanh" if layer.with_tanh else "none")


@reads("Elu")
def elu(builder: Builder, node: Node) -> Tensor:
    """x, or alpha (exp(x) - 1) below zero."""
    return builder.waiting(builder.tensor(node, 0), ELU(node.name, alpha=float(node.attributes.get("alpha", 1.0))))


@reads("Selu")
def selu(builder: Builder, node: Node) -> Tensor:
    """The same times gamma, with the constants of Klambauer et al. (2017) unless the node has its own."""
    alpha = float(node.attributes.get("alpha", 1.67326319217681884765625))
    gamma = float(node.attributes.get("gamma", 1.05070102214813232421875))
    return builder.waiting(builder.tensor(node, 0), ELU(node.name, alpha=alpha, scale=gamma))


@writes(ELU)
def elu_nodes(nodes: Nodes, layer: ELU) -> str:
    """Elu, or with a scale Selu."""
    if layer.scale == 1:
        return nodes.single("Elu", layer, alpha=layer.alpha)
    return nodes.single("Selu", layer, alpha=layer.alpha, gamma=layer.scale)


@reads("Sign")
def sign(builder: Builder, node: Node) -> Tensor:
    """-1, 0 or 1: two thresholds, at zero and right above it, or of what arrives at layers that it takes in."""
    tensor = builder.tensor(node, 0)
    if not builder.is_real(tensor) and factor_of(tensor.chain) is None:
        # away from zero, which leaves zero alone
        away = Quantizer(np.ones(()), 0, 2, signed=True, narrow=True, rounding="UP")
        taken_in = absorbed(builder, tensor, away, away.scale, node.name)
        if taken_in is not None:
            return taken_in
    tensor = builder.make(tensor, keep_factor=True)
    above = float(np.finfo(np.float32).smallest_subnormal)
    layer = MultiThreshold(node.name, thresholds=np.asarray([[0.0, above]]), scale=1.0, offset=-1.0)
    made = builder.add(layer, tensor.layer)
    return Tensor(made, tensor.shape, tensor.places)


@reads("Softmax")
def softmax(builder: Builder, node: Node) -> Tensor:
    """Over the channels, at the network's end."""
    if node.outputs[0] != builder.output:
        raise Refused("a Softmax that is not the network's last layer")
    tensor = builder.tensor(node, 0)
    if len(tensor.shape) == 1:
        tensor = builder.as_vector(tensor)
    n_axis = len(tensor.shape) + 1
    axis = int(node.attributes.get("axis", -1 if node.opset >= 13 else 1)) % n_axis
    sums_all = node.opset < 13 and any(n != 1 for n in tensor.shape[axis:])
    channel = tensor.places[axis - 1] if axis else None
    if axis == 0 or channel != 0 or (sums_all and len([n for n in tensor.shape if n != 1]) > 1):
        raise Refused(f"its axis {axis} of frames of shape {tensor.shape} is not that of the channels")
    return builder.waiting(tensor, Softmax(node.name))


@writes(Softmax)
def softmax_nodes(nodes: Nodes, layer: Softmax) -> str:
    """Softmax, over the channels."""
    return nodes.single("Softmax", layer, axis=1)
