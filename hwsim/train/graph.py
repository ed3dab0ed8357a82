"""A float network in torch, layer by layer, with a say in what each layer with weights reads."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch.nn import functional

from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    Layer,
    MaxPool2d,
    Pad2d,
    Rearrange,
    ReLU,
    Softmax,
    Synaptic,
)
from hwsim.network.layers.window import Padding, padding_pairs
from hwsim.network.signals import Signal
from hwsim.train import TrainingError

Tensor: TypeAlias = torch.Tensor
Read: TypeAlias = Callable[[int, Tensor], Tensor]
"""What becomes of the input of the k-th layer with weights."""


class Graph:
    """The function of a float network; weights and biases are constants.

    Parameters
    ----------
    network : Network
        Layers that `hwsim.convert.rounding` takes, with real weights.
    dtype : torch.dtype
        Of all that is computed.

    Raises
    ------
    TrainingError
        For a layer of another kind.
    """

    def __init__(self, network: Network, dtype: torch.dtype = torch.float32) -> None:
        self.network = network
        self.dtype = dtype
        self.readers = [layer for layer in network.layers if isinstance(layer, Synaptic)]
        self._number = {layer.name: k for k, layer in enumerate(self.readers)}
        self._constants = {layer.name: self._constant(layer) for layer in network.layers}
        self._last_use = {name: layer.name for layer in network.layers for name in layer.inputs}
        # a Softmax is left to the losses, which are computed from what it reads
        self.ends_in_softmax = any(isinstance(layer, Softmax) for layer in network.layers)

    def run(self, inputs: Tensor, read: Read | None = None) -> Tensor:
        """Outputs for frames; of a network with a Softmax at its end, what that reads.

        Parameters
        ----------
        inputs : (n_frame, *input_shape)
            Real values.
        read : function, optional
            Of a layer's number among those with weights and its input, (n_frame, *shape): what it shall read instead.

        Returns
        -------
        (n_frame, n_out)
            Flattened.
        """
        known = {INPUT: inputs.to(self.dtype)}
        for layer in self.network.layers:
            if isinstance(layer, Softmax):
                break
            sources = [known[name] for name in layer.inputs]
            if read is not None and isinstance(layer, Synaptic):
                sources = [read(self._number[layer.name], sources[0])]
            known[layer.name] = last = self._apply(layer, sources)
            for name in layer.inputs:  # what nobody reads any more is let go
                if self._last_use[name] == layer.name:
                    known.pop(name, None)
        return last.flatten(1)

    def fan_out(self, k: int) -> Tensor:
        """Synapses that each input of the k-th layer with weights has. (*shape) or () where they are all the same"""
        layer = self.readers[k]
        if isinstance(layer, Dense):
            return torch.tensor(float(layer.shape[1]), dtype=self.dtype)
        assert isinstance(layer, Conv2d)
        reached = layer.window(self.reads(k)).reached * (layer.n_channel // layer.groups)
        return torch.tensor(reached, dtype=self.dtype)

    def reads(self, k: int) -> Signal:
        """The signal that the k-th layer with weights reads."""
        return self.network.signals[self.readers[k].inputs[0]]

    def _constant(self, layer: Layer) -> tuple[Tensor, ...]:
        if isinstance(layer, Synaptic):
            if len(layer.terms) != 1 or not layer.terms[0].format.is_real:
                raise TrainingError(f"layer {layer.name}: its weights are codes; give the float network")
            return self._tensor(layer.terms[0].value), self._tensor(layer.start)
        if isinstance(layer, Affine):
            return self._per_channel(layer.scale), self._per_channel(layer.offset)
        if isinstance(layer, AvgPool2d):
            divisors = layer.divisors(self.network.signals[layer.inputs[0]])
            if np.any(divisors != divisors.flat[0]):
                raise TrainingError(f"layer {layer.name}: averages over windows of unequal size cannot be learned on")
        return ()

    def _tensor(self, value: "np.typing.ArrayLike") -> Tensor:
        return torch.tensor(np.asarray(value), dtype=self.dtype)

    def _per_channel(self, value: "np.typing.ArrayLike") -> Tensor:
        value = np.asarray(value)
        return self._tensor(value if value.ndim == 0 else value[:, None, None])

    def _apply(self, layer: Layer, sources: list[Tensor]) -> Tensor:
        constant = self._constants[layer.name]
        if isinstance(layer, Add):
            return torch.stack([each if layer.sign(k) > 0 else -each for k, each in enumerate(sources)]).sum(0)
        if isinstance(layer, Concat):
            return torch.cat(sources, 1)
        (x,) = sources
        if isinstance(layer, Dense):
            return torch.addmm(constant[1], x, constant[0])
        if isinstance(layer, Conv2d):
            return _convolve(layer, x, *constant)
        if isinstance(layer, Affine):
            scale, offset = (each if x.ndim == 4 or each.ndim == 0 else each[:, 0, 0] for each in constant)
            return x * scale + offset
        return _ELEMENTS[type(layer)](layer, x)


def _convolve(layer: Conv2d, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    x = functional.pad(x, _pads(layer.padding))
    return functional.conv2d(x, weight, bias, layer.stride, 0, layer.dilation, layer.groups)


def _pads(padding: Padding) -> list[int]:
    """((top, bottom), (left, right)) as torch wants it: the last axis first."""
    vertical, horizontal = padding_pairs(padding)
    return [*horizontal, *vertical]


def _max_pool(layer: Layer, x: Tensor) -> Tensor:
    assert isinstance(layer, MaxPool2d)
    x = functional.pad(x, _pads(layer.padding), value=-torch.inf)
    return functional.max_pool2d(x, layer.kernel, layer.stride, ceil_mode=layer.ceil_mode)


def _average_pool(layer: Layer, x: Tensor) -> Tensor:
    assert isinstance(layer, AvgPool2d)
    x = functional.pad(x, _pads(layer.padding))
    return functional.avg_pool2d(x, layer.kernel, layer.stride, ceil_mode=layer.ceil_mode)


def _hard_tanh(layer: Layer, x: Tensor) -> Tensor:
    assert isinstance(layer, HardTanh)
    return x.clamp(layer.lowest, layer.highest)


def _rearrange(layer: Layer, x: Tensor) -> Tensor:
    assert isinstance(layer, Rearrange)
    x = x.permute(0, *(axis + 1 for axis in layer.order)) if layer.order else x
    return x.reshape(len(x), *layer.shape) if layer.shape else x


def _border(layer: Layer, x: Tensor) -> Tensor:
    assert isinstance(layer, Pad2d)
    return functional.pad(x, _pads(layer.padding), value=layer.value)


_ELEMENTS: dict[type[Layer], Callable[[Layer, Tensor], Tensor]] = {
    MaxPool2d: _max_pool,
    AvgPool2d: _average_pool,
    GlobalAvgPool: lambda _, x: x.mean((2, 3), keepdim=True),
    ReLU: lambda _, x: x.relu(),
    HardTanh: _hard_tanh,
    Flatten: lambda _, x: x.flatten(1),
    Rearrange: _rearrange,
    Pad2d: _border,
}
