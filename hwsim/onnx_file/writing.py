"""From a Network to an ONNX or QONNX file."""

from pathlib import Path

from hwsim.errors import FileError, NetworkError
from hwsim.files.whole import write_whole
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Layer, Synaptic
from hwsim.network.number_format import FP32
from hwsim.onnx_file.element_types import STANDARD_DOMAINS
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.pairs import QONNX, writer_of
from hwsim.onnx_file.quant_nodes import quant

IR_VERSION = 8


def write_onnx(network: Network, path: str | Path, qonnx: bool | None = None) -> str:
    """Write a network as a file that other tools open.

    Signals are real values (float32), codes times their step; a file's outputs are those of the network up to the
    rounding of float32. In QONNX quantizers and integer weights are Quant nodes with the formats that they have here,
    and fixed-point factors those that are executed. Plain ONNX holds the values of weights, without their formats.

    Parameters
    ----------
    network : Network
        What to write.
    path : str or Path
        The file, replaced if it is there.
    qonnx : bool, optional
        QONNX (one frame at a time, all shapes stated, as its tools want it), or plain ONNX (any number of frames).
        Unless given, QONNX where a quantizer or a layer of integer weights is among the layers.

    Returns
    -------
    str
        What was written, for people.

    Raises
    ------
    NetworkError
        For a layer that has no equivalent there, named with the reason.
    FileError
        When onnx is not installed, or the file cannot be written.
    """
    path = Path(path)
    try:
        import onnx
    except ImportError:
        raise FileError(f"{path}: writing ONNX files needs onnx; pip install 'hwsim[onnx]'") from None
    if others := ", ".join(sorted(set(network.real_formats) - {str(FP32)})):
        raise NetworkError(
            f"network {network.name}: holds {others}; ONNX files are written with real numbers of fp32 only: keep it "
            "as a model folder"
        )
    qonnx = _has_codes(network) if qonnx is None else qonnx
    nodes = Nodes(network, qonnx)
    nodes.of_signal[INPUT] = INPUT
    layers: list[Layer | None] = [None, *network.layers]
    for layer in layers:
        try:
            _add(nodes, layer)
        except NoEquivalent as reason:
            name, kind = INPUT if layer is None else f"layer {layer.name}", "QONNX" if qonnx else "plain ONNX"
            raise NetworkError(f"network {network.name}: {name} has no equivalent in {kind}: {reason}") from None
    graph = nodes.graph()
    domains = {node.domain for node in graph.node} - set(STANDARD_DOMAINS) | ({QONNX} if qonnx else set())
    opsets = [onnx.helper.make_opsetid("", nodes.opset)]
    opsets += [onnx.helper.make_opsetid(domain, 1) for domain in sorted(domains)]
    ir_version = max(IR_VERSION, onnx.helper.find_min_ir_version_for(opsets, ignore_unknown=True))
    model = onnx.helper.make_model(graph, ir_version=ir_version, opset_imports=opsets, producer_name="hwsim")
    write_whole(path, model.SerializeToString(deterministic=True))
    return f"{'QONNX' if qonnx else 'ONNX'}, {len(graph.node)} nodes, opset {nodes.opset}"


def _add(nodes: Nodes, layer: Layer | None) -> None:
    """Add a layer's nodes; without one, what makes codes of the network's input."""
    if layer is not None:
        write = writer_of(type(layer))
        if write is None:
            raise NoEquivalent(f"a {type(layer).__name__} has none")
        nodes.begin(layer)
        nodes.of_signal[layer.name] = write(nodes, layer)
    elif nodes.qonnx and not nodes.network.input_format.is_real:
        read = nodes.network
        format, step, shape = read.input_format, read.input_step, read.input_shape
        nodes.of_signal[INPUT] = quant(nodes, INPUT, format, step, 0, "ROUND", "input_codes", shape)


def _has_codes(network: Network) -> bool:
    return any(not signal.format.is_real for signal in network.signals.values()) or any(
        isinstance(layer, Synaptic) and layer.is_integer for layer in network.layers
    )
