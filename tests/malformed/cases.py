"""Inputs that are wrong, drawn by number, and the command that is given each; inputs that are right, as they begin."""

import gzip
import io
import struct
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from mutations import ODD_WORDS, damaged, one_of, wrong_npz, wrong_onnx, wrong_yaml
from special_files import SPECIAL, make_circle, make_endless_name

import hwsim
from hwsim.files import catalogue

FRAMES = "--frames 3"


@dataclass
class Case:
    """Files by name, and the words of a command that reads them."""

    files: dict
    command: str
    environment: dict

    def write(self, folder):
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content(path) if callable(content) else path.write_bytes(content)


def of(command, files, wrong, **environment):
    """A kind: a command, the files that it reads, and what may be done to some of them, by name."""

    def case(random):
        changed = dict(files())
        for name, change in wrong.items():
            if random is not None and (len(wrong) == 1 or random.random() < 0.7):
                changed[name] = change(random, changed[name])
        return Case(changed, command, environment)

    return case


# --- files that are right


@cache
def small_network():
    generator = np.random.default_rng(0)
    ternary, int8 = hwsim.NumberFormat("ternary", 2), hwsim.NumberFormat("integer", 8)
    kernel = hwsim.Weight(generator.integers(-1, 2, (4, 1, 3, 3)), ternary, np.full(4, 0.125))
    dense = hwsim.Weight(generator.integers(-90, 91, (64, 10)), int8, 0.01)
    layers = (
        hwsim.Quantize("codes", scale=16.0, signed=False),
        hwsim.Conv2d("conv", terms=(kernel,), padding=1, bias=generator.integers(-9, 9, 4)),
        hwsim.ReLU("relu"),
        hwsim.MaxPool2d("pool"),
        hwsim.Quantize("again", scale=20.0, signed=False),
        hwsim.Flatten("flatten"),
        hwsim.Dense("dense", terms=(dense,)),
    )
    return hwsim.Network("small", (1, 8, 8), layers)


def network(folder="net"):
    with tempfile.TemporaryDirectory() as made:
        hwsim.save_network(small_network(), made)
        return {f"{folder}/{path.name}": path.read_bytes() for path in Path(made).iterdir()}


@cache
def onnx_file():
    with tempfile.TemporaryDirectory() as made:
        hwsim.write_onnx(small_network(), f"{made}/m.onnx")
        return Path(made, "m.onnx").read_bytes()


def data():
    frames = hwsim.load_dataset("digits", frames=5)
    made = io.BytesIO()
    np.savez(made, inputs=frames.inputs, labels=frames.labels, stream_start=np.array([0, 2, 5]), step=1 / 16)
    return made.getvalue()


@cache
def image(kind):
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(np.arange(0, 256, 4, np.uint8).reshape(8, 8)).save(made, kind)
    return made.getvalue()


@cache
def clip():
    import av

    made = io.BytesIO()
    with av.open(made, "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 8, 8, "gray"
        for k in range(3):
            pixels = np.full((8, 8), 60 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray")))
        container.mux(stream.encode())
    return made.getvalue()


def idx(kind, *shape):
    return gzip.compress(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(kind), mtime=0)


def mnist():
    return {
        "data/mnist/t10k-images-idx3-ubyte.gz": idx(5 * 784, 5, 28, 28),
        "data/mnist/t10k-labels-idx1-ubyte.gz": idx(5, 5),
    }


def shipped(kind, name):
    return lambda: {f"{kind}.yaml": getattr(catalogue, f"{kind}_path")(name).read_bytes()}


STUDY = b"""\
schema: 1
name: mine
data: digits
order: temporal
frames: 3
step: null
preprocessing: {independent: true}
rows:
  - network: digits-mlp
    machines: [mac-array, zero-skipping-mac]
  - network: net
    machines: [delta-mac]
tables: [default_45nm]
baseline: {network: digits-mlp, machine: mac-array}
phases: [synapse, neuron]
frame_rate: 30.0
accuracy_tolerance: 1.0
rules: [interpolation]
"""


def scales():
    digest = hwsim.load_network("digits-mlp").digest
    names = [layer.name for layer in hwsim.load_network("digits-mlp").layers if hasattr(layer, "terms")]
    layers = "".join(f"  {name}: {{scale: 2.0, gain: 1.0, offset: 0.0}}\n" for name in names)
    text = f"schema: 1\nnetwork: digits-mlp\nnetwork_digest: {digest}\nabout: {{seed: 3}}\nlayers:\n{layers}"
    return {"scales.yaml": text.encode()}


# --- what else may be wrong


def wrong_idx(random, content):
    how = random.random()
    if how < 0.5:
        return damaged(random, content)
    if how < 0.8:
        return gzip.compress(damaged(random, gzip.decompress(content)))
    return idx(int(random.integers(99)), *random.integers(0, 2**32, int(random.integers(1, 5))).tolist())


def special(random, content):
    """Something that is no file, in place of one."""
    return one_of(random, [*SPECIAL.values(), make_circle, make_endless_name, Path.touch])


def anything_special(random):
    """One of the other kinds, with something special in place of one of its files."""
    if random is None:
        return KINDS["study"](None)
    kinds = [name for name in KINDS if name not in ("special", "options")]
    case = KINDS[one_of(random, kinds)](None)
    name = one_of(random, list(case.files))
    case.files[name] = special(random, None)
    return case


OPTIONS = [
    "convert rounding digits-mlp --data digits --frames 9 --out out --scale",
    "convert rounding digits-mlp --data digits --frames 9 --out out --scale 2 --weight-bit-width",
    "convert gpfq digits-mlp --data digits --frames 9 --validation 9 --out out --radius",
    "convert gpfq digits-mlp --data digits --frames 9 --validation 9 --radius 2 --out out --levels",
    f"simulate digits-mlp --data digits {FRAMES} --execution delta --threshold",
    f"simulate digits-mlp --data digits {FRAMES} --frame-rate",
    f"simulate digits-mlp --data digits {FRAMES} --mean",
    f"simulate digits-mlp --data digits {FRAMES} --std",
    f"simulate digits-mlp --data digits {FRAMES} --data-scale",
    f"simulate digits-mlp --data digits {FRAMES} --size",
    f"simulate net --data data.npz {FRAMES} --step",
    f"simulate digits-mlp {FRAMES} --data",
    "simulate digits-mlp --data digits --frames",
    "table scale horowitz_2014_45nm --to",
    "table scale horowitz_2014_45nm --to 22nm --to-supply",
    "table show",
    "machine check",
    "network check",
    "training-cost --layers 64-10 --batch",
    "training-cost --layers",
]


def options(random):
    files = {**network(), "data.npz": data()}
    if random is None:
        return Case(files, "simulate net --data data.npz --step 0.0625", {})
    word = one_of(random, ODD_WORDS)
    return Case(files, f"{one_of(random, OPTIONS)}\0{word}", {})


def images(random):
    return {"images/a.png": image("PNG"), "images/b.gif": image("GIF"), "images/c.jpg": image("JPEG")}


KINDS = {
    "network": of(f"simulate net --data digits {FRAMES}", network, {"net/network.yaml": wrong_yaml}),
    "network checked": of("network check net", network, {"net/network.yaml": wrong_yaml}),
    "weights": of(f"simulate net --data digits {FRAMES}", network, {"net/weights.npz": wrong_npz}),
    "onnx": of("network check m.onnx", lambda: {"m.onnx": onnx_file()}, {"m.onnx": wrong_onnx}),
    "onnx imported": of("import m.onnx --out out", lambda: {"m.onnx": onnx_file()}, {"m.onnx": wrong_onnx}),
    "table": of("table check table.yaml", shipped("table", "horowitz_2014_45nm"), {"table.yaml": wrong_yaml}),
    "table used": of(
        f"simulate digits-mlp --data digits {FRAMES} --table table.yaml",
        shipped("table", "default_45nm"),
        {"table.yaml": wrong_yaml},
    ),
    "machine": of("machine check machine.yaml", shipped("machine", "edge-npu"), {"machine.yaml": wrong_yaml}),
    "machine used": of(
        f"simulate digits-mlp-int8 --data digits {FRAMES} --machine machine.yaml",
        shipped("machine", "edge-npu-delta"),
        {"machine.yaml": wrong_yaml},
    ),
    "study": of(
        "compare study.yaml --html out.html --csv out.csv --json out.json",
        lambda: {"study.yaml": STUDY, **network()},
        {"study.yaml": wrong_yaml},
    ),
    "scales": of(
        "convert sigma-delta digits-mlp --data digits --frames 20 --scales scales.yaml --out out",
        scales,
        {"scales.yaml": wrong_yaml},
    ),
    "data": of(
        f"simulate net --data data.npz {FRAMES}", lambda: {**network(), "data.npz": data()}, {"data.npz": wrong_npz}
    ),
    "images": of(
        f"simulate net --data images --grey --step 0.0625 {FRAMES}",
        lambda: {**network(), **images(None)},
        dict.fromkeys(images(None), damaged),
    ),
    "video": of(
        f"simulate net --data clip.mkv --grey --step 0.0625 {FRAMES}",
        lambda: {**network(), "clip.mkv": clip()},
        {"clip.mkv": damaged},
    ),
    "mnist": of(
        f"simulate mnist-mlp --data mnist {FRAMES}", mnist, dict.fromkeys(mnist(), wrong_idx), HWSIM_DATA="data"
    ),
    "options": options,
    "special": anything_special,
}
"""By name: what makes a case of random numbers, or of None one that is right."""
