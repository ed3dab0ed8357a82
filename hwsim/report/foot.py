"""The page's foot: what was assumed, how the networks were made, and where every price comes from."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hwsim.pricing.energy import Line
from hwsim.pricing.energy_table.price import Process
from hwsim.report import origins, wording
from hwsim.report.sections import listed, method, row_of, table, text
from hwsim.report.units import figures, size
from hwsim.report.wording import Priced
from hwsim.study.comparison import Cell, Comparison

MEANINGS = (
    "Standing, best first: printed (stands so in the source), converted (from another unit or width), simulated (by a "
    "program that models the circuit), fitted (a formula through figures of the source), second-hand (quoted), assumed "
    "(by the author of the table), remembered (unconfirmed), scaled (from another process, by equations)."
)


def assumptions(comparison: Comparison) -> str:
    """What holds for every figure of the page."""
    lines = [*wording.scope_sentences(comparison), f"Not modelled: {wording.NOT_MODELLED}."]
    lines.append(
        "A memory smaller than the smallest that a table states is built as that one; nothing is extrapolated, and "
        "what is not priced is never taken to be zero."
    )
    return listed([*lines, *wording.notes(comparison)])


def machines(comparison: Comparison) -> str:
    """How each machine carries its work out."""
    heads = row_of(["machine", "what it is", "assumptions"], "th")
    rows = [
        f'<tr><th scope="row">{text(name)}</th><td class="prose">{text(machine.description)}</td>'
        f'<td class="prose">{text(machine.assumptions)}</td></tr>'
        for name, machine in comparison.machines.items()
    ]
    return table([heads], rows, "words")


def memories(comparison: Comparison) -> str:
    """How large the memories of each row are."""
    rows = {cell.method: cell for cell in comparison.cells}
    used = {
        key.operation.memory
        for cell in comparison.cells
        for key in cell.counts.entries
        if key.operation.kind.startswith(("sram", "dram"))
    }
    usual = ("weights", "state", "activations")
    names = [*(name for name in usual if name in used), *sorted(used.difference(usual))]
    heads = row_of(["network<br>machine, execution", *map(text, names), "codes saturated"], "th")
    lines = [
        f"<tr>{method(cell)}{''.join(f'<td>{text(_sizes(cell, name))}</td>' for name in names)}"
        f"<td>{cell.n_saturated:,}</td></tr>"
        for cell in rows.values()
    ]
    return table([heads], lines)


def _sizes(cell: Cell, memory: str) -> str:
    operations = [key.operation for key in cell.counts.entries if key.operation.memory == memory]
    capacities = sorted({operation.capacity for operation in operations if operation.capacity})
    outside = ["off chip"] if any(operation.kind.startswith("dram") for operation in operations) else []
    ends = [size(capacity) for capacity in dict.fromkeys([*capacities[:1], *capacities[-1:]])]
    return ", ".join(filter(None, [" to ".join(ends), *outside])) or "-"


def networks(comparison: Comparison) -> str:
    """What each network says of itself."""
    heads = row_of(["network", "about"], "th")
    rows = []
    for name, about in comparison.about.items():
        said = "; ".join(f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in about.items())
        rows.append(f'<tr><th scope="row">{text(name)}</th><td class="prose">{text(said) or "-"}</td></tr>')
    return table([heads], rows, "words")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def sources(priced: Priced) -> str:
    """Every price that was used, by source, with its standing and how much energy rests on it."""
    lines = [line for cell in priced.cells if cell.breakdown for line in cell.breakdown.lines]
    used = {line.key.operation: line for line in lines}
    share = _largest_shares(priced)
    groups: dict[tuple[str, Process, str, str], list[Line]] = defaultdict(list)
    for line in used.values():
        groups[line.price.source, line.price.process, line.price.standing, line.price.where].append(line)
    heads = row_of(
        ["operation", "energy [pJ]", "low to high [pJ]", "standing", "found by", "largest share<br>of a row [%]"],
        "th",
    )
    rows = []
    for (source, process, standing, where), members in sorted(groups.items(), key=lambda group: _rank(group[1], share)):
        rows.append(
            f'<tr class="source"><th colspan="6"><b>{text(source)}</b>, {text(process)}, {text(standing)}: '
            f"{text(where)}</th></tr>"
        )
        rows += [
            _price(line, share[line.key.operation]) for line in sorted(members, key=lambda each: each.key.operation)
        ]
    return _basis(priced) + f"<p>{text(MEANINGS)}</p>" + table([heads], rows) + _citations(priced, lines)


def _rank(members: list[Line], share: dict[object, float]) -> float:
    return -max(share[line.key.operation] for line in members)


def _price(line: Line, share: float) -> str:
    price = line.price
    low, high = figures(price.low * 1e12), figures(price.high * 1e12)
    cells = (
        figures(price.energy * 1e12),
        "" if low == high else f"{low} to {high}",
        origins.standing(price),
        "stated" if price.rule == "exact" else price.rule,
        figures(100 * share),
    )
    kinds = ("", "", ' class="prose"', ' class="prose"', "")
    name = wording.operation_name(line.key.operation)
    numbers = "".join(f"<td{kind}>{text(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True))
    return f'<tr><th scope="row">{text(name)}</th>{numbers}</tr>'


def _largest_shares(priced: Priced) -> dict[object, float]:
    """The largest share that each operation has in the energy of a row."""
    shares: dict[object, float] = defaultdict(float)
    for cell in priced.cells:
        mine: dict[object, float] = defaultdict(float)
        for line in cell.breakdown.lines if cell.breakdown else ():
            mine[line.key.operation] += float(line.energy.sum())
        total = sum(mine.values()) or 1.0
        for operation, energy in mine.items():
            shares[operation] = max(shares[operation], energy / total)
    return shares


def _basis(priced: Priced) -> str:
    """What the energy of each row rests on, and its static power."""
    heads = row_of(["network<br>machine, execution", "figures of", "standing", "static power: figures of"], "th")
    rows = []
    for cell in priced.cells:
        if cell.breakdown is None:
            continue
        energy, static = cell.breakdown.basis, cell.breakdown.static_basis
        standing = {str(name): share for name, share in energy.by_standing.items()}
        if energy.interpolated:
            standing["interpolated between two of these"] = energy.interpolated
        leakage = "-" if static is None else _shares_in_words(static.by_process)
        said = (_shares_in_words(energy.by_process), _shares_in_words(standing), leakage)
        shares = "".join(f'<td class="prose">{text(each)}</td>' for each in said)
        rows.append(f"<tr>{method(cell)}{shares}</tr>")
    return table([heads], rows, "words")


def _shares_in_words(shares: Mapping[Any, float]) -> str:
    """Shares of a whole in words, the largest first."""
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return "; ".join(f"{figures(100 * share)} % {name}" for name, share in ranked if share > 0)


def _citations(priced: Priced, lines: list[Line]) -> str:
    """The sources of prices and of their intervals, in full."""
    said = {f"{line.price.source} {line.price.where}" for line in lines}
    cited = {key: source for key, source in priced.table.sources.items() if any(key in each for each in said)}
    return f"<h3>Sources of {text(priced.table.name)}</h3>" + listed(
        f"{key}: {source}" for key, source in cited.items()
    )
