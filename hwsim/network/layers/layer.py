"""What all layers have, and the registry of those that there are."""

from dataclasses import dataclass
from typing import Any, ClassVar

from hwsim.errors import NetworkError
from hwsim.network.neuron_work import NeuronWork, Place
from hwsim.network.signals import FloatArray, Signal

_REGISTERED: dict[str, type["Layer"]] = {}


@dataclass(frozen=True, eq=False)
class Layer:
    """A name, and the names of the layers it reads (the previous one when empty).

    The class statement of a layer registers it, under the class's name in lower case, for model folders and all else
    that goes by its class; a base of several layers, which no network has itself, says ``abstract=True`` there.

    Raises
    ------
    NetworkError
        By a class statement, when there is a layer of that name.
    """

    name: str
    inputs: tuple[str, ...] = ()

    is_wiring: ClassVar[bool] = False
    """Whether the layer only says what lies where: no number is worked on."""

    comes_last: ClassVar[bool] = False
    """Whether the layer stands at the end of a network, before wiring at most, and is not the hardware's business."""

    def __init_subclass__(cls, abstract: bool = False, **others: Any) -> None:
        """Register the layer."""
        super().__init_subclass__(**others)
        if not abstract:
            _register(cls)

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

    def adds_real(self, *source: Signal) -> bool:
        """Whether the layer adds real numbers up, so that what it makes depends on their order."""
        return False

    @property
    def keeps_sign(self) -> bool:
        """Whether all it makes are numbers that it reads, or sums of some, as many as its bound is times theirs.

        What is made of numbers that are not negative is then not negative either.
        """
        return False


@dataclass(frozen=True, eq=False)
class ElementWise(Layer, abstract=True):
    """A layer that hardware fuses into the one it reads: one number in, one number out."""

    makes_codes: ClassVar[bool] = False
    """Whether the layer makes codes, of codes the same ones as of the values they stand for."""

    passes_scales: ClassVar[bool] = False
    """Whether a factor of what it reads may as well be multiplied behind it."""

    absorbs_scales: ClassVar[bool] = False
    """Whether its own parameters make up for such a factor, so that nobody multiplies by it."""

    @property
    def n_threshold(self) -> int:
        """Thresholds that a number is compared with, where there are many."""
        return 0

    @property
    def direction(self) -> int:
        """1 where the larger of two values never becomes the smaller one, -1 where it never stays the larger; else 0.

        A function of integers that has a direction and the quantizer behind it are thresholds; the largest of several
        numbers may be taken before one that rises.
        """
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


def type_name(layer: type[Layer]) -> str:
    """Name of a layer in files."""
    return layer.__name__.lower()


def layer_types() -> dict[str, type[Layer]]:
    """All registered layers by their names in files, in alphabetical order."""
    return dict(sorted(_REGISTERED.items()))


def shipped_layer_types() -> dict[str, type[Layer]]:
    """Those of them that are hwsim's own."""
    return {name: layer for name, layer in layer_types().items() if layer.__module__.startswith("hwsim.")}


def full_name(layer: type[Layer]) -> str:
    """Module and name of a class."""
    return f"{layer.__module__}.{layer.__qualname__}"


def _register(layer: type[Layer]) -> None:
    name = type_name(layer)
    other = _REGISTERED.get(name)
    # a statement that is run again, as notebooks do, makes the same layer anew
    if other is not None and full_name(other) != full_name(layer):
        raise NetworkError(
            f"layer {full_name(layer)}: there is a layer of the name {name!r}, {full_name(other)}; name the class "
            "otherwise, or write abstract=True in its statement if it is only a base of layers"
        )
    _REGISTERED[name] = layer
