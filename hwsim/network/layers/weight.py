"""Weights as codes and a scale."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.number_format import FP32, NumberFormat
from hwsim.network.signals import FloatArray, IntArray, positive

Codes: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.signedinteger]


@dataclass(frozen=True, eq=False)
class Weight:
    """One term of a layer's weights: (code - zero point) x scale.

    As in signals, codes are held less their zero point; what is stored of each is the code, in the format's width.

    Raises
    ------
    NetworkError
        When a code is outside its format or not finite, or a scale not positive.
    """

    # less the zero point, in the layer's layout: float32 for a real format, else the smallest signed integer dtype
    code: Codes
    format: NumberFormat = FP32
    scale: FloatArray | float = 1.0  # () or one per output channel: real value of one code
    zero_point: IntArray | int = 0  # () or one per output channel: the code that stands for zero; of integers only

    def __post_init__(self) -> None:
        """Bring the arrays into their one form and check them."""
        code = np.asarray(self.code)
        if code.ndim < 2 or 0 in code.shape:
            raise NetworkError(
                f"weight of shape {code.shape}; expected (n_in, n_out) or (C_out, C_in / groups, kH, kW), at least 1"
            )
        if self.format.is_real:
            with np.errstate(over="ignore"):
                code = code.astype(np.float32)
            if not np.all(np.isfinite(code)):
                raise NetworkError("weight is not finite everywhere, as float32")
        else:
            whole = code.astype(np.int64)
            if not np.array_equal(whole, code):
                raise NetworkError(f"weight codes are not whole numbers; format {self.format} needs codes and a scale")
            code = whole
            _check_codes(self._stored(code), self.format)
            code = code.astype(np.min_scalar_type(min(-1, -max(abs(int(code.min())), int(code.max()) + 1))))
        object.__setattr__(self, "code", np.ascontiguousarray(code))
        object.__setattr__(self, "scale", positive(self.scale, "weight scale"))
        object.__setattr__(self, "zero_point", np.asarray(self.zero_point, np.int64))
        if self.is_offset and self.format.kind != "integer":
            raise NetworkError(f"weight codes of {self.format} around a zero point; only integers have one")

    @property
    def is_offset(self) -> bool:
        """Whether some code other than 0 stands for zero."""
        return bool(np.any(self.zero_point))

    def turned(self, sign: IntArray) -> "Weight":
        """With the signs of output channels changed, (n_channel,) 1 or -1: codes around a zero point are mirrored.

        Raises
        ------
        NetworkError
            When a code has no counterpart in the format.
        """
        ends, zero_point = self.format.lowest + self.format.highest, np.asarray(self.zero_point)
        mirrored = np.where(sign < 0, ends - zero_point, zero_point) if self.is_offset else zero_point
        return replace(self, code=self.code * per_channel(sign, self.code.ndim), zero_point=mirrored)

    def _stored(self, code: IntArray) -> IntArray:
        """Codes as they are stored: with their zero point."""
        return np.asarray(code + per_channel(np.asarray(self.zero_point, np.int64), code.ndim))

    @property
    def value(self) -> FloatArray:
        """The real weights, code x scale, in the layout of the codes. float64"""
        return np.asarray(self.code * per_channel(np.asarray(self.scale), self.code.ndim), np.float64)


def per_channel(number: npt.NDArray[Any], n_axis: int) -> npt.NDArray[Any]:
    """One number, or one per output channel, as it lies beside weights: Dense has them last, Conv2d first."""
    return number[:, None, None, None] if number.ndim and n_axis == 4 else number


def _check_codes(code: IntArray, format: NumberFormat) -> None:
    lowest, highest = int(code.min()), int(code.max())
    if lowest < format.lowest or highest > format.highest:
        raise NetworkError(
            f"weight codes reach {lowest} ... {highest}; {format} holds {format.lowest} ... {format.highest}"
        )
    if format.kind == "binary" and np.any(code == 0):
        raise NetworkError("binary weight codes are -1 or 1; there are zeros")
    magnitude = np.abs(code)
    if format.kind == "power-of-two" and np.any(magnitude & (magnitude - 1) * (magnitude > 0)):
        raise NetworkError("power-of-two weight codes are 0 or plus or minus a power of two; there are others")
