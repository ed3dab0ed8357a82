"""Do learned scales find the best trade between error and computation? On a random network, all can be tried.

    python examples/sigma_delta_toy.py --out FOLDER

The first experiment of O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017 (section 5.1): a network of
100-100-100-100 units with ReLU, whose weights are then multiplied by 1/2, 8 and 1/4, which changes nothing but which
scales are good. Scales learned for six lambda are put beside 1,000 random ones. Writes toy.csv and toy.html.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

import hwsim
from hwsim import Dense, Network, ReLU, Weight
from hwsim.train.scales import Settings, learn

MULTIPLIERS = (0.5, 8.0, 0.25)
LAMBDAS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
N_UNIT, N_FRAME, N_RANDOM = 100, 100, 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("sigma-delta-toy"), help="folder to write")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1234)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    network = random_network(generator)
    frames = generator.normal(size=(N_FRAME, N_UNIT)).astype(np.float32)
    rows = [measure(network, frames, np.ones(3), "scales of 1")]
    for scales in np.abs(generator.normal(3, 4, (N_RANDOM, 3))):
        rows.append(measure(network, frames, scales, "random"))
    for lam in LAMBDAS:
        settings = Settings(lam, loss="l2", learning_rate=0.003, epochs=arguments.epochs, seed=arguments.seed)
        learned = learn(network, hwsim.Dataset(frames, name="normal"), settings)
        scales = np.array([float(each.scale) for each in learned.codings.values()])
        rows.append(measure(network, frames, scales, "learned") | {"lambda": lam})
    table = pd.DataFrame(rows)
    table["better random ones"] = [better(table, row) for row in table.to_dict("records")]
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "toy.csv", index=False)
    figure(table).write_html(arguments.out / "toy.html", include_plotlyjs=True)
    print(table[table["kind"] != "random"].to_string(index=False))
    print(f"wrote {arguments.out}/toy.csv and {arguments.out}/toy.html")


def random_network(generator):
    """Weights of variance 2 / n_in, times the multipliers; no biases, and ReLU at the end, too."""
    layers = []
    for number, multiplier in enumerate(MULTIPLIERS, 1):
        weight = generator.normal(0, (2 / N_UNIT) ** 0.5, (N_UNIT, N_UNIT)) * multiplier
        layers += [Dense(f"dense{number}", terms=(Weight(weight.astype(np.float32)),)), ReLU(f"relu{number}")]
    return Network("random", (N_UNIT,), tuple(layers))


def measure(network, frames, scales, kind):
    """Error of the rounding network, relative, and its additions per frame."""
    weights = [layer.terms[0].value for layer in network.layers if isinstance(layer, Dense)]
    original = rounded = frames.astype(np.float64)
    additions = 0
    for weight, scale in zip(weights, scales, strict=True):
        original = np.maximum(original @ weight, 0)
        codes = np.floor(scale * rounded + 0.5)
        additions += np.abs(codes).sum() * weight.shape[1] / len(frames)
        rounded = np.maximum(codes / scale @ weight, 0)
    error = np.abs(rounded - original).mean() / np.abs(original).mean()
    named = {f"scale {number}": scale for number, scale in enumerate(scales, 1)}
    return {"kind": kind, "error": error, "kilo-additions per frame": additions / 1e3, **named}


def better(table, row):
    """How many of the random scales are as good in both respects, and better in one."""
    drawn = table[table["kind"] == "random"]
    error, additions = (drawn[what] - row[what] for what in ("error", "kilo-additions per frame"))
    return int(((error <= 0) & (additions <= 0) & ((error < 0) | (additions < 0))).sum())


def figure(table):
    looks = {"random": ("#bbbbbb", 4), "learned": ("#D55E00", 11), "scales of 1": ("#0072B2", 11)}
    page = go.Figure()
    for kind, (color, size) in looks.items():
        rows = table[(table["kind"] == kind) & (table["kilo-additions per frame"] > 0)]  # the axis has no zero
        page.add_trace(
            go.Scatter(
                x=rows["kilo-additions per frame"],
                y=rows["error"],
                mode="markers+lines" if kind == "learned" else "markers",
                marker={"color": color, "size": size},
                name=kind,
            )
        )
    learned = table[table["kind"] == "learned"]
    page.update_layout(
        title=f"Random network of 100-100-100-100 units: of {N_RANDOM:,} random scales, at most "
        f"{learned['better random ones'].max()} are better than learned ones",
        xaxis={"title": "additions per frame [thousands]", "type": "log"},
        yaxis={"title": "mean |error| / mean |output|", "type": "log"},
        template="plotly_white",
    )
    return page


if __name__ == "__main__":
    main()
