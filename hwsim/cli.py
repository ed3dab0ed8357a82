"""The command line: parse, call one function, print. What a command needs is imported inside it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim import __version__
from hwsim.catalogue import OWN_TABLES
from hwsim.commands.convert import convert
from hwsim.commands.gpfq import convert_gpfq
from hwsim.commands.methods import OTHERS, Methods
from hwsim.commands.network_files import KeepReal, network_check, network_export, network_import
from hwsim.commands.scales import convert_sigma_delta, scale_sweep, train_scales
from hwsim.commands.tables import Rules, tables
from hwsim.commands.thresholds import thresholds
from hwsim.commands.train import train
from hwsim.commands.training_cost import training_cost
from hwsim.data_options import DATA_HELP, Data, takes_data
from hwsim.errors import INTERRUPTED, FileError, HwsimError

if TYPE_CHECKING:
    from hwsim.comparison import Comparison
    from hwsim.study import Study

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Simulate quantized and sigma-delta networks event by event, count every operation, price the counts.",
)
networks = typer.Typer(no_args_is_help=True, help="Trained networks that ship with hwsim, or model folders.")
app.add_typer(tables, name="table")
app.add_typer(networks, name="network")
app.add_typer(convert, name="convert")
trainings = typer.Typer(cls=Methods, no_args_is_help=True, help="Train networks, or the scales of rounding networks.")
app.add_typer(trainings, name="train")
trainings.command("METHOD")(train)
trainings.command("scales")(train_scales)
trainings.command("scale-sweep")(scale_sweep)
app.command("training-cost")(training_cost)
app.command("import")(network_import)
app.command("export")(network_export)
networks.command("check")(network_check)
convert.command("gpfq")(convert_gpfq)
convert.command("sigma-delta")(convert_sigma_delta)

MANY_FRAMES = 20_000
"""Above this many frames, the energy of every single one is not kept."""

Frames = Annotated[int | None, typer.Option(min=1, help="Only the first so many frames.")]
Rate = Annotated[float | None, typer.Option(help="Inferences per second: adds static energy where the table has it.")]
Tolerance = Annotated[
    float | None, typer.Option(help="How far from the baseline an accuracy may be to count as the same; 1 [points].")
]
Order = Annotated[str, typer.Option(help="Order of the frames: file or temporal (each frame near the last one).")]


USAGE_ERROR: Any = typer.BadParameter.__base__
"""What typer raises at a command line it cannot read; where it is defined depends on typer's version."""


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    try:
        code = app(standalone_mode=False)
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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and nothing else.")
    ] = False,
) -> None:
    """Keep what every command may be told."""
    if tables is not None:
        os.environ[OWN_TABLES] = tables


@app.command()
@takes_data
def compare(
    study: Annotated[Path | None, typer.Argument(help="A study's YAML file; else what ships for the data.")] = None,
    data: Annotated[str | None, typer.Option(help=f"{DATA_HELP} Unless given, digits.")] = None,
    order: Annotated[str | None, typer.Option(help="Order of the frames: file or temporal.")] = None,
    frames: Frames = None,
    table: Annotated[list[str] | None, typer.Option(help="Energy table; may be given several times.")] = None,
    rule: Rules = None,
    frame_rate: Rate = None,
    accuracy_tolerance: Tolerance = None,
    html: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("hwsim-report.html"),
    csv: Annotated[Path | None, typer.Option(help="Where to write the table as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the table as JSON.")] = None,
) -> None:
    """Compare networks on machines: accuracy, operations, memory words and energy per inference."""
    from hwsim.accuracy import checked_tolerance
    from hwsim.study import default_study, load_study

    for path in (html, csv, json):  # before the work, not after it
        if path is not None and not path.absolute().parent.is_dir():
            raise FileError(f"{path}: there is no folder {path.parent}; make it, or write elsewhere")
        if path is not None and path.is_dir():
            raise FileError(f"{path}: is a folder; write the name of a file")
    given: Any = data
    name = data if isinstance(given, str | None) else given.name or None
    plan = load_study(study) if study else default_study(name or "digits")
    changes: dict[str, Any] = {"data": name, "order": order, "frames": frames, "frame_rate": frame_rate}
    if accuracy_tolerance is not None:
        changes["accuracy_tolerance"] = checked_tolerance(accuracy_tolerance)
    changes |= {"tables": tuple(table) if table else None, "rules": tuple(rule) if rule else None}
    if not isinstance(given, str | None):
        changes |= {"step": given.step, "preprocessing": replace(plan.preprocessing, **given.preprocessing.changed())}
    result = _run_study(plan.model_copy(update={name: each for name, each in changes.items() if each is not None}))
    typer.echo(result.to_text())
    for path, write in ((html, result.write_html), (csv, result.write_csv), (json, result.write_json)):
        if path is not None:
            try:
                write(path)
            except OSError as error:
                raise FileError(f"{path}: cannot be written ({error.strerror or error})") from None
            typer.echo(f"wrote {path}")


def _run_study(plan: "Study") -> "Comparison":
    from hwsim.comparison import compare as compare_networks
    from hwsim.datasets import load_dataset
    from hwsim.energy_table import load_table

    with _progress() as progress:
        progress(f"loading {plan.data}")
        data = load_dataset(plan.source, plan.split, plan.order, frames=plan.frames)
        return compare_networks(
            rows=[(row.network, machine) for row in plan.rows for machine in row.machines],
            tables=[load_table(table, plan.rules) for table in plan.tables],
            data=data,
            baseline=(plan.baseline.network, plan.baseline.machine),
            phases=plan.phases,
            per_frame=len(data) <= MANY_FRAMES,
            frame_rate=plan.frame_rate,
            accuracy_tolerance=plan.accuracy_tolerance,
            progress=progress,
        )


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line that says what is under way, on a terminal; nothing when piped."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


@app.command()
@takes_data
def simulate(
    network: Annotated[str, typer.Argument(help="A network's name, a model folder, or an .onnx file.")],
    data: Data = "digits",
    order: Order = "file",
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    frames: Frames = None,
    execution: Annotated[str | None, typer.Option(help="dense, sparse or delta; unless given, the machine's.")] = None,
    threshold: Annotated[
        str, typer.Option(help="delta: smallest change that is sent, 2, or of some layers, input=2,dense1=3 [codes].")
    ] = "1",
    machine: Annotated[str | None, typer.Option(help="Machine; unless given, the execution's default.")] = None,
    table: Annotated[str, typer.Option(help="Energy table.")] = "default_45nm",
    phase: Annotated[list[str] | None, typer.Option(help="Price only this phase; may be given several times.")] = None,
    rule: Rules = None,
    frame_rate: Rate = None,
    keep_real: KeepReal = False,
) -> None:
    """Run one network: what comes out, what the hardware does, what it costs."""
    from hwsim.accounting import count
    from hwsim.activity import Execution
    from hwsim.datasets import load_dataset
    from hwsim.energy import price
    from hwsim.energy_table import load_table
    from hwsim.machine import load_machine
    from hwsim.network_file import load_network
    from hwsim.report.text import breakdown_text
    from hwsim.simulator import simulate as run_network

    prices, chosen = load_table(table, rule or ()), load_machine(machine) if machine else None
    kind = execution or (chosen.execution if chosen else "dense")
    with _progress() as progress:
        progress(f"loading {data}")
        dataset = load_dataset(data, split, order, frames=frames)
        progress(f"simulating {network}, {kind}")
        given = load_network(network, keep_real)
        run = run_network(given, dataset, Execution(kind, thresholds(threshold)))  # type: ignore[arg-type]
    breakdown = price(count(run.activity, chosen), prices, phase, frame_rate=frame_rate)
    typer.echo(breakdown_text(breakdown, run))


@networks.command("list")
def network_list() -> None:
    """List the networks that ship with hwsim."""
    from hwsim.catalogue import network_names
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
) -> None:
    """Show a network's layers, formats and how it was made."""
    from hwsim.network_file import load_network
    from hwsim.report.listing import network_text

    typer.echo(network_text(load_network(network, keep_real)))
