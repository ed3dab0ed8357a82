"""What a training method is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hwsim.convert.declared import Option, check_names, register
from hwsim.errors import UnknownNameError
from hwsim.train import TrainingError

if TYPE_CHECKING:
    import torch

    from hwsim.train.architecture import Unit
    from hwsim.train.quantizer import WeightQuantizer
    from hwsim.train.recipe import Recipe

Options: TypeAlias = dict[str, Any]
Maker: TypeAlias = "Callable[[Unit, Recipe, Options, torch.Tensor], WeightQuantizer]"
"""(layer, recipe, options, latent weights to begin with) -> what makes weights of the layer's latent ones."""
Variant: TypeAlias = Literal["quantized", "latent"]

METHODS: "dict[str, Method]" = {}
"""By name, those of the package and those of one's own."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """What ``hwsim train NAME`` trains; one that is made is registered, under a name that no other has."""

    name: str
    sentence: str  # what it makes of weights
    paper: str  # authors, title, venue and year
    format: str  # of the weights in the network, in words
    recipe: str  # name of one of `hwsim.train.recipe.RECIPES`
    options: tuple[Option, ...] = ()
    quantizer: "Maker | None" = None  # None: float weights
    check: Callable[[Options], None] | None = None  # raises a TrainingError for options that do not go together
    quantized_gradient: bool = False  # quantized back-propagation
    quantized_activations: bool = False  # of `bit_width` bits, as weights are, so that networks are of integers
    variants: tuple[Variant, ...] = ("quantized",)  # exported

    def __post_init__(self) -> None:
        """Register it."""
        register(METHODS, "training method", self)

    @property
    def defaults(self) -> Options:
        """What options are unless given."""
        return {option.name: option.default for option in self.options}

    def given(self, options: Options) -> Options:
        """Every option with its value.

        Raises
        ------
        TrainingError
            For an option that the method does not have, a number out of range, and what does not go together.
        UnknownNameError
            For a word that is none of those allowed.
        """
        check_names(f"method {self.name}", self.options, options, TrainingError)
        given = self.defaults | options
        for option in self.options:
            if given[option.name] is not None:
                self._check(option, given[option.name])
        if self.check is not None:
            self.check(given)
        return given

    def _check(self, option: Option, value: Any) -> None:
        if option.choices and value not in option.choices:
            raise UnknownNameError(option.name.replace("_", " "), str(value), option.choices)
        least, most = option.least, option.most
        if (least is not None and value < least) or (most is not None and value > most):
            said = option.said.format(value) if option.said else f"{option.dashed} {value}"
            allowed = f"{least} to {most}" if most is not None else f"{least} or more"
            raise TrainingError(f"method {self.name}: {said}; write {allowed}")


def method_of(name: str) -> Method:
    """A method by name; UnknownNameError, with the closest names, where there is none."""
    if name not in METHODS:
        raise UnknownNameError("training method", name, METHODS)
    return METHODS[name]
