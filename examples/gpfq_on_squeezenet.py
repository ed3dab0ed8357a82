"""GPFQ on SqueezeNet with its ImageNet weights: ternary to 4 bits, per channel and jointly, beside rounding.

    python examples/convert_squeezenet.py squeezenet_v1.0.npz squeezenet
    python examples/gpfq_on_squeezenet.py FOLDER --network squeezenet

Of the 250 images of imagenet-sample, 100 calibrate, 50 choose the radius and 100 are scored, drawn at random (seed 0).
All 26 layers are quantized, the first and the last too. Two thirds of the published weights are zero, pruned, so that
radii are in units of the median of the others, and numbers of levels odd; 16, which have no zero, stand beside 17.
Stated is how often the largest output is the float network's (agreement) and the label's (accuracy); of 100 images each
has a standard error of up to 5 points. Writes squeezenet.csv and squeezenet.html, and energy.csv and energy.html:
operations and energy of the best networks, with 8-bit signals. Takes about an hour.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects

import hwsim
from hwsim.convert import activations, gpfq, msq
from hwsim.convert.layer_inputs import LayerInputs

RADIUS = {3: (2, 3, 4), 5: (3, 4, 6), 9: (3, 4, 6, 8), 16: (4, 6, 8, 10), 17: (4, 6, 8, 12)}
UNIT = "nonzero-median"
MANNER = {False: "GPFQ per channel", True: "GPFQ joint"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--network", required=True, help="folder of the network")
    parser.add_argument("--levels", type=int, nargs="+", default=sorted(RADIUS))
    parser.add_argument("--bias-correction", default="none", choices=("none", "last", "all"))
    parser.add_argument("--patch-fraction", type=float, default=0.1, help="of the patches, for joint ones")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    network, images = hwsim.load_network(arguments.network), hwsim.load_dataset("imagenet-sample")
    order = np.random.default_rng(0).permutation(len(images))
    calibration, validation, test = (images[np.sort(part)] for part in np.split(order, (100, 150)))
    float_names = [names_of(network, each) for each in (validation, test)]
    print(f"float: accuracy {np.mean(float_names[1] == test.labels):.2f} on {len(test)} images", flush=True)
    rows, best = [], {}
    for row, converted in conversions(network, calibration, arguments):
        chosen, names = (names_of(converted, each) for each in (validation, test))
        row["agreement, validation"] = float(np.mean(chosen == float_names[0]))
        row["agreement, test"] = float(np.mean(names == float_names[1]))
        row["accuracy, test"] = float(np.mean(names == test.labels))
        print(", ".join(f"{key} {value:g}" if key != "method" else value for key, value in row.items()), flush=True)
        rows.append(row)
        pd.DataFrame(rows).to_csv(arguments.folder / "squeezenet.csv", index=False)
        kept = best.get(row["levels"])
        if kept is None or row["agreement, validation"] > kept[0]["agreement, validation"]:
            best[row["levels"]] = row, converted
    write_figure(pd.DataFrame(rows), float(np.mean(float_names[1] == test.labels)), arguments.folder)
    energy(network, best, calibration, test, arguments.folder)


def conversions(network, calibration, arguments):
    """Every network: a row that says what it is, and the network."""
    for levels in arguments.levels:
        for radius in RADIUS[levels]:
            yield row_of("MSQ", levels, radius), msq.convert(network, None, levels, radius, unit=UNIT)
    for joint, name in MANNER.items():
        inputs = LayerInputs(network, calibration, joint, arguments.patch_fraction if joint else 1.0)
        inputs.prepare()
        for levels in arguments.levels:
            for radius in RADIUS[levels]:
                options = {"unit": UNIT, "bias_correction": arguments.bias_correction}
                yield row_of(name, levels, radius), gpfq.convert(network, inputs, levels, radius, **options)


def row_of(method, levels, radius):
    return {"method": method, "levels": levels, "radius": radius}


def names_of(network, data):
    return hwsim.simulate(network, data, "sparse").outputs.reshape(len(data), -1).argmax(axis=1)


def write_figure(table, float_accuracy, folder):
    """Agreement and accuracy of each method, at the radius that the validation images choose."""
    figure = plotly.graph_objects.Figure()
    at = table.groupby(["method", "levels"])["agreement, validation"].idxmax()
    chosen = table.loc[at]
    print(chosen.to_string(index=False))
    for what, dash in (("agreement, test", "solid"), ("accuracy, test", "dash")):
        for method, curve in chosen.groupby("method"):
            figure.add_scatter(
                x=np.log2(curve["levels"]), y=100 * curve[what], name=f"{method}: {what}", line={"dash": dash}
            )
    figure.add_hline(100 * float_accuracy, annotation_text="accuracy of the float network")
    figure.update_layout(xaxis_title="log2 of levels [bits]", yaxis_title="share of 100 images [%]", title="SqueezeNet")
    figure.write_html(folder / "squeezenet.html")


def energy(network, best, calibration, test, folder):
    """Operations and energy at inference; signals have 8 bits."""
    rows = [(network, "mac-array"), (network, "zero-skipping-mac")]
    for levels, (row, converted) in best.items():
        coded = activations.convert(converted, calibration, name=f"{row['method']} {levels} levels, int8 signals")
        rows += [(coded, "mac-array"), (coded, "zero-skipping-mac")]
    study = hwsim.compare(rows=rows, data=test[:20], baseline=rows[0])
    print(study.to_text())
    study.write_html(folder / "energy.html")
    study.write_csv(folder / "energy.csv")


if __name__ == "__main__":
    main()
