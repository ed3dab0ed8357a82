"""GPFQ on MNIST: the paper's experiment, what comes after it, and what inference costs.

    python examples/gpfq_on_mnist.py FOLDER [--network mnist-500-300] [--levels 3]

Lybrand & Saab (JMLR 22 (156), 2021): 784-500-300-10 with batch norm after ReLU, ternary weights, 25,000 calibration
images, the radius C from 1 to 10. Writes into FOLDER: radius.html and radius.csv (the curve beside the authors'),
variants.csv (what comes after the paper), mixed.csv (levels by layer, chosen by energy), energy.html and energy.csv
(operations and energy of every network beside the float one's). Takes some minutes.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import hwsim
from hwsim.convert import activations, batch_norm_forward, gpfq, mixed_levels, msq
from hwsim.convert.greedy import Rule
from hwsim.convert.layer_inputs import LayerInputs
from hwsim.convert.radius_search import search
from hwsim.report.radius_page import radius_text, write_radius_page

# as the authors committed them, github.com/elybrand/quantized_neural_networks, float .9824
AUTHORS = {
    "GPFQ": (0.5156, 0.9548, 0.9739, 0.9734, 0.9693, 0.9688, 0.9582, 0.9462, 0.9302, 0.9231),
    "MSQ": (0.7272, 0.9330, 0.9069, 0.7285, 0.6000, 0.2235, 0.1347, 0.1135, 0.1135, 0.1135),
}
CALIBRATION, VALIDATION = 25_000, 12_000
RADIUS = {3: 3.0, 5: 3.0, 9: 4.0, 17: 5.0}  # of the numbers of levels that layers choose from


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--network", default="mnist-500-300", help="name or folder of the float network")
    parser.add_argument("--levels", type=int, nargs="+", default=[3])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    network = hwsim.load_network(arguments.network)
    train, test = hwsim.load_dataset("mnist", "train"), hwsim.load_dataset("mnist", "test")
    calibration, validation = train[:CALIBRATION], train[len(train) - VALIDATION :]
    found = radius_curve(network, calibration, validation, test, arguments)
    best = found.best()
    variants(network, calibration, test, best.radius, arguments.folder)
    folded = batch_norm_forward.convert(network, name=f"{network.name}-folded")
    mixed(folded, calibration, validation, test, arguments.folder)
    print("batch norm folded into the layers after it, so that nothing is multiplied:")
    again = search(folded, calibration, validation, test, (3,), (2, 3, 4, 5))
    print(radius_text(again))
    energy(found, again, calibration, arguments.folder)


def radius_curve(network, calibration, validation, test, arguments):
    """Accuracy against C, beside the authors'."""
    found = search(network, calibration, validation, test, arguments.levels, range(1, 11), progress=told)
    beside = {f"{method}, 3 levels, authors": list(enumerate(curve, 1)) for method, curve in AUTHORS.items()}
    write_radius_page(found, arguments.folder / "radius.html", beside)
    found.to_dataframe().to_csv(arguments.folder / "radius.csv", index=False)
    print(radius_text(found))
    for method, curve in AUTHORS.items():
        print(f"authors' {method:5}", *(f"{100 * each:.2f}" for each in curve))
    return found


def variants(network, calibration, test, radius, folder):
    """What comes after the paper, at one radius; and fewer calibration images."""
    inputs = LayerInputs(network, calibration)
    inputs.prepare()
    tried = {
        "the paper's": {},
        "biases take in the mean error, last layer": {"bias_correction": "last"},
        "biases take in the mean error, all layers": {"bias_correction": "all"},
        "rounding at random (SPFQ, order 1)": {"rule": Rule(rounding="stochastic")},
        "alignment of 4 passes (SPFQ, order 4, to the nearest)": {"rule": Rule(alignment=4)},
        "alignment of 4 passes, at random (SPFQ, order 4)": {"rule": Rule(alignment=4, rounding="stochastic")},
        "soft threshold, a tenth of the radius": {"rule": Rule("soft", 0.1 * radius)},
        "hard threshold, 0.6 of the radius": {"rule": Rule("hard", 0.6 * radius)},
        "radius 0.5 of the largest weights (the follow-up's unit)": {"radius": 0.5, "unit": "largest"},
        "5 levels": {"levels": 5},
        "17 levels, radius 5 (the follow-up's 4 bits)": {"levels": 17, "radius": 5.0},
        "16 levels, radius 5 (4 bits)": {"levels": 16, "radius": 5.0},
    }
    rows = []
    for name, options in tried.items():
        converted = gpfq.convert(network, inputs, **({"levels": 3, "radius": radius} | options))
        rows.append({"variant": name, "test accuracy": accuracy(converted, test), "zero weights": zeros(converted)})
        print(f"{name:58} {100 * rows[-1]['test accuracy']:.2f} %, zeros {rows[-1]['zero weights']:.3f}", flush=True)
    for n in (1, 10, 100, 1000, 10_000):
        few = accuracy(gpfq.convert(network, calibration[:n], 3, radius), test)
        rows.append({"variant": f"{n} calibration images", "test accuracy": few})
        print(f"{n:6} calibration images {100 * few:.2f} %", flush=True)
    pd.DataFrame(rows).to_csv(folder / "variants.csv", index=False)


def mixed(network, calibration, validation, test, folder):
    """Levels by layer, chosen by energy: every step from the cheapest choice to the richest."""
    inputs = LayerInputs(network, calibration)
    inputs.prepare()
    choices = mixed_levels.frontier(network, inputs, validation[:1000], RADIUS, progress=lambda what: None)
    rows = []
    for choice in choices:
        radius = {name: RADIUS[levels] for name, levels in choice.levels.items()}
        converted = activations.convert(gpfq.convert(network, inputs, choice.levels, radius), calibration[:5000])
        rows.append(
            choice.levels | {"energy [J per inference]": choice.energy, "test accuracy": accuracy(converted, test)}
        )
        print(choice.levels, f"{1e9 * choice.energy:.1f} nJ, {100 * rows[-1]['test accuracy']:.2f} %", flush=True)
    pd.DataFrame(rows).to_csv(folder / "mixed.csv", index=False)


def energy(found, again, calibration, folder):
    """Operations and energy of the quantized networks beside the float one's, on Temporal-MNIST."""
    data, network, folded = hwsim.load_dataset("mnist", "test", "temporal"), found.source, again.source
    ternary = gpfq.convert(network, calibration, 3, found.best().radius, name=f"{network.name}-gpfq-ternary")
    greedy = gpfq.convert(folded, calibration, 3, again.best().radius)
    nearest = msq.convert(folded, None, 3, again.best("MSQ").radius)
    finer = gpfq.convert(folded, calibration, 16, 5.0)
    rows = [(network, "mac-array"), (network, "zero-skipping-mac"), (network, "delta-mac")]
    rows += [(ternary, "mac-array"), (ternary, "zero-skipping-mac")]
    for bit_width in (8, 4, 3, 2):
        coded = activations.convert(greedy, calibration[:5000], bit_width, name=f"gpfq-ternary-int{bit_width}")
        rows += [(coded, "mac-array"), (coded, "zero-skipping-mac"), (coded, "delta-mac")]
    rows += [(activations.convert(nearest, calibration[:5000], 4, name="msq-ternary-int4"), "zero-skipping-mac")]
    finer = activations.convert(finer, calibration[:5000], 8, name="gpfq-16-levels-int8")
    rows += [(finer, "mac-array"), (finer, "zero-skipping-mac"), (finer, by_shifts("zero-skipping-mac"))]
    study = hwsim.compare(rows=rows, data=data, baseline=rows[0])
    print(study.to_text())
    study.write_html(folder / "energy.html")
    study.write_csv(folder / "energy.csv")


def by_shifts(machine):
    """The machine with events taken apart into powers of two, each a shift and an addition, not multiplied."""
    machine = hwsim.load_machine(machine)
    return machine.model_copy(update={"name": f"{machine.name}-by-shifts", "event_arithmetic": "shift-add"})


def accuracy(network, test):
    return hwsim.simulate(network, test, "sparse").accuracy


def zeros(network):
    codes = [layer.terms[0].code.ravel() for layer in network.layers if isinstance(layer, hwsim.Dense)]
    return float(np.mean(np.concatenate(codes) == 0))


def told(done, total):
    print(f"{done} of {total} radii", flush=True)


if __name__ == "__main__":
    main()
