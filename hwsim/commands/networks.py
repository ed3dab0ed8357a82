"""The commands `hwsim network ...`: parse, call one function, print."""

from typing import Annotated

import typer

from hwsim.commands.network_files import KeepReal, Output, network_check

networks = typer.Typer(no_args_is_help=True, help="Trained networks that ship with hwsim, or model folders.")
networks.command("check")(network_check)


@networks.command("list")
def network_list() -> None:
    """List the networks that ship with hwsim."""
    from hwsim.files.catalogue import network_names
    from hwsim.network_file import load_network
    from hwsim.report.listing import accuracy_text

    names = network_names()
    width = max(map(len, names))
    for each in map(load_network, names):
        typer.echo(f"{each.name:{width}} {accuracy_text(each)}; {each.about.get('method', '')}")


@networks.command("show")
def network_show(
    network: Annotated[str, typer.Argument(help="A network's name, a model folder, or an .onnx file.")],
    keep_real: KeepReal = False,
    output: Output = None,
) -> None:
    """Show a network's layers, formats and how it was made."""
    from hwsim.network_file import load_network
    from hwsim.report.listing import network_text

    typer.echo(network_text(load_network(network, keep_real, output)))
