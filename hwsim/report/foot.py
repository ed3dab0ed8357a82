"""The page's foot: what was assumed, how the networks were made, and where every price comes from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hwsim.pricing.basis import IN_WORDS
from hwsim.pricing.breakdown import Breakdown, Line
from hwsim.pricing.energy_table.price import Price, Process
from hwsim.report import origins, wording
from hwsim.report.memories import operation_name, sizes
from hwsim.report.sections import listed, method, row_of, table, text
from hwsim.report.units import figures
from hwsim.report.wording import Priced
from hwsim.study.comparison import Comparison

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
    heads = row_of(["network<br>machine, execution", "weights", "state", "activations", "codes saturated"], "th")
    names = ("weights", "state", "activations")
    lines = [
        f"<tr>{method(cell)}{''.join(f'<td>{text(sizes(cell, name))}</td>' for name in names)}"
        f"<td>{cell.n_saturated:,}</td></tr>"
        for cell in rows.values()
    ]
    return table([heads], lines)


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
    used = {_name(line, found): line for found in priced.breakdowns for line in found.lines}
    share = _largest_shares(priced)
    groups: dict[tuple[str, Process, str, str], dict[str, Line]] = defaultdict(dict)
    for name, line in used.items():
        groups[line.price.source, line.price.process, line.price.standing, line.price.where][name] = line
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
        in_order = sorted(members.items(), key=lambda item: item[1].key.operation)
        rows += [_price(name, line.price, share[name]) for name, line in in_order]
    return _basis(priced) + f"<p>{text(MEANINGS)}</p>" + table([heads], rows) + _citations(priced)


def _name(line: Line, breakdown: Breakdown) -> str:
    return operation_name(line.key.operation, breakdown.counts)


def _rank(names: Iterable[str], share: Mapping[str, float]) -> float:
    return -max(share[name] for name in names)


def _price(name: str, price: Price, share: float) -> str:
    low, high = figures(price.low * 1e12), figures(price.high * 1e12)
    cells = (
        figures(price.energy * 1e12),
        "" if low == high else f"{low} to {high}",
        origins.standing(price),
        "stated" if price.rule == "exact" else price.rule,
        figures(100 * share),
    )
    kinds = ("", "", ' class="prose"', ' class="prose"', "")
    numbers = "".join(f"<td{kind}>{text(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True))
    return f'<tr><th scope="row">{text(name)}</th>{numbers}</tr>'


def _largest_shares(priced: Priced) -> dict[str, float]:
    """The largest share that each operation, by its name, has in the energy of a row."""
    shares: dict[str, float] = defaultdict(float)
    for breakdown in priced.breakdowns:
        mine: dict[str, float] = defaultdict(float)
        for line in breakdown.lines:
            mine[_name(line, breakdown)] += float(line.energy.sum())
        total = sum(mine.values()) or 1.0
        for name, energy in mine.items():
            shares[name] = max(shares[name], energy / total)
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
        for rule, share in energy.by_rule.items():
            if rule in IN_WORDS:
                between = rule == "interpolation"
                standing["interpolated between two of these" if between else f"priced {IN_WORDS[rule]}"] = share
        leakage = "-" if static is None else _shares_in_words(static.by_process)
        said = (_shares_in_words(energy.by_process), _shares_in_words(standing), leakage)
        shares = "".join(f'<td class="prose">{text(each)}</td>' for each in said)
        rows.append(f"<tr>{method(cell)}{shares}</tr>")
    return table([heads], rows, "words")


def _shares_in_words(shares: Mapping[Any, float]) -> str:
    """Shares of a whole in words, the largest first."""
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return "; ".join(f"{figures(100 * share)} % {name}" for name, share in ranked if share > 0)


def _citations(priced: Priced) -> str:
    """The sources of prices and of their intervals, in full."""
    said = {f"{line.price.source} {line.price.where}" for found in priced.breakdowns for line in found.lines}
    cited = {key: source for key, source in priced.table.sources.items() if any(key in each for each in said)}
    return f"<h3>Sources of {text(priced.table.name)}</h3>" + listed(
        f"{key}: {source}" for key, source in cited.items()
    )
