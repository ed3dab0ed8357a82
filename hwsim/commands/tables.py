"""The commands `hwsim table ...`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer

from hwsim.commands.convert import Force
from hwsim.errors import FileError, HwsimError

tables = typer.Typer(no_args_is_help=True, help="Energy tables: what one operation costs in one process.")
Table = Annotated[str, typer.Argument(help="A table's name, or a YAML file; either may have :variant after it.")]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        help="Find prices that the table does not state: interpolation, bit-width-law, next-wider, whole-mac, "
        "narrow-words, wide-words or dram-by-bit; may be given several times.",
    ),
]
Rate = Annotated[float | None, typer.Option(help="Inferences per second: adds static energy where the table has it.")]


@tables.command("list")
def table_list() -> None:
    """List the energy tables that ship with hwsim, and those in the folder that --tables names."""
    from hwsim.files.catalogue import table_names
    from hwsim.pricing.energy_table import load_table

    names = table_names()
    width = max(map(len, names))
    for name in names:
        try:
            each = load_table(name)
        except FileError as error:  # one of the user's own, unfinished perhaps; the others are listed all the same
            typer.echo(f"{name:{width}} cannot be read: {error}")
            continue
        variants = f" (variants: {', '.join(each.variants)})" if each.variants else ""
        typer.echo(f"{name:{width}} {each.process:34} {each.description.split('. ')[0].strip('. ')}{variants}")


@tables.command("show")
def table_show(table: Table, rule: Rules = None) -> None:
    """Show every price of a table, with its standing and source."""
    from hwsim.pricing.energy_table import load_table
    from hwsim.report.listing import table_text

    typer.echo(table_text(load_table(table, rule or ())))


@tables.command("new")
def table_new(file: Annotated[Path, typer.Argument(help="The file to write, such as my_28nm.yaml.")]) -> None:
    """Write the commented start of an energy table of one's own."""
    from hwsim.pricing.energy_table.writing import new_table

    new_table(file)
    typer.echo(f"wrote {file}; fill in its blanks, then: hwsim table check {file}")


@tables.command("check")
def table_check(
    table: Table,
    network: Annotated[list[str] | None, typer.Option(help="Network to price; unless given, all that ship.")] = None,
    machine: Annotated[list[str] | None, typer.Option(help="Machine to price it on; unless given, all.")] = None,
    rule: Rules = None,
) -> None:
    """Check that a file is an energy table, and say what it lacks, for a network and a machine where asked."""
    from hwsim.files.catalogue import machine_names, network_names
    from hwsim.pricing.energy_table import load_table

    each = load_table(table, rule or ())
    typer.echo(f"{each.name}: a valid energy table; no price for: {', '.join(each.lacks) or 'nothing'}")
    if each.parts:
        of = (f"{name} ({f'{node:g} nm' if node else 'no one process'})" for name, node in each.parts.items())
        typer.echo(f"composed of {', '.join(of)}")
    if each.other_processes:
        others = "; ".join(map(str, each.other_processes))
        typer.echo(f"figures of another process than {each.own_process}: {others}")
    if network or machine:
        from hwsim.study.table_check import coverage

        for found in coverage(each, network or network_names(), machine or machine_names()):
            typer.echo(f"{found.network} on {found.machine}: {found.text or 'every price is there'}")


@tables.command("compare")
def table_compare(first: Table, second: Table, rule: Rules = None) -> None:
    """Print the ratio of every price that one of two tables states, the second's to the first's."""
    from hwsim.pricing.energy_table import load_table
    from hwsim.pricing.energy_table.comparison import compare_tables, mean_ratios
    from hwsim.report.listing import frame_text

    a, b = (load_table(each, rule or ()) for each in (first, second))
    ratios = compare_tables(a, b)
    typer.echo(frame_text(ratios))
    means = ", ".join(f"{kind} {ratio:.3g}" for kind, ratio in mean_ratios(ratios).items())
    typer.echo(f"\ngeometric means of {b.name} / {a.name}: {means or 'no price in common'}")


@tables.command("scale")
def table_scale(
    table: Table,
    to: Annotated[str, typer.Option(help="Node to scale to, such as 22nm.")],
    method: Annotated[str, typer.Option(help="Equations to scale by: stillmaker-baas.")] = "stillmaker-baas",
    to_supply: Annotated[float | None, typer.Option(help="Supply there [V]; unless given, nominal.")] = None,
    from_supply: Annotated[float | None, typer.Option(help="Supply of the table [V]; unless given, its own.")] = None,
    family: Annotated[str, typer.Option(help="Transistors: hp (high performance) or lp (low power).")] = "hp",
    out: Annotated[Path | None, typer.Option(help="Where to write the scaled table; else it is shown.")] = None,
    force: Force = False,
) -> None:
    """Carry a table to another process by equations; what published figures say of the step is printed beside it."""
    from hwsim.pricing.energy_table import load_table
    from hwsim.pricing.energy_table.scaling import METHOD, scale, scaling
    from hwsim.pricing.energy_table.writing import write_table
    from hwsim.report.listing import table_text

    if method != METHOD:
        raise HwsimError(f"no scaling method {method!r}; write {METHOD}")
    source = load_table(table)
    step = scaling(source, _node(to), to_supply, from_supply, family)
    scaled = scale(source, step)
    if out is None:
        typer.echo(table_text(scaled))
        typer.echo("")
    else:
        write_table(scaled, out, force)
    typer.echo(f"equations: {step.text}")
    typer.echo(f"beside them: {step.published_text}")
    typer.echo("every scaled figure has the standing `scaled` and an interval that spans both; DRAM is not scaled")
    if out is not None:
        typer.echo(f"wrote {out}")


def _node(text: str) -> float:
    """22 of 22nm or 22. [nm]"""
    try:
        return float(text.removesuffix("nm"))
    except ValueError:
        raise HwsimError(f"--to {text}: write a node in nanometres, such as 22nm") from None
