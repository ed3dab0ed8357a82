"""What all layers have."""

from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class ElementWise(Layer):
    """A layer that hardware fuses into the one it reads: one number in, one number out."""
