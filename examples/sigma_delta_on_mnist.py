"""What does a perceptron cost on MNIST as a rounding and as a sigma-delta network, for the scales that one can learn?

    python examples/sigma_delta_on_mnist.py --out FOLDER

The second experiment of O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017 (section 5.2), for the network
that ships with hwsim: scales of 1, the paper's ten lambda, and scales learned for what changes cost; on MNIST and on
Temporal-MNIST, whose frames are in an order in which each is near the one before. Beside the paper's figures, which are
operations in the synapses priced as int32 or fp32, stands the energy of everything, memory included. Learning takes a
while, and goes on where it was interrupted. Writes mnist.csv and mnist.html.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

import hwsim
from hwsim.convert import sigma_delta
from hwsim.train.scale_sweep import sweep
from hwsim.train.scales import RECIPES, Settings

RECIPES_AND_LAMBDAS = {  # error that an addition per frame is worth; the paper's lambda are for a batch of ten frames
    "paper": (RECIPES["paper-adam"], 10 * np.geomspace(1e-10, 1e-5, 10)),
    "temporal": (RECIPES["temporal"] | {"epochs": 10}, np.geomspace(1e-5 / 3, 2.7e-4, 5)),
}
ORDERS = ("file", "temporal")
MACHINES = {"sparse": "rounding-adder", "delta": "sigma-delta-adder"}
COLORS = {"original": "#000000", "scales of 1": "#009E73", "paper": "#0072B2", "temporal": "#D55E00"}
DASHES = {"sparse": "dot", "delta": "solid"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="mnist-mlp", help="a float network")
    parser.add_argument("--out", type=Path, default=Path("sigma-delta-on-mnist"), help="folder to write")
    parser.add_argument("--learn", type=int, default=10_000, help="training frames to learn on")
    parser.add_argument("--frames", type=int, help="only the first so many test frames")
    arguments = parser.parse_args()
    network = hwsim.load_network(arguments.network)
    tests = {order: hwsim.load_dataset("mnist", order=order, frames=arguments.frames) for order in ORDERS}
    trains = {order: hwsim.load_dataset("mnist", "train", order=order, frames=arguments.learn) for order in ORDERS}
    rows = original_rows(network, trains["file"], tests)
    for recipe in RECIPES_AND_LAMBDAS:
        rows += learned_rows(network, recipe, trains, tests, arguments.out / recipe)
    table = pd.DataFrame(rows)
    table.to_csv(arguments.out / "mnist.csv", index=False)
    figure(table, network).write_html(arguments.out / "mnist.html", include_plotlyjs=True)
    print(table.drop(columns=["scales"]).to_string(index=False))
    print(f"wrote {arguments.out}/mnist.csv and {arguments.out}/mnist.html")


def original_rows(network, train, tests):
    """The float network, every input or the non-zero ones."""
    rows = []
    train_error = 100 * (1 - hwsim.simulate(network, train, "sparse").accuracy)
    for order, test in tests.items():
        for execution, machine in (("dense", "mac-array"), ("sparse", "zero-skipping-mac")):
            run = hwsim.simulate(network, test, execution)
            rows.append(row("original", order, execution, run, hwsim.count(run.activity, machine), train_error))
    return rows


def learned_rows(network, recipe, trains, tests, folder):
    """Scales for every lambda, and what their integer networks cost."""
    changes, lams = RECIPES_AND_LAMBDAS[recipe]
    settings = Settings(1.0, **changes)
    ordered = trains["temporal" if settings.cost == "temporal" else "file"]
    told = print_progress(recipe)
    swept = sweep(network, ordered, tests["temporal"], lams, settings, folder, progress=told)
    rows = []
    for one in swept.to_dict("records"):
        if one["lambda"] == 0 and recipe != "paper":
            continue  # scales of 1 are known already
        kind, scales = ("scales of 1", 1.0) if one["lambda"] == 0 else (recipe, folder / one["scales"])
        converted = sigma_delta.convert(network, ordered, scales, headroom=1)
        train_error = 100 * (1 - hwsim.simulate(converted, trains["file"], "sparse").accuracy)
        stated = {"lambda": one["lambda"], "scales": one["scales"]}
        for order, test in tests.items():
            for execution, machine in MACHINES.items():
                run = hwsim.simulate(converted, test, execution)
                counts = hwsim.count(run.activity, machine)
                rows.append(row(kind, order, execution, run, counts, train_error) | stated)
    return rows


def row(kind, order, execution, run, counts, train_error):
    """Errors, operations and energies of one run."""
    n_frame = len(run.outputs)
    additions, multiplications = (counts.total("synapse", kind) / n_frame for kind in ("addition", "multiplication"))

    def in_synapses(format):
        supposed = counts.as_format(format)
        return hwsim.price(supposed, "horowitz_2014_45nm", phases=["synapse"]).per_inference * 1e9

    return {
        "scales learned": kind,
        "order": order,
        "execution": execution,
        "error, train [%]": round(train_error, 3),
        "error, test [%]": round(100 * (1 - run.accuracy), 3),
        "kilo-operations per frame": (additions + multiplications) / 1e3,
        "additions per frame": additions,
        "multiplications per frame": multiplications,
        "int32, synapses [nJ]": in_synapses("int32"),
        "fp32, synapses [nJ]": in_synapses("fp32"),
        "everything [nJ]": hwsim.price(counts, "default_45nm").per_inference * 1e9,
    }


def figure(table, network):
    """Error against operations, int32 energy as in the paper, and the energy of everything, in both orders."""
    columns = ["kilo-operations per frame", "int32, synapses [nJ]", "everything [nJ]"]
    titles = [f"{order} order" for order in ORDERS for _ in columns]
    page = make_subplots(rows=2, cols=3, subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.04)
    for (kind, order, execution), rows in table.groupby(["scales learned", "order", "execution"], sort=False):
        rows = rows.sort_values("kilo-operations per frame")
        for column, what in enumerate(columns, 1):
            page.add_scatter(
                x=rows[what],
                y=rows["error, test [%]"],
                name=f"{kind}, {execution}",
                legendgroup=f"{kind}, {execution}",
                showlegend=order == "file" and column == 1,
                mode="markers" if len(rows) == 1 else "lines+markers",
                line={"color": COLORS[kind], "dash": DASHES.get(execution, "solid")},
                marker={"symbol": {"dense": "square", "sparse": "circle-open"}.get(execution, "circle")},
                row=1 + ORDERS.index(order),
                col=column,
            )
    for column, what in enumerate(columns, 1):
        page.update_xaxes(type="log", title_text=what, row=2, col=column)
        page.update_xaxes(type="log", row=1, col=column)
    page.update_yaxes(type="log")
    page.update_yaxes(title_text="test error [%]", col=1)
    title = f"{network.name} on MNIST and Temporal-MNIST: error, and what it takes"
    page.update_layout(title=title, template="plotly_white", height=800)
    return page


def print_progress(recipe):
    """Say when another lambda is begun."""
    said = set()

    def told(done, text):
        if text not in said:
            said.add(text)
            print(f"{recipe}: {done:.0%} of the sweep, {text}", flush=True)

    return told


if __name__ == "__main__":
    main()
