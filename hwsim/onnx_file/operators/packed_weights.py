"""MatMulNBits, as which onnxruntime writes weights of few bits, several of them in a byte.

Nothing is written with it: layers of codes are written as QONNX (``quantization``).
"""

import numpy as np

from hwsim.network.number_format import NumberFormat
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.element_types import MICROSOFT
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.operators.linear_quantization import of_codes
from hwsim.onnx_file.operators.quantization import required
from hwsim.onnx_file.operators.synaptic import dense
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

PACKED = (2, 4, 8)
"""Bits of codes that fill a byte."""


@reads("MatMulNBits", domain=MICROSOFT)
def matmul_n_bits(builder: Builder, node: Node) -> Tensor:
    """Input x weight, whose codes have a scale, and may have a zero point, for each block of inputs."""
    n_bit, block = int(node.attributes.get("bits", 4)), int(node.attributes["block_size"])
    n_in, n_out = int(node.attributes["K"]), int(node.attributes["N"])
    if n_bit not in PACKED:
        raise Refused(f"codes of {n_bit} bits; {', '.join(map(str, PACKED))} are supported")
    if builder.constant(node, 4, "order of inputs") is not None:
        raise Refused("its inputs are in an order of their own (g_idx); export it without")
    n_block = -(-n_in // block)
    code = _unpacked(required(builder, node, 1, "weight"), n_bit).reshape(n_out, -1)[:, :n_in]
    scale = required(builder, node, 2, "scale").astype(np.float64).reshape(n_out, n_block)
    zero_point = np.full((n_out, n_block), 2 ** (n_bit - 1))
    if (given := builder.numbers(node, 3, "zero point")) is not None:
        if given.dtype != np.uint8:
            raise Refused(f"zero points of {given.dtype}; packed ones of uint8 are supported")
        zero_point = _unpacked(given.reshape(n_out, -1), n_bit)[:, :n_block]
    spread, zero = (np.repeat(each, block, 1)[:, :n_in].T for each in (scale, zero_point))
    weight = of_codes(code.T, NumberFormat("integer", n_bit, signed=False), spread, zero)
    return dense(builder, node.name, builder.tensor(node, 0), weight, builder.constant(node, 5, "bias"))


def _unpacked(packed: Array, n_bit: int) -> Array:
    """The codes in bytes, of each byte the lowest bits first, along the last axis. int64"""
    shift = np.arange(0, 8, n_bit)
    code = (packed.astype(np.int64)[..., None] >> shift) & (2**n_bit - 1)
    return np.asarray(code.reshape(*packed.shape[:-1], -1))
