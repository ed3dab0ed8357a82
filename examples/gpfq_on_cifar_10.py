"""GPFQ on CIFAR-10: the paper's grid of levels and radii, beside the authors' figures, and what inference costs.

    python examples/train_gpfq_networks.py cifar-10 --epochs 40 --seed 0 --out cifar-10-cnn
    python examples/gpfq_on_cifar_10.py FOLDER --network cifar-10-cnn

Lybrand & Saab (JMLR 22 (156), 2021): 2x32C3-MP-2x64C3-MP-2x128C3-MP-128-10 with batch norm after ReLU, convolutions
quantized per channel, the first 5,000 training images for calibration. Here the last 5,000 training images choose, and
the test images report. Writes grid.csv, grid.html, energy.csv and energy.html. Takes an hour or two.
"""

import argparse
from pathlib import Path

import pandas as pd

import hwsim
from hwsim.convert import activations, gpfq
from hwsim.convert.radius_search import search
from hwsim.report.radius_page import radius_text, write_radius_page

RADII = (2, 3, 4, 5, 6)
# as the authors committed them, github.com/elybrand/quantized_neural_networks, float .8922: GPFQ, MSQ by levels
AUTHORS = {
    3: ((0.7487, 0.7350, 0.6919, 0.5627, 0.3515), (0.1347, 0.1464, 0.0991, 0.1000, 0.1000)),
    4: ((0.7522, 0.8036, 0.7489, 0.6748, 0.5365), (0.2209, 0.2800, 0.1742, 0.1835, 0.1390)),
    8: ((0.7942, 0.8670, 0.8710, 0.8567, 0.8600), (0.4173, 0.3754, 0.5014, 0.5652, 0.5360)),
    16: ((0.8124, 0.8778, 0.8879, 0.8888, 0.8810), (0.4525, 0.7776, 0.8443, 0.8291, 0.7831)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--network", required=True, help="folder of the float network")
    parser.add_argument("--levels", type=int, nargs="+", default=sorted(AUTHORS))
    parser.add_argument("--frames", type=int, default=5000, help="to calibrate on")
    parser.add_argument("--joint", action="store_true", help="convolutions over all channels")
    parser.add_argument("--patch-fraction", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    network = hwsim.load_network(arguments.network)
    train, test = hwsim.load_dataset("cifar-10", "train"), hwsim.load_dataset("cifar-10", "test")
    calibration, validation = train[: arguments.frames], train[len(train) - 5000 :]
    options = {"joint": arguments.joint, "patch_fraction": arguments.patch_fraction, "threads": arguments.threads}
    found = search(network, calibration, validation, test, arguments.levels, RADII, progress=told, **options)
    beside = {
        f"{method}, {levels} levels, authors": list(zip(RADII, curve, strict=True))
        for levels in arguments.levels
        for method, curve in zip(("GPFQ", "MSQ"), AUTHORS[levels], strict=True)
    }
    write_radius_page(found, arguments.folder / "grid.html", beside)
    found.to_dataframe().to_csv(arguments.folder / "grid.csv", index=False)
    print(radius_text(found))
    print(grid_of(found).to_string())
    energy(network, found, calibration, test, arguments)


def grid_of(found):
    """Test accuracy in %, ours and the authors', by levels and method."""
    rows = {}
    for trial in found.trials:
        theirs = AUTHORS[trial.levels][trial.method == "MSQ"][RADII.index(trial.radius)]
        cell = f"{100 * trial.test:.2f} ({100 * theirs:.2f})"
        rows.setdefault(f"{trial.levels} levels, {trial.method}", {})[f"C = {trial.radius}"] = cell
    return pd.DataFrame(rows).T


def energy(network, found, calibration, test, arguments):
    """Operations and energy of the best network of each number of levels, as it is and with 8-bit signals."""
    rows = [(network, "mac-array"), (network, "zero-skipping-mac")]
    for levels in arguments.levels:
        best = max((trial for trial in found.of("GPFQ") if trial.levels == levels), key=lambda trial: trial.rank)
        options = {"joint": arguments.joint, "patch_fraction": arguments.patch_fraction}
        quantized = gpfq.convert(network, calibration, levels, best.radius, name=f"gpfq-{levels}-levels", **options)
        coded = activations.convert(quantized, calibration[:1000], name=f"gpfq-{levels}-levels-int8")
        rows += [(quantized, "mac-array"), (quantized, "zero-skipping-mac")]
        rows += [(coded, "mac-array"), (coded, "zero-skipping-mac")]
    study = hwsim.compare(rows=rows, data=test[:1000], baseline=rows[0])
    print(study.to_text())
    study.write_html(arguments.folder / "energy.html")
    study.write_csv(arguments.folder / "energy.csv")


def told(done, total):
    print(f"{done} of {total} pairs of levels and radius", flush=True)


if __name__ == "__main__":
    main()
