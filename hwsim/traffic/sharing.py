"""Who gets the room of a level: the state of the network, then its signals, then weights and what is worked on."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NoReturn

from hwsim.errors import MachineError
from hwsim.machine import Level, Machine, Operand
from hwsim.traffic.planned import Kept, LayerPlan, Plan, measured
from hwsim.traffic.shape import FRAMES, LayerShape, Shape, SignalShape
from hwsim.traffic.tile_words import Room, Source
from hwsim.traffic.tiling import Choice, choose


class Share:
    """The room that a network's state, signals and weights take, in this order."""

    def __init__(self, shape: Shape, machine: Machine) -> None:
        self.shape, self.machine = shape, machine
        self.signals = dict(shape.signals)
        self.state_bits = sum(layer.state_bits for layer in shape.layers)
        self.pointer_bits = sum(layer.pointer_bits for layer in shape.layers)
        self.contents = {level.name: self._contents(level) for level in machine.hierarchy}
        self.state = {layer.name: self._state_home(layer) for layer in shape.layers} if machine.walk.keeps_state else {}

    def _contents(self, level: Level) -> int:
        """Bits of all that a level would hold. [bits]"""
        bits = 0
        if "weights" in level.holds:
            bits += self._all_weights(level)
        if "pointers" in level.holds:
            bits += self.pointer_bits
        if "state" in level.holds:
            bits += self.state_bits
        if "codes" in level.holds:
            bits += max(self._alive(k) for k in range(len(self.shape.layers)))
        return bits

    def _all_weights(self, level: Level) -> int:
        k = [each.name for each in self.machine.hierarchy].index(level.name)
        return sum(layer.weight_bits[k] for layer in self.shape.layers)

    def _alive(self, k: int, level: Level | None = None, homes: Mapping[str, Level] | None = None) -> int:
        """Bits of the signals that are alive while a layer runs: of all of them, or of those that live in a level."""
        return sum(
            signal.bits
            for name, signal in self.signals.items()
            if signal.born <= k <= signal.last and (homes is None or homes.get(name) == level)
        )

    def _holds(self, level: Level, bits: int) -> bool:
        """Whether a level that is as large as what it holds may be so large; others have to be looked at closely."""
        size = measured(self.contents[level.name] if level.fit == "network" else bits)
        return level.at_most is None or size <= level.at_most

    def _state_home(self, layer: LayerShape) -> Level:
        for level in reversed(self.machine.holding("state")):
            if level.kind == "dram" or (level.bits is not None and self.state_bits <= level.bits):
                return level
            if level.fit is not None and self._holds(level, layer.state_bits):
                return level
        raise self._lacks("state", "all layers", self.state_bits)

    def _lacks(self, operand: Operand, what: str, bits: int) -> MachineError:
        known = ", ".join(
            f"{level.name} {level.declared_bits // 8:,}"
            if level.declared_bits is not None
            else f"{level.name} at most {level.at_most:,}"
            for level in self.machine.holding(operand)
            if level.declared_bits is not None or level.at_most is not None
        )
        return MachineError(
            f"machine {self.machine.name}: {operand} of {what} need {-(-bits // 8):,} bytes, and no level holds "
            f"so much (bytes: {known or 'none'}); declare more, or a level of kind: dram that holds {operand}"
        )

    # --- signals

    def homes(self) -> Iterator[dict[str, Level]]:
        """Where signals may live: each level of codes but the farthest has a size above which they live farther out."""
        sizes = sorted({0, *(signal.bits for signal in self.signals.values())}, reverse=True)
        tried: list[dict[str, Level]] = []
        # one that is as large as what it holds takes what it may
        nearer = self.machine.holding("codes")[:0:-1]
        for limits in product(*(sizes[:1] if level.bits is None else sizes for level in nearer)):
            homes = self._homes(limits)
            if homes not in tried:
                tried.append(homes)
                yield homes

    def _homes(self, limits: Sequence[int]) -> dict[str, Level]:
        """Where each signal lives: in the nearest level for which it is not too large."""
        homes: dict[str, Level] = {}
        far, *nearer = self.machine.holding("codes")
        left = dict(self.signals)
        for level, limit in zip(reversed(nearer), limits, strict=True):
            chosen = [name for name, signal in left.items() if self._lives_in(level, signal, limit)]
            homes |= dict.fromkeys(chosen, level)
            left = {name: signal for name, signal in left.items() if name not in chosen}
        if left and not nearer and far.fit is not None:
            largest = max(signal.bits for signal in left.values())
            if not self._holds(far, largest):
                raise self._lacks("codes", "one signal", largest)
        return homes | dict.fromkeys(left, far)

    def _lives_in(self, level: Level, signal: SignalShape, limit: int) -> bool:
        return signal.bits <= limit if level.fit is None else self._holds(level, signal.bits)

    # --- a plan

    def plan(self, homes: Mapping[str, Level]) -> tuple[tuple[int, ...], Plan] | None:
        """A plan with signals in these homes, and what it moves; None if they do not fit."""
        left = {level.name: self._left(level, homes) for level in self.machine.hierarchy}
        if any(min(each) < 0 for each in left.values() if each is not None):
            return None
        holding = self.machine.holding("weights")
        kept = {level.name: self._keeps_weights(level, left[level.name]) for level in holding}
        while True:
            found = self._planned(homes, left, kept)
            if found is None:  # no room for a tile's sums beside the weights
                if not any(kept.values()):
                    return None
                kept = dict.fromkeys(kept, False)
                continue
            # every piece begins at a word: rows that tiles cut can take more of them than whole ones, and only where
            # weights are from the beginning are they not cut yet
            near = [level for level in holding[1:] if kept[level.name]]
            full = [level for level in near if not self._fits_in_pieces(level, left, found[1])]
            if not full:
                return found
            kept |= {level.name: False for level in full}

    def _planned(
        self, homes: Mapping[str, Level], left: Mapping[str, list[int] | None], kept: Mapping[str, bool]
    ) -> tuple[tuple[int, ...], Plan] | None:
        """A plan with signals at home, and all weights in some levels for good; None if a tile's sums do not fit."""
        machine, layers = self.machine, self.shape.layers
        moved = dict.fromkeys((level.name for level in machine.hierarchy if level.kind != "registers"), 0)
        for name, signal in self.signals.items():
            if name != FRAMES or not self._reads_frames_as_codes:  # whose first reading is one of the layers'
                moved[homes[name].name] += -(-signal.bits // homes[name].width)
        plans: dict[str, LayerPlan] = {}
        weights: dict[str, Level] = {}
        loading, far = 0, machine.holding("weights")[:1]
        for k, layer in enumerate(layers):
            of_weights, of_codes = self._rooms(k, left, kept)
            home = self._weights_home(layer, of_weights)
            if home is not None:
                weights[layer.name] = home
                if home != far[0]:
                    n_bit = layer.weight_bits[[level.name for level in machine.hierarchy].index(far[0].name)]
                    loading += -(-n_bit // far[0].width)
            choice = self._choice(layer, of_weights, of_codes, homes)
            if choice is None:
                return None
            plans[layer.name] = LayerPlan(
                layer.loops,
                choice.tiling,
                tuple(Kept(room.level, stay) for room, stay in zip(of_weights, choice.weights, strict=False)),
                tuple(Kept(room.level, stay) for room, stay in zip(of_codes, choice.codes, strict=True)),
            )
            for name, number in zip(moved, choice.words, strict=True):
                moved[name] += number
        return tuple(moved.values()), Plan(machine, plans, homes, self.state, weights, self.contents, loading)

    @property
    def _reads_frames_as_codes(self) -> bool:
        """Whether layers read frames as they arrive; else they are read once, and codes or events are made of them."""
        return any(each.signal not in self.signals for layer in self.shape.layers for each in layer.sources)

    def _left(self, level: Level, homes: Mapping[str, Level]) -> list[int] | None:
        """What state and signals leave of a level while each layer runs; None: it is made to measure. [bits]"""
        if level.bits is None:
            return None
        left = level.bits - self.state_bits * (level in self.state.values())
        left -= self.pointer_bits * ("pointers" in level.holds)
        return [left - self._alive(k, level, homes) for k in range(len(self.shape.layers))]

    def _keeps_weights(self, level: Level, left: list[int] | None) -> bool:
        if left is not None:
            return self._all_weights(level) <= min(left)
        return level.fit == "network" and self._holds(level, 0)

    def _fits_in_pieces(self, level: Level, left: Mapping[str, list[int] | None], found: Plan) -> bool:
        """Whether all weights, cut as planned, fit a level that was to keep them; made to measure, it is as large."""
        room = left[level.name]
        if room is None or self.machine.run_bits is not None:
            return True
        bits, word = self._all_weights(level), level.width
        for layer in self.shape.layers:
            if layer.loops is not None and any(layer.weight_bits):
                cut, whole = found.layers[layer.name].tiling.channels, layer.loops.n_column
                n_more = layer.loops.row_words(cut, word) - layer.loops.row_words(whole, word)
                bits += layer.loops.n_row * n_more * word
        return bits <= min(room)

    def _rooms(
        self, k: int, left: Mapping[str, list[int] | None], kept: Mapping[str, bool]
    ) -> tuple[tuple[Room, ...], tuple[Room, ...]]:
        """What weights, and what codes have to themselves while a layer runs."""
        order = [level.name for level in self.machine.hierarchy]
        rooms = {}
        for level in self.machine.hierarchy:
            free = left[level.name]
            bits = None if free is None else free[k]
            keeps = kept.get(level.name, False)
            if bits is not None and keeps:
                bits -= self._all_weights(level)
            if level.fit == "layer" and "weights" in level.holds:
                keeps = self._holds(level, self.shape.layers[k].weight_bits[order.index(level.name)])
            rooms[level.name] = Room(level, bits, keeps)
        weights = tuple(rooms[level.name] for level in self.machine.holding("weights"))
        return weights, tuple(rooms[level.name] for level in self.machine.holding("codes"))

    def _weights_home(self, layer: LayerShape, rooms: tuple[Room, ...]) -> Level | None:
        """Where a layer's weights are for good."""
        if not any(layer.weight_bits):
            return None
        for room in reversed(rooms):
            if room.keeps_weights or room.level.kind == "dram":
                return room.level
        raise self._lacks("weights", "all layers", self._all_weights(rooms[-1].level) if rooms else 0)

    def _choice(
        self, layer: LayerShape, weights: tuple[Room, ...], codes: tuple[Room, ...], homes: Mapping[str, Level]
    ) -> Choice | None:
        sources, levels = [], [room.level for room in codes]
        for each in layer.sources:
            name = each.signal if each.signal in homes else FRAMES
            signal, home = self.signals[name], levels.index(homes[name])
            bits = signal.bits // (signal.n_code * self.machine.batch)
            sources.append(Source(bits, each.n_channel, each.in_strips, each.n_read or signal.n_code, home))
        try:
            return choose(layer.loops, self.machine, weights, codes, tuple(sources))
        except MachineError as error:
            raise MachineError(f"machine {self.machine.name}: layer {layer.name}: {error}") from None

    def complain(self) -> NoReturn:
        """Say that the signals of some layer fit nowhere, or leave no room for a tile's sums."""
        bits = max(self._alive(k) for k in range(len(self.shape.layers)))
        raise self._lacks("codes", "the layer with most of them alive", bits)
