"""What all heads have in common, and which layers they serve."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from hwsim.activity import ConnectionActivity, JoinActivity
from hwsim.errors import NetworkError
from hwsim.network.layers import Layer
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker


class Head:
    """What does the work of a stage before its element-wise layers.

    Parameters
    ----------
    layer : Layer
        Of a class that the head is registered for.
    reads : sequence of Signal
        What the layer reads.
    out : Signal
        What it makes.
    """

    is_windowed = False
    """Whether it slides a window over what it reads, and so needs the first event of each position."""

    def __init__(self, layer: Layer, reads: Sequence[Signal], out: Signal) -> None:
        self.name = layer.name  # of the stage
        self.reads, self.out = reads, out
        self.n_neuron = out.size
        self.n_synapse = 0  # that exist
        # whether what it keeps depends on all that came before
        self.is_real = layer.adds_real(*reads)

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Work on a block; note what happened.

        Returns
        -------
        (n_frame, >= n_neuron)
            What the element-wise layers begin with, channels last.
        """
        raise NotImplementedError

    def finish(self, worker: Worker) -> None:
        """Note what a worker has gathered over all its blocks."""

    def connections(self, notes: Notes) -> tuple[ConnectionActivity, ...]:
        """Weight tensors at work."""
        return ()

    @property
    def n_tap(self) -> int:
        """Numbers that windows without weights look at in a frame."""
        return 0

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """Work on numbers that arrive."""
        return ()

    def touched(self, notes: Notes) -> tuple[Array, Array]:
        """Neurons touched in each frame, over any weight and over non-zero ones; all at a stream's first frame."""
        everyone = np.full(notes.n_frame, self.n_neuron, np.int64)
        if not notes.is_delta:
            return everyone, everyone
        touched = notes.read(self.name, "touched")
        touched_nonzero = notes.numbers.get((self.name, "touched over non-zero weights"), touched)
        return np.where(notes.first, everyone, touched), np.where(notes.first, everyone, touched_nonzero)

    def note_changes(self, codes: Sequence[Array], frames: Frames, worker: Worker) -> Array:
        """Note how many neurons have a changed input, and tell which. (n_frame, n_neuron)

        Parameters
        ----------
        codes : sequence of (n_frame + 1, n_neuron)
            What each neuron reads, behind that of the frame before.
        frames : Frames
            Of the block.
        worker : Worker
            Under a delta execution.
        """
        changed = np.zeros(codes[0][1:].shape, np.bool_)
        for each in codes:
            changed |= np.where(frames.reset[:, None], each[1:] != 0, each[1:] != each[:-1])
        worker.notes.write(self.name, "touched", frames, np.count_nonzero(changed, axis=1))
        return changed


HeadClass = TypeVar("HeadClass", bound=type[Head])

_HEADS: dict[type[Layer], type[Head]] = {}


def serves(*kind: type[Layer]) -> Callable[[HeadClass], HeadClass]:
    """Register a head for layers' classes, and for those derived from them."""

    def register(head: HeadClass) -> HeadClass:
        _HEADS.update(dict.fromkeys(kind, head))
        return head

    return register


def head_of(layer: Layer, reads: Sequence[Signal], out: Signal) -> Head:
    """A layer's head, of the class registered nearest along the layer's class hierarchy.

    Raises
    ------
    NetworkError
        When there is none.
    """
    for kind in type(layer).__mro__:
        if kind in _HEADS:
            return _HEADS[kind](layer, reads, out)
    name = type(layer).__name__
    raise NetworkError(
        f"layer {layer.name}: a {name} has neurons of its own, but no head says what it does to a block of frames; "
        f"write a subclass of hwsim.simulation.heads.Head under @serves({name}) (docs/adding.md)"
    )
