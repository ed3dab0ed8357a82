"""Compare the package's speed with that of its peers, as ratios within one run, and print a Markdown table.

    python tests/bench/peers.py              print the table (needs MNIST in HWSIM_DATA)
    python tests/bench/peers.py --readme     also put it into README.md, in place of these rows there

The peers are in peers-requirements.txt, for an environment of their own; rows of one that is missing are left out.
Wherever a peer counts, its count is compared with ours before anything is timed.
"""

import importlib
import itertools
import math
import sys
from typing import NamedTuple

import numpy as np
from table import interleaved, publish, seconds_of, slope

import hwsim
from hwsim.kernels.dense import deliver
from hwsim.kernels.events import GROUP, LANES, list_changes
from hwsim.kernels.tiles import choose_width, tile_weight
from hwsim.network.number_format import integer
from hwsim.simulation.heads.terms import aligned

WIDE = (784, 1024, 1024, 1024, 10)
COUNTED = (784, 300, 300, 10)
TRAIN = (784, 200, 200, 10)
ACTIVITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
LAPS = 3  # of the spike train, because a chip cannot be wound back
SLOPE = "1 % to 50 % active: slope of log time over log events"
SPIKING = 0.12  # of the neurons, by their thresholds


def has(*names):
    """Whether peers are installed; says so of those that are not."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
            return False
    return True


def named(sizes):
    return "-".join(map(str, sizes))


def percent(parts):
    return ", ".join(f"{100 * part:.0f} %" for part in parts)


# ------------------------------------------------------------------------------------------------------- events


class Events(NamedTuple):
    """Random codes, and the events among them as a sparse execution lists them."""

    code: np.ndarray  # (n_frame + 1, n_in), the first row zeros
    start: np.ndarray
    n_event: np.ndarray
    place: np.ndarray
    value: np.ndarray
    reset: np.ndarray

    def list(self):
        rest = np.zeros(self.code.shape[1], self.code.dtype)
        list_changes(self.code, rest, self.reset, self.start, self.n_event, self.place, self.value)


def random_events(n_frame, n_in, activity, dtype):
    """Events of frames with a share of their inputs active, at random."""
    generator = np.random.default_rng(0)
    real = np.dtype(dtype).kind == "f"
    drawn = generator.standard_normal((n_frame, n_in)) if real else generator.integers(1, 8, (n_frame, n_in))
    code = np.zeros((n_frame + 1, -(-n_in // LANES) * LANES), np.float32 if real else np.int8)
    code[1:, :n_in] = np.where(generator.random((n_frame, n_in)) < activity, drawn, 0)
    slots = n_frame * (code.shape[1] + GROUP) + LANES
    events = Events(
        code,
        np.zeros(n_frame + 1, np.int64),
        np.zeros(n_frame, np.int64),
        np.zeros(slots, np.int16),
        np.zeros(slots, np.float32 if real else np.int16),
        np.ones(n_frame, np.bool_),
    )
    events.list()
    return events


def random_weight(n_in, n_out, dtype):
    generator = np.random.default_rng(1)
    real = np.dtype(dtype).kind == "f"
    drawn = generator.standard_normal((n_in, n_out)) if real else generator.integers(-7, 8, (n_in, n_out))
    return drawn.astype(dtype)


def delivery(events, weight):
    """The delivery kernel on these events, and the accumulators that it leaves."""
    n_out = weight.shape[1]
    tiles = aligned(tile_weight(weight, choose_width(*weight.shape, weight.itemsize)))
    total = np.zeros((len(events.reset) + 1, len(tiles) * tiles.shape[2]), sum_type(weight))
    bias, listed = np.zeros(total.shape[1], total.dtype), (events.start, events.n_event, events.place, events.value)

    def run():
        deliver(*listed, tiles, bias, events.reset, 0, len(tiles), total)

    return run, total[1:, :n_out]


def sum_type(weight):
    return np.float32 if weight.dtype.kind == "f" else np.int32


def product():
    """Events x rows against scipy's product of a sparse and a dense matrix."""
    if not has("scipy.sparse"):
        return
    import scipy.sparse

    n_frame, n_in, n_out, activity = 512, 784, 1024, 0.1
    for dtype in (np.float32, np.int16, np.int8):
        events, weight = random_events(n_frame, n_in, activity, dtype), random_weight(n_in, n_out, dtype)
        run, total = delivery(events, weight)
        # sums need 32 bits, and scipy multiplies in the type of its result
        kind = sum_type(weight)
        sparse, dense = scipy.sparse.csr_array(events.code[1:, :n_in].astype(kind)), weight.astype(kind)
        run()
        assert np.allclose(total, sparse @ dense, rtol=1e-4, atol=1e-4)
        ours, theirs = interleaved(run, lambda sparse=sparse, dense=dense: sparse @ dense)
        rate = int(events.n_event.sum()) * n_out / ours / 1e9
        what = f"events x rows, {n_frame} frames, {n_in} x {n_out}, {activity:.0%} active, {np.dtype(dtype)} weights"
        against = f"scipy.sparse CSR @ dense, {np.dtype(kind)} ({theirs * 1e3:.1f} ms)"
        timed = f"{what} ({ours * 1e3:.2f} ms, {rate:.0f} G synaptic operations/s)"
        yield timed, against, 1, f"{ours / theirs:.2f}", "0.25"


# ---------------------------------------------------------------------------------------------- a network of ReLUs


def torch_chain(sizes, between):
    """Linear layers with something between them."""
    import torch

    layers = []
    for k, pair in enumerate(itertools.pairwise(sizes)):
        layers += [between(k)] if k else []
        layers.append(torch.nn.Linear(*pair))
    return torch.nn.Sequential(*layers)


def he_weights(module):
    import torch

    for layer in module[::2]:
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        torch.nn.init.zeros_(layer.bias)


def trained(module):
    """Train for one epoch, as is usual."""
    import torch

    data = hwsim.load_dataset("mnist", split="train")
    frames, labels = torch.from_numpy(data.values().reshape(len(data), -1)), torch.from_numpy(data.labels)
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    for chosen in torch.randperm(len(frames)).split(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(frames[chosen]), labels[chosen]).backward()
        optimizer.step()


def relu_network(module):
    """The same in hwsim."""
    layers = [hwsim.Flatten("flatten")]
    for k, layer in enumerate(module[::2]):
        weight, bias = (each.detach().numpy() for each in (layer.weight, layer.bias))
        layers += [hwsim.ReLU(f"relu {k}")] if k else []
        layers.append(hwsim.Dense(f"dense {k}", terms=(hwsim.Weight(np.ascontiguousarray(weight.T)),), bias=bias))
    return hwsim.Network("relu", (1, 28, 28), tuple(layers))


def wide_network():
    """A network of ReLUs under `sparse` against torch, with random and with trained weights."""
    if not has("torch"):
        return
    import torch

    data = hwsim.load_dataset("mnist")
    frames = torch.from_numpy(data.values().reshape(len(data), -1))
    for origin, prepare in (("random He weights", he_weights), ("trained for an epoch", trained)):
        torch.manual_seed(0)
        module = torch_chain(WIDE, lambda k: torch.nn.ReLU())
        prepare(module)
        network = relu_network(module)
        for threads in (1, 2):
            torch.set_num_threads(threads)

            def forward(module=module):
                with torch.inference_mode():
                    return module(frames).numpy()

            run = hwsim.simulate(network, data, "sparse", threads=threads)
            assert np.allclose(run.outputs, forward(), rtol=1e-3, atol=1e-3)
            emitted = [layer.emitted for layer in run.activity.layers if layer.emitted]
            active = percent(each.n_event.sum() / len(data) / each.n_code for each in emitted)
            ours, theirs = interleaved(
                lambda network=network, threads=threads: hwsim.simulate(network, data, "sparse", threads=threads),
                forward,
                rounds=4,
            )
            what = f"{named(WIDE)} ReLU, {origin}, 10,000 MNIST images, sparse, all counts; active: {active}"
            against = f"torch fp32 dense forward ({theirs * 1e3:.0f} ms)"
            yield f"{what} ({ours * 1e3:.0f} ms)", against, threads, f"{ours / theirs:.2f}", "2.0"


# ------------------------------------------------------------------------------------------- a network of spikes


class Spiking(NamedTuple):
    """Weights and thresholds of neurons that spike or do not, and forget."""

    weights: list
    thresholds: list  # of all layers but the last

    def network(self):
        """The same in hwsim."""
        layers = []
        for k, weight in enumerate(self.weights):
            last = k == len(self.thresholds)
            # at or above the threshold there is at least one left
            bias = None if last else np.full(weight.shape[1], 1 - self.thresholds[k])
            layers.append(hwsim.Dense(f"dense {k}", terms=(hwsim.Weight(weight, integer(8)),), bias=bias))
            if not last:
                layers.append(hwsim.Quantize(f"fire {k}", bit_width=1, signed=False, rounding="floor"))
        return hwsim.Network("spiking", (len(self.weights[0]),), tuple(layers), integer(1, signed=False))

    def module(self):
        """The same in torch: linear layers without bias, and thresholds."""
        import torch

        class Fire(torch.nn.Module):
            def __init__(self, threshold):
                super().__init__()
                self.threshold = threshold

            def forward(self, x):
                return (x >= self.threshold).float()

        layers = []
        for k, weight in enumerate(self.weights):
            linear = torch.nn.Linear(*weight.shape, bias=False)
            linear.weight.data = torch.from_numpy(np.ascontiguousarray(weight.T.astype(np.float32)))
            layers += [linear, *([Fire(self.thresholds[k])] if k < len(self.thresholds) else [])]
        return torch.nn.Sequential(*layers).eval()


def spiking(sizes, spikes):
    """Random int8 weights, and thresholds such that a given share of the neurons spikes."""
    generator = np.random.default_rng(2)
    weights = [generator.integers(-127, 128, pair).astype(np.int8) for pair in itertools.pairwise(sizes)]
    thresholds = []
    for weight in weights[:-1]:
        total = spikes.astype(np.int64) @ weight.astype(np.int64)
        thresholds.append(int(np.quantile(total, 1 - SPIKING)))
        spikes = total >= thresholds[-1]
    return Spiking(weights, thresholds)


def binary_images(n):
    """MNIST images of zeros and ones."""
    inputs = hwsim.load_dataset("mnist")[:n].inputs
    return (inputs.reshape(len(inputs), -1) > 127).astype(np.uint8)


def operations(run):
    """Synaptic operations, and those on non-zero weights."""
    histograms = [connection.histogram for connection in run.activity.connections]
    return tuple(sum(int(getattr(each, name).sum()) for each in histograms) for name in ("n_operation", "n_nonzero"))


def spikingjelly_counter(module, batches):
    """Count with SpikingJelly; returns an action that returns synaptic operations."""
    import torch
    from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter

    def count():
        counter = SynOpCounter()
        # under inference_mode it sees no matrix product, and counts nothing
        with torch.no_grad(), DispatchCounterMode([counter]):
            for batch in batches:
                module(batch)
        return counter.get_total()

    return count


def neurobench_counter(module, batches):
    """Count with NeuroBench's metric; returns an action that returns synaptic operations on non-zero weights."""
    import torch
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    model = TorchModel(module)
    model.register_hooks()

    def count():
        metric = SynapticOperations()
        with torch.inference_mode():
            for batch in batches:
                found = metric(model, model(batch), (batch, None))
                model.reset_hooks()
        return round(found["Effective_ACs"] * metric.total_samples)

    return count


PEERS = (
    ("SpikingJelly 2.0.0 SynOpCounter", "spikingjelly", spikingjelly_counter, 0, "0.05"),
    ("NeuroBench 2.3.0 SynapticOperations", "neurobench", neurobench_counter, 1, "0.02"),
)


def counting():
    """Simulating and counting against the counters of others, on the same spikes."""
    if not has("torch"):
        return
    import torch

    images = binary_images(2_000)
    network = spiking(COUNTED, images)
    ours, data = network.network(), torch.from_numpy(images.astype(np.float32))
    for threads, (name, package, counter, which, aim) in itertools.product((1, 2), PEERS):
        if not has(package):
            continue
        torch.set_num_threads(threads)
        run = hwsim.simulate(ours, images, "sparse", threads=threads)
        active = percent(
            layer.emitted.n_event.sum() / len(images) / layer.emitted.n_code
            for layer in run.activity.layers
            if layer.emitted
        )
        for size in (len(images), 64, 1)[: 3 if threads == 1 else 2]:
            count = counter(network.module(), data.split(size))
            # one of them adds up in float32
            assert math.isclose(count(), operations(run)[which], rel_tol=1e-6), (name, count(), operations(run))
            mine, theirs = interleaved(
                lambda threads=threads: operations(hwsim.simulate(ours, images, "sparse", threads=threads)),
                count,
                rounds=1 if size == 1 else 7,
            )
            what = f"{named(COUNTED)} of spikes, 2,000 images, all counts; active: {active}"
            batch = "one batch" if size == len(images) else f"batches of {size}"
            against = f"{name}, {batch} ({theirs * 1e3:.1f} ms)"
            yield f"{what} ({mine * 1e3:.1f} ms)", against, threads, f"{mine / theirs:.3f}", aim


def sanafe_chip(network, images):
    """A Loihi-like chip of SANA-FE that runs the network, one image in every time step, in several laps."""
    import sanafe

    architecture, net = sanafe.load_loihi(), sanafe.Network()
    architecture = architecture[0] if isinstance(architecture, tuple) else architecture
    groups = [net.create_neuron_group("input", images.shape[1], model_attributes={})]
    for k in range(images.shape[1]):
        train = LAPS * images[:, k].tolist()
        groups[0][k].set_attributes(soma_hw_name=f"loihi_inputs[{k}]", model_attributes={"spikes": train})
    for k, weight in enumerate(network.weights):
        threshold = network.thresholds[k] - 0.5 if k < len(network.thresholds) else 1e9
        lif = {"threshold": threshold, "leak_decay": 0.0, "reset": 0.0}
        group = net.create_neuron_group(f"dense {k}", weight.shape[1], model_attributes=lif)
        for neuron in group:
            neuron.set_attributes(soma_hw_name="loihi_lif", dendrite_hw_name="loihi_dendrites")
        groups[-1].connect_neurons_dense(group, {"w": weight.astype(np.float64).ravel()})
        groups.append(group)
    for group, core in zip(groups, architecture.cores(), strict=False):
        for neuron in group:
            neuron.map_to_core(core)
    chip = sanafe.SpikingChip(architecture)
    chip.load(net)
    return chip


def spike_train():
    """Synaptic operations per second against SANA-FE, on the same spike train."""
    if not has("sanafe"):
        return
    images = binary_images(500)
    network = spiking(TRAIN, images)
    ours, chip = network.network(), sanafe_chip(network, images)
    n_operation = operations(hwsim.simulate(ours, images, "sparse", threads=1))[0]

    def run(steps):
        found.append(chip.sim(steps, timing_model="simple", processing_threads=1)["spikes"])

    found: list[int] = []
    seconds = [seconds_of(lambda: run(len(images))) for _ in range(LAPS)]
    run(len(network.weights))  # a layer hears of a spike one step later
    assert sum(found) == LAPS * n_operation, (found, n_operation)
    (mine,) = interleaved(lambda: hwsim.simulate(ours, images, "sparse", threads=1))
    what = f"{named(TRAIN)} of spikes, {len(images)} images, synaptic operations per second"
    rates = n_operation / mine, n_operation / min(seconds)
    against = f"SANA-FE 2.2.9, simple timing ({rates[1] / 1e6:.1f} M/s)"
    yield f"{what} ({rates[0] / 1e9:.2f} G/s)", against, 1, f"{rates[0] / rates[1]:.0f} times", "200 times"


# --------------------------------------------------------------------------------------------- cost against events


def dense_slopes():
    """Delivery alone, and whole simulations of a layer, at several activities."""
    n_frame, n_in, n_out = 2048, 2048, 1024
    for dtype in (np.float32, np.int8):
        weight = random_weight(n_in, n_out, dtype)
        events = [random_events(n_frame, n_in, activity, dtype) for activity in ACTIVITIES]
        amounts = [each.n_event.sum() for each in events]
        kind = f"{n_in} x {n_out}, {np.dtype(dtype)}"
        found = slope(amounts, *(delivery(each, weight)[0] for each in events))
        yield f"delivery, {kind}, {SLOPE}", "", 1, f"{found:.2f}", "0.9-1.1"
        format = hwsim.network.number_format.FP32 if dtype is np.float32 else integer(8)
        layer = hwsim.Dense("dense", terms=(hwsim.Weight(weight, format),))
        network = hwsim.Network("dense", (n_in,), (layer,), format)
        frames = [np.ascontiguousarray(each.code[1:, :n_in]) for each in events]

        def simulation(frames, network=network):
            return lambda: hwsim.simulate(network, frames, "sparse", threads=1)

        found = slope(amounts, *map(simulation, frames))
        yield f"simulate, {kind}, {SLOPE}", "", 1, f"{found:.2f}", "0.9-1.1"


def bandwidth():
    """Bytes per second that one core reads again and again, from memory of several sizes; to know the bounds by."""
    for size in (2**15, 2**19, 2**22, 2**28):
        read = aligned(np.ones(size // 4, np.float32)).max
        repeat = max(1, 2**24 // size)
        seconds = min(seconds_of(lambda read=read, repeat=repeat: [read() for _ in range(repeat)]) for _ in range(20))
        print(f"reading {size / 2**20:g} MiB: {size * repeat / seconds / 1e9:.0f} GB/s")


PARTS = (wide_network, product, counting, spike_train, dense_slopes)


def main():
    if "--bandwidth" in sys.argv:
        bandwidth()
        return
    chosen = [part for part in PARTS if part.__name__ in sys.argv] or PARTS
    rows = []
    for part in chosen:
        for row in part():
            print(*row, sep=" | ", file=sys.stderr, flush=True)
            rows.append(row)
    if len(chosen) < len(PARTS):
        sys.argv = [argument for argument in sys.argv if argument != "--readme"]  # only whole tables go there
    publish("peers.py", rows)


if __name__ == "__main__":
    main()
