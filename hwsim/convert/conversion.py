"""How a network of real numbers becomes one of integers, whatever the method: place, calibrate, convert, in order."""

from dataclasses import replace

import numpy as np

from hwsim.convert.calibration import Calibration
from hwsim.convert.places import Places
from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.network.layers import Conv2d, Layer, Quantize, Synaptic
from hwsim.network.signals import FloatArray


class Conversion:
    """One network on its way; a method says what becomes of a group of Quantize, and of the other layers.

    Every layer is calibrated on what the layers before it leave as they have become. Only signals that are joined
    although one depends on the other, which then have to share a step, are looked at in the real network first.
    """

    def __init__(self, network: Network, places: Places, data: Dataset) -> None:
        self.network = network
        self.original = {layer.name: layer for layer in network.layers}
        self.places = places
        self.data = data
        self.calibration = Calibration(network, places.layers, data)
        self._settled: dict[str, Quantize] = {}
        self._done: dict[str, Layer] = {}

    def quantizer(self, group: tuple[Quantize, ...], calibration: Calibration, is_real: bool) -> Quantize:
        """The format and scale of a group, calibrated on the layers that are done, or on the real network."""
        raise NotImplementedError

    def synaptic(self, layer: Synaptic) -> Layer:
        """What becomes of a layer with weights; what it reads is settled."""
        raise NotImplementedError

    def other(self, layer: Layer) -> Layer:
        """What becomes of a layer without weights."""
        return layer

    def layers(self) -> tuple[Layer, ...]:
        """All layers, converted."""
        waiting = list(self.places.layers)
        while waiting:
            layer = next((each for each in waiting if self._is_ready(each)), None)
            if layer is None:
                each = next(each for each in waiting if self.calibration.is_ready(each))
                assert isinstance(each, Quantize)  # one of a group whose others depend on it
                self._settle(self.places.group_of(each.name), Calibration.of_real(self.network, self.data), True)
                continue
            waiting.remove(layer)
            self._done[layer.name] = self._converted(layer)
            self.calibration.add(self._done[layer.name])
        return tuple(self._done[layer.name] for layer in self.places.layers)

    def read_quantizer(self, layer: Layer) -> Quantize:
        """The Quantize that makes the codes which a layer reads, one of them where several are joined."""
        made_by = self._done[layer.inputs[0]]
        return made_by if isinstance(made_by, Quantize) else self.read_quantizer(made_by)

    def _is_ready(self, layer: Layer) -> bool:
        if isinstance(layer, Quantize) and layer.name not in self._settled:
            return all(self.calibration.is_ready(each) for each in self.places.group_of(layer.name))
        return self.calibration.is_ready(layer)

    def _converted(self, layer: Layer) -> Layer:
        if isinstance(layer, Quantize):
            if layer.name not in self._settled:
                self._settle(self.places.group_of(layer.name), self.calibration, False)
            return self._settled[layer.name]
        return self.synaptic(layer) if isinstance(layer, Synaptic) else self.other(layer)

    def _settle(self, group: tuple[Quantize, ...], calibration: Calibration, is_real: bool) -> None:
        quantizer = self.quantizer(group, calibration, is_real)
        self._settled |= {each.name: replace(quantizer, name=each.name, inputs=each.inputs) for each in group}


def along_inputs(per_input: FloatArray, layer: Synaptic) -> FloatArray:
    """One number per input channel (or input, of a Dense) in the shape of a layer's weights, to be broadcast."""
    if isinstance(layer, Conv2d):
        by_group = np.repeat(per_input.reshape(layer.groups, -1), layer.n_channel // layer.groups, axis=0)
        return by_group[:, :, None, None]
    return per_input[:, None]


def along_outputs(per_output: FloatArray, layer: Synaptic) -> FloatArray:
    """One number for all, or one per output channel, in the shape of a layer's weights, to be broadcast."""
    if per_output.ndim and isinstance(layer, Conv2d):
        return per_output[:, None, None, None]
    return per_output


def over_inputs(layer: Synaptic) -> tuple[int, ...]:
    """The axes of a layer's weights along which one output channel reads."""
    return (1, 2, 3) if isinstance(layer, Conv2d) else (0,)
