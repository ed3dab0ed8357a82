"""Make the networks in models/: train float ones, convert them, train one of each method; write what is measured.

    python examples/train_shipped_networks.py FOLDER [--data digits] [--data mnist] [--method lat] [--no-methods]
    python examples/train_shipped_networks.py FOLDER --full-size

needs the extra `train` and, for mnist, the data set (HWSIM_DATA, or a download). Takes about two minutes without the
methods, with them about two hours of one core, and as long for the networks of full size. Interrupted, it goes on where
it stopped.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

import hwsim
from hwsim.convert import rounding
from hwsim.convert.model_folder import convert_to_folder
from hwsim.train import folder as methods
from hwsim.train.methods import METHODS
from hwsim.train.mlp import train_to_folder

SEED = 0
METHOD_LAYERS, METHOD_EPOCHS = "784-200-200-10", 30
LATENT = ("binary-connect", "ternary-connect-qbp")
"""Methods whose latent weights ship too; they are float, and as large as those of any float network."""
FULL_SIZE = {
    "mnist-1024-ternary-connect-qbp": ("ternary-connect-qbp", "mnist", "mlp-784-1024x3-10", 30, {}),
    "mnist-2048-lat": ("lat", "mnist", "mlp-784-2048x3-10", 10, {}),
    "cifar-10-ternary-connect-qbp": ("ternary-connect-qbp", "cifar-10", "cnn-lin-2016", 4, {"max_shift": 4}),
}
"""The papers' own networks: method, data set, layers, epochs and options of each."""
RECIPES = {
    "digits": {"layers": (64, 64, 64, 10), "epochs": 100, "batch_size": 32, "learning_rate": 0.01},
    "mnist": {"layers": (784, 200, 200, 10), "epochs": 20},
}
WHAT = {
    "mlp": (
        "A float (fp32) multilayer perceptron with ReLU, {units}, trained on {train} with AdamW and a "
        "one-cycle learning rate; its inputs are real values between 0 and 1. The float reference that the "
        "other two are made from, and compared with."
    ),
    "rounding": (
        "The rounding network of {source} (O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017): "
        "the input of every layer is rounded to a whole number at scale 1. Weights are 8-bit integers whose "
        "scale is a power of two for each layer, so that nothing but the network's input is multiplied; run "
        "on differences of frames it is the paper's sigma-delta network. Bit widths of the codes come from "
        "{train}."
    ),
    "int8": (
        "{source} in 8-bit integers: weights with one scale for each layer, inputs and hidden activations "
        "unsigned, with scales from the largest values on {train}."
    ),
}
BY_COMMAND = {
    "mnist-mlp-sigma-delta": (
        "`mnist-mlp` with scales learned for the cost of changes from frame to frame (docs/sigma_delta.md), of which "
        "`scales.yaml` is the file; it was written by `hwsim train scales mnist-mlp --data mnist --frames 10000 "
        "--recipe temporal --lam 3e-5 --epochs 10 --out mnist-mlp-scales.yaml`. A rounding network, meant to be run on "
        "differences of frames in temporal order.",
        "hwsim convert sigma-delta mnist-mlp --data mnist --scales mnist-mlp-scales.yaml --out mnist-mlp-sigma-delta",
    ),
    "mnist-500-300": (
        "A float (fp32) multilayer perceptron, 784-500-300-10, batch norm after ReLU: the network of Lybrand & Saab (A "
        "Greedy Algorithm for Quantizing Neural Networks, JMLR 2021), trained on raw pixels as theirs.",
        "python examples/train_gpfq_networks.py mnist --epochs 100 --seed 0 --out mnist-500-300",
    ),
    "mnist-500-300-gpfq": (
        "`mnist-500-300` with ternary weights by greedy path-following quantization; nothing else is changed, so that "
        "it reads and passes on real numbers.",
        "hwsim convert gpfq mnist-500-300 --data mnist --levels 3 --radius 4 --validation 12000 "
        "--out mnist-500-300-gpfq",
    ),
    "mnist-500-300-gpfq-int4": (
        "`mnist-500-300` with ternary weights by greedy path-following quantization, and signals of 4 bits: ternary "
        "weights meet integer events, and no synapse multiplies. Run on differences of frames it is a ternary "
        "sigma-delta network.",
        "hwsim convert gpfq mnist-500-300 --data mnist --levels 3 --radius 3 --validation 12000 --signal-bit-width 4 "
        "--out mnist-500-300-gpfq-int4",
    ),
    "cifar-10-cnn": (
        "A float (fp32) convolutional network, 2x32C3-MP-2x64C3-MP-2x128C3-MP-128-10, batch norm after ReLU: that of "
        "Lybrand & Saab (JMLR 2021) for CIFAR-10; fewer epochs than theirs, forward and backward in bfloat16.",
        "python examples/train_gpfq_networks.py cifar-10 --epochs 30 --bfloat16 --seed 0 --out cifar-10-cnn",
    ),
}
"""Networks that one command makes: what they are, and the command, in the order they are made."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write the model folders, such as models")
    parser.add_argument("--data", action="append", choices=sorted(RECIPES), help="only these data sets")
    parser.add_argument("--method", action="append", choices=list(METHODS), help="only these methods, and no others")
    parser.add_argument("--no-methods", action="store_true", help="only float networks and their conversions")
    parser.add_argument("--full-size", action="store_true", help="only the papers' own networks")
    parser.add_argument("--by-command", action="store_true", help="only networks that one command makes")
    arguments = parser.parse_args()
    some = arguments.by_command or arguments.full_size
    for data in arguments.data or ([] if arguments.method or some else RECIPES):
        make(data, arguments.folder)
    if "mnist" in (arguments.data or ["mnist"]) and not (arguments.no_methods or some):
        for method in arguments.method or METHODS:
            make_by_method(arguments.folder / f"mnist-{method}", method, "mnist", METHOD_LAYERS, METHOD_EPOCHS, {})
    for name, made in FULL_SIZE.items() if arguments.full_size else ():
        make_by_method(arguments.folder / name, *made)
    if arguments.by_command or not (arguments.data or arguments.method or some):
        for name in BY_COMMAND:
            make_by_command(name, arguments.folder)
    write_overview(arguments.folder)


def make(data, folder):
    """Train one network and make its two conversions."""
    source = folder / f"{data}-mlp"
    network, test = train_to_folder(data, seed=SEED, out=source, force=True, **RECIPES[data])
    describe(network, source)
    for method in ("rounding", "int8"):
        out = folder / f"{data}-mlp-{method}"
        converted, _ = convert_to_folder(method, source, data, out, force=True)
        describe(converted, out, compare_with_float_weights(network, converted, test) if method == "rounding" else "")


def make_by_method(out, method, data, layers, epochs, options):
    """Train a network of one method, unless there is one; leave out its training curve, and most latent weights."""
    if not (out / "network.yaml").exists():
        methods.train_to_folder(method, data, layers, out, epochs, SEED, **options)
        (out / methods.CURVE).unlink()
        if method not in LATENT or out.name in FULL_SIZE:
            shutil.rmtree(out.with_name(f"{out.name}-latent"), ignore_errors=True)
        print(f"wrote {out}", flush=True)


def make_by_command(name, folder):
    """Carry out the command that a network states, unless there is one, and describe what it wrote."""
    if not (folder / name / "network.yaml").exists():
        _, command = BY_COMMAND[name]
        program, *words = shlex.split(command)
        start = ["-m", "hwsim"] if program == "hwsim" else [str(Path(__file__).parent.parent / words.pop(0))]
        if "--scales" in words:
            learn_scales(folder / words[words.index("--scales") + 1])
        subprocess.run([sys.executable, *start, *words], cwd=folder, check=True)
    describe(hwsim.load_network(folder / name), folder / name)


def learn_scales(file):
    """Write the scales of mnist-mlp-sigma-delta."""
    words = shlex.split("train scales mnist-mlp --data mnist --frames 10000 --recipe temporal --lam 3e-5 --epochs 10")
    subprocess.run([sys.executable, "-m", "hwsim", *words, "--out", file.name], cwd=file.parent, check=True)


def compare_with_float_weights(network, converted, test):
    """How integer weights change a rounding network, in a sentence."""
    real = rounding.convert(network, hwsim.load_dataset(test.name, split="train"), weight_bit_width=None)
    ours, theirs = (hwsim.simulate(each, test, "sparse").outputs.argmax(axis=1) for each in (converted, real))
    correct, changed = np.count_nonzero(theirs == test.labels), np.count_nonzero(ours != theirs)
    return (
        f"The same rounding network with float weights names {correct:,} of them rightly "
        f"({100 * correct / len(test):.2f} %); {changed:,} of {len(test):,} predictions differ between the two."
    )


def what_it_is(network):
    """The paragraph on a network."""
    about, kind = network.about, network.name.rsplit("-", 1)[-1]
    if network.name in BY_COMMAND:
        return BY_COMMAND[network.name][0]
    if "training_method" in about:
        return methods.what_it_is(network)
    data = about["data_set"].split()[0]
    units = "-".join(map(str, RECIPES[data]["layers"]))
    return WHAT[kind].format(units=units, source=f"`{data}-mlp`", train=f"the training images of {data}")


def measured(network):
    """The sentence on a network's accuracy."""
    accuracy = network.about["accuracy"]
    return f"Test accuracy {accuracy['percent']:.2f} %: {accuracy['correct']:,} of {accuracy['frames']:,} images."


def describe(network, folder, remark=""):
    """Write the README of a model folder."""
    about = network.about
    frames = (
        f"{about['epochs']} epochs, {about['validation_frames']:,} frames kept for validation "
        f"({about['validation_correct']:,} named rightly)"
        if "epochs" in about
        else f"calibrated on {about['calibration_frames']:,} frames"
    )
    made = f"Made from {about['data_set']}, seed {about['seed']}, {frames}, by"
    parts = [what_it_is(network), made, f"    {about['command']}", measured(network), remark]
    text = "\n\n".join(part if part.startswith("    ") else textwrap.fill(part, 110) for part in parts if part)
    (folder / "README.md").write_text(f"# {network.name}\n\n{text}\n", encoding="utf-8")


def write_overview(folder):
    """Write the README of all model folders: a paragraph each."""
    parts = [
        "# Trained networks",
        "Made by `examples/train_shipped_networks.py`; usable by name wherever hwsim takes a network. Those of "
        "training methods are 784-200-200-10 on MNIST unless they say otherwise, and read and pass on real numbers, "
        "except `mnist-lsq`: what their weights save is multiplications of synapses, not bits of activations. "
        "docs/training.md compares them.",
    ]
    for path in sorted(path.parent for path in folder.glob("*/network.yaml")):
        network = hwsim.load_network(path)
        paragraph = f"**`{network.name}`.** {what_it_is(network)} {measured(network)}"
        parts.append(textwrap.fill(paragraph, 110))
    parts[1] = textwrap.fill(parts[1], 110)
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
