"""Two layers and a training method of one's own, each in one class or statement, all the way through the package.

No file of the package mentions them. The module is also what ``--plugin test_own_parts`` names.
"""

import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import reference.elementwise
import reference.graph
import reference.head
from against_reference import arithmetic_of, assert_same_counts, both, dataset_of, words_of

import hwsim
from hwsim.activity import JoinActivity, NeuronWork
from hwsim.files.plugins import PLUGINS
from hwsim.network.layers import ElementWise, Layer
from hwsim.network.number_format import FP32, integer
from hwsim.network.operation import Operation
from hwsim.network.signals import real_signal
from hwsim.network_file import load_network, save_network
from hwsim.simulation.heads import Head, serves
from hwsim.train.methods import METHODS, Method
from hwsim.train.recipe import LOSS_AWARE

HERE = pathlib.Path(__file__).parent
HWSIM = pathlib.Path(sys.executable).with_name("hwsim")


@dataclass(frozen=True, eq=False)
class LimitedCube(ElementWise):
    """x³, at most `highest`."""

    highest: float = 100.0

    def signal(self, *source):
        return real_signal(*source)

    def apply(self, value):
        return np.minimum(value**3, self.highest)

    def work(self, read, place):
        multiplication = Operation.of("multiplication", read.format, read.format)
        comparison = Operation.of("comparison", read.format)
        return (NeuronWork(self.name, ((multiplication, 2), (comparison, 1))),)


@dataclass(frozen=True, eq=False)
class LargerOfTwo(Layer):
    """Of the first and the second half of a vector, number by number, the larger."""

    def signal(self, *source):
        (read,) = source
        return replace(read, shape=(read.size // 2,))


@serves(LargerOfTwo)
class LargerOfTwoHead(Head):
    """One comparison for each pair; a delta machine reads both numbers again where one has changed."""

    def run(self, sources, frames, worker):
        codes = sources[0].codes[:, : 2 * self.n_neuron]
        first, second = codes[:, : self.n_neuron], codes[:, self.n_neuron :]
        if worker.notes.is_delta:
            self.note_changes([first, second], frames, worker)
        return np.maximum(first, second)[1:]

    def joins(self, notes):
        touched, _ = self.touched(notes)
        read, compare = self.reads[0].format, Operation.of("comparison", self.reads[0].format)
        return (
            JoinActivity(self.name, (compare,), read, touched, n_state_read=2 * touched if notes.is_delta else None),
        )


def make_weight(unit, recipe, options, latent):
    from hwsim.train.quantizer import Term, WeightQuantizer

    class Coarse(WeightQuantizer):
        reach = 1.0

        def terms(self, latent):
            sign = np.sign(latent.detach().numpy()).astype(np.int8)
            return (Term(np.where(sign == 0, 1, sign).astype(np.int8), hwsim.NumberFormat.parse("binary"), 0.1),)

    return Coarse()


def declare():
    return Method(
        name="coarse",
        sentence="signs of weights, by one scale",
        paper="nobody's",
        format="binary",
        recipe=LOSS_AWARE,
        options=(),
        quantizer=make_weight,
    )


if __name__ in os.environ.get(PLUGINS, "").split(","):  # as a plugin; other tests ask which methods there are
    declare()


# ---------------------------------------------------------------------------------------- for the reference, by hand


class CubeOneByOne(reference.elementwise.Elementwise):
    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.highest = np.float32(layer.highest)
        self.tensor = reference.elementwise.real_tensor(source.shape, source.number)

    def apply(self, meter, element, value, trace):
        square = meter.multiply(value, value, self.operand, self.operand)
        cube = meter.multiply(square, value, self.operand, self.operand)
        return self.highest if meter.exceeds(cube, self.highest, self.operand) else cube


class LargerOneByOne(reference.head.Head):
    def __init__(self, layer, source):
        super().__init__(layer.name)
        self.source, self.n = source, source.size // 2
        self.tensor = replace(source, shape=(self.n,), step=source.step[: self.n])

    def deliver(self, moment, arrivals):
        (arrival,) = arrivals
        self.code = arrival.code
        touched = sorted({i % self.n for i, _ in arrival.event}) if moment.machine.is_delta else list(range(self.n))
        return touched, touched

    def settle(self, moment, at_work):
        if moment.machine.is_delta:
            moment.meter(self.name, "memory").read("window codes", 2 * len(at_work) * self.source.number.n_bit)

    def number(self, meter, neuron):
        first, second = self.code[neuron], self.code[neuron + self.n]
        return second if meter.exceeds(second, first, self.source.number.operand) else first


@pytest.fixture
def _known_to_the_reference(monkeypatch):
    monkeypatch.setitem(reference.graph.ELEMENTWISE, "LimitedCube", CubeOneByOne)
    monkeypatch.setitem(reference.graph.HEADS, "LargerOfTwo", LargerOneByOne)
    monkeypatch.setattr(reference.graph, "FUSED", (*reference.graph.FUSED, "LimitedCube"))


# --------------------------------------------------------------------------------------------------------- the way


def real_network():
    """Whole numbers throughout, so that no order of additions and no rounding matters."""
    first, second = np.array([[1, 2, -1, 0], [0, 1, 1, 3]]), np.array([[1, -1], [2, 1]])
    layers = (
        hwsim.Dense("dense", terms=(hwsim.Weight(first.astype(np.float32), FP32),)),
        LimitedCube("cube", highest=20.0),
        LargerOfTwo("larger"),
        hwsim.Dense("last", terms=(hwsim.Weight(second.astype(np.float32), FP32),)),
    )
    return hwsim.Network("own", (2,), layers)


FRAMES = np.array([[1, 2], [1, 2], [0, 2]], np.float32)
# sums 1 4 1 6; 1 4 1 6; 0 2 2 6. Cubes, at most 20: 1 20 1 20; the same; 0 8 8 20. The larger: 1 20; 1 20; 8 20
OUTPUTS = [[1 + 40, -1 + 20]] * 2 + [[8 + 40, -8 + 20]]


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
def test_outputs_are_those_worked_out_by_hand(execution):
    assert hwsim.simulate(real_network(), FRAMES, execution).outputs.tolist() == OUTPUTS


# neurons that are updated in each frame: under delta all at first, none when nothing changes; then the first input's
# weights reach all four sums (one of them by a weight of 0, which delta-mac skips), of which three change and two pairs
UPDATED = {"mac-array": (4, 4, 4), "zero-skipping-mac": (4, 4, 4), "delta-mac": (4, 0, 3)}
PAIRS = {"mac-array": (2, 2, 2), "zero-skipping-mac": (2, 2, 2), "delta-mac": (2, 0, 2)}


@pytest.mark.parametrize("preset", sorted(UPDATED))
def test_every_frame_is_counted_as_by_hand(preset):
    execution = hwsim.load_machine(preset).execution
    counts = hwsim.count(hwsim.simulate(real_network(), FRAMES, execution, per_frame=True).activity, preset)
    for frame in range(3):
        found, n = arithmetic_of(counts, frame), UPDATED[preset][frame]
        assert found["dense", "neuron", "multiplication", ("fp32", "fp32")] == 2 * n
        emitted = 0 if execution == "dense" else n  # compared with 0, or with what was last sent
        assert found["dense", "neuron", "comparison", ("fp32",)] == n + emitted
        emitted = 0 if execution == "dense" else PAIRS[preset][frame]
        assert found["larger", "neuron", "comparison", ("fp32",)] == PAIRS[preset][frame] + emitted
    if preset == "delta-mac":  # two numbers of 32 bits for each pair, in words of 64 bits, and last codes of one each
        assert words_of(counts, 0)["larger", "state", "read"] == 2 + 1


@pytest.mark.usefixtures("_known_to_the_reference")
@pytest.mark.parametrize("preset", [*sorted(UPDATED), "mac-array-batch", "eie-like"])
def test_they_count_as_the_reference_performs(preset):
    assert_same_counts(real_network(), FRAMES, *both(preset, 64, 4))


@pytest.mark.usefixtures("_known_to_the_reference")
@pytest.mark.parametrize("preset", ["mac-array", "rounding-adder", "sigma-delta-adder"])
def test_codes_count_as_the_reference_performs(preset):
    weight = hwsim.Weight(np.array([[1, -2, 0, 3], [2, 1, -1, 1]], np.int8), integer(8))
    layers = (hwsim.Dense("dense", terms=(weight,)), hwsim.Quantize("codes", bit_width=4), LargerOfTwo("larger"))
    network = hwsim.Network("own", (2,), layers, input_format=integer(8))
    frames = np.array([[1, 2], [1, 2], [-3, 2], [5, -1]], np.int8)
    assert_same_counts(network, frames, *both(preset, 8, 4))
    assert hwsim.simulate(network, dataset_of(network, frames)).output_codes[0].tolist() == [5, 5]


def test_they_are_saved_loaded_and_priced(tmp_path):
    save_network(real_network(), tmp_path / "own")
    network = load_network(tmp_path / "own")
    assert network == real_network()
    assert network.layers[1].highest == 20
    energy = hwsim.price(hwsim.count(hwsim.simulate(network, FRAMES).activity, "mac-array"), "default_45nm")
    # 0.9 and 3.7 pJ, Horowitz 2014: fp32 additions and multiplications
    own = [line for line in energy.lines if (line.key.layer, line.key.phase) == ("dense", "neuron")]
    assert {line.key.operation.kind for line in own} == {"multiplication", "comparison"}
    times = next(line for line in own if line.key.operation.kind == "multiplication")
    assert float(times.energy.sum()) == pytest.approx(3 * 4 * 2 * 3.7e-12)


def test_the_command_line_finds_them_by_their_module(tmp_path):
    save_network(real_network(), tmp_path / "own")
    np.savez(tmp_path / "frames.npz", inputs=FRAMES)
    path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])

    def hwsim_says(*arguments):
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(
            [HWSIM, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
        )

    plugin = ("--plugin", "test_own_parts")
    done = hwsim_says(*plugin, "simulate", "own", "--data", "frames.npz", "--execution", "delta")
    assert done.returncode == 0, done.stderr
    assert "larger" in done.stdout
    done = hwsim_says("simulate", "own", "--data", "frames.npz")
    assert done.returncode == 2
    assert "limitedcube" in done.stderr
    assert "--plugin" in done.stderr
    done = hwsim_says(*plugin, "train", "METHOD", "--help")
    assert "coarse" in done.stdout


@pytest.fixture
def _declared():
    declare()
    yield
    del METHODS["coarse"]


@pytest.mark.torch
@pytest.mark.usefixtures("_declared")
def test_a_method_of_ones_own_trains(tmp_path):
    from hwsim.train.folder import train_to_folder

    (network,) = train_to_folder("coarse", "digits", "64-16-10", tmp_path / "coarse", epochs=1, batch_size=20)
    assert {str(layer.terms[0].format) for layer in network.layers if isinstance(layer, hwsim.Dense)} == {"binary"}
    run = hwsim.simulate(load_network(tmp_path / "coarse"), hwsim.load_dataset("digits", split="test"), "sparse")
    assert run.accuracy > 0.5


def test_no_file_of_the_package_knows_them():
    names = ("LimitedCube", "LargerOfTwo", "coarse", "limitedcube", "largeroftwo")
    for path in (HERE.parent / "hwsim").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [name for name in names if f'"{name}"' in text or f"class {name}" in text], path
