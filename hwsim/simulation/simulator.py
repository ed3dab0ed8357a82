"""Run a network over data, event by event: what comes out, and what happened.

The frames are cut into pieces that need nothing of each other (:mod:`hwsim.simulation.pieces`), and the pieces run in
threads.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, Execution, Need
from hwsim.datasets import Dataset
from hwsim.errors import MachineError, NetworkError
from hwsim.machine import Machine, load_machine
from hwsim.network.graph import Network
from hwsim.network.layers.window import is_whole
from hwsim.network_file import load_network
from hwsim.simulation.block import Array, NeedsByLayer, Notes, Worker
from hwsim.simulation.count_bound import check_counts
from hwsim.simulation.input_frames import arriving_format, input_frames
from hwsim.simulation.pieces import Piece, block_size, expect_room, pieces_of
from hwsim.simulation.plan import StagePlan, prepare
from hwsim.simulation.record import before_any_frame, empty_notes, to_activity
from hwsim.simulation.run import Run
from hwsim.simulation.threads import cores, in_threads, team
from hwsim.simulation.walk import Walker
from hwsim.traffic.plan import needs_of


def simulate(
    network: Network | str | Path,
    data: Dataset | npt.ArrayLike,
    execution: str | Execution | None = None,
    *,
    machines: str | Path | Machine | Iterable[str | Path | Machine] = (),
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
    execution : {"dense", "sparse", "delta"} or Execution, optional
        How to walk through the network; unless said, that of the machines, or dense. ``Delta(threshold=2)`` for a dead
        zone, ``Delta(threshold={"dense1": 2})`` for that of one layer.
    machines : names, paths or Machines, or one of these
        What the run is to be counted on: what they need beside what every run notes is noted for them. Machines of one
        level for each operand need nothing.
    per_frame : bool
        Keep every count for every frame, not only for first and later frames.
    threads : int, optional
        Threads to use; all cores unless said. Changes no result.
    block : int, optional
        Frames walked through a layer at a time; chosen to fit the cache unless said. Changes no result.

    Raises
    ------
    MachineError
        When a machine is of another execution, or cannot hold the network.
    NetworkError
        When the frames do not fit the network; when a count could be too large for 64 bits on some machine.
    DataError
        When the data are no data.
    """
    network = load_network(network)
    told = [load_machine(each) for each in ([machines] if isinstance(machines, str | Path | Machine) else machines)]
    execution = _execution(execution, told)
    dataset = input_frames(network, data)
    arrives = arriving_format(network, dataset)
    what = f"network {network.name} on {dataset.name}"
    try:
        plans = prepare(network, arrives, dataset.step)
    except NetworkError as error:
        raise NetworkError(f"{what}: {error}") from None
    execution = execution.with_names(_senders(plans))
    check_counts(plans, execution, len(dataset), what)
    slicings = frozenset(machine.slicing for machine in told if machine.slicing is not None)
    needs = _needs(before_any_frame(network, plans, execution, arrives, slicings), told) if told else {}
    codes, notes = _walk_all(plans, execution, dataset, per_frame, threads, block, needs)
    step = network.output.per_element(network.output.step).astype(np.float64)
    deviation = None
    if execution.keeps_state and not network.is_integer:
        exact, _ = _walk_all(plans, Execution("sparse"), dataset, False, threads, block, {})
        deviation = float(np.abs((codes.astype(np.float64) - exact) * step).max())
    remarks = _remarks(execution, codes, dataset.labels, deviation)
    activity = to_activity(notes, network, plans, dataset.name, arrives, *remarks, *network.notes)
    return Run(
        outputs=codes if network.output.format.is_real else codes * step,
        output_codes=codes + network.output.zero_point if network.output.zero_point else codes,
        activity=activity,
        labels=dataset.labels,
        n_saturated=sum(layer.n_saturated for layer in activity.layers),
        largest_deviation=0.0 if deviation is None else deviation,
        notes=activity.notes,
    )


def _execution(execution: str | Execution | None, machines: Sequence[Machine]) -> Execution:
    """The execution that was asked for, or that of the machines."""
    kinds = {machine.execution: machine.name for machine in machines}
    if execution is None:
        if len(kinds) > 1:
            listed = ", ".join(f"{name} counts {kind}" for kind, name in kinds.items())
            raise MachineError(f"one run is of one execution, and {listed}; simulate once for each")
        execution = next(iter(kinds), "dense")
    if isinstance(execution, str):
        execution = Execution(execution)  # type: ignore[arg-type]
    for kind, name in kinds.items():
        if kind != execution.kind:
            raise MachineError(f"machine {name} counts {kind} executions, and this run is {execution.kind}")
    return execution


def _needs(before: Activity, machines: Sequence[Machine]) -> NeedsByLayer:
    """What to note of each layer for machines that have to be told more than others."""
    needs: dict[str, set[Need]] = {}
    for machine in machines:
        for layer, need in needs_of(before, machine):
            needs.setdefault(layer, set()).add(need)
    return {layer: frozenset(each) for layer, each in needs.items()}


def _remarks(
    execution: Execution, codes: Array, labels: npt.NDArray[np.int64] | None, deviation: float | None
) -> Iterator[str]:
    """What a reader must know of the outputs of this run."""
    if deviation is not None:
        yield f"real arithmetic under delta: outputs are up to {deviation:.2g} from dense"
    if not np.all(np.isfinite(codes)):
        yield "outputs that are not finite: float32 has overflowed on the way"
    if labels is not None and not 0 <= labels.min() <= labels.max() < codes.shape[1]:
        known = f"labels {labels.min()} ... {labels.max()} for {codes.shape[1]} outputs, counted from 0"
        yield f"{known}: frames with a label that is no output's count as wrong"
    if execution.holds_back:
        yield f"{execution}: outputs depend on the order of frames"


def _senders(plans: tuple[StagePlan, ...]) -> dict[str, str]:
    """The stages that send codes, by their names and those of the layers fused into them."""
    senders: dict[str, str] = {}
    for plan in plans:
        if plan.is_layer and not plan.is_last:
            senders |= dict.fromkeys((plan.name, *(layer.name for layer in plan.stage.body)), plan.name)
    return senders


def _walk_all(
    plans: tuple[StagePlan, ...],
    execution: Execution,
    data: Dataset,
    per_frame: bool,
    threads: int | None,
    block: int | None,
    needs: NeedsByLayer,
) -> tuple[Array, Notes]:
    """Cut the frames into pieces and walk them in threads; the outputs, and what was noted."""
    _check_whole(threads=threads, block=block)
    threads = threads or cores()
    frames = data.inputs.reshape(len(data), -1)
    block = block or block_size(plans, len(data), threads, per_frame)
    pieces = pieces_of(plans, execution, data, block, threads)
    n_walker = min(threads, len(pieces))
    expect_room(plans, data, block, n_walker)
    notes = empty_notes(data.stream_start, len(data), execution, per_frame, needs)
    last = plans[-1].out
    outputs = np.zeros((len(data), last.size), np.float32 if last.format.is_real else np.int64)
    n_helper = threads // n_walker
    with team(threads) as helpers:
        lent = helpers if n_helper > 1 else None
        walkers = [Walker(plans, frames, outputs, Worker(notes, block, lent, n_helper)) for _ in range(n_walker)]
        _walk_pieces(walkers, pieces)
    for walker in walkers:
        walker.finish()
    return outputs, notes


def _check_whole(**given: int | None) -> None:
    for what, number in given.items():
        if number is not None and not is_whole(number, 1):
            raise NetworkError(f"{what} {number!r}: write a whole number from 1, or leave it out")


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
        in_threads(walk, pieces, len(walkers))
