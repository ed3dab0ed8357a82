"""Energy per inference and per training step of all training methods: one table and one figure.

    python examples/few_multiplications.py [--machine zero-skipping-mac] [--table default_45nm] [--frames 1000]

needs mnist (HWSIM_DATA, or a download). Every network is the 784-200-200-10 of its method in models/; all run on the
same test images on one machine. A training step is one minibatch of the same layers with batch norm, counted whole.
"""

import argparse
import math
from pathlib import Path

import hwsim
from hwsim.files.catalogue import network_names
from hwsim.report.units import figures
from hwsim.training_cost import METHODS

PAGE = Path("few-multiplications.html")
MARGIN = 0.25
"""Room for names beside the outermost points. [powers of ten]"""

PICOJOULE, NANOJOULE, MICROJOULE = 1e-12, 1e-9, 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", default="zero-skipping-mac")
    parser.add_argument("--table", default="default_45nm")
    parser.add_argument("--frames", type=int, default=1000, help="test images that energy per inference is the mean of")
    parser.add_argument("--batch", type=int, default=100, help="frames of a training step")
    parser.add_argument("--html", type=Path, default=PAGE)
    arguments = parser.parse_args()
    machine = hwsim.load_machine(arguments.machine)
    data = hwsim.load_dataset("mnist", split="test", frames=arguments.frames)
    rows = [measure(method, machine, arguments, data) for method in METHODS if f"mnist-{method}" in network_names()]
    print(
        f"784-200-200-10 on {machine.name}, {arguments.table}: means of {len(data):,} test images; training steps of "
    )
    print(f"{arguments.batch} frames, arithmetic only; test accuracy on all images, as each network states it\n")
    print(table(rows))
    print(f"\n{answer(rows)}")
    write_figure(rows, f"784-200-200-10 on {machine.name}, {arguments.table}", arguments.html)
    print(f"\nwrote {arguments.html}")


def measure(method, machine, arguments, data):
    """One row: accuracy, and what an inference and a training frame cost."""
    network = hwsim.load_network(f"mnist-{method}")
    run = hwsim.simulate(network, data, execution=machine.execution)
    energy = hwsim.price(hwsim.count(run.activity, machine), arguments.table)
    counts = energy.counts
    layers = tuple(int(n) for n in network.about["layers"].split("-"))
    step = hwsim.count_training(layers, method, arguments.batch, batch_norm=True, accounting="complete")
    training = hwsim.price(step, arguments.table)
    n = counts.n_inference
    return {
        "method": method,
        "accuracy": network.about["accuracy"]["percent"],
        "multiplications": counts.total(kind="multiplication") / n,
        "additions": (counts.total(kind="addition") - counts.total("memory", "addition")) / n,  # not of addresses
        "arithmetic": (energy.total - energy.of(phase="memory")) / n / NANOJOULE,
        "inference": energy.per_inference / NANOJOULE,
        "step multiplications": step.total(kind="multiplication") / arguments.batch,
        "step": training.per_inference / MICROJOULE,
    }


def answer(rows):
    """Who needs least energy, without losing accuracy and of all, against full precision."""
    whole = next((row for row in rows if row["method"] == "full-precision"), None)
    if whole is None:
        return "No full-precision network to compare with."

    def least(among):
        parts = []
        for what, text in (("inference", "an inference"), ("arithmetic", "its arithmetic"), ("step", "training")):
            row = min(among, key=lambda row: row[what])
            parts.append(f"{text}, {row['method']}, {figures(whole[what] / row[what])}x less")
        return "; ".join(parts)

    as_good = [row for row in rows if row["accuracy"] >= whole["accuracy"]]
    return (
        f"Least energy at full precision's {whole['accuracy']:.2f} % or more: {least(as_good)}.\n"
        f"At any accuracy: {least(rows)}."
    )


def table(rows):
    """The rows as text."""
    columns = {
        "method": "method",
        "accuracy": "test acc %",
        "multiplications": "mult. per inference",
        "additions": "add. per inference",
        "arithmetic": "arithmetic nJ",
        "inference": "with memory nJ",
        "step multiplications": "mult. per training frame",
        "step": "training µJ per frame",
    }
    lines = [list(columns.values())]
    for row in rows:
        shown = [row["method"], f"{row['accuracy']:.2f}"]
        lines.append(shown + [figures(row[name]) for name in list(columns)[2:]])
    widths = [max(len(line[k]) for line in lines) for k in range(len(columns))]
    texts = [
        "  ".join(cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    return "\n".join([texts[0], "-" * len(texts[0]), *texts[1:]])


def sides(x, rows):
    """Where each point's name goes so that names cover neither one another nor points, as far as that can be had."""
    y = [row["accuracy"] for row in rows]
    wide, high = (max(x) - min(x) + 2 * MARGIN) / 300, (max(y) - min(y) or 1) / 600  # a pixel, roughly
    boxes = [(a - 4 * wide, a + 4 * wide, b - 4 * high, b + 4 * high) for a, b in zip(x, y, strict=True)]
    places = {"top center": (0, 12), "bottom center": (0, -12), "middle right": (1, 0), "middle left": (-1, 0)}
    found = []
    for a, b, row in zip(x, y, rows, strict=True):
        half, names = 2.8 * wide * len(row["method"]), {}
        for place, (across, up) in places.items():
            middle, level = a + across * (half + 6 * wide), b + up * high
            names[place] = (middle - half, middle + half, level - 6 * high, level + 6 * high)
        best = min(names, key=lambda place: sum(overlap(names[place], box) for box in boxes))
        boxes.append(names[best])
        found.append(best)
    return found


def overlap(one, other):
    """Area that two boxes (left, right, lower, upper) share."""
    across = min(one[1], other[1]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[2], other[2])
    return max(across, 0) * max(up, 0)


def write_figure(rows, title, path):
    """Accuracy above energy per inference, and energy per training frame beside it."""
    import plotly.graph_objects as graph
    from plotly.subplots import make_subplots

    heads = ("arithmetic of an inference", "an inference, with memory", "arithmetic of training with a frame")
    figure = make_subplots(rows=1, cols=3, subplot_titles=heads, shared_yaxes=True)
    for column, (name, unit) in enumerate((("arithmetic", "nJ"), ("inference", "nJ"), ("step", "µJ")), 1):
        points = graph.Scatter(
            x=[row[name] for row in rows],
            y=[row["accuracy"] for row in rows],
            text=[row["method"] for row in rows],
            mode="markers+text",
            textposition=sides([math.log10(row[name]) for row in rows], rows),
            textfont={"size": 10},
            cliponaxis=False,
            showlegend=False,
        )
        figure.add_trace(points, row=1, col=column)
        ends = [math.log10(end(points.x)) + beside for end, beside in ((min, -MARGIN), (max, MARGIN))]
        figure.update_xaxes(title_text=f"energy [{unit}]", type="log", range=ends, row=1, col=column)
    figure.update_yaxes(title_text="test accuracy [%]", row=1, col=1)
    lines = answer(rows).replace("\n", "<br>")
    heading = {"text": f"{title}<br><sup>{lines}</sup>", "y": 0.97, "yanchor": "top"}
    figure.update_layout(title=heading, template="plotly_white", height=840, margin={"t": 130})
    figure.write_html(path, include_plotlyjs=True)


if __name__ == "__main__":
    main()
