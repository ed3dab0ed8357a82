"""The commands `hwsim machine ...`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer

machines = typer.Typer(no_args_is_help=True, help="Machines: how operations are carried out and where operands live.")
MachineName = Annotated[str, typer.Argument(help="A machine's name, or a YAML file.", metavar="MACHINE")]


@machines.command("list")
def machine_list() -> None:
    """List the machines that ship with hwsim: execution, arithmetic of integer events, levels from far to near."""
    from hwsim.files.catalogue import machine_names
    from hwsim.machine import load_machine
    from hwsim.machine.describing import levels_in_short
    from hwsim.report.listing import columns_text

    listed = map(load_machine, machine_names())
    typer.echo(columns_text((each.name, each.execution, each.arithmetic, levels_in_short(each)) for each in listed))


@machines.command("show")
def machine_show(machine: MachineName) -> None:
    """Show a machine in words, its levels as a table, and where its figures come from."""
    from hwsim.machine import load_machine
    from hwsim.machine.describing import LEVEL_HEADS, in_words, level_rows
    from hwsim.report.listing import columns_text

    each = load_machine(machine)
    typer.echo(f"{each.name}: {each.assumptions}")
    typer.echo(f"{each.description.strip()}\n\n{columns_text([LEVEL_HEADS, *level_rows(each)])}\n")
    typer.echo("\n".join(in_words(each)))


@machines.command("check")
def machine_check(machine: MachineName) -> None:
    """Check that a file is a machine: each contradiction on a line, and which levels can never be used."""
    from hwsim.files import strict_yaml
    from hwsim.files.catalogue import machine_path
    from hwsim.machine import Machine, load_machine
    from hwsim.machine.contradictions import never_used

    problems = strict_yaml.problems(machine_path(machine), Machine)
    for problem in problems:
        typer.echo(f"hwsim: {problem}", err=True)
    if problems:
        raise typer.Exit(2)
    each = load_machine(machine)
    typer.echo(f"{each.name}: a valid machine")
    for name, reason in never_used(each):
        typer.echo(f"level {name} can never be used: {reason}")


@machines.command("new")
def machine_new(
    file: Annotated[Path, typer.Argument(help="The file to write, such as my_array.yaml.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """Write the commented start of a machine of one's own, with levels."""
    from hwsim.machine.writing import new_machine

    new_machine(file, force)
    typer.echo(f"wrote {file}; change what your machine has otherwise, then: hwsim machine check {file}")
