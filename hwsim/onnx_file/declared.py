"""The formats that a graph declares: of its input, of real numbers throughout, and of whole numbers that wrap."""

import numpy as np

from hwsim.network.canonical.curves import evaluate
from hwsim.network.layers import Wrap
from hwsim.network.number_format import FP32, NumberFormat
from hwsim.network.signals import FloatArray
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Constant, finn_format
from hwsim.onnx_file.element_types import INTEGER, REAL
from hwsim.onnx_file.graph import Graph, Node
from hwsim.onnx_file.levels import Levels
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

WIDEST_CODES = 32
"""Inputs of more bits are taken as real numbers. [bits]"""

KEEPING = (
    *("Clip", "Concat", "Dropout", "Expand", "Flatten", "GlobalMaxPool", "Identity", "Max", "MaxPool", "Min", "Pad"),
    *("Relu", "Reshape", "Sign", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
)
"""Operators whose results lie among the numbers that they read, or a constant of the same type."""

SURE = ("ConvInteger", "MatMulInteger", "RequantShift")
"""Operators that are read only where no result leaves its type."""

WRAPPING = ("Add", "Cast", "Conv", "Gemm", "MatMul", "Mul", "Neg", "Sub", "Sum")
"""Operators that keep the lowest bits of a result that their type does not hold."""


def input_format(graph: Graph) -> NumberFormat:
    """What a graph's input is declared to be: codes by FINN's annotation or by its type, else real numbers."""
    declared = finn_format(graph.formats.get(graph.input, "")) or INTEGER.get(graph.types[graph.input], FP32)
    if declared.kind == "ternary":  # of weights; events of -1, 0 and 1 are integers
        return NumberFormat("integer", 2, narrow_range=True)
    return declared if not declared.is_real and declared.bit_width <= WIDEST_CODES else real_input(graph)


def real_input(graph: Graph) -> NumberFormat:
    """The format of the input as real numbers: what it is made by all that read it, if that is one, or its own."""
    reads = [node for node in graph.nodes if graph.input in node.inputs and node.operator != "Shape"]
    types = {graph.types[node.outputs[0]] for node in reads if node.operator in ("Cast", "DequantizeLinear")}
    is_one = len(types) == 1 and all(node.operator in ("Cast", "DequantizeLinear") for node in reads)
    named = types.pop() if is_one else graph.types[graph.input]
    return REAL.get(named, FP32)


def as_declared(builder: Builder, node: Node, made: Tensor | Constant) -> Tensor | Constant:
    """What a node makes, as the graph's types have it.

    Raises
    ------
    Refused
        Where real numbers would be worked on in another format than they are declared to have, or whole numbers in
        another way.
    """
    name = builder.graph.types.get(node.outputs[0], "")
    if not isinstance(made, Tensor):
        return made
    if name in REAL:
        found = builder.signal(made).format
        if found.is_real and found != REAL[name] and node.outputs[0] not in builder.at_the_end:
            raise Refused(
                f"its numbers are {REAL[name]}, what they are made of is {found}; export the network in one format of "
                "real numbers (casts at its input and its output are read)"
            )
    elif name in INTEGER and not isinstance(made, Levels) and node.operator not in (*KEEPING, *SURE):
        return _wrapped(builder, node, made, INTEGER[name])
    return made


def _wrapped(builder: Builder, node: Node, made: Tensor, format: NumberFormat) -> Tensor:
    """Whole numbers of a type: those beyond it keep their lowest bits, as its arithmetic does."""
    if node.operator == "Div":
        raise Refused(f"it divides {format} numbers, which drops what remains; cast them to float before")
    signal = builder.signal(made)
    if (
        node.operator not in WRAPPING
        or signal.format.is_real
        or signal.zero_point
        or not np.allclose(signal.step, 1, 1e-12, 0)
    ):
        raise Refused(f"it computes with {format} numbers otherwise than by whole ones; cast them to float before")
    lowest, highest = _reach(builder, made)
    if format.lowest <= lowest and highest <= format.highest:
        return made
    made = builder.make(made)
    name = builder.add(Wrap(f"{node.name}_wrap", bit_width=format.bit_width, signed=format.signed), made.layer)
    return Tensor(name, made.shape, made.places)


def _reach(builder: Builder, made: Tensor) -> tuple[float, float]:
    """The smallest and the largest value that can occur."""
    signal = builder.signal(made)
    n_channel = signal.shape[0]
    lowest, highest = max(-signal.bound, signal.format.lowest), min(signal.bound, signal.format.highest)
    ends: FloatArray = np.broadcast_to(np.asarray([lowest, highest], np.float64), (n_channel, 2))
    value = evaluate(made.chain, ends)
    return float(value.min()), float(value.max())
