"""Count two networks with other people's counters and with hwsim, on the same frames, and print a Markdown table.

    python tests/bench/other_counters.py     needs what peers-requirements.txt lists, qonnx, and MNIST in HWSIM_DATA

The networks are made anew from a seed, in torch, and read by hwsim with `from_torch`; the counters see the module and
QONNX its exported file, so that nobody counts what another has prepared. Every difference is printed with the number
of taps on padding, which some count and some do not.
"""

import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

import hwsim
from hwsim.traffic.contents import weight_bits

N_FRAME = 500


def modules():
    """A perceptron and a convolutional network with strides and padding."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    perceptron = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10)
    )
    convolutional = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 16, 5, stride=3, groups=4), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 4 * 4, 10),
    )  # fmt: skip
    return {
        "784-100-50-10, real images": perceptron.eval(),
        "8C3-16C3-16C5-10, real images": convolutional.eval(),
        # SpikingJelly counts spikes, and a ReLU's outputs are none: a layer of each kind on images of zeros and ones
        "784-100, binary images": perceptron[:2],
        "8C3, binary images": convolutional[:1],
        "16C5, stride 3, binary images": nn.Sequential(nn.Conv2d(1, 16, 5, stride=3, padding=2)),
    }


def ours(module, images):
    """Synaptic operations per frame: of all inputs, of those that are not zero, and of these on non-zero weights."""
    import torch

    network = hwsim.from_torch(module, torch.zeros(1, 1, 28, 28))
    totals = {}
    for execution in ("dense", "sparse"):
        histograms = [each.histogram for each in hwsim.simulate(network, images, execution).activity.connections]
        for what in ("n_operation", "n_nonzero"):
            totals[execution, what] = sum(int(getattr(each, what).sum()) for each in histograms) / len(images)
    padded = sum(window_taps(network, layer) for layer in network.layers if isinstance(layer, hwsim.Conv2d))
    dense = totals["dense", "n_operation"]
    machine = hwsim.load_machine("mac-array")
    activity = hwsim.simulate(network, images[:1]).activity
    stored_bits = partial(weight_bits, machine=machine, word_length=machine.word_length)
    return {"dense": dense, "dense, padding counted": dense + padded, "events": totals["sparse", "n_operation"],
            "effective": totals["sparse", "n_nonzero"],
            "stored bytes": sum(map(stored_bits, activity.layers)) / 8}  # fmt: skip


def window_taps(network, layer):
    """Taps of all windows that lie on padding: those of all windows, less those on the image."""
    _, height, width = network.signals[layer.inputs[0]].shape
    _, n_y, n_x = network.signals[layer.name].shape
    n_out, n_in, *kernel = layer.terms[0].code.shape
    inside = [
        sum(0 <= window * stride - before + tap < size for window in range(n) for tap in range(taps))
        for n, size, taps, stride, (before, _) in zip(
            (n_y, n_x), (height, width), kernel, layer.stride, layer.padding, strict=True
        )
    ]
    return n_out * n_in * (n_y * n_x * kernel[0] * kernel[1] - inside[0] * inside[1])


def neurobench(module, images):
    """Dense and effective operations of NeuroBench's SynapticOperations, and its Footprint."""
    import torch
    from neurobench.metrics.static import Footprint
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    model, metric = TorchModel(module), SynapticOperations()
    model.register_hooks()
    batch = torch.from_numpy(images)
    with torch.inference_mode():
        found = metric(model, model(batch), (batch, None))
    model.cleanup_hooks()
    return {"dense": found["Dense"], "effective": found["Effective_MACs"] + found["Effective_ACs"],
            "stored bytes": Footprint()(model)}  # fmt: skip


def spikingjelly(module, images):
    """Synaptic operations of SpikingJelly's SynOpCounter."""
    import torch
    from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter

    counter = SynOpCounter()
    with torch.no_grad(), DispatchCounterMode([counter]):
        module(torch.from_numpy(images))
    return {"events": counter.get_total() / len(images)}


def qonnx(module, _):
    """Dense multiply-accumulates of QONNX's inference cost."""
    import torch

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.util.inference_cost import inference_cost

        path = Path(folder, "network.onnx")
        torch.onnx.export(module, (torch.zeros(1, 1, 28, 28),), path, dynamo=False, opset_version=13)
        return {"dense": inference_cost(str(path), discount_sparsity=False)["total_cost"]["total_macs"]}


COUNTERS = {"hwsim": ours, "NeuroBench 2.3.0": neurobench, "SpikingJelly 2.0.0": spikingjelly, "QONNX 1.0.0": qonnx}


def main():
    """Print what everybody counts."""
    images = np.asarray(hwsim.load_dataset("mnist")[:N_FRAME].inputs, np.float32) / 255
    real = images.reshape(-1, 1, 28, 28)
    binary = (real > 0.5).astype(np.float32)
    columns = ("dense", "dense, padding counted", "events", "effective", "stored bytes")
    print("| network | counter | " + " | ".join(columns) + " |\n|" + "---|" * (2 + len(columns)))
    for name, module in modules().items():
        for counter, count in COUNTERS.items():
            try:
                found = count(module, binary if "binary" in name else real)
            except ImportError as error:
                print(f"| {name} | {counter} | not installed: {error} |")
                continue
            print(
                f"| {name} | {counter} | "
                + " | ".join(f"{found[c]:,.2f}" if c in found else "" for c in columns)
                + " |"
            )


if __name__ == "__main__":
    main()
