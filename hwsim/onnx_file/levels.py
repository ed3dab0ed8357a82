"""Codes of a tensor as a QuantizeLinear leaves them, until a DequantizeLinear makes values of them again."""

from dataclasses import dataclass, field

import numpy as np

from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Levels(Tensor):
    """What a QuantizeLinear leaves: the tensor, and the scale and zero point that its codes were made with."""

    scale: Array = field(default_factory=lambda: np.ones(()))
    zero_point: Array = field(default_factory=lambda: np.zeros((), np.int8))

    @property
    def values(self) -> Tensor:
        """What the codes stand for."""
        return Tensor(self.layer, self.shape, self.places, self.chain, self.is_alone)

    def is_of(self, scale: Array, zero_point: Array) -> bool:
        """Whether codes of a scale and a zero point are these."""
        return np.array_equal(self.scale, scale) and np.array_equal(self.zero_point, zero_point)


@dataclass(frozen=True, eq=False)
class Unlimited(Levels):
    """What a QuantizeLinear is to make codes of, as soon as the Clip behind it has said of how many bits."""

    quantizer: Quantizer | None = None
    name: str = ""  # of the layer


def levels(made: Tensor, scale: Array, zero_point: Array) -> Levels:
    """A tensor, seen as its codes."""
    return Levels(made.layer, made.shape, made.places, made.chain, made.is_alone, scale, zero_point)


def with_codes(codes: str, read: Tensor, made: Tensor) -> Tensor:
    """What a node makes of a tensor: codes of the same scale where it reads such, and keeps them.

    Raises
    ------
    Refused
        When it would compute with codes as if they were values.
    """
    if not isinstance(read, Levels) or codes == "read":
        return made
    if codes == "refused":
        raise Refused("it computes with the codes of a QuantizeLinear; expected a DequantizeLinear before it")
    return levels(made, read.scale, read.zero_point)
