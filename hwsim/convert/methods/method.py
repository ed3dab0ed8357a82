"""What a conversion is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hwsim.convert.declared import Option, register
from hwsim.errors import UnknownNameError

if TYPE_CHECKING:
    from hwsim.network.graph import Network

Convert: TypeAlias = "Callable[..., Network]"

METHODS: "dict[str, Method]" = {}
"""By name, those of the package and those of one's own."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """What ``hwsim convert NAME`` does; one that is made is registered, under a name that no other has."""

    name: str
    sentence: str  # the help of its command
    convert: Convert  # called with a network, with data if it needs them, and with `name` and options as keywords
    options: tuple[Option, ...] = ()  # one that has a default is always given, and stated
    needs_data: bool = True  # to calibrate on
    tell: "Callable[[Network], str] | None" = None  # what else the command says of what it made

    def __post_init__(self) -> None:
        """Register it."""
        register(METHODS, "conversion", self)


def method_of(name: str) -> Method:
    """A conversion by name; UnknownNameError, with the closest names, where there is none."""
    if name not in METHODS:
        raise UnknownNameError("conversion", name, METHODS)
    return METHODS[name]
