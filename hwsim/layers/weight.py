"""Weights as codes and a scale."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.number_format import FP32, NumberFormat
from hwsim.signals import FloatArray, IntArray, positive

Codes: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.signedinteger]


@dataclass(frozen=True, eq=False)
class Weight:
    """One term of a layer's weights: code x scale.

    Raises
    ------
    NetworkError
        When a code is outside its format or not finite, or a scale not positive.
    """

    code: Codes  # in the layer's layout: float32 for a real format, else the smallest signed integer dtype
    format: NumberFormat = FP32
    scale: FloatArray | float = 1.0  # () or one per output channel: real value of one code

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
            _check_codes(code, self.format)
            code = code.astype(np.min_scalar_type(min(-1, -max(abs(int(code.min())), int(code.max()) + 1))))
        object.__setattr__(self, "code", np.ascontiguousarray(code))
        object.__setattr__(self, "scale", positive(self.scale, "weight scale"))

    @property
    def value(self) -> FloatArray:
        """The real weights, code x scale, in the layout of the codes. float64"""
        scale = np.asarray(self.scale)
        if scale.ndim and self.code.ndim == 4:
            scale = scale[:, None, None, None]  # output channels come first
        return np.asarray(self.code * scale, np.float64)


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
