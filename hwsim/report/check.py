"""What `hwsim network check` says of a network: layers, parameters, dense operations, which executions are exact."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hwsim.activity import Activity
from hwsim.counting.counts import Counts
from hwsim.network.graph import Network
from hwsim.network.layers import Layer, Synaptic
from hwsim.network.number_format import FP32
from hwsim.report.listing import frame_text

EXACT = {
    True: "every sum is of integers: dense, sparse and delta give the same bits",
    False: "real arithmetic: dense and sparse give the same bits, delta differs by the rounding of float32 additions",
}
"""Which executions are exact, of networks that compute in integers and of others."""


LONGEST_NAME = 36
"""Of a longer name of a layer its beginning and end are shown. [characters]"""


def check_text(
    network: Network,
    activity: Activity,
    counts: Counts,
    heading: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> str:
    """A network that can run, the whole of it in the first line.

    Parameters
    ----------
    network : Network
        What is told about.
    activity, counts : Activity, Counts
        Of one frame, dense.
    heading : sequence of str
        Lines after the first one.
    remarks : sequence of str
        What must be known of how the network was made, beside its own notes.
    """
    synaptic = [layer for layer in network.layers if isinstance(layer, Synaptic)]
    whole = sum(not layer.is_real(network.signals[layer.inputs[0]]) for layer in synaptic)
    minded = dict.fromkeys([*remarks, *network.notes])
    in_integers = network.is_integer and bool(synaptic or not network.output.format.is_real)
    kind = "integer codes" if in_integers else "real numbers and integer codes" if whole else "real numbers"
    things = f"{len(minded)} thing{'' if len(minded) == 1 else 's'} to mind"
    lines = [
        f"{network.name}: can run: {len(network.layers)} layers, {kind}; {things}",
        *heading,
        f"frames of shape {network.input_shape}, {network.input_format}",
        "",
        frame_text(pd.DataFrame([_row(network, layer, activity) for layer in network.layers])),
        "",
        f"parameters: {parameters_text(network)}",
        f"dense operations per frame: {operations_text(counts)}",
        f"executions: {EXACT[network.is_integer]}",
    ]
    if others := sorted(set(network.real_formats) - {str(FP32)}):
        lines.append(f"real numbers: counted and stored as {', '.join(others)}, as declared; worked on in float32")
    if not network.is_integer and synaptic:
        lines.append(f"layers with weights that compute in integers: {whole} of {len(synaptic)}")
    lines += [f"mind: {each}" for each in minded]
    return "\n".join(lines)


def shapes_text(name: str, frame: tuple[int, ...], nodes: pd.DataFrame, others: Mapping[str, int]) -> str:
    """What the shapes in an ONNX file say of a network that cannot run, since its weights need not be there.

    Parameters
    ----------
    name : str
        The network's.
    frame : tuple of int
        Shape of a frame.
    nodes : DataFrame
        What is counted, as of :class:`hwsim.onnx_file.Shaped`.
    others : mapping
        How many nodes of each operator are not.
    """
    total = int(nodes["multiply-accumulates"].sum())
    rows = nodes.assign(node=nodes["node"].map(shortened))
    rows["multiply-accumulates"] = [f"{number:,}" for number in nodes["multiply-accumulates"]]
    listed = ", ".join(f"{number} x {operator}" for operator, number in others.items())
    lines = [
        f"{name}: shapes only; frames of shape {frame}",
        "",
        *([frame_text(rows), ""] if len(rows) else []),
        f"dense operations per frame: {total:,} multiply-accumulates (a tap on padding is none)",
        f"not counted: {listed or 'nothing'}",
    ]
    return "\n".join(lines)


def _row(network: Network, layer: Layer, activity: Activity) -> dict[str, object]:
    signal = network.signals[layer.name]
    row: dict[str, object] = {"layer": shortened(layer.name), "kind": type(layer).__name__}
    row["reads"] = ", ".join(map(shortened, layer.inputs))
    row |= {"shape": "x".join(map(str, signal.shape)), "format": str(signal.format)}
    terms = layer.terms if isinstance(layer, Synaptic) else ()
    row["weights"] = " + ".join(str(term.format) for term in terms)
    row["parameters"] = f"{n_parameter(layer):,}" if n_parameter(layer) else ""
    synapses = sum(each.n_synapse for each in activity.connections if each.layer == layer.name)
    row["synaptic operations"] = f"{synapses:,}" if synapses else ""
    return row


def shortened(name: str) -> str:
    """A name, or its beginning and end."""
    half = (LONGEST_NAME - 3) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


def n_parameter(layer: Layer) -> int:
    """Weights, biases, and what a layer holds for each channel."""
    if isinstance(layer, Synaptic):
        bias = 0 if layer.bias is None else layer.bias.size
        return sum(term.code.size for term in layer.terms) + bias
    return sum(value.size for value in vars(layer).values() if isinstance(value, np.ndarray) and value.ndim)


def parameters_text(network: Network) -> str:
    """How many parameters there are, and how many weights of each format."""
    sizes: Counter[str] = Counter()
    for layer in network.layers:
        for term in layer.terms if isinstance(layer, Synaptic) else ():
            sizes[str(term.format)] += term.code.size
    total = sum(map(n_parameter, network.layers))
    listed = [f"{size:,} {format} weights" for format, size in sizes.items()]
    rest = total - sum(sizes.values())
    return f"{total:,}" + (f" ({', '.join([*listed, *([f'{rest:,} others'] if rest else [])])})" if listed else "")


def operations_text(counts: Counts) -> str:
    """Arithmetic of all phases, each operation in its formats."""
    totals: Counter[str] = Counter()
    for key, number in counts.entries.items():
        if key.phase != "memory":
            totals[str(key.operation)] += int(number.sum())
    listed = [f"{number:,} {name}" for name, number in sorted(totals.items(), key=lambda each: -each[1]) if number]
    return "; ".join(listed) or "none"
