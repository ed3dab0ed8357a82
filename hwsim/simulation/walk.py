"""Walk blocks of frames through a prepared network, one stage after the other, and note what happened."""

import numpy as np

from hwsim.kernels.events import GROUP, LANES, hold_back, list_changes
from hwsim.kernels.pixels import point_pixels
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Worker
from hwsim.simulation.elementwise import run_steps
from hwsim.simulation.group_reading import note_group_cycles
from hwsim.simulation.heads.terms import code_dtype, padded
from hwsim.simulation.pieces import Piece
from hwsim.simulation.plan import StagePlan, event_dtypes
from hwsim.simulation.strip_reading import note_strips
from hwsim.simulation.threads import go_on


class Walker:
    """A prepared network and a worker, which takes pieces through it."""

    def __init__(self, plans: tuple[StagePlan, ...], frames: Array, outputs: Array, worker: Worker) -> None:
        self.plans = plans
        self.frames = frames  # (n_frame, n) as they arrive
        self.outputs = outputs  # (n_frame, n_out) written
        self.worker = worker
        self.notes = worker.notes

    def walk(self, piece: Piece) -> None:
        """Run a piece, block by block."""
        n_before = 0
        for begin in range(piece.begin, piece.end, self.worker.block):
            warm = piece.warm and begin == piece.begin
            end = min(begin + self.worker.block, piece.end)
            self.worker.begin_block(n_before)
            self._walk_block(Frames(begin, end, warm, self._resets(begin, end, warm), self._groups(begin, end, warm)))
            n_before = end - begin + warm

    def finish(self) -> None:
        """Note what was gathered over all pieces."""
        for plan in self.plans:
            if plan.head:
                plan.head.finish(self.worker)

    def _walk_block(self, frames: Frames) -> None:
        emitted: dict[str, Emitted] = {}
        for plan in self.plans:
            go_on()
            if plan.head is None:
                block = channels_last(self.frames[frames.begin - frames.warm : frames.end], plan.start)
            else:
                sources = [emitted[name] for name in plan.stage.sources]
                block = plan.head.run(sources, frames, self.worker)
                if plan.name in self.notes.needs:
                    note_strips(plan, sources[0], frames, self.worker)
                    note_group_cycles(plan, sources[0], frames, self.worker)
            if plan.is_last:
                self._finish(plan, block, frames)
            else:
                codes = self._codes(plan, block, frames)
                signal = self._list(plan, codes, frames.reset)
                emitted[plan.stage.output] = signal
                self.notes.write(plan.stage.output, "events", frames, signal.n_event)

    def _resets(self, begin: int, end: int, warm: bool) -> Array:
        if not self.notes.is_delta:
            return np.ones(end - begin, np.bool_)
        reset = self.notes.first[begin - warm : end].copy()
        reset[0] |= warm
        return reset

    def _groups(self, begin: int, end: int, warm: bool) -> Array:
        """Group of each frame, counted from the block's first where every frame is one; -1 is not counted."""
        group = np.full(end - begin + warm, -1)
        group[warm:] = self.notes.group[begin:end] - (begin if self.notes.per_frame else 0)
        return group

    def _codes(self, plan: StagePlan, block: Array, frames: Frames) -> Array:
        """The codes a stage emits, behind those of the frame before. (n_frame + 1, n_padded)"""
        width = padded(plan.out.size, LANES)
        codes = self.worker.rows(("codes", plan.stage.output, 0), len(block), width, code_dtype(plan.out))
        self._run_steps(plan, block, codes[1:], frames)
        # whoever sent what lies in a Concat or a border has held back already
        threshold = self.notes.execution.threshold_of(plan.name) if plan.is_layer else 1
        if threshold > 1:
            zero = np.float32(0) if plan.out.format.is_real else np.int64(0)
            hold_back(codes, self._rest(codes), frames.reset, threshold, zero)
        return codes

    def _run_steps(self, plan: StagePlan, block: Array, out: Array, frames: Frames) -> None:
        """Take a block through a stage's element-wise layers; note the codes clipped in counted frames."""
        warm = frames.warm
        if warm:
            run_steps(plan.steps, block[:1], out[:1], plan.out.size)
        clipped = run_steps(plan.steps, block[warm:], out[warm:], plan.out.size)
        if clipped:
            self.notes.clipped.append((plan.name, clipped))

    def _finish(self, plan: StagePlan, block: Array, frames: Frames) -> None:
        """Write what leaves the network, in C order."""
        out = block
        if plan.steps:
            out = np.empty((len(block), plan.out.size), plan.steps[-1].dtype)
            self._run_steps(plan, block, out, frames)
        self.outputs[frames.begin : frames.end] = channels_first(frames.counted(out), plan.out)

    def _list(self, plan: StagePlan, codes: Array, reset: Array) -> Emitted:
        """List the events among a stage's codes."""
        name, n_frame, signal = plan.stage.output, len(reset), plan.out
        place, value = event_dtypes(signal, plan.is_windowed)
        slots = (self.worker.block + 1) * (codes.shape[1] + GROUP) + LANES
        start = self.worker.empty(("start", name, 0), self.worker.block + 2, np.int64)[: n_frame + 1]
        n_event = self.worker.empty(("n_event", name, 0), self.worker.block + 1, np.int64)[:n_frame]
        places = self.worker.empty(("place", name, 0), slots, place)
        values = self.worker.empty(("value", name, 0), slots, value)
        list_changes(codes, self._rest(codes), reset, start, n_event, places, values)
        pixel = np.zeros((0, 0), np.int64)
        if plan.is_windowed:
            pixel = self.worker.zeros(("pixel", name, 0), self.worker.block + 1, signal.n_position + 1, np.int64)
            pixel = pixel[:n_frame]
            point_pixels(start, n_event, places, signal.shape[0], pixel)
        return Emitted(codes, start, n_event, places, values, pixel)

    def _rest(self, codes: Array) -> Array:
        """Zeros: what counts as sent at a stream's first frame."""
        rest: Array = self.worker.zeros(("rest", codes.dtype.str, codes.shape[1]), 1, codes.shape[1], codes.dtype)[0]
        return rest


def channels_last(frames: Array, signal: Signal) -> Array:
    """Frames in the order that kernels work in. (n_frame, n)"""
    if signal.n_position == 1 or signal.shape[0] == 1:
        return frames
    by_channel = frames.reshape(len(frames), signal.shape[0], signal.n_position)
    return np.ascontiguousarray(by_channel.transpose(0, 2, 1)).reshape(len(frames), -1)


def channels_first(block: Array, signal: Signal) -> Array:
    """Frames in C order again. (n_frame, n)"""
    block = block[:, : signal.size]
    if signal.n_position == 1 or signal.shape[0] == 1:
        return block
    by_place = block.reshape(len(block), signal.n_position, signal.shape[0])
    return by_place.transpose(0, 2, 1).reshape(len(block), -1)
