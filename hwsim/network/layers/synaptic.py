"""Layers with synapses: events meet weights and add up in accumulators."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.fixed_point import Rescale, rescale
from hwsim.network.layers.file_forms import OPTIONAL, Bias, Terms
from hwsim.network.layers.layer import Layer
from hwsim.network.layers.weight import Weight
from hwsim.network.layers.window import Padding, Pair, Window, is_whole, padding_pairs, pair
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.number_format import FP32, NumberFormat, accumulator_width, integer, width_of
from hwsim.network.operation import Operation
from hwsim.network.signals import IntArray, Signal

MERGE_BIT_WIDTH = 16
"""Of the multiplier that brings the second of two accumulators to the step of the first. [bits]"""


@dataclass(frozen=True, eq=False)
class Synaptic(Layer, abstract=True):
    """What Dense and Conv2d have in common: accumulator = bias + sum over inputs of code x weight code.

    Integer codes meeting integer weights add up in an integer accumulator whose width is derived from the exact
    bound max|code| * sum|w| + |bias|, or declared. Two terms (such as two-scale ternary weights) have an
    accumulator each, merged in step ``scale[0] / 2**n``.
    """

    weight_axes: ClassVar[tuple[str, ...]]  # names of a weight's axes
    channel_axis: ClassVar[int]  # which of them counts the output channels

    terms: Annotated[tuple[Weight, ...], Terms()] = ()  # one, or two that are added
    # (n_channel,): real values, or codes of the first accumulator; None: there is none, and nothing is stored of it
    bias: Annotated[npt.NDArray[np.generic] | None, Bias()] = None
    accumulator: int | None = None  # declared width [bits]; None: as wide as the bound needs

    def __post_init__(self) -> None:
        """Check shapes."""
        terms = (self.terms,) if isinstance(self.terms, Weight) else tuple(self.terms)
        axes = self.weight_axes
        if len(terms) not in (1, 2) or len({term.code.shape for term in terms}) != 1 or terms[0].code.ndim != len(axes):
            raise NetworkError(f"layer {self.name}: expected one or two weight terms of one shape ({', '.join(axes)})")
        object.__setattr__(self, "terms", terms)
        n_out = self.n_channel
        for term in terms:
            for what, number in (("scale", term.scale), ("zero point", term.zero_point)):
                if np.ndim(number) and np.shape(number) != (n_out,):
                    raise NetworkError(
                        f"layer {self.name}: weight {what} of shape {np.shape(number)}; expected () or ({n_out},)"
                    )
        if self.bias is None:
            return
        bias = np.asarray(self.bias)
        if bias.shape != (n_out,) or not np.all(np.isfinite(bias)):
            raise NetworkError(f"layer {self.name}: bias of shape {bias.shape}; expected ({n_out},), all finite")
        # + 0 turns -0.0 into 0.0, so that adding zero products never changes a bit
        object.__setattr__(
            self, "bias", bias.astype(np.int64) if bias.dtype.kind in "iu" else bias.astype(np.float32) + 0
        )

    @property
    def n_channel(self) -> int:
        """Output channels: neurons of a Dense layer."""
        return int(self.terms[0].code.shape[self.channel_axis])

    def _sums(self, term: Weight) -> IntArray:
        """Sum of |weight code| over everything one neuron reads. (n_channel,)"""
        raise NotImplementedError

    def out_shape(self, read: Signal) -> tuple[int, ...]:
        """Shape of what the layer makes; NetworkError when it cannot read that."""
        raise NotImplementedError

    @property
    def start(self) -> npt.NDArray[Any]:
        """What the accumulators start from: the bias, or zeros where there is none. (n_channel,)"""
        if self.bias is None:
            return np.zeros(self.n_channel, np.int64 if self.is_integer else np.float32)
        return self.bias

    @property
    def is_integer(self) -> bool:
        """Whether the weights are integer codes."""
        return not any(term.format.is_real for term in self.terms)

    def is_real(self, read: Signal) -> bool:
        """Whether the layer computes in floating point: unless both codes and weights are integers."""
        return read.format.is_real or not self.is_integer

    def real_format(self, read: Signal) -> NumberFormat:
        """Format of real arithmetic: that of the real numbers read, of codes that of the real weights they meet."""
        real = [read.format, *(term.format for term in self.terms)]
        return next((each for each in real if each.is_real), FP32)

    def signal(self, *source: Signal) -> Signal:
        """Accumulators; real ones unless both the codes read and the weights are integers."""
        (read,) = source
        shape = self.out_shape(read)
        if self.is_real(read):
            self._check_real_formats(read)
            if self.bias is not None and self.bias.dtype.kind == "i" and np.any(self.bias):
                raise NetworkError("real arithmetic with an integer bias; give the bias as real values")
            return Signal(shape, self.real_format(read), np.asarray(1.0))
        return self._accumulators(read, shape)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """Accumulators are scaled, freed of zero points and merged.

        Those of integers are codes whose step is known and carried along, so that scaling them is free; real ones are
        multiplied unless what follows absorbs the scale.
        """
        scaled = self.is_real(read) and not place.scales_absorbed and np.any(np.asarray(self.terms[0].scale) != 1)
        merged = len(self.terms) == 2
        return (
            *((self._scaling(read),) if scaled else ()),
            *self._zero_points(read),
            *((self._merging(read),) if merged else ()),
        )

    @property
    def n_scale(self) -> int:
        """Scales that the weights of the first term have per channel; 0 where all share one."""
        return self.n_channel * np.ndim(self.terms[0].scale)

    def _scaling(self, read: Signal) -> NeuronWork:
        number = self.real_format(read)
        multiplication = Operation.of("multiplication", number, number)
        return NeuronWork(self.name, once(multiplication), self.n_scale, number.bit_width)

    def _zero_points(self, read: Signal) -> Iterator[NeuronWork]:
        """The sum of what was read, times the zero point of the weights, is taken off."""
        for k, term in enumerate(self.terms):
            if term.is_offset:
                sums = self.real_format(read) if self.is_real(read) else integer(self.accumulator_widths(read)[k])
                factor = sums if sums.is_real else term.format
                operations = once(Operation.of("multiplication", sums, factor), Operation.of("addition", sums))
                n_stored = self.n_channel if np.ndim(term.zero_point) else 0
                yield NeuronWork(self.name, operations, n_stored, term.format.bit_width)

    def _merging(self, read: Signal) -> NeuronWork:
        """The second sum, times the ratio of the scales, is added to the first."""
        number = self.signal(read).format
        factor = number if number.is_real else integer(MERGE_BIT_WIDTH)
        bits = number.bit_width if number.is_real else width_of(int(self.merge.multiplier.max()))
        operations = once(Operation.of("multiplication", number, factor), Operation.of("addition", number))
        n_stored = self.n_channel * max(np.ndim(term.scale) for term in self.terms)
        return NeuronWork(self.name, operations, n_stored, bits)

    def _check_real_formats(self, read: Signal) -> None:
        """Weights may be kept in a narrower format than the arithmetic's; nothing says what wider ones would become."""
        arithmetic = self.real_format(read)
        for term in self.terms:
            if term.format.is_real and term.format != arithmetic and term.format.bit_width >= arithmetic.bit_width:
                raise NetworkError(
                    f"{arithmetic} arithmetic with weights of {term.format}; give weights and what they meet one format"
                )

    def _accumulators(self, read: Signal, shape: tuple[int, ...]) -> Signal:
        if read.step.ndim:
            raise NetworkError(
                "integer weights read codes of one step; the input has one per channel: bake them into the weights"
            )
        if self.start.dtype.kind != "i":
            raise NetworkError("integer weights need an integer bias; write round(bias / (input step x weight scale))")
        first = Signal(shape, FP32, np.asarray(read.step * self.terms[0].scale))
        widths = self.accumulator_widths(read)
        bound = self.bounds(read)
        if len(self.terms) == 1:
            return replace(first, format=integer(widths[0]), bound=bound[0])
        merge = self.merge
        total = bound[0] * int(2 ** merge.shift.max()) + bound[1] * int(np.abs(merge.multiplier).max())
        step = np.asarray(first.step / 2.0 ** merge.shift.max())
        return Signal(shape, integer(accumulator_width(total)), step, bound=total)

    @property
    def merge(self) -> Rescale:
        """Two terms: the ratio of the second scale to the first, as an integer multiplier and one shift."""
        return rescale(
            np.asarray(self.terms[1].scale) / np.asarray(self.terms[0].scale), MERGE_BIT_WIDTH, common_shift=True
        )

    def bounds(self, read: Signal) -> tuple[int, ...]:
        """Largest magnitude each term's accumulator can reach, at any moment and in any order of events."""
        bounds = []
        for k, term in enumerate(self.terms):
            # Python integers, because 64 bits could overflow here unnoticed
            total = self._sums(term).astype(object) * read.bound
            bounds.append(int((total + (abs(self.start.astype(object)) if k == 0 else 0)).max()))
        return tuple(bounds)

    def accumulator_widths(self, read: Signal) -> tuple[int, ...]:
        """Width of each term's accumulator. [bits]

        Raises
        ------
        NetworkError
            When a declared width could overflow.
        """
        bounds = self.bounds(read)
        if self.accumulator is None:
            return tuple(accumulator_width(bound) for bound in bounds)
        if (needed := width_of(max(bounds))) > self.accumulator:
            raise NetworkError(
                f"its accumulator can reach {max(bounds):,}, which needs {needed} bits; "
                f"{self.accumulator} are declared: declare {needed} or more"
            )
        return (self.accumulator,) * len(bounds)

    def adds_real(self, *source: Signal) -> bool:
        """Whether the layer computes in floating point."""
        (read,) = source
        return self.is_real(read)


def unless_zero(bias: npt.NDArray[np.generic]) -> npt.NDArray[np.generic] | None:
    """A bias that was worked out, or None where it is all zero: a layer needs none then, and stores none."""
    return bias if np.any(bias) else None


@dataclass(frozen=True, eq=False)
class Dense(Synaptic):
    """Fully connected layer. Weight (n_in, n_out)."""

    weight_axes = ("n_in", "n_out")
    channel_axis = 1

    @property
    def shape(self) -> tuple[int, int]:
        """(n_in, n_out)."""
        n_in, n_out = self.terms[0].code.shape
        return n_in, n_out

    def _sums(self, term: Weight) -> IntArray:
        return np.asarray(np.abs(term.code, dtype=np.int64).sum(axis=0))

    def out_shape(self, read: Signal) -> tuple[int, ...]:
        """(n_out,)."""
        n_in, n_out = self.shape
        if len(read.shape) != 1:
            raise NetworkError(f"reads a frame of shape {read.shape}; put a Flatten before it")
        if read.size != n_in:
            raise NetworkError(f"its weight takes {n_in} inputs, but it reads {read.size}")
        return (n_out,)


@dataclass(frozen=True, eq=False)
class Conv2d(Synaptic):
    """Two-dimensional convolution (cross-correlation, as torch's). Weight (C_out, C_in / groups, kH, kW).

    Stride and dilation are one number or (y, x); padding also ((top, bottom), (left, right)). A tap that meets
    padding is no synapse. Accumulators are bounded by the whole kernel, also where the image is smaller.
    """

    weight_axes = ("C_out", "C_in / groups", "kH", "kW")
    channel_axis = 0

    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = field(default=(1, 1), metadata=OPTIONAL)
    groups: int = field(default=1, metadata=OPTIONAL)

    def __post_init__(self) -> None:
        """Bring the geometry into its one form and check it."""
        super().__post_init__()
        try:
            object.__setattr__(self, "stride", pair(self.stride, "stride"))
            object.__setattr__(self, "dilation", pair(self.dilation, "dilation"))
            object.__setattr__(self, "padding", padding_pairs(self.padding))
        except NetworkError as error:
            raise NetworkError(f"layer {self.name}: {error}") from None
        if not is_whole(self.groups, 1) or self.n_channel % self.groups:
            raise NetworkError(
                f"layer {self.name}: {self.groups!r} groups of {self.n_channel} output channels; expected a whole "
                "number that divides them"
            )

    @property
    def n_read(self) -> int:
        """Input channels."""
        return int(self.terms[0].code.shape[1]) * self.groups

    @property
    def kernel(self) -> tuple[int, int]:
        """(kH, kW)."""
        return self.terms[0].code.shape[2], self.terms[0].code.shape[3]

    def window(self, read: Signal) -> Window:
        """How the kernel slides over what is read."""
        stride, dilation = pair(self.stride, "stride"), pair(self.dilation, "dilation")
        return Window.over(read.shape, self.kernel, stride, self.padding, dilation)

    def _sums(self, term: Weight) -> IntArray:
        return np.asarray(np.abs(term.code, dtype=np.int64).sum(axis=(1, 2, 3)))

    def out_shape(self, read: Signal) -> tuple[int, ...]:
        """(C_out, H_out, W_out)."""
        window = self.window(read)
        if read.shape[0] != self.n_read:
            raise NetworkError(f"its weight takes {self.n_read} channels, but it reads {read.shape[0]}")
        return (self.n_channel, *window.out)
