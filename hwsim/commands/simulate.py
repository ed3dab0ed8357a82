"""The command `hwsim simulate`: parse, call one function after the other, print."""

from typing import Annotated

import typer

from hwsim.commands.data_options import Data, Frames, Order, takes_data
from hwsim.commands.network_files import KeepReal, Output
from hwsim.commands.progress import progress_line
from hwsim.commands.tables import Rate, Rules
from hwsim.commands.thresholds import thresholds


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
    output: Output = None,
) -> None:
    """Run one network: what comes out, what the hardware does, what it costs, and how long it takes where told."""
    from hwsim.activity import Execution
    from hwsim.counting.accounting import count
    from hwsim.datasets import load_dataset
    from hwsim.machine import load_machine
    from hwsim.network_file import load_network
    from hwsim.pricing.energy import price
    from hwsim.pricing.energy_table import load_table
    from hwsim.report.text import breakdown_text
    from hwsim.simulation.simulator import simulate as run_network
    from hwsim.timing.schedule import schedule

    prices, chosen = load_table(table, rule or ()), load_machine(machine) if machine else None
    kind = execution or (chosen.execution if chosen else "dense")
    with progress_line() as progress:
        progress(f"loading {data}")
        dataset = load_dataset(data, split, order, frames=frames)
        progress(f"simulating {network}, {kind}")
        given = load_network(network, keep_real, output)
        walk = Execution(kind, thresholds(threshold))  # type: ignore[arg-type]
        run = run_network(given, dataset, walk, machines=[] if chosen is None else [chosen])
    breakdown = price(count(run.activity, chosen), prices, phase)
    if chosen and chosen.timing:
        breakdown = breakdown.with_timing(schedule(run.activity, chosen))
    typer.echo(breakdown_text(breakdown if frame_rate is None else breakdown.at_rate(frame_rate), run))
