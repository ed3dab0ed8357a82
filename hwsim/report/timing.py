"""What time says, in words and columns: of the rows of a comparison, and of one network on one machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from hwsim.pricing.breakdown import Breakdown
from hwsim.report.text_table import Column, folded, line_width, listed, table_text
from hwsim.report.units import energy_unit, figures, time_unit, whole, with_prefix
from hwsim.report.wording import Priced, Row
from hwsim.study.comparison import Cell
from hwsim.timing.timing import LayerTiming, Timing

HEADERS = (
    " lat.: mean latency of an inference, worst: of the slowest; frames/s: back to back; binds: the resource that "
    "takes most cycles; edp: energy-delay product, that energy times the mean latency."
)


def headers(cells: Iterable[Cell]) -> str:
    """What the columns of time are; nothing where no row has time."""
    return HEADERS if any(cell.timing for cell in cells) else ""


def timings(priced: Priced) -> tuple[Timing, ...]:
    """Of the rows that have time."""
    return tuple(cell.timing for cell in priced.cells if cell.timing is not None)


def columns(priced: Priced) -> Iterator[tuple[str, Callable[[Row], str]]]:
    """Headers and cells of time in a table of rows; none where no row has time."""
    timed = timings(priced)
    if not timed:
        return
    unit = time_unit(timing.latency for timing in timed)
    yield f"lat.{unit.name}", lambda row: unit.text(row.number("latency [s]"))
    if any(unit.text(timing.latency) != unit.text(timing.worst_latency) for timing in timed):
        yield "worst", lambda row: unit.text(row.number("worst latency [s]"))
    yield "frames/s", lambda row: figures(row.cell.timing.frames_per_second) if row.cell.timing else "-"
    yield "binds", lambda row: row.cell.timing.bound_by if row.cell.timing else "-"
    delay = energy_unit(each.energy_delay for each in priced.breakdowns if each.energy_delay is not None)
    yield f"edp.{delay.name}s", lambda row: delay.text(row.number("energy-delay product [J s]"))


def fastest_sentence(priced: Priced) -> str:
    """Which row takes least time, altogether and at the baseline's accuracy; nothing where no row has time."""
    timed = [(cell, cell.timing) for cell in priced.cells if cell.timing is not None]
    if not timed:
        return ""
    if len(timed) == 1 < len(priced.cells):
        return f"One row's machine has time: {_fastest(timed)}."
    said = f"Least latency{_among(len(timed), len(priced.cells))}: {_fastest(timed)}."
    accurate = [(cell, timing) for cell, timing in timed if cell in priced.accurate]
    if accurate and _fastest(accurate) != _fastest(timed):
        said += f" As accurate as the baseline: {_fastest(accurate)}."
    return said


def _among(n_timed: int, n_row: int) -> str:
    return "" if n_timed == n_row else f" of the {n_timed} rows whose machines have time"


def _fastest(timed: Sequence[tuple[Cell, Timing]]) -> str:
    cell, timing = min(timed, key=lambda each: each[1].latency)
    return f"{cell.method}, {in_short(timing)}"


def in_short(timing: Timing) -> str:
    """Latency, throughput and what binds."""
    worst = ""
    if (slowest := with_prefix(timing.worst_latency, "s")) != with_prefix(timing.latency, "s"):
        worst = f" (worst {slowest})"
    return (
        f"{with_prefix(timing.latency, 's')}{worst}, {figures(timing.frames_per_second)} frames per second back to "
        f"back, bound by {timing.bound_by}"
    )


def timing_text(timing: Timing, width: int | None = None) -> str:
    """A timing as text: what an inference takes, and what of it each layer and resource.

    Parameters
    ----------
    timing : Timing
        What to show.
    width : int, optional
        Characters in a line; unless said, those of the terminal.
    """
    width = width or line_width()
    title = f"{timing.network} on {timing.machine} ({timing.execution}): {timing.n_inference:,} frames of {timing.data}"
    return "\n\n".join([folded(title, width), *parts(timing, width), listed(timing.notes, width)]).rstrip()


def parts(timing: Timing | None, width: int) -> Iterator[str]:
    """Paragraphs and tables of what an inference takes; nothing where there is no time."""
    if timing is None:
        return
    yield folded(f"Latency at {timing.clock / 1e6:g} MHz, schedule {timing.schedule}: {in_short(timing)}", width)
    yield "Cycles per inference; of them those of each resource; util.%: lanes' cycles that operations fill"
    yield table_text(_by_layer(timing), width)
    if len(timing.cores) > 1:
        yield "Cores, % of all cycles"
        yield table_text(_by_core(timing), width)


def _by_layer(timing: Timing) -> list[Column]:
    resources = dict.fromkeys(name for layer in timing.layers for name in layer.resources)
    n = timing.n_inference

    def column(header: str, cell: Callable[[LayerTiming], str], total: str = "", right: bool = True) -> Column:
        return Column(header, [*map(cell, timing.layers), total], right)

    return [
        column("layer", lambda layer: layer.name, "total", False),
        column("cycles", lambda layer: whole(int(layer.total.sum()) / n), whole(cycles_of_all(timing) / n)),
        column("binds", lambda layer: layer.bound_by, timing.bound_by, False),
        column("util.%", lambda layer: f"{100 * layer.utilization:.1f}", f"{100 * timing.utilization:.1f}"),
        *(
            column(name, lambda layer, name=name: whole(int(np.sum(layer.resources.get(name, 0))) / n))  # type: ignore[misc]
            for name in resources
        ),
    ]


def cycles_of_all(timing: Timing) -> int:
    """Of all layers, one after the other. [cycles]"""
    return sum(int(layer.total.sum()) for layer in timing.layers)


def _by_core(timing: Timing) -> list[Column]:
    shown = {"busy": timing.busy, "stalled": timing.stalled, "starved": timing.starved}
    return [
        Column("core", list(timing.cores), False),
        *(
            Column(f"{name}%", [f"{100 * cycles / max(timing.makespan, 1):.1f}" for cycles in each.tolist()])
            for name, each in shown.items()
            if each is not None
        ),
    ]


def with_energy(breakdown: Breakdown) -> list[str]:
    """What time and energy say together: static energy, and the energy-delay product; nothing without time."""
    if breakdown.timing is None or breakdown.energy_delay is None:
        return []
    said = [f"Energy-delay product: {with_prefix(breakdown.energy_delay, 'J s')}."]
    if breakdown.static_power is not None:
        back_to_back = breakdown.at_rate(None)
        static = with_prefix(back_to_back.of("static") / breakdown.counts.n_inference, "J")
        said.append(f"Back to back each inference pays {static} of static energy; nothing is switched off in between.")
    if breakdown.frame_rate is not None and breakdown.rate < breakdown.frame_rate:
        said.append(f"{breakdown.frame_rate:g} inferences per second are not reached.")
    return said
