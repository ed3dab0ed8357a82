"""The nodes and constants of an ONNX graph while it is made."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Layer
from hwsim.network.signals import Signal

OPSET = 13
"""Of files that are written, unless an operator is younger."""


class NoEquivalent(Exception):
    """Why a layer cannot be written; caught by `write_onnx`, which names the layer."""


class Nodes:
    """A graph that grows by the layers of a network, one after the other."""

    def __init__(self, network: Network, qonnx: bool) -> None:
        self.network, self.qonnx = network, qonnx
        self.opset = OPSET  # the oldest that has all operators
        self.of_signal: dict[str, str] = {}  # tensor that holds a layer's signal
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._shapes: dict[str, tuple[int, ...]] = {}  # of tensors between nodes, without frames
        self._fixed: dict[str, tuple[int, ...]] = {}  # shapes of constants, and of what nodes make of them
        self._taken = {INPUT, *(layer.name for layer in network.layers)}
        self._layer = ""

    def begin(self, layer: Layer) -> None:
        """From here on, nodes are a layer's, and bear its name."""
        self._layer = layer.name

    def signals(self, layer: Layer) -> tuple[Signal, ...]:
        """What a layer reads."""
        return tuple(self.network.signals[name] for name in layer.inputs)

    def tensors(self, layer: Layer) -> tuple[str, ...]:
        """The tensors that a layer reads."""
        return tuple(self.of_signal[name] for name in layer.inputs)

    def fresh(self, part: str) -> str:
        """A name that no tensor has, of the layer and what the tensor is."""
        name = wanted = f"{self._layer}.{part}" if self._layer else part
        number = 1
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name

    def since(self, opset: int) -> None:
        """Say which opset the next node's operator, or what is asked of it, came with."""
        self.opset = max(self.opset, opset)

    def constant(self, value: npt.ArrayLike, part: str, dtype: npt.DTypeLike = np.float32) -> str:
        """A tensor of fixed numbers."""
        import onnx

        name = self.fresh(part)
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(np.asarray(value).astype(dtype)).reshape(np.shape(value))
        if array.dtype.kind == "f" and np.any(np.isnan(array)):
            raise NoEquivalent(f"its {part} is NaN as float32")
        self._fixed[name] = array.shape
        self._constants.append(onnx.numpy_helper.from_array(array, name))
        return name

    def node(
        self,
        operator: str,
        inputs: tuple[str, ...],
        part: str,
        shape: tuple[int, ...] | None,
        domain: str = "",
        **options: Any,
    ) -> str:
        """Add a node; returns the tensor that it makes, whose frames have a shape (None: it is made of constants)."""
        import onnx

        output = self.fresh(part)
        if shape is None:
            self._fixed[output] = self._fixed[inputs[0]]
        else:
            self._shapes[output] = shape
        made = onnx.helper.make_node(operator, list(inputs), [output], name=output, domain=domain or None, **options)
        self._nodes.append(made)
        return output

    def single(self, operator: str, layer: Layer, **options: Any) -> str:
        """Add the node of a layer that is one operator, which reads what the layer reads; returns its tensor."""
        return self.node(operator, self.tensors(layer), "value", self.network.signals[layer.name].shape, **options)

    def graph(self) -> Any:
        """The whole graph, from the network's input to its output."""
        import onnx

        last = self.of_signal[self.network.layers[-1].name]
        output = self.network.layers[-1].name
        shape = self.network.output.shape
        if list(self.of_signal.values()).count(last) > 1:  # another signal, unchanged
            last = self.node("Identity", (last,), "output", shape)
        self._rename(last, output)
        self._shapes.pop(last, None)
        number: list[int | str] = [1] if self.qonnx else ["frames"]
        fixed = {name: self._fixed[name] for node in self._nodes for name in node.output if name in self._fixed}

        def described(name: str, shape: tuple[int, ...]) -> Any:
            sizes = shape if name in fixed else (*number, *shape)
            return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)

        return onnx.helper.make_graph(
            self._nodes,
            self.network.name,
            [described(INPUT, self.network.input_shape)],
            [described(output, shape)],
            self._constants,
            value_info=[described(name, shape) for name, shape in (self._shapes | fixed).items()],
        )

    def _rename(self, old: str, new: str) -> None:
        """Give the last tensor the name of the last layer."""
        for node in self._nodes:
            for names in (node.input, node.output):
                for k, name in enumerate(names):
                    if name == old:
                        names[k] = new
