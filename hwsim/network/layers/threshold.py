"""Many thresholds at once, as FINN's hardware has them."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.layers.file_forms import Array
from hwsim.network.layers.layer import ElementWise
from hwsim.network.neuron_work import NeuronWork, Place
from hwsim.network.number_format import BINARY, NumberFormat, integer, width_of
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, IntArray, Signal

BEYOND = 2**62
"""A code that no signal reaches."""
CLOSE = 2.0**-23
"""Relative distance at which two float32 numbers are taken for the same."""


@dataclass(frozen=True, eq=False)
class MultiThreshold(ElementWise):
    """offset + scale times the number of thresholds t with x >= t: codes of step `scale`.

    The codes lie around zero where the narrowest format allows that, else around a zero point. One threshold with an
    offset of minus half the scale makes codes of -1 and 1, declared binary, of half the scale. (Umuroglu et al., FINN,
    FPGA 2017, section 4.2.2; the operator MultiThreshold of QONNX.)
    """

    # (channels, T), or (1, T) for all channels; rising along T, infinite ones allowed
    thresholds: Annotated[npt.ArrayLike, Array(2)] = ()
    scale: float = 1.0
    offset: float = 0.0

    absorbs_scales = True
    makes_codes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        thresholds = np.asarray(self.thresholds, np.float64)
        if thresholds.ndim != 2 or 0 in thresholds.shape:
            raise NetworkError(
                f"layer {self.name}: thresholds of shape {thresholds.shape}; expected (channels, T), or (1, T) for all"
            )
        # infinite ones may be equal, of which the difference is no number
        if np.any(np.isnan(thresholds)) or np.any(thresholds[:, 1:] < thresholds[:, :-1]):
            raise NetworkError(f"layer {self.name}: thresholds that do not rise along their last axis; sort them")
        if not (np.isfinite(self.scale) and self.scale > 0 and np.isfinite(self.offset)):
            raise NetworkError(
                f"layer {self.name}: scale {self.scale} and offset {self.offset}; expected finite numbers, and a scale "
                "above 0"
            )
        object.__setattr__(self, "thresholds", np.ascontiguousarray(thresholds + 0.0))  # of zeros there is one
        object.__setattr__(self, "scale", float(self.scale))
        object.__setattr__(self, "offset", float(self.offset))
        if not self.is_binary and abs(self.scale * self._steps - self.offset) > CLOSE * abs(self.offset):
            raise NetworkError(
                f"layer {self.name}: offset {self.offset:g} is no multiple of the scale {self.scale:g}, so that codes "
                "cannot stand for it; write offset=0 and put an Affine with that offset behind it"
            )

    @property
    def n_threshold(self) -> int:
        """T: thresholds that a number is compared with."""
        return int(np.shape(self.thresholds)[1])

    @property
    def is_binary(self) -> bool:
        """Whether the codes are -1 and 1."""
        return self.n_threshold == 1 and 2 * self.offset == -self.scale

    @property
    def lowest(self) -> int:
        """The code below all thresholds, less the zero point."""
        return -1 if self.is_binary else self._steps

    @property
    def rise(self) -> int:
        """What each threshold adds to the code."""
        return 2 if self.is_binary else 1

    @property
    def _steps(self) -> int:
        return round(self.offset / self.scale)

    def levels(self, read: Signal) -> FloatArray | IntArray:
        """The thresholds as numbers of the signal read: for codes the first whose value reaches each, exactly.

        Returns
        -------
        (1 or channels, T) float64, or int64 codes less the zero point
        """
        thresholds = np.asarray(self.thresholds, np.float64)
        if len(thresholds) not in (1, read.shape[0]):
            raise NetworkError(f"thresholds of {len(thresholds)} channels for a signal of {read.shape[0]}")
        if read.format.is_real:
            return thresholds
        step = np.atleast_1d(read.step)[:, None]
        thresholds, step = np.broadcast_arrays(thresholds, step)
        with np.errstate(over="ignore"):
            level = np.clip(np.ceil(thresholds / step), -BEYOND, BEYOND)
        code = level.astype(np.int64)
        # a quotient that is whole may have been rounded to it from above, and then the next code is the first
        doubtful = (level == thresholds / step) & (np.abs(level) < BEYOND) & (np.frexp(step)[0] != 0.5)
        for at in zip(*np.nonzero(doubtful), strict=True):
            code[at] += int(code[at]) * Fraction(float(step[at])) < Fraction(float(thresholds[at]))
        return code

    def signal(self, *source: Signal) -> Signal:
        """Codes."""
        (read,) = source
        self.levels(read)
        if self.is_binary:
            return Signal(read.shape, BINARY, np.asarray(self.scale / 2), bound=1)
        highest = self.lowest + self.n_threshold
        bound = max(-self.lowest, highest)
        format, zero_point = _around_zero(self.lowest, highest), 0
        n_bit = self.n_threshold.bit_length()
        if format.bit_width > n_bit and self.lowest <= 0 <= highest:
            format, zero_point = integer(n_bit, signed=False), -self.lowest
        return Signal(read.shape, format, np.asarray(self.scale), zero_point, bound)

    def apply(self, value: FloatArray) -> FloatArray:
        """The values that the codes stand for."""
        reached = np.count_nonzero(value[..., None] >= np.asarray(self.thresholds), axis=-1)
        return np.asarray((self.lowest + self.rise * reached) * (self.scale / self.rise))

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison with each threshold; those of channels are stored, each in the bits of the largest."""
        n_row, bits = int(np.shape(self.thresholds)[0]), read.format.bit_width
        if not read.format.is_real:
            # one that no number reaches is stored as one beyond the format, in its bits
            bits = min(width_of(int(np.abs(self.levels(read)).max())), bits)
        comparisons = Operation.of("comparison", read.format), self.n_threshold
        n_parameter = n_row if n_row > 1 else place.n_scale
        return (NeuronWork(self.name, (comparisons,), n_parameter, self.n_threshold * bits),)


def _around_zero(lowest: int, highest: int) -> NumberFormat:
    """The narrowest format of codes from one to the other."""
    if lowest >= 0:
        return integer(highest.bit_length(), signed=False)
    return integer(max(width_of(highest) if highest > 0 else 1, (-lowest - 1).bit_length() + 1))
