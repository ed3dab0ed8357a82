"""Layers that are straight lines and steps, of one number at a time."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.layers.file_forms import Limit, PerChannel
from hwsim.network.layers.layer import ElementWise
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.number_format import BINARY, integer
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, Signal


@dataclass(frozen=True, eq=False)
class ReLU(ElementWise):
    """max(x, 0)."""

    direction = 1
    passes_scales = True

    def signal(self, *source: Signal) -> Signal:
        """The signal it reads; of codes that are -1 or 1, those that are 0 or 1."""
        (read,) = source
        if read.format.kind == "binary":
            return replace(read, format=integer(1, signed=False))
        return read

    def apply(self, value: FloatArray) -> FloatArray:
        """max(x, 0)."""
        return np.maximum(value, 0)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison."""
        return (NeuronWork(self.name, once(Operation.of("comparison", read.format))),)


@dataclass(frozen=True, eq=False)
class LeakyReLU(ElementWise):
    """x where x >= 0, else slope times x, in float32; of real numbers only."""

    slope: PerChannel = 0.01  # one number, or one per channel

    passes_scales = True

    def __post_init__(self) -> None:
        """Check the slope."""
        slope = np.asarray(self.slope, np.float64)
        if slope.ndim > 1 or not np.all(np.isfinite(slope)):
            raise NetworkError(f"layer {self.name}: slope {self.slope}; expected a finite number, or one per channel")
        object.__setattr__(self, "slope", slope if slope.ndim else float(slope))

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        (read,) = source
        if not read.format.is_real:
            raise NetworkError(f"a LeakyReLU of {read.format} codes, which have no such slope; quantize after it")
        read.per_element(self.slope)
        return read

    def apply(self, value: FloatArray) -> FloatArray:
        """X where x >= 0, else the slope, a float32 number, times x."""
        # a product of two float32 numbers is exact in float64, and so rounded once
        return np.where(value >= 0, value, value * np.float64(np.asarray(self.slope, np.float32)))

    @property
    def direction(self) -> int:
        """Rising, unless the slope falls; with a slope per channel no one can rely on it."""
        return int(np.ndim(self.slope) == 0 and self.slope >= 0)  # type: ignore[operator]

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison, and the slope is multiplied; one per channel is stored."""
        operations = once(
            Operation.of("comparison", read.format), Operation.of("multiplication", read.format, read.format)
        )
        n_slope = read.shape[0] * np.ndim(self.slope)
        return (NeuronWork(self.name, operations, n_slope, read.format.bit_width * (n_slope > 0)),)


@dataclass(frozen=True, eq=False)
class Sign(ElementWise):
    """+1 where x >= 0, else -1: codes declared binary."""

    absorbs_scales = True
    makes_codes: ClassVar[bool] = True

    def signal(self, *source: Signal) -> Signal:
        """Binary codes of step 1."""
        return Signal(source[0].shape, BINARY, np.asarray(1.0), bound=1)

    def apply(self, value: FloatArray) -> FloatArray:
        """+1 where x >= 0, else -1."""
        return np.where(value >= 0, 1.0, -1.0)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison."""
        return (NeuronWork(self.name, once(Operation.of("comparison", read.format))),)


@dataclass(frozen=True, eq=False)
class HardTanh(ElementWise):
    """min(max(x, lowest), highest). Codes are clipped to the outermost ones within the limits.

    One of the limits may be infinite: nothing is clipped, or compared, on that side.
    """

    lowest: Annotated[float, Limit(-math.inf)] = -1.0
    highest: Annotated[float, Limit(math.inf)] = 1.0

    passes_scales = True
    direction = 1

    def __post_init__(self) -> None:
        """Check the limits."""
        if not (self.lowest < self.highest and self.n_limit):
            raise NetworkError(
                f"layer {self.name}: limits {self.lowest} ... {self.highest}; expected two numbers, rising, of which "
                "one may be infinite"
            )
        object.__setattr__(self, "lowest", float(self.lowest))
        object.__setattr__(self, "highest", float(self.highest))

    @property
    def n_limit(self) -> int:
        """How many of the limits are numbers."""
        return int(np.isfinite(self.lowest)) + int(np.isfinite(self.highest))

    def limits(self, read: Signal) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Lowest and highest code let through, less the zero point: () or one per channel."""
        reach = np.float64(2**62)
        lowest = np.ceil(np.clip(self.lowest / read.step, -reach, reach)).astype(np.int64)
        highest = np.floor(np.clip(self.highest / read.step, -reach, reach)).astype(np.int64)
        if np.any(lowest > highest):
            raise NetworkError(
                f"no code of step {read.step} lies within {self.lowest} ... {self.highest}; take a finer step"
            )
        return lowest, highest

    def signal(self, *source: Signal) -> Signal:
        """The signal it reads, of the bound that the limits leave."""
        (read,) = source
        if read.format.is_real:
            return read
        lowest, highest = self.limits(read)
        least, most = (limit - read.zero_point for limit in (read.format.lowest, read.format.highest))
        if np.any(lowest > most) or np.any(highest < least):
            raise NetworkError(f"clips {read.format} codes to {lowest} ... {highest}, which are none of them")
        if read.format.kind == "binary" and (np.any(lowest > -1) or np.any(highest < 1)):
            raise NetworkError("clips codes declared to be -1 or 1; only limits that keep them make sense")
        reach = (np.clip(end, lowest, highest) for end in (-read.bound, read.bound))
        return replace(read, bound=max(int(np.abs(end).max()) for end in reach))

    def apply(self, value: FloatArray) -> FloatArray:
        """min(max(x, lowest), highest)."""
        return np.clip(value, self.lowest, self.highest)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison with each limit; a ReLU right before has compared with the lower one."""
        n_limit = self.n_limit - int(place.behind_relu and np.isfinite(self.lowest))
        return (NeuronWork(self.name, ((Operation.of("comparison", read.format), n_limit),)),)
