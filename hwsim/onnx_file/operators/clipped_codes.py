"""A Clip between a QuantizeLinear and a DequantizeLinear, which says that codes have fewer bits than their type."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded, Quantizer, narrowest
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.levels import Levels, Unlimited, levels
from hwsim.onnx_file.operators.linear_quantization import stored
from hwsim.onnx_file.quantizing import quantized
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

Limited = Callable[[Tensor, float, float], Tensor]
"""From a tensor and two limits, a tensor of values between them."""


def clipped_constant(builder: Builder, node: Node, lowest: float, highest: float) -> Coded:
    """Codes between two limits, as whole numbers in the fewest bits that hold these."""
    code, format = stored(builder, node, 0)
    ends = int(max(np.ceil(lowest), format.lowest)), int(min(np.floor(highest), format.highest))
    limited = Quantizer(np.ones(()), 0, *narrowest(*ends), "ROUND")
    return Coded(np.clip(code, *ends), np.ones(()), limited.format)


def clipped_codes(builder: Builder, tensor: Levels, ends: tuple[float, float], limited: Limited) -> Levels:
    """What a QuantizeLinear makes, of the codes between two ends; values between others are made by `limited`."""
    if not isinstance(tensor, Unlimited):
        raise Refused(
            "it clips codes that others read too, or that no QuantizeLinear has just made; put it right behind the "
            "QuantizeLinear, or behind the DequantizeLinear"
        )
    given = tensor.quantizer
    assert given is not None
    lowest, highest = int(max(np.ceil(ends[0]), given.lowest)), int(min(np.floor(ends[1]), given.highest))
    quantizer = given
    if lowest <= given.zero_point <= highest:  # which is a code, too
        n_bit, signed, narrow = narrowest(lowest, highest)
        quantizer = replace(given, bit_width=n_bit, signed=signed, narrow=narrow)
    read = tensor.values
    if (quantizer.lowest, quantizer.highest) != (lowest, highest):
        if given.scale.ndim:
            raise Refused(
                f"limits {lowest} ... {highest} of codes with a scale per channel; expected those of a number of bits"
            )
        low, high = ((end - given.zero_point) * float(given.scale) for end in (lowest, highest))
        read = limited(read, low, high)
    return levels(quantized(builder, read, quantizer, tensor.name), tensor.scale, tensor.zero_point)
