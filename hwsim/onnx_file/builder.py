"""The layers of a network while they are being made from a graph."""

import re
from collections import Counter
from collections.abc import Container
from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.canonical import bipolar
from hwsim.network.graph import INPUT
from hwsim.network.layers import Affine, ElementWise, Flatten, HardTanh, Layer, Rearrange, Synaptic
from hwsim.network.number_format import FP32, NumberFormat
from hwsim.network.signals import Signal
from hwsim.onnx_file.affine_inside import is_between_codes, whole_factor_bits, with_affine_inside
from hwsim.onnx_file.chain import Chain, factor_of, is_uniform, with_affine
from hwsim.onnx_file.coded import Constant, value_of
from hwsim.onnx_file.graph import Array, Graph, Node, only_rounded, only_shaped, readers
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.soundness import MOST_NUMBERS
from hwsim.onnx_file.tensor import Tensor, frame_of, is_in_order, order_in_frame, plain, size_of, without_ones

MULTIPLIER_BIT_WIDTH = 24
"""Of an Affine on codes: as fine as the mantissa of the numbers it was given with. [bits]"""

TIMES_STORED = 16
"""So many times as many numbers as the file has may be worked out of them, besides ``MOST_NUMBERS``."""


class Unknown:
    """A tensor that no layer makes, because a node before it was refused."""


class Builder:
    """Layers in order, the signals they leave, and what stands for every tensor of the graph."""

    def __init__(
        self,
        graph: Graph,
        input_shape: tuple[int, ...],
        input_format: NumberFormat = FP32,
        *,
        keep_real: bool = False,
        thresholds: bool = False,
    ) -> None:
        self.layers: dict[str, Layer] = {}
        self.signals = {INPUT: Signal.of_input(input_shape, input_format)}
        self.values: dict[str, Tensor | Constant | Unknown] = {}
        self.thresholds = thresholds  # whether integers of up to 8 bits are made by thresholds
        self.keep_real = keep_real  # whether values are no reason for a format
        self.declared = set(graph.formats)  # tensors whose format the file declares
        self.n_frame = graph.input_shape[0]  # as the graph's constants count them
        self.output = graph.output
        self.graph = graph
        self.at_the_end = only_shaped(graph)
        self.only_rounded = only_rounded(graph)
        self.probabilities: set[str] = set()  # layers that make them at the graph's end
        self.rounded: set[str] = set()  # tensors whose parts have been through the quantizer behind them
        self.opset = graph.opsets.get("ai.onnx", 1)
        self.n_reader = Counter(readers(graph))
        self.remarks: list[str] = list(graph.remarks)
        self.stated: dict[str, int] = {}  # widths that the file states for sums, by the layer that makes them [bits]
        self._made: dict[tuple[Any, ...], str] = {}  # what was made behind a layer already
        self._n_free = MOST_NUMBERS + TIMES_STORED * sum(each.size for each in graph.constants.values())
        self._kept: list[Chain] = []  # so that no two chains share an identity

    def tensor(self, node: Node, number: int) -> Tensor:
        """An input that depends on the network's input."""
        name = node.inputs[number]
        value = self.values[name]
        if not isinstance(value, Tensor):
            raise Refused(f"input {number} is a constant; expected what depends on the network's input")
        return replace(value, is_alone=value.is_alone and self.n_reader[name] == 1)

    def put(self, name: str, value: Tensor | Constant) -> None:
        """Give a value a name, under which one node will read it."""
        self.values[name] = value
        self.n_reader[name] = 1

    def constant(self, node: Node, number: int, what: str) -> Constant | None:
        """An input that is a constant; None where it is left out."""
        if len(node.inputs) <= number or not node.inputs[number]:
            return None
        value = self.values[node.inputs[number]]
        if isinstance(value, Tensor | Unknown):
            raise Refused(f"its {what} is computed while the network runs; expected a constant")
        return value

    def worked_out(self, constant: Constant) -> Constant:
        """A constant that is none of the file's, if there is room for it beside all others."""
        self._take_room(size_of(constant.shape))
        return constant

    def _take_room(self, n_number: int) -> None:
        self._n_free -= n_number
        if self._n_free < 0:
            raise Refused("constants that are worked out hold more numbers than the file accounts for")

    def numbers(self, node: Node, number: int, what: str) -> Array | None:
        """The numbers of an input that is a constant."""
        constant = self.constant(node, number, what)
        return None if constant is None else value_of(constant)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is a constant."""
        return not isinstance(self.values[name], Tensor | Unknown)

    def signal(self, tensor: Tensor) -> Signal:
        """What the tensor's layer leaves, before what waits behind it."""
        return self.signals[tensor.layer]

    def is_real(self, tensor: Tensor) -> bool:
        """Whether the tensor's layer leaves real numbers."""
        return self.signal(tensor).format.is_real

    def shape_of(self, tensor: Tensor) -> Array:
        """Shape of a tensor, with the axis of frames, as a constant."""
        return np.asarray((self.n_frame, *tensor.shape), np.int64)

    def add(self, layer: Layer, *inputs: str) -> str:
        """Append a layer; its name, which is made unique."""
        name = _name(layer.name, self.signals)
        layer = replace(layer, name=name, inputs=inputs)
        try:
            self.signals[name] = layer.signal(*(self.signals[each] for each in inputs))
        except NetworkError as error:
            raise Refused(str(error)) from None
        if self.signals[name].size > MOST_NUMBERS:
            raise Refused(f"a frame of shape {self.signals[name].shape}; {MOST_NUMBERS:,} numbers are the most")
        self.layers[name] = layer
        return name

    def change(self, layer: Layer) -> None:
        """Put another layer in the place of one that nothing reads yet."""
        try:
            self.signals[layer.name] = layer.signal(*(self.signals[each] for each in layer.inputs))
        except NetworkError as error:
            raise Refused(str(error)) from None
        self.layers[layer.name] = layer

    def remove(self, name: str) -> None:
        """Take away a layer that nothing reads."""
        del self.layers[name], self.signals[name]

    def make(self, tensor: Tensor, keep_factor: bool = False) -> Tensor:
        """Make the layers that wait behind a tensor; a single positive factor on codes may go on waiting."""
        if not tensor.chain or (keep_factor and not self.is_real(tensor) and factor_of(tensor.chain) is not None):
            return tensor
        key = (tensor.layer, *map(id, tensor.chain))
        if key not in self._made:
            self._kept.append(tensor.chain)
            self._made[key] = self._chain(tensor)
        return replace(tensor, layer=self._made[key], chain=(), is_alone=False)

    def _chain(self, tensor: Tensor) -> str:
        at, chain = tensor.layer, tensor.chain
        if tensor.is_alone and isinstance(chain[0], Affine) and self.folded(at, chain[0]):
            chain = chain[1:]
        for layer in chain:
            if isinstance(layer, HardTanh) and is_between_codes(layer.lowest, layer.highest, self.signals[at]):
                self.remarks.append(f"{layer.name}: limits between two codes, of which the inner ones are taken")
            if isinstance(layer, Affine) and not self.signals[at].format.is_real:
                n_bit = whole_factor_bits(layer, self.signals[at])
                layer = replace(layer, multiplier_bit_width=n_bit or MULTIPLIER_BIT_WIDTH)
                if not n_bit:
                    self.remarks.append(
                        f"{layer.name}: scale and offset of integers as multipliers of {MULTIPLIER_BIT_WIDTH} bits"
                    )
            at = self.add(layer, at)
        return at

    def folded(self, name: str, affine: Affine) -> bool:
        """Take an Affine into the weights and biases before it, if that changes nothing but roundings of float32."""
        layer = self.layers.get(name)
        if not isinstance(layer, Synaptic):
            return False
        changed = with_affine_inside(layer, affine, self.signals[name])
        if changed is not None:
            self.change(changed)
        return changed is not None

    def _made_binary(self, name: str, chain: Chain) -> bool:
        """Make codes of one bit binary where an Affine brings them to -a and a."""
        (affine, *rest) = chain or (None,)
        if rest or not isinstance(affine, Affine) or np.ndim(affine.scale) or np.ndim(affine.offset):
            return False
        made = bipolar(self.layers.get(name), float(affine.scale), float(affine.offset))  # type: ignore[arg-type]
        if made is not None:
            self.change(made)
        return made is not None

    def waiting(self, tensor: Tensor, layer: ElementWise) -> Tensor:
        """The tensor with a layer behind it, made at once of real numbers, or where no quantizer could absorb it."""
        if isinstance(layer, Affine):
            chain = with_affine(tensor.chain, layer.name, layer.scale, layer.offset)  # type: ignore[arg-type]
            at_once = len(chain) == 1 and isinstance(chain[0], Affine) and np.all(chain[0].scale == 1)
            if at_once and tensor.is_alone and self.folded(tensor.layer, chain[0]):  # type: ignore[arg-type]
                chain = ()
            elif tensor.is_alone and self._made_binary(tensor.layer, chain):
                chain = ()
            return replace(tensor, chain=chain)
        if self.is_real(tensor):
            tensor = self.make(tensor)
        after = replace(tensor, chain=(*tensor.chain, layer))
        return after if layer.direction and not self.is_real(after) else self.make(after)

    def settled(self, tensor: Tensor, frame: tuple[int, ...]) -> Tensor:
        """The tensor's numbers, in the graph's order, as a frame of a shape; a layer is made where that is needed."""
        own = self.signal(tensor).shape
        order = order_in_frame(tensor, len(own))
        moves = not is_in_order(order, own)
        if not moves and own == frame:
            return replace(tensor, shape=frame, places=tuple(range(len(frame))))
        if not is_uniform(tensor.chain):
            tensor = self.make(tensor)
        key = ("frame", tensor.layer, order if moves else (), frame)
        if key not in self._made:
            name = f"{tensor.layer}_{'x'.join(map(str, frame))}" if tensor.layer != INPUT else "frame"
            layer: Layer
            if not moves and len(frame) == 1:
                layer = Flatten(name)
            else:
                layer = Rearrange(name, order=order if moves else tuple(range(len(own))), shape=frame)
            self._made[key] = self.add(layer, tensor.layer)
        return replace(plain(self._made[key], frame, frame, tensor.chain), is_alone=False)

    def as_vector(self, tensor: Tensor) -> Tensor:
        """As a vector."""
        return self.settled(tensor, (size_of(tensor.shape),))

    def as_image(self, tensor: Tensor) -> Tensor:
        """As (C, H, W), of a frame of two or three axes."""
        if len(tensor.shape) not in (2, 3):
            raise Refused(f"it reads frames of shape {tensor.shape}; (C, L) and (C, H, W) are supported")
        return self.settled(tensor, frame_of(tensor.shape))

    def in_order(self, tensor: Tensor) -> Tensor:
        """In an image whose channels, height and width are the graph's axes in order."""
        places = (0, 2) if len(tensor.shape) == 2 else (0, 1, 2)
        return replace(self.as_image(tensor), shape=tensor.shape, places=places)

    def result(self, node: Node, layer: Layer, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """What a new layer behind a tensor leaves, seen in a shape; a factor that waits goes on waiting."""
        name = self.add(layer, tensor.layer)
        return plain(name, shape, self.signals[name].shape, tensor.chain)

    def affine(self, tensor: Tensor, name: str, scale: Array | float, offset: Array | float) -> Tensor:
        """The tensor with scale x value + offset behind it, each spread over its frames as numpy does."""
        parts = [(part, self.spread(tensor, part)) for part in map(np.asarray, (scale, offset))]
        varies = {axis for _, shape in parts for axis, n in enumerate(shape) if n > 1}
        if all(tensor.places[axis] == 0 for axis in varies):
            factor, added = (part.ravel()[0] if part.size == 1 else part.ravel() for part, _ in parts)
            return self.waiting(tensor, Affine(name, scale=factor, offset=added))
        # what differs otherwise than by channel differs by the places of a vector
        self._take_room(2 * size_of(tensor.shape))
        row = self.as_vector(tensor)
        factor, added = (np.broadcast_to(part.reshape(shape), tensor.shape).ravel() for part, shape in parts)
        row = self.make(self.waiting(row, Affine(name, scale=factor, offset=added)))
        return self.seen_as(row, tensor.shape)

    def seen_as(self, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The tensor's numbers, in order, seen in another shape of the graph."""
        if (seen := without_ones(tensor, shape)) is not None:
            return seen
        frame = frame_of(shape)
        if len(frame) not in (1, 3):
            raise Refused(f"it makes frames of shape {shape}; (n,), (C, L) and (C, H, W) are supported")
        made = self.settled(tensor, frame)
        return replace(made, shape=shape, places=plain(made.layer, shape, frame).places)

    def spread(self, tensor: Tensor, constant: Array) -> tuple[int, ...]:
        """The shape that a constant has beside one frame of a tensor."""
        shape = (1,) * (len(tensor.shape) + 1 - constant.ndim) + constant.shape
        fits = len(shape) == len(tensor.shape) + 1 and shape[0] == 1
        if not fits or any(n not in (1, m) for n, m in zip(shape[1:], tensor.shape, strict=True)):
            raise Refused(f"a constant of shape {constant.shape} does not fit frames of shape {tensor.shape}")
        return shape[1:]


def _name(wanted: str, taken: Container[str]) -> str:
    """A layer's name from a node's: without the marks that files and tables stumble over."""
    name = base = re.sub(r"[^A-Za-z0-9_]+", "_", wanted).strip("_") or "layer"
    number = 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name
