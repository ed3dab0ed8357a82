"""What all layers have."""

from dataclasses import dataclass
from typing import ClassVar

from hwsim.network.signals import FloatArray, Signal

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

    is_wiring: ClassVar[bool] = False
    """Whether the layer only says what lies where: no number is worked on."""

    comes_last: ClassVar[bool] = False
    """Whether the layer stands at the end of a network or nowhere, and is not the hardware's business."""

    def adds_real(self, *source: Signal) -> bool:
        """Whether the layer adds real numbers up, so that what it makes depends on their order."""
        return False


@dataclass(frozen=True, eq=False)
class ElementWise(Layer):
    """A layer that hardware fuses into the one it reads: one number in, one number out."""

    makes_codes: ClassVar[bool] = False
    """Whether the layer makes codes, of codes the same ones as of the values they stand for."""

    @property
    def n_threshold(self) -> int:
        """Thresholds that a number is compared with, where there are many."""
        return 0

    def apply(self, value: FloatArray) -> FloatArray:
        """The layer's definition, on real values.

        A simulation runs it where no step is registered for the layer: in float64, on codes as the values they stand
        for, and rounds the result to float32 once.

        Parameters
        ----------
        value : (..., channels) float64
            What the layer reads, channels last, so that parameters per channel fit as they are.

        Returns
        -------
        (..., channels) float64
            What it makes, of codes the values they stand for.
        """
        raise NotImplementedError
