"""The command line: the commands, what all of them may be told, and how it ends."""

import os
import sys
from typing import Annotated, Any

import typer

from hwsim import __version__
from hwsim.commands.compare import compare
from hwsim.commands.convert import convert
from hwsim.commands.gpfq import convert_gpfq
from hwsim.commands.machines import machines
from hwsim.commands.methods import OTHERS, Trainings
from hwsim.commands.network_files import network_export, network_import
from hwsim.commands.networks import networks
from hwsim.commands.scales import scale_sweep, train_scales
from hwsim.commands.simulate import simulate
from hwsim.commands.tables import tables
from hwsim.commands.training_cost import training_cost
from hwsim.errors import INTERRUPTED, HwsimError
from hwsim.files.catalogue import OWN_TABLES
from hwsim.files.plugins import load_plugins, name_plugins

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Simulate quantized and sigma-delta networks event by event, count every operation, price the counts.",
)
app.add_typer(tables, name="table")
app.add_typer(machines, name="machine")
app.add_typer(networks, name="network")
app.add_typer(convert, name="convert")
trainings = typer.Typer(cls=Trainings, no_args_is_help=True, help="Train networks, or the scales of rounding networks.")
app.add_typer(trainings, name="train")
trainings.command("scales")(train_scales)
trainings.command("scale-sweep")(scale_sweep)
app.command("compare")(compare)
app.command("simulate")(simulate)
app.command("training-cost")(training_cost)
app.command("import")(network_import)
app.command("export")(network_export)
convert.command("gpfq")(convert_gpfq)

USAGE_ERROR: Any = typer.BadParameter.__base__
"""What typer raises at a command line it cannot read; where it is defined depends on typer's version."""


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    try:
        code = app(prog_name="hwsim", standalone_mode=False)
    except HwsimError as error:
        _fail(str(error))
    except USAGE_ERROR as error:
        _fail_at_usage(error)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        _fail("training needs torch; pip install 'hwsim[train]'")
    except OSError as error:
        _fail(f"{error.filename or 'file'}: {error.strerror or error}")
    except MemoryError:
        _fail("not enough memory; give fewer frames (--frames), smaller ones, or a smaller network")
    else:
        if code == INTERRUPTED:  # which typer makes of an interrupt, without a word
            raise KeyboardInterrupt
        sys.exit(code)


def _fail_at_usage(error: Any) -> None:
    message = error.format_message()
    if not message.strip():  # a command that shows its help instead
        sys.exit(2)
    command = error.ctx.command_path if error.ctx else "hwsim"
    if command.endswith(" "):  # one that takes all names, and shows none
        command += OTHERS
    _fail(f"{message.rstrip('.')} ({command} --help says more)")


def _fail(message: str) -> None:
    print(f"hwsim: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hwsim {__version__}")
        raise typer.Exit


@app.callback()
def common(
    tables: Annotated[
        str | None,
        typer.Option(envvar=OWN_TABLES, help="Folder of your own energy tables, found by their names."),
    ] = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE",
            help="Module of your own layers or methods; several times, or HWSIM_PLUGINS.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and nothing else.")
    ] = False,
) -> None:
    """Keep what every command may be told."""
    if tables is not None:
        os.environ[OWN_TABLES] = tables
    if plugin:
        name_plugins(plugin)
    load_plugins()
