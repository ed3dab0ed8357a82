"""Commands for methods: made of what methods declare, when they are wanted, so that one's own are among them."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer.core
import typer.main

from hwsim.commands.data_options import OPTIONS
from hwsim.convert.declared import Option
from hwsim.errors import HwsimError

OTHERS = "METHOD"
"""The command that gets what no other is named."""


class Declared(typer.core.TyperGroup):
    """A group with commands for what has been declared by the time that it is used."""

    def declared(self) -> dict[str, Callable[..., None]]:
        """Functions by the names of their commands."""
        raise NotImplementedError

    made: frozenset[str] = frozenset()
    """Names of the commands that have been made; the group has the others anyway."""

    def make(self) -> None:
        """Make the commands, before those that the group has anyway."""
        made = {name: _command(name, function) for name, function in self.declared().items()}
        self.refuse(made)
        self.made = frozenset(made)
        self.commands = made | dict(self.commands)

    def refuse(self, names: Iterable[str]) -> None:
        """Raise a HwsimError for a method that nobody could reach, since the group has a command of its name."""
        for name in names:
            if name in self.commands.keys() - self.made:
                raise HwsimError(f"method {name!r}: there is a command of this name; give yours another")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Make the commands first."""
        self.make()
        return super().parse_args(ctx, args)


class Conversions(Declared):
    """A command for each conversion."""

    def declared(self) -> dict[str, Callable[..., None]]:
        """Of the registry."""
        from hwsim.commands.convert import command_of
        from hwsim.convert.methods import METHODS

        return {name: command_of(method) for name, method in METHODS.items()}


class Trainings(Declared):
    """A group in which ``hwsim train lat`` is the command ``METHOD`` with the argument ``lat``."""

    def declared(self) -> dict[str, Callable[..., None]]:
        """One for all methods."""
        from hwsim.commands.train import FLOAT, command
        from hwsim.train.methods import METHODS

        self.refuse(METHODS)
        if FLOAT in METHODS:
            raise HwsimError(f"method {FLOAT!r}: there is one of this name; give yours another")
        return {OTHERS: command()}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name before a method's, and before options."""
        if args and args[0] not in (OTHERS, *self.commands, *ctx.help_option_names):
            args = [OTHERS, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; the usage of the one for all others does not show its name."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == OTHERS else name, command, rest


def check_free(method: str, options: Iterable[Option], command: Callable[..., None]) -> None:
    """Raise a HwsimError where a method has an option of a name that its command has for itself."""
    for option in options:
        if option.name in inspect.signature(command).parameters or option.name in OPTIONS:
            raise HwsimError(f"option {option.dashed} of method {method}: the command has one of this name")


def annotations(options: Sequence[Option]) -> dict[str, Any]:
    """How typer is told of options: the type and help of each, by name."""
    return {option.name: annotation(option, option.help, option.least, option.most) for option in options}


def annotation(option: Option, help: str, least: int | None = None, most: int | None = None, **shown: Any) -> Any:
    """Of one option, with a help and a range for the command line."""
    written = (option.written,) if option.written else ()
    return Annotated[option.kind | None, typer.Option(*written, help=help or None, min=least, max=most, **shown)]


def defaults(options: Sequence[Option]) -> dict[str, Any]:
    """What options are unless given, by name."""
    return {option.name: option.default for option in options}


def _command(name: str, function: Callable[..., None]) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(name)(function)
    return typer.main.get_command(app)
