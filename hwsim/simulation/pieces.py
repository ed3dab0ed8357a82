"""Cut the frames of a run into pieces that need nothing of each other, and these into blocks that fit the cache.

A piece of an integer stream under delta begins with the frame before it, run as if it were a first frame and not
counted: the sums are then exactly what they would be had the stream been run from its start. Real streams, and deltas
with a threshold, depend on all that came before, and run whole.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.activity import Execution
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.files.memory import expect_memory
from hwsim.network.signals import BYTES_OF_A_NUMBER
from hwsim.simulation.plan import StagePlan

BLOCK_BYTES = 18_000_000
"""Eight bytes for each code of a block of frames: above this, time is lost to the cache; below, to calls. [bytes]"""

LONGEST_PIECE = 64
"""Frames of a stream that are walked in one piece, unless a block is longer."""


class Piece(NamedTuple):
    """Frames that are walked without regard to any other piece."""

    begin: int
    end: int
    warm: bool  # whether the frame before them is run first, uncounted, to restore the state it left


def pieces_of(
    plans: tuple[StagePlan, ...], execution: Execution, data: Dataset, block: int, threads: int
) -> list[Piece]:
    """The pieces of a run, in order."""
    depends_on_all_before = execution.holds_back or not all(plan.is_exact for plan in plans)
    if execution.keeps_state and depends_on_all_before:
        return list(_streams(data.stream_start, block))
    return list(_chunks(data, execution, block, threads))


def block_size(plans: tuple[StagePlan, ...], n_frame: int, threads: int, per_frame: bool) -> int:
    """Frames per block: what fits the cache, yet enough blocks for the threads to share evenly."""
    bytes_per_frame = sum(8 * plan.out.size for plan in plans) + plans[0].start.size
    if per_frame:
        widest = max((read.span for plan in plans for read in plan.reads), default=0)
        bytes_per_frame += 64 * widest + 64
    fair = -(-n_frame // (4 * threads))
    return max(1, min(BLOCK_BYTES // bytes_per_frame, max(fair, 64)))


def expect_room(plans: tuple[StagePlan, ...], data: Dataset, block: int, n_walker: int) -> None:
    """Refuse a run that needs more memory than may be asked for, before it begins.

    Parameters
    ----------
    plans : tuple of StagePlan
        What is run.
    data : Dataset
        On which frames.
    block, n_walker : int
        Frames in a block, and blocks that are worked on at a time.

    Raises
    ------
    NetworkError
        When it does.
    """
    n_number = plans[0].start.size + sum(plan.out.size for plan in plans)
    blocks = BYTES_OF_A_NUMBER * n_number * (block + 2) * n_walker
    outputs = 16 * len(data) * plans[-1].out.size  # codes, and what they stand for
    what = f"{len(data):,} frames of {data.name}, {block:,} at a time in {n_walker} threads"
    expect_memory(blocks + outputs, what, "give fewer frames or threads", NetworkError)


def _chunks(data: Dataset, execution: Execution, block: int, threads: int) -> Iterator[Piece]:
    """Pieces of equal size; under delta one that begins inside a stream needs the frame before it."""
    starts = set(data.stream_start.tolist())
    size = block
    if execution.keeps_state and block < LONGEST_PIECE:
        # long enough that the frame run before each piece is little beside it
        n_piece = threads * -(-len(data) // (threads * LONGEST_PIECE))
        size = max(block, -(-len(data) // n_piece))
    for begin in range(0, len(data), size):
        warm = execution.keeps_state and begin not in starts
        yield Piece(begin, min(begin + size, len(data)), warm)


def _streams(stream_start: npt.NDArray[np.int64], block: int) -> Iterator[Piece]:
    """Pieces of whole streams, short ones together."""
    begin = 0
    for end in stream_start[1:].tolist():
        if end - begin >= block or end == stream_start[-1]:
            yield Piece(begin, end, False)
            begin = end
