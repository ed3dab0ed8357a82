"""RequantShift, as which tools for microcontrollers write scale, offset and rounding of whole numbers.

Nothing is written with it: layers of codes are written as QONNX (``quantization``).
"""

from typing import Any

import numpy as np

from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.operators.quantization import required
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.quantizing import quantized
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor


@reads("RequantShift")
def requant_shift(builder: Builder, node: Node) -> Tensor:
    """(Codes x mul + add) >> shift, in so many levels; mul and add are one number, or one per channel."""
    tensor = builder.tensor(node, 0)
    if builder.is_real(tensor):
        raise Refused("it shifts real numbers; give the graph an input of integers")
    divisor, n_level = _attribute(node, "div"), _attribute(node, "n_levels", "n_levels_out")
    n_bit = (n_level - 1).bit_length()
    if divisor < 1 or divisor & (divisor - 1) or 2**n_bit != n_level:
        raise Refused(f"it divides by {divisor}, to {n_level} levels; expected powers of two")
    factor, added = (_by_channel(required(builder, node, k, what), tensor) for k, what in ((1, "mul"), (2, "add")))
    scaled = builder.affine(tensor, f"{node.name}_affine", factor / divisor, added / divisor)
    signed = bool(_attribute(node, "signed"))
    builder.remarks.append(
        f"{node.name}: what it shifts out is dropped; half a step that a tool adds must be in its add"
    )
    return quantized(builder, scaled, Quantizer(np.ones(()), 0, n_bit, signed, False, "FLOOR"), node.name)


def _attribute(node: Node, *names: str) -> int:
    """A whole number, written as such or as a tensor, under the first name that is there."""
    found: Any = next((node.attributes[name] for name in names if name in node.attributes), None)
    if found is None:
        raise Refused(f"it has no {names[0]}; give it one")
    return int(np.asarray(found).ravel()[0])


def _by_channel(number: Array, tensor: Tensor) -> Array:
    """One number, or one for each channel as it lies beside frames. float64"""
    flat = np.asarray(number, np.float64).ravel()
    if flat.size == 1:
        return flat.reshape(())
    if flat.size != tensor.shape[0]:
        raise Refused(f"{flat.size} factors for {tensor.shape[0]} channels; expected one, or one per channel")
    return flat.reshape(-1, *(1,) * (len(tensor.shape) - 1))
