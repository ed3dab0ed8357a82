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

    @property
    def keeps_sign(self) -> bool:
        """Whether all it makes are numbers that it reads, or sums of some, as many as its bound is times theirs.

        What is made of numbers that are not negative is then not negative either.
        """
        return False


@dataclass(frozen=True, eq=False)
class ElementWise(Layer):
    """A layer that hardware fuses into the one it reads: one number in, one number out."""

    @property
    def direction(self) -> int:
        """1 where the larger of two values never becomes the smaller one, -1 where it never stays the larger; else 0.

        A function of integers that has a direction and the quantizer behind it are thresholds; the largest of several
        numbers may be taken before one that rises.
        """
        return 0
