"""What the parts of a run hand each other: blocks of frames, the codes and events in them, memory, and notes."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity import Execution, Need, Slicing

Array: TypeAlias = npt.NDArray[Any]
NeedsByLayer: TypeAlias = Mapping[str, frozenset[Need]]
Key: TypeAlias = tuple[str, str, int]
"""What an array holds, of which layer or signal, of which weight term."""


class Frames(NamedTuple):
    """The frames of a block."""

    begin: int
    end: int
    warm: bool  # whether the frame before begin comes first, uncounted
    reset: Array  # (n_frame,) bool: starts from rest
    group: Array  # (n_frame,) group it is counted in, -1: not counted

    def counted(self, per_frame: Array) -> Array:
        """Numbers given per frame, without that of an uncounted one."""
        return per_frame[self.warm : self.warm + self.end - self.begin]


class Emitted(NamedTuple):
    """A signal in a block: its codes, channels last and less the zero point, and the events among them."""

    codes: Array  # (n_frame + 1, n_padded) behind those of the frame before
    start: Array  # (n_frame + 1,) as hwsim.kernels.events.list_changes leaves them
    n_event: Array  # (n_frame,)
    place: Array
    value: Array
    pixel: Array  # (n_frame, n_position + 1) first event of each position; empty where no window slides over them


@dataclass(eq=False)
class Notes:
    """What is noted of a run; every piece of it writes its own frames."""

    execution: Execution
    per_frame: bool
    first: npt.NDArray[np.bool_]  # (n_frame,) stream starts
    group: npt.NDArray[np.int64]  # (n_frame,) group of each frame: the frame itself, or 0 first and 1 steady
    numbers: dict[tuple[str, str], Array] = field(default_factory=dict)  # (of what, which): (n_frame, ...) int64
    # layer, term, how rows are cut; (4, n) columns
    histograms: list[tuple[tuple[str, int, Slicing | None], Array]] = field(default_factory=list)
    clipped: list[tuple[str, int]] = field(default_factory=list)  # layer, codes
    needs: NeedsByLayer = field(default_factory=dict)  # to be noted beside what every run notes

    @property
    def is_delta(self) -> bool:
        """Whether a head works on changes only, and on what it keeps between frames."""
        return self.execution.keeps_state

    @property
    def n_frame(self) -> int:
        """Frames of the run."""
        return self.first.size

    def write(self, name: str, what: str, frames: Frames, per_frame: Array, dtype: Any = np.int64) -> None:
        """Note a number, or several, for every counted frame of a block."""
        if (name, what) not in self.numbers:
            # workers may get here together: the first array stays, and all write to it
            self.numbers.setdefault((name, what), np.zeros((self.n_frame, *per_frame.shape[1:]), dtype))
        whole = self.numbers[name, what]
        whole[frames.begin : frames.end] = frames.counted(per_frame)

    def read(self, name: str, what: str) -> Array:
        """What was noted. (n_frame, ...)"""
        return self.numbers[name, what] if self.n_frame else np.zeros(0, np.int64)


class Worker:
    """What one thread works with: memory that is used again for every block, and helpers for a lone thread."""

    def __init__(self, notes: Notes, block: int, team: Executor | None = None, n_team: int = 1) -> None:
        self.notes = notes
        self.block = block
        self._team = team
        self.n_team = n_team
        self._memory: dict[Key, Any] = {}
        self._before = 0  # rows that the block before left, in the same piece

    def begin_block(self, n_before: int) -> None:
        """Say how many frames the block before had; 0 at the beginning of a piece."""
        self._before = n_before

    def rows(self, key: Key, n_frame: int, width: int, dtype: Any) -> Array:
        """Rows for the frames of a block, behind that of the frame before it. (n_frame + 1, width)"""
        whole = self.zeros(key, self.block + 2, width, dtype)
        if self._before and self.notes.is_delta:
            whole[0] = whole[self._before]
        return whole[: n_frame + 1]

    def zeros(self, key: Key, rows: int, width: int, dtype: Any) -> Array:
        """Memory under a name: zeroed the first time, then as it was left."""
        if key not in self._memory:
            self._memory[key] = np.zeros((rows, width), dtype)
        kept: Array = self._memory[key]
        return kept

    def empty(self, key: Key, size: int, dtype: Any) -> Array:
        """The same for lists, of which only the beginning is ever used."""
        if key not in self._memory:
            self._memory[key] = np.empty(size, dtype)
        kept: Array = self._memory[key]
        return kept

    def keep(self, key: Key, make: Callable[[], Any]) -> Any:
        """Anything under a name, made the first time."""
        if key not in self._memory:
            self._memory[key] = make()
        return self._memory[key]

    def known(self, key: Key) -> Array | None:
        """Memory that was asked for before."""
        return self._memory.get(key)

    def share(self, n: int, multiple: int, work: Callable[[int, int, int], None]) -> None:
        """Let every helper do work(first, last, helper) on its share of n, in multiples of a number."""
        n_part = min(self.n_team, -(-n // multiple))
        if self._team is None or n_part < 2:
            work(0, n, 0)
            return
        bounds = [min(n, -(-n * k // (n_part * multiple)) * multiple) for k in range(n_part + 1)]
        parts = [self._team.submit(work, bounds[k], bounds[k + 1], k) for k in range(n_part)]
        for part in parts:
            part.result()
