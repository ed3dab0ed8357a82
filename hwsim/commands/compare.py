"""The command `hwsim compare`: parse, run a study, print."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.commands.data_options import DATA_HELP, Frames, takes_data
from hwsim.commands.progress import progress_line
from hwsim.commands.reports import check_reports, leave
from hwsim.commands.tables import Rate, Rules

if TYPE_CHECKING:
    from hwsim.study.comparison import Comparison
    from hwsim.study.study_file import Study

MANY_FRAMES = 20_000
"""Above this many frames, the energy of every single one is not kept."""

Tolerance = Annotated[
    float | None, typer.Option(help="How far from the baseline an accuracy may be to count as the same; 1 [points].")
]

Sort = Annotated[
    str | None,
    typer.Option(
        help="Sort rows by energy, latency, edp (energy-delay product) or accuracy; else in the study's order."
    ),
]

SizeOfMemories = Annotated[
    str | None,
    typer.Option(help="Memories with `fit`: own (as large as each row needs) or shared (as any row)."),
]


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
    chip: SizeOfMemories = None,
    sort: Sort = None,
    html: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("hwsim-report.html"),
    csv: Annotated[Path | None, typer.Option(help="Where to write the table as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the table as JSON.")] = None,
) -> None:
    """Compare networks on machines: accuracy, operations, memory words, energy and time per inference."""
    from hwsim.report.page import PAGE_HEAD
    from hwsim.simulation.accuracy import checked_tolerance
    from hwsim.study.capacities import checked_chip
    from hwsim.study.comparison import CSV_HEAD, JSON_HEAD
    from hwsim.study.sorting import checked_sort
    from hwsim.study.study_file import default_study, load_study

    check_reports((html, PAGE_HEAD), (csv, CSV_HEAD), (json, JSON_HEAD))  # before the work, not after it
    if sort is not None:
        checked_sort(sort)
    given: Any = data
    name = data if isinstance(given, str | None) else given.name or None
    plan = load_study(study) if study else default_study(name or "digits")
    changes: dict[str, Any] = {"data": name, "order": order, "frames": frames, "frame_rate": frame_rate}
    if accuracy_tolerance is not None:
        changes["accuracy_tolerance"] = checked_tolerance(accuracy_tolerance)
    if chip is not None:
        changes["chip"] = checked_chip(chip)
    changes |= {"tables": tuple(table) if table else None, "rules": tuple(rule) if rule else None}
    if not isinstance(given, str | None):
        changes |= {"step": given.step, "preprocessing": replace(plan.preprocessing, **given.preprocessing.changed())}
    result = _run_study(plan.model_copy(update={name: each for name, each in changes.items() if each is not None}))
    result = result.sorted_by(sort) if sort else result
    leave(((html, result.write_html), (csv, result.write_csv), (json, result.write_json)), result.to_text)


def _run_study(plan: "Study") -> "Comparison":
    from hwsim.datasets import load_dataset
    from hwsim.pricing.energy_table import load_table
    from hwsim.study.comparison import compare as compare_networks

    with progress_line() as progress:
        progress(f"loading {plan.data}")
        data = load_dataset(plan.source, plan.split, plan.order, frames=plan.frames)
        return compare_networks(
            rows=[(row.network, machine) for row in plan.rows for machine in row.machines],
            tables=[load_table(table, plan.rules) for table in plan.tables],
            data=data,
            baseline=None if plan.baseline is None else [(each.network, each.machine) for each in plan.baseline],
            chip=plan.chip,
            calibration=plan.source,
            phases=plan.phases,
            per_frame=len(data) <= MANY_FRAMES,
            frame_rate=plan.frame_rate,
            accuracy_tolerance=plan.accuracy_tolerance,
            progress=progress,
        )
