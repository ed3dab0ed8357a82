"""What was decided of a network on a machine: where everything lives, and how each layer is cut."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.machine import Level, Machine
from hwsim.traffic.loops import Loops, Tiling


@dataclass(frozen=True)
class Kept:
    """A level that an operand passes through, and how long it keeps it."""

    level: Level
    stay: int  # a Stay, or PASSED_BY


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """How a layer is cut, and what stays where while it runs."""

    loops: Loops | None
    tiling: Tiling
    weights: tuple[Kept, ...]  # from far to near
    codes: tuple[Kept, ...]  # from far to near: of codes that live farther out than the level


@dataclass(frozen=True, eq=False)
class Plan:
    """A network on a machine."""

    machine: Machine
    layers: Mapping[str, LayerPlan]
    signals: Mapping[str, Level]  # where each lives
    state: Mapping[str, Level]  # where the state of each layer lives
    weights: Mapping[str, Level]  # where the weights of each layer live
    contents: Mapping[str, int]  # of levels that are as large as what they hold [bits]
    loading: int  # words read from the farthest level, once, of weights that stay nearer by; in no total

    def capacity(self, level: Level, bits: int) -> int:
        """Size of (a bank of) a level in which so much was moved, 0 off chip. [bytes]"""
        if level.kind == "dram":
            return 0
        return level.capacity or measured(self.contents[level.name] if level.fit == "network" else bits)

    @property
    def note(self) -> str | None:
        """What it takes to load the weights that stay on chip, for those who want it beside the totals."""
        if not self.machine.levels or not self.loading:
            return None
        far = self.machine.holding("weights")[0]
        what = f"{self.loading:,} words of {far.word_length} bits from {far.name}"
        return f"loading the weights once reads {what}, in no total"


def measured(bits: int) -> int:
    """The smallest power of two bytes that holds so many bits. [bytes]"""
    return 1 << max(-(-bits // 8) - 1, 0).bit_length()
