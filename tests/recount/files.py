"""Reading what the counter counts: a model's folder, a machine's file, and frames of the data sets."""

import gzip
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import yaml

from .number_formats import Format, read_format

COMMON = {"name", "type", "inputs"}
WEIGHTS = {"shape", "terms", "bias", "accumulator"}
SLIDING = {"kernel", "stride", "padding", "ceil_mode"}
KEYS = {
    "dense": WEIGHTS,
    "conv2d": WEIGHTS | {"stride", "padding", "dilation", "groups"},
    "relu": set(),
    "sign": set(),
    "flatten": set(),
    "affine": {"scale", "offset", "multiplier_bit_width"},
    "quantize": {
        "scale",
        "bit_width",
        "signed",
        "narrow_range",
        "zero_point",
        "rounding",
        "multiplier_bit_width",
    },
    "maxpool2d": SLIDING,
    "avgpool2d": SLIDING | {"count_include_pad"},
    "globalavgpool": set(),
    "add": {"signs"},
}
"""What the recount knows of each type of layer; a file that says more is refused, or it would be counted wrongly."""

MACHINE_KEYS = {
    "schema",
    "name",
    "description",
    "execution",
    "event_arithmetic",
    "zero_operands",
    "skip_zero_weights",
    "operations",
    "overhead",
    "batch",
    "lanes",
    "word_length",
    "working_store",
    "access",
    "weights",
    "run_bits",
    "reuse",
    "memories",
    "on_chip_limit",
    "off_chip",
    "sources",
    "assumed",
}


@dataclass
class Layer:
    name: str
    type: str
    inputs: tuple
    settings: dict
    arrays: dict

    def number(self, key):
        """A parameter that is one number in the file, or one per channel beside it."""
        value = self.settings[key]
        return self.arrays[key].astype(np.float64) if value == "per-channel" else np.float64(value)

    def terms(self):
        """Of a layer with weights: (codes, scale, format) of each term."""
        formats = [read_format(term["format"]) for term in self.settings["terms"]]
        ends = [""] if len(formats) == 1 else [str(i) for i in range(len(formats))]
        return [
            (self.arrays["weight" + end], self.arrays["scale" + end].astype(np.float64), form)
            for end, form in zip(ends, formats, strict=True)
        ]

    @property
    def bias(self):
        """The bias that is stored, or None: what the file does not hold is not stored."""
        return self.arrays.get("bias")


@dataclass
class Model:
    name: str
    shape: tuple
    format: Format
    step: float
    layers: list


@dataclass
class Frames:
    codes: np.ndarray
    step: float
    starts: list = field(default_factory=lambda: [0])

    @property
    def is_first(self):
        first = np.zeros(len(self.codes), bool)
        first[self.starts] = True
        return first


def read_model(folder):
    folder = Path(folder)
    text = yaml.safe_load((folder / "network.yaml").read_text())
    with np.load(folder / "weights.npz") as file:
        arrays = {key: file[key] for key in file.files}
    layers, before = [], "input"
    for entry in text["layers"]:
        _refuse_others(entry, COMMON | KEYS[entry["type"]], entry["name"])
        if entry.get("rounding", "half_up") != "half_up":
            raise NotImplementedError(f"{entry['name']}: rounding {entry['rounding']}")
        inputs = entry.get("inputs") or (before,)
        inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        mine = {
            key.removeprefix(entry["name"] + "."): value
            for key, value in arrays.items()
            if key.rpartition(".")[0] == entry["name"]
        }
        layers.append(Layer(entry["name"], entry["type"], inputs, entry, mine))
        before = entry["name"]
    source = text["input"]
    return Model(text["name"], tuple(source["shape"]), read_format(source["format"]), float(source["step"]), layers)


def _refuse_others(entry, known, where):
    if set(entry) - known:
        raise NotImplementedError(f"{where}: the recount does not know {sorted(set(entry) - known)}")


def read_machine(path):
    machine = yaml.safe_load(Path(path).read_text())
    _refuse_others(machine, MACHINE_KEYS, path)
    if machine.get("working_store", "registers") != "registers":
        raise NotImplementedError(f"{path}: a working store in memory")
    arithmetic = machine["event_arithmetic"]
    machine["unary_limit"] = {"multiply": 0, "unary": None, "shift-add": 0}.get(str(arithmetic), 0)
    if isinstance(arithmetic, dict):
        machine["unary_limit"] = arithmetic["unary_up_to"]
    return machine


def read_mnist(folder, n):
    with gzip.open(Path(folder) / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(16 + n * 784)[16:], np.uint8)
    return pixels.reshape(n, 1, 28, 28), 1 / 255


def read_cifar(folder, n):
    with open(Path(folder) / "cifar-10" / "test_batch.bin", "rb") as file:
        records = np.frombuffer(file.read(n * 3073), np.uint8).reshape(n, 3073)
    return records[:, 1:].reshape(n, 3, 32, 32), 1 / 255


def read_digits(_, n):
    folder = Path(find_spec("sklearn").submodule_search_locations[0]) / "datasets" / "data"
    table = np.loadtxt(folder / "digits.csv.gz", delimiter=",", dtype=np.int64, max_rows=n)
    return table[:, :64].astype(np.uint8).reshape(n, 1, 8, 8), 1 / 16
