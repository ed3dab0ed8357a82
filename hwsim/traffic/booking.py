"""The book in which a layer's words are entered: what is moved, where, in which memory, in each frame."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, LayerActivity
from hwsim.machine import Level, Machine, Operand
from hwsim.network.operation import Operation
from hwsim.traffic.meetings import Batches, Told
from hwsim.traffic.planned import Plan

IntArray = npt.NDArray[np.int64]
PackedWords: TypeAlias = Callable[[int], IntArray]
"""Words of each frame, by their length. [bits]"""

ADDRESS = Operation("addition", ("int16",))
"""Of where a row of weights, or of accumulators, begins."""


class Moved(NamedTuple):
    """What a layer moves, or does to move it."""

    layer: str
    operation: Operation
    by_frame: IntArray  # (n_frame,) how often; what a batch shares stands under its first frame


class Booking:
    """What a run moves on a machine with lanes, as far as it has been entered."""

    def __init__(self, activity: Activity, machine: Machine, planned: Plan) -> None:
        self.moved: list[Moved] = []
        self.activity = activity
        self.machine = machine
        self.plan = planned
        self.batches = Batches(activity.first, machine.batch)
        self.n_frame = np.ones(activity.n_frame, np.int64)
        self.execution = activity.execution

    def move_codes(self, way: str, layer: str, level: Level, packed: PackedWords, told: Told, n_time: int = 1) -> None:
        """Book words of a signal, as often as they pass."""
        self.book(way, layer, "codes", level, n_time * packed(level.width), told.worst * self.machine.batch)

    def move(self, way: str, layer: LayerActivity, operand: Operand, level: Level, moved: IntArray, bits: int) -> None:
        """Book words of every frame."""
        size = bits * self.machine.batch if operand == "codes" else bits
        self.book(way, layer.name, operand, level, moved, size)

    def book(self, way: str, layer: str, operand: Operand, level: Level, by_frame: IntArray, bits: int) -> None:
        """Book words read or written of what takes so many bits in a level that is as large as that."""
        capacity = self.plan.capacity(level, bits)
        kind = f"{level.kind}_{way}"
        name = level.name
        # the short form calls its memories by what they hold, wherever that is
        if self.machine.memories is not None and level.kind == "dram":
            name = "activations" if operand == "codes" else operand
        operation = Operation(kind, (), name, capacity, level.width, operand)
        self.moved.append(Moved(layer, operation, by_frame))
