"""Signals quantized after weights: codes meet codes, so that nothing but accumulators is ever scaled.

Weights that are codes already (GPFQ, MSQ) keep them. Between the layers each signal becomes unsigned or signed
integers; where it can, its step is the accumulator's times a power of two, and quantizing is a shift. Ternary weights
then meet integer events: a synaptic operation is an addition, nothing is multiplied, and dense, sparse and delta
execution compute the same function. Under delta that is a ternary sigma-delta network (the rounding networks of
O'Connor & Welling, ICLR 2017, with weights of Lybrand & Saab, JMLR 22 (156), 2021).
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.convert.calibration import Calibration, Reach
from hwsim.convert.conversion import Conversion
from hwsim.convert.fixed_point import width_of_codes
from hwsim.convert.places import cannot_be_negative, is_of_input, place
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Flatten,
    GlobalAvgPool,
    Layer,
    MultiThreshold,
    Quantize,
    Sign,
    Synaptic,
    unless_zero,
)
from hwsim.network.number_format import NumberFormat, integer, round_real
from hwsim.network.signals import FloatArray, Signal

METHOD = "signals quantized after weights"

Steps: TypeAlias = Literal["shift", "any"]
Array: TypeAlias = npt.NDArray[Any]

OCTAVES = 10
"""How many powers of two are tried as a signal's step, from the one that clips nothing on: the best has the least
squared error in the mean frame, relative to that frame's values, so that a few frames with rare large values do not
decide for all."""

MULTIPLIER_PRECISION = 10
"""What the multiplier of the smallest factor of an Affine has at least, if 32 bits suffice for that. [bits]"""

NEIGHBOURS = 4
"""How many floating-point numbers next to a scale are tried, for one whose product with a step is exact."""


def convert(
    network: Network,
    data: Dataset,
    bit_width: int = 8,
    steps: Steps = "shift",
    headroom: int = 0,
    name: str | None = None,
) -> Network:
    """Quantize every signal that a layer with weights reads, and biases to the accumulators' steps.

    Parameters
    ----------
    network : Network
        Weights are codes, of one scale per layer; signals are real.
    data : Dataset
        Frames for calibration. Codes of at most `bit_width` bits are read as they are.
    bit_width : int
        Most bits of a code; fewer are declared where calibration finds no need of them. [bits]
    steps : {"shift", "any"}
        ``shift``: a signal's step is the accumulator's times a power of two, and quantizing multiplies nothing.
        ``any``: the largest value seen, or that divided by a power of two, is the highest code; a multiplication per
        neuron. Signals that a Concat joins share a step, which takes a multiplication in either case. Of the powers
        of two, the one with the least squared error on the data is taken: rare large values may be clipped.
    headroom : int
        Bits kept free above the largest value that calibration saw. [bits]
    name : str, optional
        Name of the result; ``<network>-<bit width>-bit-signals`` when not given.

    Raises
    ------
    NetworkError
        When weights are real, or a layer makes codes already.
    """
    _check(network, bit_width, steps, headroom)
    readers = (Synaptic, AvgPool2d, GlobalAvgPool, Add)
    layers = _Signals(network, data, bit_width, steps, headroom, readers).layers()
    about = {key: value for key, value in network.about.items() if key not in ("accuracy", "command")} | {
        "made_from": network.name,
        "made_from_digest": network.digest,
        "conversion": METHOD,
        "signal_bit_width": bit_width,
        "signal_steps": steps,
        "headroom_bits": headroom,
        "signal_calibration_frames": len(data),
    }
    return replace(network, name=name or f"{network.name}-{bit_width}-bit-signals", layers=layers, about=about)


class _Signals(Conversion):
    """A network on its way to integer signals."""

    def __init__(
        self,
        network: Network,
        data: Dataset,
        bit_width: int,
        steps: Steps,
        headroom: int,
        readers: tuple[type[Layer], ...],
    ) -> None:
        super().__init__(network, place(network, lambda layer: isinstance(layer, readers)), data)
        self._bit_width, self._steps, self._headroom = bit_width, steps, headroom
        self._made: dict[str, Layer] = {}

    def quantizer(self, group: tuple[Quantize, ...], calibration: Calibration, is_real: bool) -> Quantize:
        """Data keep their codes; other signals get a step from the largest value of the group."""
        names = [each.inputs[0] for each in group]
        codes = self.data.format
        is_data = len(group) == 1 and not codes.is_real and self._is_data(names[0])
        if is_data and codes.bit_width <= self._bit_width:
            return Quantize("", scale=1 / self.data.step, bit_width=codes.bit_width, signed=codes.signed)
        reaches = [Reach.of(calibration.values(name)) for name in names]
        signed = any(map(self._is_signed, names, reaches))
        largest = max(max(-reach.lowest, reach.highest) for reach in reaches) or 1.0
        format = integer(self._bit_width - self._headroom, signed)
        step = None if len(group) > 1 or is_real or self._steps == "any" else self._step(names[0], is_data)
        shifts, unit = step is not None, step or largest / format.highest
        # the first holds the largest value, the others clip it and are finer
        first = max(0, math.ceil(math.log2(largest / (unit * format.highest)))) if shifts else 0
        powers = [first - octave for octave in range(OCTAVES) if first - octave >= 0 or not shifts]
        errors = np.zeros(len(powers))
        for name in names:
            errors += _errors(calibration.values(name), [unit * 2.0**power for power in powers], format)
        power = powers[int(np.argmin(errors))]
        reached = math.floor(min(largest / (unit * 2.0**power) + 0.5, format.highest)) * 2**self._headroom
        width = width_of_codes(-reached if signed else 0, reached, signed)
        scale = _scale(unit, power) if shifts else 1 / (unit * 2.0**power)
        return Quantize("", scale=scale, bit_width=min(self._bit_width, width), signed=signed)

    def synaptic(self, layer: Synaptic) -> Layer:
        """The same codes, and the bias in the accumulator's steps."""
        step = np.asarray(layer.terms[0].scale) / np.asarray(self.read_quantizer(layer).scale)
        bias = round_real(layer.start.astype(np.float64) / step).astype(np.int64)
        return replace(layer, bias=unless_zero(bias), accumulator=None)

    def other(self, layer: Layer) -> Layer:
        """An Affine whose factors differ much needs wider multipliers, because all channels share one shift."""
        if not isinstance(layer, Affine):
            return layer
        factor = np.abs(np.asarray(layer.scale) * self._signal(layer.inputs[0]).step)
        spread = factor.max() / factor[factor > 0].min() if factor.any() else 1.0
        width = MULTIPLIER_PRECISION + 1 + math.ceil(math.log2(spread))
        return replace(layer, multiplier_bit_width=min(max(width, layer.multiplier_bit_width), 32))

    def _converted(self, layer: Layer) -> Layer:
        self._made[layer.name] = made = super()._converted(layer)
        return made

    def _step(self, name: str, is_data: bool) -> float | None:
        """Step of the codes that are quantized; None where they are real, or have a step per channel."""
        signal = self._signal(name)
        if is_data:
            return self.data.step
        return None if signal.format.is_real or signal.step.ndim else float(signal.step)

    def _signal(self, name: str) -> Signal:
        """What a layer that is done makes."""
        if name == INPUT:
            return Signal.of_input(self.network.input_shape, self.network.input_format, self.network.input_step)
        layer = self._made[name]
        return layer.signal(*map(self._signal, layer.inputs))

    def _is_data(self, name: str) -> bool:
        """Whether a signal is the data as they come, perhaps as a vector."""
        layer = self.original.get(name)
        return layer is None or (isinstance(layer, Flatten) and self._is_data(layer.inputs[0]))

    def _is_signed(self, name: str, reach: Reach) -> bool:
        if is_of_input(self.original, name):
            return reach.lowest < 0
        return not cannot_be_negative(self.original, name)


def _errors(blocks: Iterator[Array], steps: list[float], format: NumberFormat) -> FloatArray:
    """Error of a signal's codes with each of several steps: squared, relative to the frame's, and summed. (n_step,)"""
    total = np.zeros(len(steps))
    for block in blocks:
        value = np.asarray(block, np.float64).reshape(len(block), -1)
        energy = np.maximum((value**2).sum(axis=1), np.finfo(np.float64).tiny)
        for k, step in enumerate(steps):
            code = np.clip(np.floor(value / step + 0.5), format.lowest, format.highest)
            total[k] += (((code * step - value) ** 2).sum(axis=1) / energy).sum()
    return total


def _scale(step: float, power: int) -> float:
    """Codes per unit such that step x scale is 2**-power to the bit: the nearest such number."""
    exact = 2.0**-power
    up = down = exact / step
    for _ in range(NEIGHBOURS):
        for scale in (up, down):
            if step * scale == exact:
                return scale
        up, down = float(np.nextafter(up, np.inf)), float(np.nextafter(down, 0))
    return exact / step  # quantizing then takes a multiplier


def _check(network: Network, bit_width: int, steps: Steps, headroom: int) -> None:
    place = f"network {network.name}"
    if steps not in ("shift", "any"):
        raise NetworkError(f"steps {steps!r}; write shift or any")
    if not 2 <= bit_width <= 16 or not 0 <= headroom < bit_width - 1:
        raise NetworkError(f"{bit_width} bits with {headroom} of headroom; write 2 to 16 bits, and fewer of headroom")
    for layer in network.layers:
        if isinstance(layer, Quantize | Sign | MultiThreshold):
            raise NetworkError(f"{place}: layer {layer.name}: {type(layer).__name__}: its signals are codes already")
        if isinstance(layer, Synaptic) and (not layer.is_integer or len(layer.terms) > 1):
            raise NetworkError(f"{place}: layer {layer.name}: weights are real or of two terms; quantize them first")
        if isinstance(layer, Synaptic) and np.ndim(layer.terms[0].scale):
            raise NetworkError(f"{place}: layer {layer.name}: weights have a scale per channel; give one per layer")
