"""What a method is told, and how methods are registered: each is declared once, in a file of its own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hwsim.errors import HwsimError
from hwsim.files.modules import named


@dataclass(frozen=True)
class Option:
    """Of a method, as keyword of a function and on the command line."""

    name: str  # as a keyword: bit_width
    help: str = ""
    kind: type = str  # str, int, float or bool
    default: Any = None
    choices: tuple[str, ...] = ()  # words it may be
    least: int | None = None
    most: int | None = None
    said: str = ""  # what an error says of a number out of range: "weights of {} bits"
    written: str = ""  # on the command line, where that is not its name: "--deterministic/--stochastic"
    read: Callable[[str], Any] | None = None  # what a text on the command line stands for

    @property
    def dashed(self) -> str:
        """The name as the command line has it."""
        return self.name.replace("_", "-")


def check_names(method: str, options: Sequence[Option], given: Iterable[str], error: type[HwsimError]) -> None:
    """Raise an error for an option that a method does not have.

    Parameters
    ----------
    method : str
        What it is called in the error, as in "method lat".
    options : sequence of Option
        What it has.
    given : iterable of str
        Names, as keywords.
    error : type
        Of the error.
    """
    known = {option.name: option.dashed for option in options}
    for name in given:
        if name not in known:
            listed = ", ".join(known.values()) or "none"
            raise error(f"{method} has no option {name.replace('_', '-')}; it has: {listed}")


class Named(Protocol):
    """A method of any kind."""

    @property
    def name(self) -> str:
        """What it is called."""


Method = TypeVar("Method", bound=Named)


def register(methods: dict[str, Method], kind: str, method: Method) -> None:
    """Add a method to those of its kind.

    Raises
    ------
    HwsimError
        When there is one of its name.
    """
    if method.name in methods:
        raise HwsimError(f"{kind} {method.name!r}: there is one of this name; give yours another")
    methods[method.name] = method


def later(function: str) -> Callable[..., Any]:
    """A function by name ("module:function"), whose module is imported when it is called."""

    def call(*values: Any, **given: Any) -> Any:
        return named(function)(*values, **given)

    return call


def numbers(text: str, separator: str, kind: Callable[[str], Any], example: str) -> list[Any]:
    """Read a list of numbers; HwsimError, showing an example, where it is none."""
    try:
        return [kind(part) for part in text.split(separator)]
    except ValueError:
        raise HwsimError(f"{text!r} is not a list of numbers; write {example}") from None


def one_or_several(text: str, kind: Callable[[str], Any], example: str) -> Any:
    """Read a number, or several with commas between them; HwsimError where it is neither."""
    found = numbers(text, ",", kind, example)
    return found[0] if len(found) == 1 else found
