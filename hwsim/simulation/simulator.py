"""Run a network over data, event by event: what comes out, and what happened.

The frames are cut into pieces that need nothing of each other, and the pieces run in threads. A piece of an integer
stream under delta begins with the frame before it, run as if it were a first frame and not counted: the sums are
then exactly what they would be had the stream been run from its start. Real streams, and deltas with a threshold,
depend on all that came before, and run whole.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, Execution
from hwsim.datasets import Dataset, as_dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers.window import is_whole
from hwsim.network_file import load_network
from hwsim.simulation.accuracy import Interval, interval
from hwsim.simulation.block import Notes, Worker
from hwsim.simulation.count_bound import check_counts
from hwsim.simulation.plan import StagePlan, prepare
from hwsim.simulation.record import empty_notes, to_activity
from hwsim.simulation.walk import Piece, Walker

Array: TypeAlias = npt.NDArray[Any]

BLOCK_BYTES = 18_000_000
"""Eight bytes for each code of a block of frames: above this, time is lost to the cache; below, to calls. [bytes]"""


LONGEST_PIECE = 64
"""Frames of a stream that are walked in one piece, unless a block is longer."""


@dataclass(frozen=True, eq=False)
class Run:
    """What came out of a network, and what happened inside."""

    outputs: Array  # (n_frame, n_out) float32 of real networks, float64 (codes x step) of integer ones
    output_codes: Array  # (n_frame, n_out) codes, with their zero point, or accumulators: int64; of real ones float32
    activity: Activity
    labels: npt.NDArray[np.int64] | None = None  # of the data
    n_saturated: int = 0  # codes clipped to their format, in all layers
    largest_deviation: float = 0.0  # real networks under delta: largest |output - dense output|
    notes: tuple[str, ...] = ()  # what a reader must know of these outputs, and of whatever is made of the activity

    @property
    def rules(self) -> int:
        """Rules that the activity was counted by."""
        return self.activity.rules

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(n_frame,) index of the largest output; the first of equals."""
        return np.asarray(np.argmax(self.outputs, axis=1), np.int64)

    @property
    def accuracy(self) -> float | None:
        """Fraction of frames whose prediction is their label; None without labels."""
        return None if self.right is None else float(np.mean(self.right))

    @property
    def accuracy_interval(self) -> Interval | None:
        """The accuracy's interval of 95 % (Wilson)."""
        return None if self.right is None else interval(int(self.right.sum()), self.right.size)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_] | None:
        """(n_frame,) whether each prediction is the label; None without labels."""
        return None if self.labels is None else np.asarray(self.predictions == self.labels)


def simulate(
    network: Network | str | Path,
    data: Dataset | npt.ArrayLike,
    execution: str | Execution = "dense",
    *,
    per_frame: bool = False,
    threads: int | None = None,
    block: int | None = None,
) -> Run:
    """Run a network over data under an execution; outputs and counts are exact.

    Parameters
    ----------
    network : Network, name or path
        What to run.
    data : Dataset or array
        Frames, (n_frame, *network.input_shape). An array holds codes of step 1 if its dtype is integer, else real
        values, and is one stream.
    execution : {"dense", "sparse", "delta"} or Execution
        How to walk through the network; ``Delta(threshold=2)`` for a dead zone, ``Delta(threshold={"dense1": 2})`` for
        that of one layer.
    per_frame : bool
        Keep every count for every frame, not only for first and later frames.
    threads : int, optional
        Threads to use; all cores unless said. Changes no result.
    block : int, optional
        Frames walked through a layer at a time; chosen to fit the cache unless said. Changes no result.

    Raises
    ------
    NetworkError
        When the frames do not fit the network; when a count could be too large for 64 bits on some machine.
    DataError
        When the data are no data.
    """
    network = load_network(network)
    if isinstance(execution, str):
        execution = Execution(execution)  # type: ignore[arg-type]
    dataset = data if isinstance(data, Dataset) else as_dataset(data)
    dataset = _as_codes(network, dataset)
    _check_frames(network, dataset)
    takes_any = network.input_format.is_real and not dataset.format.is_real
    arrives = dataset.format if takes_any else network.input_format
    try:
        plans = prepare(network, arrives, dataset.step)
    except NetworkError as error:
        raise NetworkError(f"network {network.name} on {dataset.name}: {error}") from None
    execution = execution.with_names(_senders(plans))
    check_counts(plans, execution, len(dataset), f"network {network.name} on {dataset.name}")
    codes, notes = _walk_all(plans, execution, dataset, per_frame, threads, block)
    step = network.output.per_element(network.output.step).astype(np.float64)
    deviation, remarks = 0.0, []
    if execution.keeps_state and not network.is_integer:
        dense, _ = _walk_all(plans, Execution("sparse"), dataset, False, threads, block)
        deviation = float(np.abs((codes.astype(np.float64) - dense) * step).max())
        remarks.append(f"real arithmetic under delta: outputs are up to {deviation:.2g} from dense")
    if not np.all(np.isfinite(codes)):
        remarks.append("outputs that are not finite: float32 has overflowed on the way")
    if (labels := dataset.labels) is not None and not 0 <= labels.min() <= labels.max() < codes.shape[1]:
        known = f"labels {labels.min()} ... {labels.max()} for {codes.shape[1]} outputs, counted from 0"
        remarks.append(f"{known}: frames with a label that is no output's count as wrong")
    if execution.holds_back:
        remarks.append(f"{execution}: outputs depend on the order of frames")
    activity = to_activity(notes, network, plans, dataset.name, arrives, *remarks, *network.notes)
    return Run(
        outputs=codes if network.output.format.is_real else codes * step,
        output_codes=codes + network.output.zero_point if network.output.zero_point else codes,
        activity=activity,
        labels=dataset.labels,
        n_saturated=sum(layer.n_saturated for layer in activity.layers),
        largest_deviation=deviation,
        notes=activity.notes,
    )


def _senders(plans: tuple[StagePlan, ...]) -> dict[str, str]:
    """The stages that send codes, by their names and those of the layers fused into them."""
    senders: dict[str, str] = {}
    for plan in plans:
        if plan.is_layer and not plan.is_last:
            senders |= dict.fromkeys((plan.name, *(layer.name for layer in plan.stage.body)), plan.name)
    return senders


def _as_codes(network: Network, data: Dataset) -> Dataset:
    """Real frames as the codes that a network takes, where every number is one; any others as they are."""
    wanted, step = network.input_format, network.input_step
    if wanted.is_real or not data.format.is_real:
        return data
    code = data.inputs / np.float64(step)
    if np.any(code % 1) or code.min() < wanted.lowest or code.max() > wanted.highest:
        return data
    return replace(data, inputs=code.astype(np.int64), step=step)


def _check_frames(network: Network, data: Dataset) -> None:
    """Raise a NetworkError when the network does not take such frames."""
    if data.shape != network.input_shape:
        raise NetworkError(
            f"network {network.name} takes frames of shape {network.input_shape}, but {data.name} has frames of shape "
            f"{data.shape}; reshape the data to (frames, {', '.join(map(str, network.input_shape))}), or "
            "preprocess them (size, grey, source layout, layout)"
        )
    wanted = network.input_format
    if wanted.is_real:
        return
    if data.format.is_real or data.step != network.input_step:
        factor = network.input_step / data.step
        scaled = "" if data.format.is_real else f" (--data-scale {factor:g} makes them)"
        raise NetworkError(
            f"network {network.name} takes {wanted} codes of step {network.input_step:g}, but {data.name} has "
            f"{data.format} of step {data.step:g}; begin the network with a Quantize, or give it such codes{scaled}"
        )
    lowest, highest = int(data.inputs.min()), int(data.inputs.max())
    if lowest < wanted.lowest or highest > wanted.highest:
        raise NetworkError(
            f"network {network.name} takes {wanted} codes, {wanted.lowest} ... {wanted.highest}, but {data.name} "
            f"reaches {lowest} ... {highest}"
        )
    if wanted.kind == "binary" and not data.inputs.all():
        raise NetworkError(f"network {network.name} takes codes of -1 and 1, but {data.name} has zeros")


def _walk_all(
    plans: tuple[StagePlan, ...],
    execution: Execution,
    data: Dataset,
    per_frame: bool,
    threads: int | None,
    block: int | None,
) -> tuple[Array, Notes]:
    """Cut the frames into pieces and walk them in threads; the outputs, and what was noted."""
    for what, number in (("threads", threads), ("block", block)):
        if number is not None and not is_whole(number, 1):
            raise NetworkError(f"{what} {number!r}: write a whole number from 1, or leave it out")
    threads = threads or _cores()
    frames = data.inputs.reshape(len(data), -1)
    block = block or _block_size(plans, len(data), threads, per_frame)
    whole = execution.keeps_state and (execution.holds_back or not all(plan.is_exact for plan in plans))
    pieces = list(_streams(data.stream_start, block) if whole else _chunks(data, execution, block, threads))
    notes = empty_notes(data.stream_start, len(data), execution, per_frame)
    last = plans[-1].out
    outputs = np.zeros((len(data), last.size), np.float32 if last.format.is_real else np.int64)
    n_walker = min(threads, len(pieces))
    n_helper = threads // n_walker
    with ThreadPoolExecutor(max(threads, 1)) as helpers:
        team = helpers if n_helper > 1 else None
        walkers = [Walker(plans, frames, outputs, Worker(notes, block, team, n_helper)) for _ in range(n_walker)]
        _walk_pieces(walkers, pieces)
    for walker in walkers:
        walker.finish()
    return outputs, notes


def _walk_pieces(walkers: list[Walker], pieces: list[Piece]) -> None:
    """Hand the pieces to the walkers, each in a thread of its own."""
    idle = list(walkers)

    def walk(piece: Piece) -> None:
        walker = idle.pop()  # there are as many as threads
        walker.walk(piece)
        idle.append(walker)

    if len(walkers) == 1:
        for piece in pieces:
            walk(piece)
    else:
        _in_threads(walk, pieces, len(walkers))


def _in_threads(walk: Callable[[Piece], None], pieces: list[Piece], n_thread: int) -> None:
    with ThreadPoolExecutor(n_thread) as pool:
        try:
            for _ in pool.map(walk, pieces):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _block_size(plans: tuple[StagePlan, ...], n_frame: int, threads: int, per_frame: bool) -> int:
    """Frames per block: what fits the cache, yet enough blocks for the threads to share evenly."""
    bytes_per_frame = sum(8 * plan.out.size for plan in plans) + plans[0].start.size
    if per_frame:
        widest = max((read.span for plan in plans for read in plan.reads), default=0)
        bytes_per_frame += 64 * widest + 64
    fair = -(-n_frame // (4 * threads))
    return max(1, min(BLOCK_BYTES // bytes_per_frame, max(fair, 64)))


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
