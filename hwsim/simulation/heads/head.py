"""What all heads have in common."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import ConnectionActivity, JoinActivity
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker


class Head:
    """What does the work of a stage before its element-wise layers."""

    def __init__(self, name: str, n_neuron: int) -> None:
        self.name = name  # of the stage
        self.n_neuron = n_neuron
        self.n_synapse = 0  # that exist
        self.is_real = False  # whether it adds real numbers, so that what it keeps depends on all that came before

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
