"""Where the operands of a machine with an array live: what has room in its sram, and what stays farther out.

Room is given to unfinished sums first, then to signals that are still to be read, then to weights. Signals above some
size live in the dram, the largest size for which all others fit; the array reads and writes them there, as often as it
asks. Weights of the whole network stay in the sram if they fit, and are there before anything runs; else a layer's are
fetched once per batch, if they fit; else the array reads them where they are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hwsim.activity import Activity, LayerActivity
from hwsim.errors import MachineError
from hwsim.machine import Level, Machine, Operand, memories_of
from hwsim.traffic.contents import parameters_of
from hwsim.traffic.systolic import elements_of, product_of


class Signal(NamedTuple):
    """Codes, or outputs, in the memory where they live."""

    n_code: int  # per frame
    bits: int  # of each
    level: Level


class Stay(NamedTuple):
    """Where an array reads a layer's weights, and whence they are fetched for each batch."""

    level: Level
    filled_from: Level | None


class _Span(NamedTuple):
    """A signal of a batch, from the layer that makes it to the last that reads it."""

    name: str
    size: int  # [bits]
    first: int
    last: int


def is_raw(layer: LayerActivity) -> bool:
    """Whether frames serve as codes as they arrive, because nothing is done to them first."""
    return not layer.sources and not layer.work and layer.emitted is not None


def weight_pieces(layer: LayerActivity) -> Iterator[tuple[int, int]]:
    """Weights of each term, biases and parameters: how many are stored, and in how many bits each."""
    for connection in layer.connections:
        yield connection.n_weight, connection.weight_format.bit_width
        yield connection.n_bias, connection.accumulator_format.bit_width
    yield from parameters_of(layer)


class Places:
    """Of every operand of every layer the memory where it lives."""

    def __init__(self, activity: Activity, machine: Machine) -> None:
        assert machine.array is not None
        self.activity, self.machine, self.array = activity, machine, machine.array
        self.sums: list[Level] = []  # by layer
        self.signals: dict[str, Signal] = {}  # by name; of the last layer by the layer's
        self.weights: list[Stay] = []  # by layer
        self._room: dict[str, list[int]] = {  # bits that are left in each sram while a layer runs
            level.name: [level.bits or 0] * len(activity.layers) for level in machine.levels if level.kind == "sram"
        }
        self._place_sums()
        self._place_signals()
        self._place_weights()

    def _near_and_far(self, operand: Operand) -> tuple[Level, Level | None]:
        *far, near = memories_of(self.machine, operand)
        return near, far[0] if far else None

    def _farther(self, far: Level | None, near: Level, what: str, layer: str, bits: int) -> Level:
        """The memory behind one in which something has no room."""
        if far is None:
            raise MachineError(
                f"machine {self.machine.name}: {what} of {layer} need {-(-bits // 8):,} bytes, and level {near.name} "
                f"with {near.capacity or 0:,} has no room for them; enlarge it, or put a dram behind it"
            )
        return far

    def _place_sums(self) -> None:
        """Unfinished sums of one fold along the array's columns, and whole ones that wait for a layer's other terms."""
        near, far = self._near_and_far("sums")
        for place, layer in enumerate(self.activity.layers):
            bits = 0
            for connection in layer.connections:
                elements = elements_of(product_of(connection, self.machine.batch), self.array)
                waiting = elements.outputs if connection is not layer.connections[-1] else 0
                bits += max(elements.sums_held, waiting) * connection.accumulator_format.bit_width
            if bits <= self._room[near.name][place]:
                self._room[near.name][place] -= bits
                self.sums.append(near)
            else:
                self.sums.append(self._farther(far, near, "unfinished sums", layer.name, bits))

    def _place_signals(self) -> None:
        """All up to some size near, the others far."""
        near, far = self._near_and_far("codes")
        spans, room = list(self._spans()), self._room[near.name]
        for most in sorted({span.size for span in spans} | {0}, reverse=True):
            alive = [
                sum(span.size for span in spans if span.size <= most and span.first <= place <= span.last)
                for place in range(len(room))
            ]
            if all(needed <= left for needed, left in zip(alive, room, strict=True)):
                break
        self._room[near.name] = [left - needed for needed, left in zip(alive, room, strict=True)]
        for span in spans:
            level = near if span.size <= most else self._farther(far, near, "codes", span.name, span.size)
            self.signals[span.name] = Signal(*self._shapes[span.name], level)

    def _spans(self) -> Iterator[_Span]:
        """Frames as they arrive, what layers send, and what leaves the network."""
        self._shapes: dict[str, tuple[int, int]] = {}
        raw = self.activity.raw_format.bit_width
        for place, layer in enumerate(self.activity.layers):
            if not layer.sources and not is_raw(layer):
                yield self._span(RAW, layer.n_neuron, raw, place, place)
            if layer.emitted is None:
                yield self._span(layer.name, layer.n_neuron, layer.out_format.bit_width, place, place)
                continue
            name = layer.emitted.name
            readers = [n for n, reader in enumerate(self.activity.layers) if name in reader.sources]
            bits = raw if is_raw(layer) else layer.emitted.format.bit_width
            yield self._span(name, layer.emitted.n_code, bits, place, max([place, *readers]))

    def _span(self, name: str, n_code: int, bits: int, first: int, last: int) -> _Span:
        self._shapes[name] = n_code, bits
        return _Span(name, n_code * bits * self.machine.batch, first, last)

    def _place_weights(self) -> None:
        """In what is left, all of them, or layer by layer."""
        near, far = self._near_and_far("weights")
        sizes = [sum(n * bits for n, bits in weight_pieces(layer)) for layer in self.activity.layers]
        if all(sum(sizes) <= left for left in self._room[near.name]):
            self.weights = [Stay(near, None)] * len(sizes)
            return
        behind = self._farther(far, near, "weights", "all layers", sum(sizes))
        for bits, left in zip(sizes, self._room[near.name], strict=True):
            self.weights.append(Stay(near, behind) if bits <= left else Stay(behind, None))


RAW = "frames as they arrive"
"""Their name among signals, which no layer has."""
