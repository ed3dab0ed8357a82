"""Networks and tables as text, for the command line's `show` and `list`."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Synaptic
from hwsim.pricing.energy_table import EnergyTable

if TYPE_CHECKING:
    import pandas as pd


def frame_text(frame: "pd.DataFrame") -> str:
    """A data frame whole, without its index; what is missing is left blank."""
    return str(frame.to_string(index=False, na_rep="", float_format=lambda number: f"{number:g}"))


def columns_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows of text as columns, each as wide as its widest cell; a head is a row like any other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in padded)


def table_text(table: EnergyTable) -> str:
    """Every price of a table with its standing and source, what it cannot price, and its sources."""
    rows = [_price_row(row) for row in table.to_dataframe().to_dict("records")]
    heads = ("operation", "of", "energy [pJ]", "standing", "source", "where")
    return "\n".join(
        [
            f"{table.name}: {table.process}",
            table.description.strip(),
            "",
            columns_text([heads, *rows]),
            "",
            *_of_other_processes(table),
            f"no price for: {', '.join(table.lacks) or 'nothing'}",
            *_beside_the_prices(table),
            "",
            *table.citation.splitlines(),
        ]
    )


def _of_other_processes(table: EnergyTable) -> list[str]:
    """That figures are of other processes than the table."""
    others = [str(process) for process in table.other_processes]
    return [f"figures of another process than {table.own_process}: {'; '.join(others)}"] if others else []


def _beside_the_prices(table: EnergyTable) -> list[str]:
    """What a table states beside the energies that it prices, with its rules and variants."""
    lines = [f"rules used where no price is stated: {', '.join(table.rules)}"] if table.rules else []
    lines += [f"variant {table.name}:{name}: {what}" for name, what in table.variants.items()]
    lines += [
        f"not counted: {of}: {1e12 * each.energy:g} pJ ({each.standing}, {each.source}: {each.where})"
        for of, each in table.unpriced.items()
    ]
    for of, powers in table.leakage.items():
        least, most = min(each.power for each in powers), max(each.power for each in powers)
        shown = f"{1e9 * least:g} nW" if least == most else f"{1e9 * least:g} to {1e9 * most:g} nW, by size"
        per = f" per {powers[0].per}" if powers[0].per else ""
        priced = "in power at a rate" if of in ("chip", "sram") else "not priced"
        lines.append(f"leakage, {priced}: {of}: {shown}{per} ({powers[0].standing}, {powers[0].source})")
    return lines


def _price_row(row: dict[Hashable, Any]) -> tuple[str, ...]:
    capacity, word_length = int(row["capacity [bytes]"]), int(row["word length [bits]"])
    size = f"{capacity // 1024:,} KiB" if capacity >= 1024 else f"{capacity} bytes"
    of = row["format"] or (f"{size} x {word_length} bits" if capacity else f"{word_length} bits")
    energy, low, high = row["energy [pJ]"], row["low [pJ]"], row["high [pJ]"]
    if np.isnan(energy):
        shown = row["rule"].removeprefix("law: ")
    else:
        shown = f"{energy:g}" + (f" ({low:g} to {high:g})" if low < high else "")
    return row["operation"], of, shown, row["standing"], row["source"], row["where"]


def accuracy_text(network: Network) -> str:
    """The accuracy a network states, e.g. ``98.38 % of 10,000 frames of mnist test``."""
    accuracy = network.about.get("accuracy")
    if not isinstance(accuracy, dict):
        return "accuracy not stated"
    return f"{accuracy['percent']} % of {accuracy['frames']:,} frames of {accuracy['data_set']}"


def _reads(network: Network, k: int) -> str:
    """What a layer reads, where that is not the layer before it."""
    before = network.layers[k - 1].name if k else INPUT
    inputs = network.layers[k].inputs
    return "" if inputs == (before,) else ", ".join(inputs)


def network_text(network: Network) -> str:
    """A network's layers with shapes, formats and bounds, and how it was made."""
    import pandas as pd

    rows = []
    for k, layer in enumerate(network.layers):
        signal = network.signals[layer.name]
        row = {"layer": layer.name, "kind": type(layer).__name__, "reads": _reads(network, k)}
        row["shape"] = "x".join(map(str, signal.shape))
        if isinstance(layer, Synaptic):
            zeros = [1 - np.count_nonzero(term.code) / term.code.size for term in layer.terms]
            row["weights"] = " + ".join(str(term.format) for term in layer.terms)
            row["zero weights"] = " + ".join(f"{share:.1%}" for share in zeros)
        row["format"] = str(signal.format)
        row["reaches"] = f"{signal.bound:,}" if signal.bound else ""
        rows.append(row)
    if not any(row["reads"] for row in rows):
        rows = [{key: row[key] for key in row if key != "reads"} for row in rows]
    arithmetic = "every sum is of integers: executions give the same bits" if network.is_integer else "real arithmetic"
    lines = [
        f"{network.name}: {accuracy_text(network)}",
        f"frames of shape {network.input_shape}, {network.input_format}; {arithmetic}",
        f"digest {network.digest[:16]}",
        "",
        frame_text(pd.DataFrame(rows).fillna("")),
        "",
        *(f"{key}: {value}" for key, value in network.about.items() if key != "accuracy"),
    ]
    return "\n".join(lines)
