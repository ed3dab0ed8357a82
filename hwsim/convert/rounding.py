"""Rounding networks (O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017).

The input of every linear layer is rounded, the network's own input too; run on differences of frames the result is
the paper's sigma-delta network, the same function at another cost.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwsim.convert.calibration import Calibration, Reach
from hwsim.convert.coding import Coding, CodingLike
from hwsim.convert.conversion import Conversion, along_inputs, along_outputs
from hwsim.convert.fixed_point import about, bias_codes, weight_codes, width_of_codes
from hwsim.convert.places import cannot_be_negative, convertible, is_of_input, place
from hwsim.convert.scales import Scales, SignalSets, per_input
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Affine, Conv2d, HardTanh, Layer, Quantize, ReLU, Synaptic, Weight, unless_zero
from hwsim.network.number_format import integer
from hwsim.network.signals import FloatArray

METHOD = "rounding network (O'Connor & Welling 2017, eq. 26-27)"

PROBE_BIT_WIDTH = 24
"""Width of the signed codes with which calibration looks how far codes reach. [bits]"""

OCTAVES = 4
"""How many powers of two are tried as a layer's weight scale."""


def convert(
    network: Network,
    data: Dataset,
    scale: CodingLike | Sequence[CodingLike] = 1.0,
    weight_bit_width: int | None = 8,
    headroom: int = 0,
    name: str | None = None,
) -> Network:
    """Round the input of every linear layer; multiply nothing after the network's input.

    With scales k_l, s_l = round(k_l x_l), half up, is what layer l reads. Scales are baked into the weights:
    W'_l = W_l k_{l+1} / k_l and b'_l = k_{l+1} b_l, with k_{L+1} = 1 after the last layer (eq. 26-27), so that only
    the network's input is multiplied, by k_1. Integer weights have one scale per layer, a power of two in units of
    the code that is read, and biases are integers in the accumulator's step; a Quantize after ReLU is then a shift.
    The power is the one that loses least (`power_of_two_scale`).

    A Quantize stands before a MaxPool2d or Concat rather than behind it, which rounds the same; what else reads
    those, such as an Add, reads rounded values too. Averages over windows whose size is no power of two, and an
    Affine other than the network's first layer, do multiply.

    Parameters
    ----------
    network : Network
        Dense and Conv2d with real weights, ReLU, HardTanh, Affine, Flatten, Rearrange, Pad2d, poolings, Add,
        Concat; Softmax at the end.
    data : Dataset
        Frames for calibration: bit widths are the smallest that hold the codes seen; weights that meet larger codes
        are rounded with more care.
    scale : float, Coding, or sequence
        k_l, for all layers with weights or for each: a number, one for each unit, or a Coding. Where signals are
        joined or added, their readers need the same; where that is the network's output, 1. [codes per unit]
    weight_bit_width : int or None
        Width of the weight codes [bits]; None keeps real weights, fp32, and rounds signals only.
    headroom : 0 or 1
        Bits added to the width of hidden codes, for calibration with few frames: others may reach further. [bits]
    name : str, optional
        Name of the result; ``<network>-rounding`` when not given.

    Raises
    ------
    NetworkError
        When a layer cannot be converted, a scale is not positive or does not fit the others or its codes are too
        large, or the headroom is neither 0 nor 1.
    """
    source = convertible(network)
    scales = Scales(source, scale)
    stated_scales = [float(each.scale) if each.n_unit == 1 else str(each) for each in scales.of_layers]
    if headroom not in (0, 1):
        raise NetworkError(f"headroom {headroom}: write 0 or 1 [bits]")
    source, scales = _with_input_coding(source, scales, data)
    layers = _Rounding(source, data, scales, weight_bit_width, headroom).layers()
    stated: dict[str, object] = {"scale": stated_scales, "headroom_bits": headroom}
    return replace(
        source,
        name=name or f"{network.name}-rounding",
        layers=layers,
        about=about(network, data, METHOD) | stated,
    )


class _Rounding(Conversion):
    """A network on its way to rounded signals."""

    def __init__(
        self, network: Network, data: Dataset, scales: Scales, weight_bit_width: int | None, headroom: int
    ) -> None:
        super().__init__(network, place(network, lambda layer: isinstance(layer, Synaptic)), data)
        self._scales = scales
        self._weight_bit_width = weight_bit_width
        self._headroom = headroom

    def quantizer(self, group: tuple[Quantize, ...], calibration: Calibration, is_real: bool) -> Quantize:
        """Codes of the smallest width that holds those seen."""
        signal = group[0].inputs[0]
        of_input = is_of_input(self.original, signal)
        k = per_input(self._scales.of_signal(signal).scale, self.network.signals[signal].shape[0])
        k = k[0] if np.all(k == k[0]) else k
        # behind the first layer, values are scaled already, but in the real network
        quantize = Quantize("", scale=k if of_input else 1.0)
        probe = Quantize(group[0].name, scale=k if of_input or is_real else 1.0, bit_width=PROBE_BIT_WIDTH)
        reaches = [Reach.of(calibration.codes(each.inputs[0], probe)) for each in group]
        lowest, highest = min(reach.lowest for reach in reaches), max(reach.highest for reach in reaches)
        if highest >= probe.format.highest or lowest <= probe.format.lowest:
            raise NetworkError(f"layer {probe.name}: codes need more than {PROBE_BIT_WIDTH} bits; give a smaller scale")
        signed = lowest < 0
        if not of_input:
            signed = not all(cannot_be_negative(self.original, each.inputs[0]) for each in group)
        width = width_of_codes(lowest, highest, signed) + (0 if of_input else self._headroom)
        return replace(quantize, bit_width=width, signed=signed)

    def synaptic(self, layer: Synaptic) -> Layer:
        """Bake the scales in: W' = W x ratio per code that is read, b' = following x b."""
        read, made = self._scales.of_signal(self.original[layer.name].inputs[0]), self._scales.of_signal(layer.name)
        value = layer.terms[0].value * along_outputs(np.asarray(made.scale), layer)
        value = value * along_inputs(per_input(read.gain / read.scale, _n_read(layer)), layer)
        bias = layer.start.astype(np.float64) * made.scale - made.offset
        step = 1 / np.asarray(self.read_quantizer(layer).scale)
        if self._weight_bit_width is None:
            real = Weight((value / step).astype(np.float32), layer.terms[0].format)
            return replace(layer, terms=(real,), bias=unless_zero(bias.astype(np.float32)))
        importance = along_inputs(self.calibration.mean_square(layer.inputs[0]), layer)
        power = power_of_two_scale(value, self._weight_bit_width, importance)
        code = weight_codes(value, power, self._weight_bit_width)
        # the input's step is divided out, so that accumulators count in the power of two itself
        weight = Weight(code, integer(self._weight_bit_width), power / step)
        return replace(layer, terms=(weight,), bias=unless_zero(bias_codes(bias, power)), accumulator=None)

    def other(self, layer: Layer) -> Layer:
        """Limits and offsets are of the scaled values; the network's input is not scaled before it is quantized."""
        if is_of_input(self.original, layer.name):
            return layer
        k = self._scales.of_signal(layer.name).scale
        if isinstance(layer, Affine):
            return replace(layer, offset=np.asarray(layer.offset) * k)
        if isinstance(layer, HardTanh):  # where units are rounded alike
            return replace(layer, lowest=float(layer.lowest * k), highest=float(layer.highest * k))
        return layer


def _n_read(layer: Synaptic) -> int:
    """Channels that a layer reads; of a Dense, numbers."""
    return layer.n_read if isinstance(layer, Conv2d) else int(layer.terms[0].code.shape[0])


def _with_input_coding(network: Network, scales: Scales, data: Dataset) -> tuple[Network, Scales]:
    """The network with an Affine that scales and shifts its inputs one by one, where they are; and what is left."""
    coding = scales.of_signal(INPUT)
    if coding.n_unit == 1 and not coding.has_offset:
        return network, scales
    sets = SignalSets(network)
    (signal,) = sets.read(sets.of(INPUT))
    # an offset above a half would make a zero -1
    coded: list[Layer] = [Affine("input_coding", (signal,), coding.scale, -np.asarray(coding.offset))]
    coded += [ReLU("input_relu", ("input_coding",))] if coding.has_offset else []
    layers: list[Layer] = [] if signal != INPUT else coded
    for layer in network.layers:
        if isinstance(layer, Synaptic) and layer.inputs == (signal,):
            value = layer.terms[0].value * along_inputs(per_input(coding.gain / coding.scale, _n_read(layer)), layer)
            terms = (Weight(value.astype(np.float32), layer.terms[0].format),)
            layer = replace(layer, inputs=(coded[-1].name,), terms=terms)
        layers.append(layer)
        if layer.name == signal:
            layers += coded
    # integers all the way, where the data are
    with_affine = replace(network, layers=tuple(layers))
    if not data.format.is_real:
        with_affine = replace(with_affine, input_format=data.format, input_step=data.step)
    return with_affine, Scales(with_affine, [Coding(1.0) if each is coding else each for each in scales.of_layers])


def power_of_two_scale(value: FloatArray, bit_width: int, importance: FloatArray) -> float:
    """The power of two under which weight codes lose least.

    Candidates begin with the smallest power that clips nothing and go down by octaves: the largest weights are
    clipped, all others finer. The loss is the squared error, each weight's by how large its input is, which is the
    error of the layer's sums if inputs were independent.

    Parameters
    ----------
    value : float64
        Real weights.
    bit_width : int
        Of the codes. [bits]
    importance : float64
        Mean square of the code that each weight meets, in a shape that broadcasts.
    """
    largest = float(np.abs(value).max()) or 1.0
    first = int(np.ceil(np.log2(largest / integer(bit_width).highest)))
    candidates = [2.0 ** (first - octave) for octave in range(OCTAVES)]

    def loss(scale: float) -> float:
        error = weight_codes(value, scale, bit_width) * scale - value
        return float((importance * error**2).sum())

    return min(candidates, key=loss)
