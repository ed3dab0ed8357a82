"""Products of codes as they are: ConvInteger and MatMulInteger, whose sums a Cast and a factor make values again.

Nothing is written with them: layers of codes are written as QONNX (``quantization``).
"""

from dataclasses import replace

import numpy as np

from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.levels import Levels
from hwsim.onnx_file.operators.linear_quantization import coded, values
from hwsim.onnx_file.operators.synaptic import convolution, dense
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

SUM_BIT_WIDTH = 32
"""Of the sums that they make. [bits]"""


@reads("ConvInteger", codes="read")
def conv_integer(builder: Builder, node: Node) -> Tensor:
    """Convolution of codes, each less its zero point."""
    made = convolution(builder, replace(node, operator="Conv"), _codes(builder, node), _weight(builder, node, 0), None)
    return _within(builder, made)


@reads("MatMulInteger", codes="read")
def matmul_integer(builder: Builder, node: Node) -> Tensor:
    """Product of codes, each less its zero point."""
    return _within(builder, dense(builder, node.name, _codes(builder, node), _weight(builder, node, 1), None))


@reads("DynamicQuantizeLinear", codes="read")
def dynamic_quantize_linear(builder: Builder, node: Node) -> Tensor:
    """Refused: its scale is another one for every frame."""
    raise Refused("its scale depends on the frame; quantize the network statically (onnxruntime's quantize_static)")


def _codes(builder: Builder, node: Node) -> Tensor:
    """What is read, less the zero point: whole numbers."""
    tensor, given = builder.tensor(node, 0), builder.numbers(node, 2, "zero point")
    zero_point = np.zeros((), np.uint8) if given is None else given
    if not isinstance(tensor, Levels):
        return values(builder, node, 0, np.ones(()), zero_point)
    if tensor.scale.size > 1 or zero_point.size > 1:
        raise Refused("it reads codes with a scale per channel; one scale is supported")
    apart = float(tensor.zero_point.ravel()[0]) - float(zero_point.ravel()[0])
    return builder.affine(tensor.values, f"{node.name}_codes", 1 / np.float64(tensor.scale.ravel()[0]), apart)


def _weight(builder: Builder, node: Node, axis: int) -> Coded:
    given = builder.numbers(node, 3, "zero point of its weight")
    return coded(builder, node, 1, np.ones(()), np.zeros((), np.uint8) if given is None else given, axis)


def _within(builder: Builder, made: Tensor) -> Tensor:
    """Sums that cannot leave their type, where they would wrap."""
    if builder.is_real(made) or builder.signal(made).bound >= 2 ** (SUM_BIT_WIDTH - 1):
        raise Refused(f"its sums are no integers of {SUM_BIT_WIDTH} bits; quantize what it reads in fewer bits")
    return made
