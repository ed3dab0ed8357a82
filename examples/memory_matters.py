"""How an advantage in arithmetic changes when memory is counted: a figure per method, on every table with the prices.

The papers price additions and multiplications alone. Here each method is compared with the fp32 network on a dense
array three times: by its synapses only, with the words that memories move, and in full.

python examples/memory_matters.py [DATA] [PAGE.html]          DATA: digits, or mnist (HWSIM_DATA)
"""

import dataclasses
import html
import math
import sys
from pathlib import Path

import pandas as pd

import hwsim
from hwsim.files import catalogue
from hwsim.pricing.lacking import lacking

RULES = ("bit-width-law", "interpolation")  # for widths and capacities between those that a table states
BASELINE = ("mlp", "mac-array")
METHODS = {  # network, and the machine that it is meant for
    "sigma-delta": ("mlp-rounding", "sigma-delta-adder"),
    "rounding": ("mlp-rounding", "rounding-adder"),
    "8 bits, zeros skipped": ("mlp-int8", "zero-skipping-mac"),
    "8 bits, differences": ("mlp-int8", "delta-mac"),
}
ACCESSES = ("sram_read", "sram_write", "dram_read", "dram_write")
SCOPES = {  # what is priced, by what a reader would call it
    "synapse only": lambda key: key.phase == "synapse",
    "and memory words": lambda key: key.phase == "synapse" or key.operation.kind in ACCESSES,
    "in full": lambda key: True,
}
COLORS = {"synapse only": "#56B4E9", "and memory words": "#E69F00", "in full": "#D55E00"}


def main(name="digits", page="memory_matters.html"):
    data = hwsim.load_dataset(name, split="test", order="temporal")
    done = {method: counted(name, data, *pair) for method, pair in {"": BASELINE, **METHODS}.items()}
    counts, accuracy = ({method: each[k] for method, each in done.items()} for k in (0, 1))
    rows = [row for method in METHODS for row in advantages(counts[""], counts[method], method)]
    frame = pd.DataFrame(rows)
    shown = frame.pivot_table(index=["method", "table"], columns="priced", values="times less", sort=False)
    answer = said(frame, name, accuracy)
    print(f"{answer}\n\nTimes less energy than {name}-{BASELINE[0]} on {BASELINE[1]}, {len(data):,} frames\n")
    print(shown[list(SCOPES)].to_string(float_format=lambda factor: f"{factor:.1f}", na_rep="-"))
    path = Path(page)
    frame.to_csv(path.with_suffix(".csv"), index=False)
    path.write_text(
        page_of(frame, answer, accuracy, f"{len(data):,} frames of {name} in temporal order"), encoding="utf-8"
    )
    print(f"\nwrote {path} and {path.with_suffix('.csv')}")


def counted(name, data, network, machine):
    """What a network does on a machine, and how often it is right."""
    machine = hwsim.load_machine(machine)
    run = hwsim.simulate(f"{name}-{network}", data, machine.execution)
    return hwsim.count(run.activity, machine), f"{100 * run.accuracy:.1f} %"


def advantages(baseline, counts, method):
    """How many times less energy than the baseline, on each table that has the prices, for each scope."""
    for name in catalogue.table_names():
        table = hwsim.load_table(name, RULES)
        for scope, belongs in SCOPES.items():
            both = [part_of(each, belongs) for each in (baseline, counts)]
            if any(lacking(each, table) for each in both):
                continue
            one, other = (hwsim.price(each, table) for each in both)
            ends = sorted((one.low / other.low, one.high / other.high))  # all prices low, all prices high
            yield {
                "method": method,
                "table": name,
                "priced": scope,
                "times less": one.total / other.total,
                "at one end of the prices": ends[0],
                "at the other": ends[1],
                "energy [J per inference]": other.per_inference,
                "baseline energy [J per inference]": one.per_inference,
            }


def part_of(counts, belongs):
    """The counts of one scope."""
    return dataclasses.replace(counts, entries={key: n for key, n in counts.entries.items() if belongs(key)})


def said(frame, name, accuracy):
    """The answer, in a sentence."""
    own = frame[(frame["method"] == "sigma-delta") & (frame["table"] == "default_45nm")].set_index("priced")
    alone, full = own["times less"]["synapse only"], own["times less"]["in full"]
    return (
        f"Sigma-delta on {name}: {alone:.0f} times less energy than the fp32 network if only synapses are priced, "
        f"{full:.0f} times less in full (default_45nm; accuracy {accuracy['sigma-delta']} instead of {accuracy['']})"
    )


def figure_of(frame):
    """Bars of one method: a group for each table, a bar for each scope."""
    import plotly.graph_objects as go

    tables = list(dict.fromkeys(frame["table"]))
    tables.sort(key=lambda table: (-frame[frame["table"] == table]["priced"].nunique(), table))
    figure = go.Figure()
    for scope in SCOPES:
        add_bars(figure, frame[frame["priced"] == scope].set_index("table").reindex(tables), scope)
    low, high = min(1.0, *frame["at one end of the prices"]), max(1.0, *frame["at the other"])
    figure.update_layout(
        template="plotly_white",
        height=120 + 66 * len(tables),
        margin={"l": 8, "r": 30, "t": 8, "b": 8},
        bargap=0.25,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        xaxis={
            "title": "times less energy than the fp32 network on a dense array",
            "type": "log",
            "range": [math.log10(low), math.log10(1.2 * high)],
            "dtick": "D2",
        },
        yaxis={"autorange": "reversed", "automargin": True},
    )
    return figure


def add_bars(figure, part, scope):
    """A bar for each table, with its whiskers; where there is no price, words."""
    times = part["times less"]
    figure.add_bar(
        y=part.index,
        x=times.fillna(1.0),
        name=scope,
        orientation="h",
        marker_color=COLORS[scope],
        text=[f"{factor:.0f}x   " if factor == factor else f" {scope}: not priced" for factor in times],
        textposition=["inside" if factor == factor else "outside" for factor in times],
        insidetextanchor="end",
        insidetextfont={"color": "black", "size": 12},
        cliponaxis=False,
        error_x={
            "type": "data",
            "array": part["at the other"] - times,
            "arrayminus": times - part["at one end of the prices"],
            "thickness": 1,
            "width": 3,
        },
        hovertemplate="%{y}, " + scope + ": %{x:.2f} times less<extra></extra>",
    )


def page_of(frame, answer, accuracy, subject):
    """One page that opens offline."""
    parts = []
    for method in METHODS:
        script = not parts  # plotly itself, once
        figure = figure_of(frame[frame["method"] == method])
        drawn = figure.to_html(full_html=False, include_plotlyjs=script, config={"displayModeBar": False})
        title = f"{method}: {' on '.join(METHODS[method])}, accuracy {accuracy[method]}"
        parts.append(f"<h2>{html.escape(title)}</h2>{drawn}")
    notes = (
        f"{subject}. Baseline: {' on '.join(BASELINE)}. Whiskers: all prices at their lowest, all at their highest, "
        "where a table states an interval. Memory words: reads and writes of memories; in full also registers, "
        "addresses, neurons and inputs. Tables without a price that is needed are left out, or say so."
    )
    style = "body{font:16px system-ui,sans-serif;max-width:1000px;margin:24px auto;padding:0 16px;color:#1f2933}"
    style += "h1{font-size:24px;line-height:1.3}h2{font-size:18px;margin:28px 0 4px}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Memory matters</title>'
        f"<style>{style}</style></head><body><h1>{html.escape(answer)}</h1><p>{html.escape(notes)}</p>{''.join(parts)}</body></html>"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
