"""What all layers have."""

from dataclasses import dataclass

from hwsim.network.neuron_work import NeuronWork, Place
from hwsim.network.signals import Signal

SILENT = {"silent": True}
"""Metadata of a field that says nothing while it holds its default: it is no part of a network's digest then."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A name, and the names of the layers it reads (the previous one when empty)."""

    name: str
    inputs: tuple[str, ...] = ()

    def signal(self, *source: Signal) -> Signal:
        """The signal the layer makes of those it reads; NetworkError when it cannot."""
        raise NotImplementedError

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """The elementary operations that hardware executes for one updated neuron, and the numbers it stores for them.

        Of an own layer that cubes: two multiplications, and with a limit a comparison::

            multiplication = Operation.of("multiplication", read.format, read.format)
            comparison = Operation.of("comparison", read.format)
            return (NeuronWork(self.name, ((multiplication, 2), (comparison, 1))),)

        Parameters
        ----------
        read : Signal
            What the layer reads; frames as they arrive, where it is the first to work on them.
        place : Place
            What stands around the layer.

        Returns
        -------
        tuple of NeuronWork
            One, or several where unequal numbers of channels store something. Operations are of a kind that energy
            tables price (:data:`hwsim.network.operation.ARITHMETIC`), on operands of declared formats; numbers that all
            channels share are wired in and not stored. A work without operations changes numbers all the same, such as
            codes that are only clipped to fewer bits. Of a layer that says nothing there is none: it is wiring.
        """
        return ()


@dataclass(frozen=True, eq=False)
class ElementWise(Layer):
    """A layer that hardware fuses into the one it reads: one number in, one number out."""

    passes_scales = False  # whether a factor of what it reads may as well be multiplied behind it
    absorbs_scales = False  # whether its own parameters make up for such a factor, so that nobody multiplies by it
