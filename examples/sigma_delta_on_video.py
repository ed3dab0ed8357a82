"""How much does a sigma-delta network save on real video, and does it still see what the original sees?

    python examples/sigma_delta_on_video.py MODEL clip.264 [another.264 ...] --out FOLDER

The third experiment of O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017 (section 5.3), on a network of
your own, such as the SqueezeNet of examples/convert_squeezenet.py. Scales are learned on the first frames of each clip,
without labels: with the paper's noise for what a rounding network computes, and with differences for what changes cost.
Beside them stands the baseline that a product would ship: 8-bit integers from calibration on the same frames.
On the other frames, the integer network is compared with the original: whether both name the same class, or the
original has it among its five likeliest; operations and energy, frame by frame and layer by layer. Writes video.csv,
layers.csv, frames.csv and video.html. Learning goes on where it was interrupted.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

import hwsim
from hwsim.convert import int8, sigma_delta
from hwsim.convert.coding import read_codings
from hwsim.datasets import load_video
from hwsim.train.scales import Settings, learn, save

LAYERWISE = {"normalization": "per-sample", "optimizer": "adam", "learning_rate": 0.03, "batch_size": 4}
LAYERWISE |= {"start": "closed-form", "shuffled": True}  # from scales of 1, few frames would not bring it far
METHODS = {
    "paper": {"cost": "rounding", "estimator": "noise"},
    "temporal": {"cost": "temporal", "estimator": "secant"},
}
MACHINES = {"dense": "mac-array", "sparse": "zero-skipping-mac"}
PRODUCT = {"sparse": "zero-skipping-mac", "delta": "delta-mac"}
ADDERS = {"rounding": ("sparse", "rounding-adder"), "sigma-delta": ("delta", "sigma-delta-adder")}
DEAD_ZONE = "sigma-delta, dead zone of 2"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="a float network, a name or a folder")
    parser.add_argument("clips", nargs="+", type=Path, help="video files")
    parser.add_argument("--out", type=Path, default=Path("sigma-delta-on-video"), help="folder to write")
    parser.add_argument("--learn", type=int, default=20, help="frames of each clip to learn on, the first ones")
    parser.add_argument("--frames", type=int, default=100, help="frames of each clip to measure on, those after them")
    parser.add_argument(
        "--lams", type=float, nargs="+", default=[1.25e-11, 1e-10, 8e-10], help="error that an addition is worth"
    )
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--step", type=float, default=1.0, help="real value of one of a pixel's 256 levels")
    arguments = parser.parse_args()
    network = hwsim.load_network(arguments.network)
    cut = arguments.learn
    learning = joined([clip_data(network, clip, slice(0, cut), arguments.step) for clip in arguments.clips])
    tests = {
        clip.name: clip_data(network, clip, slice(cut, cut + arguments.frames), arguments.step)
        for clip in arguments.clips
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    study = Study(network, learning, tests, arguments.out)
    for name, data in tests.items():
        study.originals(name, data)
    study.eight_bits()
    for method in METHODS:
        for lam in arguments.lams:
            study.learned(method, lam, arguments.epochs)
    study.write()


def clip_data(network, clip, frames, step):
    channels, *size = network.input_shape
    return load_video(clip, size=tuple(size), colour=channels == 3, frames=frames, step=step)


def joined(parts):
    """Clips one after the other: the cuts between them are few changes among many."""
    inputs = np.concatenate([part.inputs for part in parts])
    start = np.cumsum([0, *(len(part) for part in parts)])
    return hwsim.Dataset(inputs, parts[0].step, stream_start=start, name=" and ".join(part.name for part in parts))


class Study:
    """Runs, and what is written of them."""

    def __init__(self, network, learning, tests, out):
        self.network, self.learning, self.tests, self.out = network, learning, tests, out
        self.rows, self.frames, self.layers = [], [], []
        self.scores = {}

    def originals(self, clip, data):
        """Run the float network on a clip, every input or the non-zero ones."""
        for execution, machine in MACHINES.items():
            run = hwsim.simulate(self.network, data, execution, per_frame=True)
            self.scores[clip] = run.outputs.reshape(len(data), -1)
            self.note(clip, "original", 0.0, execution, run, machine)

    def eight_bits(self):
        """What a product would ship today: 8-bit integers, skipping zeros or what has not changed."""
        rounded = int8.convert(self.network, self.learning)
        for clip, data in self.tests.items():
            for execution, machine in PRODUCT.items():
                self.note(
                    clip, "int8", 0.0, execution, hwsim.simulate(rounded, data, execution, per_frame=True), machine
                )

    def learned(self, method, lam, epochs):
        """Learn, convert, and run on every clip."""
        file = self.out / f"scales-{method}-{lam:.2e}.yaml"
        if not file.exists():
            print(f"learning: {method}, lambda {lam:g}", flush=True)
            settings = Settings(lam, epochs=epochs, **(LAYERWISE | METHODS[method]))
            save(learn(self.network, self.learning, settings), self.learning, settings, file)
        names = [layer.name for layer in self.network.layers if isinstance(layer, hwsim.Conv2d | hwsim.Dense)]
        codings = read_codings(file, names, self.network.digest)
        rounded = sigma_delta.convert(self.network, self.learning, codings, headroom=1)
        for clip, data in self.tests.items():
            for name, (execution, machine) in ADDERS.items():
                run = hwsim.simulate(rounded, data, execution, per_frame=True)
                self.note(clip, method, lam, name, run, machine)
            run = hwsim.simulate(rounded, data, hwsim.Delta(threshold=2), per_frame=True)
            self.note(clip, method, lam, DEAD_ZONE, run, "sigma-delta-adder")

    def note(self, clip, method, lam, execution, run, machine):
        """Agreement with the original, operations and energy."""
        counts = hwsim.count(run.activity, machine)
        n_frame = len(run.outputs)
        by_frame, by_layer = np.zeros(n_frame), {}
        for key, number in counts.entries.items():
            if key.phase == "synapse" and key.operation.kind in ("addition", "multiplication"):
                by_frame += number
                by_layer[key.layer] = by_layer.get(key.layer, 0) + number.sum() / n_frame
        original = self.scores[clip]
        chosen = run.outputs.reshape(n_frame, -1).argmax(axis=1)
        likeliest = np.argsort(-original, axis=1, kind="stable")[:, :5]
        named = {"clip": clip, "method": method, "lambda": lam, "execution": execution}
        synapses = hwsim.price(counts.as_format("int32"), "horowitz_2014_45nm", phases=["synapse"])
        self.rows.append(
            named
            | {
                "top-1 agreement [%]": 100 * np.mean(chosen == likeliest[:, 0]),
                "top-5 agreement [%]": 100 * np.mean((chosen[:, None] == likeliest).any(axis=1)),
                "mega-operations per frame": by_frame.mean() / 1e6,
                "after the first frame": by_frame[1:].mean() / 1e6,
                "int32, synapses [uJ]": synapses.per_inference * 1e6,
                "everything [uJ]": hwsim.price(counts, "default_45nm").per_inference * 1e6,
                "codes saturated": run.n_saturated,
            }
        )
        stated = {key: f"{value:.5g}" if isinstance(value, float) else value for key, value in self.rows[-1].items()}
        print(", ".join(f"{key}: {value}" for key, value in stated.items()), flush=True)
        self.frames += [named | {"frame": k, "operations": number} for k, number in enumerate(by_frame)]
        self.layers += [named | {"layer": layer, "operations per frame": number} for layer, number in by_layer.items()]

    def write(self):
        """Compare with the dense original, and write tables and figure."""
        table, frames, layers = (pd.DataFrame(rows) for rows in (self.rows, self.frames, self.layers))
        dense = table[table["execution"] == "dense"].set_index("clip")
        for what in ("mega-operations per frame", "everything [uJ]"):
            table[f"times fewer, {what.split(' [')[0]}"] = table["clip"].map(dense[what]) / table[what]
        of_dense = layers[layers["execution"] == "dense"].set_index(["clip", "layer"])["operations per frame"]
        places = pd.MultiIndex.from_frame(layers[["clip", "layer"]])
        layers["times fewer"] = of_dense.reindex(places).to_numpy() / layers["operations per frame"]
        for name, each in (("video", table), ("frames", frames), ("layers", layers)):
            each.to_csv(self.out / f"{name}.csv", index=False)
        figure(table, frames, layers, self.network.name).write_html(self.out / "video.html", include_plotlyjs=True)
        print(table.to_string(index=False, float_format="{:.4g}".format))
        print(f"wrote {self.out}/video.csv, frames.csv, layers.csv and video.html")


COLORS = {
    "dense": "#999999",
    "sparse": "#0072B2",
    "delta": "#56B4E9",
    "rounding": "#E69F00",
    "sigma-delta": "#D55E00",
    DEAD_ZONE: "#009E73",
}


def figure(table, frames, layers, name):
    """Per clip: agreement against operations; of the least lambda, each frame's operations and each layer's savings."""
    clips = list(dict.fromkeys(table["clip"]))
    least = min(set(table["lambda"]) - {0.0})
    titles = [
        each for clip in clips for each in (clip, f"frame by frame, lambda {least:g}", "layer by layer, the same")
    ]
    page = make_subplots(rows=len(clips), cols=3, subplot_titles=titles)
    axes = (
        (table, "mega-operations per frame", "top-1 agreement [%]"),
        (frames[frames["lambda"].isin([0.0, least])], "frame", "operations"),
        (layers[layers["lambda"].isin([0.0, least])], "layer", "times fewer"),
    )
    for row, clip in enumerate(clips, 1):
        for column, (rows, x, y) in enumerate(axes, 1):
            for (method, execution), points in rows[rows["clip"] == clip].groupby(["method", "execution"], sort=False):
                page.add_scatter(
                    x=points[x],
                    y=points[y],
                    name=f"{method}, {execution}",
                    legendgroup=f"{method}, {execution}",
                    showlegend=(row, column) == (1, 1),
                    mode="lines" if x == "frame" else "lines+markers",
                    line={"color": COLORS[execution], "dash": "dot" if method == "paper" else "solid"},
                    row=row,
                    col=column,
                )
            page.update_xaxes(title_text=x, row=row, col=column)
            page.update_yaxes(title_text=y, type="linear" if column == 1 else "log", row=row, col=column)
        page.update_xaxes(type="log", row=row, col=1)
    # a width of its own: a narrow window scrolls it rather than folding six panels into one another
    title = f"{name} on video, as rounding and sigma-delta networks"
    page.update_layout(title=title, width=1450, height=450 * len(clips), template="plotly_white")
    return page


if __name__ == "__main__":
    main()
