"""The page's words and tables about time, as HTML."""

from hwsim.report import timing, timing_figures
from hwsim.report.sections import method, row_of, table, text
from hwsim.report.units import energy_unit, figures, time_unit, whole
from hwsim.report.wording import Priced
from hwsim.study.comparison import Cell
from hwsim.timing.timing import Timing

LAYERS_IN_WORDS = (
    "Cycles per inference of each layer, and of each resource in it; what binds takes most of them. Utilization: "
    "lanes' cycles that operations fill."
)
CYCLES_IN_WORDS = "Each part of a bar: the cycles of those layers that one resource binds."
ROOFLINE_IN_WORDS = (
    "Each point is a layer; further right it does more with a bit that its row's farthest level moves. Above a roof "
    "nothing can be: on its slope the port of that level is full, where it is flat all lanes are. Layers for which "
    "that level moves nothing are left out. Bits of a roof are those that the level moves in a cycle."
)


def rows(priced: Priced) -> str:
    """Latency, throughput and what binds, of every row that has time; nothing where none has."""
    timed = timing_figures.timed(priced)
    if not timed:
        return ""
    unit = time_unit(each.latency for _, each in timed)
    delay = energy_unit(each.energy_delay for each in priced.breakdowns if each.energy_delay is not None)
    heads = row_of(
        ["network<br>machine, execution", f"latency, mean<br>[{text(unit.name)}]",
         f"latency of the slowest<br>frame [{text(unit.name)}]", "frames<br>per second", "bound by",
         "utilization<br>of lanes [%]", f"energy-delay<br>product [{text(delay.name)} s]"], "th",
    )  # fmt: skip
    lines = []
    for cell, each in timed:
        product = delay.text(cell.breakdown.energy_delay) if cell.breakdown else "-"
        numbers = [unit.text(each.latency), unit.text(each.worst_latency), figures(each.frames_per_second)]
        numbers += [each.bound_by, f"{100 * each.utilization:.1f}", product]
        lines.append(f"<tr>{method(cell)}{''.join(f'<td>{text(number)}</td>' for number in numbers)}</tr>")
    return f'<p class="caption">{text(timing.fastest_sentence(priced))}</p>{table([heads], lines)}'


def layers(priced: Priced) -> str:
    """Cycles of each layer and resource, a table for each row, folded away."""
    folds = "".join(_fold(cell, each) for cell, each in timing_figures.timed(priced))
    return f'<h3>Layer by layer</h3><p class="caption">{text(LAYERS_IN_WORDS)}</p>{folds}'


def _fold(cell: Cell, each: Timing) -> str:
    names = dict.fromkeys(name for layer in each.layers for name in layer.resources)
    heads = row_of(["layer", "cycles", "bound by", "utilization [%]", *map(text, names)], "th")
    lines = []
    for layer in each.layers:
        cycles = {name: int(of.sum()) / each.n_inference for name, of in layer.resources.items()}
        said = [whole(int(layer.total.sum()) / each.n_inference), layer.bound_by, f"{100 * layer.utilization:.1f}"]
        said += [whole(cycles[name]) if name in cycles else "-" for name in names]
        lines.append(
            f'<tr><th scope="row">{text(layer.name)}</th>{"".join(f"<td>{text(of)}</td>" for of in said)}</tr>'
        )
    return f"<details><summary>{text(cell.method)}</summary>{table([heads], lines)}</details>"
