"""A network: a function, as frozen layers in topological order, checked when it is made.

What a network computes is fixed here, down to the bit: number formats, integer weights, rounding, saturation and
the width of every accumulator. How a machine walks through it (dense, sparse, delta) is not its business.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError, harmless
from hwsim.files.views import Viewed
from hwsim.network.layers import ElementWise, Joining, Layer, Synaptic, Weight
from hwsim.network.number_format import FP32, NumberFormat
from hwsim.network.resolving import check_size, resolved, sum_notes
from hwsim.network.signals import Signal

MOST_LISTED = 8
"""So many layers are named in a line."""

LONGEST_NAME = 1000
"""Of a layer, which stands in YAML and in names of arrays in a zip file. [characters]"""

INPUT = "input"
"""Name under which layers read the network's input."""


@dataclass(frozen=True)
class Stage:
    """A layer with neurons of its own, and the element-wise layers fused into it.

    The first stage prepares the network's input and has no head. Nor has one whose element-wise layers read a signal
    that others read too, so that they cannot be fused into the layer that makes it.
    """

    head: Layer | None
    sources: tuple[str, ...]  # names of the signals it reads
    body: tuple[ElementWise, ...]  # element-wise layers, in order
    output: str  # name of the signal it leaves

    @property
    def name(self) -> str:
        """The head's name, or ``input``, or that of the first element-wise layer."""
        if not self.sources:
            return INPUT
        return (self.head or self.body[0]).name

    @property
    def synapses(self) -> Synaptic | None:
        """The head, if it has synapses."""
        return self.head if isinstance(self.head, Synaptic) else None


@dataclass(frozen=True, eq=False)
class Network(Viewed):
    """A feed-forward network.

    Networks compare and hash by content (`digest`), without regard to `name` and `about`.

    Raises
    ------
    NetworkError
        When layers do not fit together, or an accumulator could overflow.
    """

    name: str
    input_shape: tuple[int, ...]  # of one frame, (C, H, W) or (n,)
    layers: tuple[Layer, ...]
    input_format: NumberFormat = FP32  # fp32 takes any data; an integer format takes codes of `input_step` only
    input_step: float = 1.0  # real value of one input code
    about: dict[str, object] = field(default_factory=dict)  # method, data set, seed, command, accuracy ...

    def __post_init__(self) -> None:
        """Work out every signal once, so that a network that exists is a valid one."""
        object.__setattr__(self, "name", harmless(self.name))
        object.__setattr__(self, "layers", _with_inputs(self.name, tuple(self.layers)))
        object.__setattr__(self, "input_shape", tuple(int(n) for n in self.input_shape))
        if not self.input_shape or min(self.input_shape) < 1:
            raise NetworkError(f"network {self.name}: input shape {self.input_shape}; write sizes of at least 1")
        _ = self.signals

    def __repr__(self) -> str:
        """Name, what it reads and makes, and its layers."""
        kinds = ", ".join(type(layer).__name__ for layer in self.layers[:MOST_LISTED])
        more = f" and {len(self.layers) - MOST_LISTED} more" if len(self.layers) > MOST_LISTED else ""
        reads, makes = f"{self.input_shape} {self.input_format}", f"{self.output.shape} {self.output.format}"
        return f"<Network {self.name}: {reads} to {makes}; {kinds}{more}>"

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """Every tensor of the network by the name of the layer that makes it, ``input`` first."""
        signals = {INPUT: Signal.of_input(self.input_shape, self.input_format, self.input_step)}
        try:
            check_size(self.input_shape, signals[INPUT].size)
            object.__setattr__(self, "layers", resolved(self.layers, signals))
        except NetworkError as error:
            raise NetworkError(f"network {self.name}: {error}") from None
        return signals

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of how exact the network's integers are."""
        return tuple(sum_notes(self.layers, self.signals))

    @property
    def output(self) -> Signal:
        """The last layer's signal."""
        return self.signals[self.layers[-1].name]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layers, grouped by the layer whose neurons they are fused into; the last stage leaves the output."""
        readers = Counter(name for layer in self.layers for name in layer.inputs)
        stages = [Stage(None, (), (), INPUT)]
        at = {INPUT: 0}  # which stage leaves a signal
        for layer in self.layers:
            source = layer.inputs[0]
            if isinstance(layer, ElementWise) and readers[source] == 1:
                place = at.pop(source)
                stages[place] = replace(stages[place], body=(*stages[place].body, layer), output=layer.name)
            else:
                place = len(stages)
                head, body = (None, (layer,)) if isinstance(layer, ElementWise) else (layer, ())
                stages.append(Stage(head, layer.inputs, body, layer.name))
            at[layer.name] = place
        return tuple(stages)

    @property
    def is_integer(self) -> bool:
        """Whether all that adds adds integers, so that all executions give the same bits."""
        return not any(layer.adds_real(*(self.signals[name] for name in layer.inputs)) for layer in self.layers)

    @property
    def real_formats(self) -> tuple[str, ...]:
        """Names of the formats of real numbers that signals and weights have."""
        formats = {signal.format for signal in self.signals.values()}
        for layer in self.layers:
            formats |= {term.format for term in layer.terms} if isinstance(layer, Synaptic) else set()
        return tuple(sorted(str(format) for format in formats if format.is_real))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides what the network computes."""
        digest = hashlib.sha256(repr((self.input_shape, self.input_format, self.input_step)).encode())
        for layer in self.layers:
            for part in _content(layer):
                digest.update(part)
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        """Whether the other network computes the same function, in the same formats."""
        return self.digest == other.digest if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        """Hash of the digest."""
        return hash(self.digest)


def _with_inputs(network: str, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Name every layer's inputs (the previous layer where silent); refuse what is no graph with one output."""
    if not layers:
        raise NetworkError(f"network {network}: no layers; give at least one")
    known, last = {INPUT}, INPUT
    result = []
    for layer in layers:
        _check_name(network, layer.name, known)
        named: str | tuple[str, ...] = layer.inputs or (last,)
        inputs = (named,) if isinstance(named, str) else tuple(named)
        for name in inputs:
            if name not in known:
                raise NetworkError(
                    f"network {network}: layer {layer.name}: reads {name!r}, which no layer before it makes"
                )
        if len(inputs) > 1 and not isinstance(layer, Joining):
            kind = type(layer).__name__
            raise NetworkError(
                f"network {network}: layer {layer.name}: a {kind} reads one signal, but is given {len(inputs)}; "
                "join them by an Add or a Concat"
            )
        result.append(replace(layer, inputs=inputs))
        known.add(last := layer.name)
    read = {name for layer in result for name in layer.inputs}
    for layer in result[:-1]:
        if layer.name not in read:
            raise NetworkError(
                f"network {network}: nothing reads layer {layer.name}; only the last layer is the network's output"
            )
        if layer.comes_last and not all(each.is_wiring for each in result[result.index(layer) + 1 :]):
            kind = type(layer).__name__
            raise NetworkError(f"network {network}: layer {layer.name}: a {kind} comes last, or not at all")
    return tuple(result)


def _check_name(network: str, name: str, known: set[str]) -> None:
    """Refuse a name that tells no layer from the others, or that YAML or a zip file cannot hold on every system."""
    if not name or name in known:
        raise NetworkError(f"network {network}: layer name {name!r} is empty or used twice")
    if len(name) > LONGEST_NAME or not name.isprintable() or "\\" in name:
        raise NetworkError(
            f"network {network}: layer name {name[:40]!r}: no file can hold it; write up to {LONGEST_NAME:,} printed "
            "characters, and no backslash"
        )


def _content(layer: object) -> Iterator[bytes]:
    """A layer's fields as bytes, arrays with shape and dtype."""
    yield type(layer).__name__.encode()
    for each in fields(layer):  # type: ignore[arg-type]
        if isinstance(layer, Weight) and each.name == "zero_point" and not layer.is_offset:
            continue  # what has none is the network that it was before there were any
        value = getattr(layer, each.name)
        if each.metadata.get("silent") and np.array_equal(value, each.default):  # type: ignore[arg-type]
            continue
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Weight):
                yield from _content(part)
            elif isinstance(part, np.ndarray):
                array: npt.NDArray[np.generic] = np.ascontiguousarray(part)
                # which makes (1,) of (): one number for the only channel is stored, one for the whole layer is not
                own = " of each channel" if part.shape == (1,) else ""
                yield f"{each.name}{array.shape}{array.dtype.str}{own}".encode() + array.tobytes()
            else:
                yield f"{each.name}={part!r}".encode()
