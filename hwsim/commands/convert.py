"""``hwsim convert``: networks of networks. What a command needs is imported inside it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.commands.data_options import DATA_HELP, Data, takes_data, with_options
from hwsim.commands.methods import Conversions, annotations, check_free, defaults

if TYPE_CHECKING:
    from hwsim.convert.methods import Method

convert = typer.Typer(cls=Conversions, no_args_is_help=True, help="Make networks of networks, without torch.")

Out = Annotated[Path, typer.Option(help="Folder to write the network to.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
FloatNetwork = Annotated[str, typer.Argument(help="A float network's name, or its folder.")]
Split = Annotated[str | None, typer.Option(help="Split to calibrate on: train (the default) or test.")]
Frames = Annotated[int | None, typer.Option(min=1, help="Calibrate on the first so many frames only.")]


def command_of(method: "Method") -> Callable[..., None]:
    """The command of a conversion, with the options that it declares."""

    def run(**given: Any) -> None:
        _convert(method, **given)

    run.__doc__ = method.sentence
    command = _on_data if method.needs_data else _without_data
    check_free(method.name, method.options, command)
    return takes_data(with_options(run, command, annotations(method.options), defaults(method.options)))


def _on_data(
    network: FloatNetwork,
    out: Out,
    data: Data = "mnist",
    split: Split = None,
    frames: Frames = None,
    force: Force = False,
    **options: Any,
) -> None:
    """What every conversion that calibrates is told."""


def _without_data(
    network: Annotated[str, typer.Argument(help="A network's name, or its folder.")],
    out: Out,
    data: Annotated[str | None, typer.Option(help=f"What accuracy is measured on, if any. {DATA_HELP}")] = None,
    force: Force = False,
    **options: Any,
) -> None:
    """What every other conversion is told."""


def _convert(method: "Method", network: str, out: Path, data: Any, force: bool, **given: Any) -> None:
    from hwsim.convert.model_folder import convert_to_folder

    chosen = {name: each for name, each in given.items() if each is not None}
    readers = {option.name: option.read for option in method.options if option.read is not None}
    chosen |= {name: read(chosen[name]) for name, read in readers.items() if name in chosen}
    converted, _ = convert_to_folder(method.name, network, data, out, force=force, **chosen)
    say_where(out)
    if method.tell is not None:
        typer.echo(method.tell(converted))


def say_where(out: Path) -> None:
    """Tell where a network was written, and its accuracy."""
    from hwsim.files.catalogue import network_names
    from hwsim.network_file import load_network
    from hwsim.report.listing import accuracy_text

    # resolved: a bare name would mean a network that ships
    typer.echo(f"wrote {out}: {accuracy_text(load_network(out.resolve()))}")
    if str(out) in network_names():
        typer.echo(f"A network of this name ships with hwsim; write ./{out} for the one just written.")
