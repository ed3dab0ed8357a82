"""The commands `hwsim machine ...`: parse, call one function, print."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwsim.commands.convert import Force
from hwsim.commands.data_options import DATA_HELP, takes_data

if TYPE_CHECKING:
    from hwsim.datasets import Source
    from hwsim.machine import Machine

machines = typer.Typer(no_args_is_help=True, help="Machines: how operations are carried out and where operands live.")
MachineName = Annotated[str, typer.Argument(help="A machine's name, or a YAML file.", metavar="MACHINE")]


@machines.command("list")
def machine_list() -> None:
    """List the machines that ship with hwsim: execution, arithmetic of integer events, clock, levels, far first."""
    from hwsim.files.catalogue import machine_names
    from hwsim.machine import load_machine
    from hwsim.machine.describing import clock_in_short, levels_in_short
    from hwsim.report.listing import columns_text

    listed = map(load_machine, machine_names())
    typer.echo(
        columns_text(
            (each.name, each.execution, each.arithmetic, clock_in_short(each), levels_in_short(each)) for each in listed
        )
    )


@machines.command("show")
@takes_data
def machine_show(
    machine: MachineName,
    network: Annotated[str | None, typer.Option(help="Network to map on it, layer by layer.")] = None,
    data: Annotated[str | None, typer.Option(help=f"Frames to map it by. {DATA_HELP} Unless given, its own.")] = None,
) -> None:
    """Show a machine in words, its levels, where its figures come from, and how a network is mapped on it."""
    from hwsim.errors import HwsimError
    from hwsim.machine import load_machine
    from hwsim.machine.describing import LEVEL_HEADS, in_words, level_rows
    from hwsim.report.listing import columns_text

    if data is not None and network is None:
        raise HwsimError("--data are frames of a network; write --network, or take --data out")
    each = load_machine(machine)
    mapped = _mapping(network, data, each) if network is not None else ()
    typer.echo(f"{each.name}: {each.assumptions}")
    typer.echo(f"{each.description.strip()}\n\n{columns_text([LEVEL_HEADS, *level_rows(each)])}\n")
    typer.echo("\n".join(in_words(each)))
    if mapped:
        typer.echo(f"\n{network} on {each.name}:\n\n{columns_text(mapped)}")


def _mapping(name: str, data: "str | Source | None", machine: "Machine") -> "Sequence[Sequence[str]]":
    """What a machine makes of a network: shapes alone, for which a frame is run."""
    from hwsim.counting.mapping import mapping_rows
    from hwsim.datasets import load_dataset
    from hwsim.network_file import load_network
    from hwsim.simulation.simulator import simulate
    from hwsim.study.table_check import few_frames

    network = load_network(name)
    frames = few_frames(network)[:1] if data is None else load_dataset(data, frames=1)
    return mapping_rows(simulate(network, frames, machines=[machine]).activity, machine)


@machines.command("check")
def machine_check(machine: MachineName) -> None:
    """Check that a file is a machine: each contradiction on a line, and which levels can never be used."""
    from hwsim.files import strict_yaml
    from hwsim.files.catalogue import machine_path
    from hwsim.machine import Machine, load_machine
    from hwsim.machine.contradictions import never_used
    from hwsim.timing.schedules import schedule_named

    problems = strict_yaml.problems(machine_path(machine), Machine)
    for problem in problems:
        typer.echo(f"hwsim: {problem}", err=True)
    if problems:
        raise typer.Exit(2)
    each = load_machine(machine)
    if each.timing is not None:
        schedule_named(each.timing.schedule)
    typer.echo(f"{each.name}: a valid machine")
    for name, reason in never_used(each):
        typer.echo(f"level {name} can never be used: {reason}")


@machines.command("new")
def machine_new(
    file: Annotated[Path, typer.Argument(help="The file to write, such as my_array.yaml.")],
    force: Force = False,
) -> None:
    """Write the commented start of a machine of one's own, with levels."""
    from hwsim.machine.writing import new_machine

    new_machine(file, force)
    typer.echo(f"wrote {file}; change what your machine has otherwise, then: hwsim machine check {file}")
