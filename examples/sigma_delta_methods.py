"""Which way of choosing scales needs the fewest additions for the same error?

    python examples/sigma_delta_methods.py NETWORK [NETWORK ...] --out FOLDER

Sigma-delta networks on Temporal-MNIST, at 0.3 and 0.8 points of error above the original: scales learned as O'Connor &
Welling (ICLR 2017) do, for what a rounding network computes; for what a sigma-delta network computes, the changes; in
closed form; with a scale, gain and offset for every unit; and with dead zones of two steps. Scales are chosen on
training frames, and measured on test frames. Of several networks of one shape, trained from different seeds, the mean
curve counts: error and additions, for each lambda. Learning takes a while, and goes on where it was interrupted. Writes
methods.csv, curves.csv and methods.html.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.express as px

import hwsim
from hwsim.convert import sigma_delta
from hwsim.convert.coding import Coding, read_codings
from hwsim.train.scale_sweep import additions_at, sweep
from hwsim.train.scales import RECIPES, Settings

POINTS = (0.3, 0.8)
ABOVE = "points above the original"
# the paper's, with a fifth of its frames in batches of 100: at 50 times its rate, scales go as far in 30 epochs
SGD = RECIPES["paper"] | {"normalization": "per-sample", "batch_size": 100, "learning_rate": 0.05}
PAPER = 10 * np.geomspace(1e-10, 1e-5, 10)[4:8]  # of its ten lambda, those that come near; per frame, not per batch
SHARP = 2e-7 * 40 ** (np.arange(5) / 3)  # for a temperature of 1
SOFT = np.geomspace(1e-5 / 3, 2.7e-4, 5)  # and of 4
ALONE = RECIPES["paper-adam"] | {"cost": "temporal"}
OURS = RECIPES["temporal"] | {"epochs": 10}
LAYERWISE = OURS | {"per_unit": False, "gains_and_offsets": False, "learning_rate": 0.02, "epochs": 5}
METHODS = {
    "paper": (RECIPES["paper-adam"], SHARP),
    "paper, SGD": (SGD, PAPER),
    "(a) temporal cost": (ALONE, SHARP),
    "(b) closed form, not learned": (ALONE | {"start": "closed-form", "epochs": 0}, SHARP),
    "(a), (b)": (ALONE | {"start": "closed-form"}, SHARP),
    "(a), (b), secant at temperature 4": (LAYERWISE, SOFT),
    "the same, per unit": (OURS | {"gains_and_offsets": False}, SOFT),
    "the same, gains and offsets": (OURS, SOFT),
    "the same, started at 1": (OURS | {"start": "one"}, SOFT),
}
DEAD_ZONES = {
    "dead zone of the input": ("dense1",),
    "dead zone of hidden layers": ("dense2", "dense3"),
    "dead zone of all layers": ("dense1", "dense2", "dense3"),
}
BASE = "(a), (b), secant at temperature 4"  # whose scales dead zones begin with
SENDERS = {"dense1": "input", "dense2": "dense1", "dense3": "dense2"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", help="float networks, names or folders")
    parser.add_argument("--out", type=Path, default=Path("sigma-delta-methods"), help="folder to write")
    parser.add_argument("--learn", type=int, default=10_000, help="training frames to learn on")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    arguments = parser.parse_args()
    frames = {
        cost: hwsim.load_dataset("mnist", "train", order=order, frames=arguments.learn)
        for cost, order in (("rounding", "file"), ("temporal", "temporal"))
    }
    test = hwsim.load_dataset("mnist", order="temporal")
    curves = []
    for name in arguments.networks:
        network = hwsim.load_network(name)
        original = 100 * (1 - hwsim.simulate(network, test, "sparse").accuracy)
        for method in arguments.methods:
            changes, lams = METHODS[method]
            settings = Settings(1.0, **changes)
            folder = arguments.out / network.name / "-".join(re.findall(r"\w+", method))
            rows = sweep(network, frames[settings.cost], test, lams, settings, folder, progress=progress(name, method))
            curves.append(rows.assign(network=network.name, method=method, original=original))
            if method == BASE:
                curves += dead_zones(network, frames["temporal"], test, rows, folder, original)
    curves = pd.concat(curves, ignore_index=True)
    curves[ABOVE] = curves["error [%]"] - curves["original"]
    curves.to_csv(arguments.out / "curves.csv", index=False)
    table = compare(curves)
    table.to_csv(arguments.out / "methods.csv", index=False)
    figure(curves).write_html(arguments.out / "methods.html", include_plotlyjs=True)
    print(table.to_string(index=False))
    print(f"wrote {arguments.out}/methods.csv, {arguments.out}/curves.csv and {arguments.out}/methods.html")


def dead_zones(network, train, test, rows, folder, original):
    """Layerwise scales twice as fine in some layers, whose changes are sent from two codes on."""
    names = list(SENDERS)
    found = []
    for zone, layers in DEAD_ZONES.items():
        file = folder / f"{zone.replace(' ', '-')}.csv"
        if not file.exists():
            measured = [measure_dead_zone(network, train, test, row, folder, names, layers) for row in learned(rows)]
            pd.DataFrame(measured).to_csv(file, index=False)
        found.append(pd.read_csv(file).assign(network=network.name, method=zone, original=original))
    return found


def learned(rows):
    return [row for row in rows.to_dict("records") if row["lambda"] > 0]


def measure_dead_zone(network, train, test, row, folder, names, layers):
    codings = read_codings(folder / row["scales"], names, network.digest)
    finer = [
        Coding(2 * each.scale if name in layers else each.scale) for name, each in zip(names, codings, strict=True)
    ]
    converted = sigma_delta.convert(network, train, finer, headroom=1)
    run = hwsim.simulate(converted, test, hwsim.Delta({SENDERS[name]: 2 for name in layers}))
    additions = hwsim.count(run.activity, "sigma-delta-adder").total("synapse", "addition") / len(test)
    return {
        "lambda": row["lambda"],
        "error [%]": round(100 * (1 - run.accuracy), 4),
        "additions per frame, sigma-delta": round(additions, 1),
    }


def compare(curves):
    """Additions per frame at the two errors, on the mean curve and on each network's; in percent of the paper's."""
    rows = []
    for method, of_method in curves[curves["lambda"] > 0].groupby("method", sort=False):
        networks = [of_one for _, of_one in of_method.groupby("network")]
        row = {"method": method, "networks": len(networks), "lambdas": len(mean_curve(of_method))}
        for points in POINTS:
            row[f"additions at +{points}"] = additions_at(mean_curve(of_method), points, column=ABOVE)
            row[f"of each at +{points}"] = ", ".join(
                f"{additions_at(one, points, column=ABOVE):,.0f}" for one in networks
            )
        rows.append(row)
    table = pd.DataFrame(rows)
    for points in POINTS:
        paper = table.loc[table["method"] == "paper", f"additions at +{points}"]
        if len(paper):
            table[f"of the paper's at +{points} [%]"] = 100 * table[f"additions at +{points}"] / paper.iloc[0]
    return table.round(1)


def mean_curve(rows):
    """Mean over networks of error and additions, for each lambda that all have."""
    by_lambda = rows.groupby(rows["lambda"].map("{:.4g}".format))
    means = by_lambda[[ABOVE, "additions per frame, sigma-delta"]].mean()
    return means[by_lambda.size() == rows["network"].nunique()]


def figure(curves):
    shown = curves[curves["lambda"] > 0].sort_values("additions per frame, sigma-delta")
    page = px.line(
        shown,
        x="additions per frame, sigma-delta",
        y=ABOVE,
        color="method",
        line_dash="network",
        color_discrete_sequence=px.colors.qualitative.Dark24,
        category_orders={"method": [*METHODS, *DEAD_ZONES]},
        range_y=(0, 2),
        height=800,
        markers=True,
        log_x=True,
        hover_data=["lambda"],
        template="plotly_white",
        title="Sigma-delta networks on Temporal-MNIST: error above the original, and additions",
    )
    for points in POINTS:
        page.add_hline(points, line_dash="dot", line_color="#999999")
    return page


def progress(network, method):
    """Say when another lambda is begun."""
    said = set()

    def told(done, text):
        if text not in said:
            said.add(text)
            print(f"{network}, {method}: {done:.0%} of the sweep, {text}", flush=True)

    return told


if __name__ == "__main__":
    main()
