"""From an ONNX file to a Network, or to all that stands in the way."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwsim.errors import FileError, HwsimError, NetworkError
from hwsim.network.canonical import canonical
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Affine
from hwsim.network.number_format import NumberFormat
from hwsim.network.signals import Signal
from hwsim.onnx_file.builder import MULTIPLIER_BIT_WIDTH, Builder, Unknown
from hwsim.onnx_file.coded import Constant, annotated
from hwsim.onnx_file.declared import as_declared, input_format, real_input
from hwsim.onnx_file.element_types import INTEGER
from hwsim.onnx_file.folding import fold
from hwsim.onnx_file.graph import QUANTIZERS, Graph, Node, read_graph
from hwsim.onnx_file.levels import Levels, with_codes
from hwsim.onnx_file.loading import load_graph
from hwsim.onnx_file.pairs import reader_of
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.round_nodes import with_quant_nodes
from hwsim.onnx_file.stated_sums import stated_sums
from hwsim.onnx_file.tensor import Tensor, frame_of, is_in_order, order_in_frame

NO_LAYER = "no layer of hwsim does this"
SHOWN = 4
"""Nodes that are named for each reason, before the rest are counted only."""


@dataclass(frozen=True)
class Unsupported:
    """Nodes that cannot be imported, all for one reason."""

    operator: str  # with its domain, if that is not ONNX's own
    nodes: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        """Operator, number and names of nodes, reason."""
        named = ", ".join(self.nodes[:SHOWN]) + (", ..." if len(self.nodes) > SHOWN else "")
        return f"{len(self.nodes)} x {self.operator} ({named}): {self.reason}"


@dataclass(frozen=True)
class Examination:
    """What would become of an ONNX file."""

    network: Network | None  # None where there is a problem
    unsupported: tuple[Unsupported, ...]  # all that cannot be imported
    problem: str | None  # one line: why there is no network
    n_node: int
    opsets: dict[str, int]
    remarks: tuple[str, ...]  # what the reader of results must know


def read_onnx(path: str | Path, *, thresholds: bool = False, keep_real: bool = False) -> Network:
    """Read an ONNX or QONNX file as a network, in its canonical form.

    Parameters
    ----------
    path : str or Path
        The file.
    thresholds : bool
        Whether quantizers of integers, of up to 8 bits, are thresholds wherever a shift alone does not serve; else
        those of up to 4 bits are, and the others multiply, add a stored constant and shift.
    keep_real : bool, optional
        Whether weights stay real numbers where the file declares no format for them, although their values are those
        of binary or ternary codes and a scale.

    Raises
    ------
    FileError
        When there is no such file, it is no ONNX file, or onnx is not installed.
    NetworkError
        When the graph is no network of hwsim's layers: all operators that cannot be imported are named at once.
    """
    model, name = _load(Path(path))
    return network_of(model, name, Path(path).name, thresholds=thresholds, keep_real=keep_real)


def network_of(model: Any, name: str, source: str, *, thresholds: bool = False, keep_real: bool = False) -> Network:
    """The network that an ``onnx.ModelProto`` describes; see `read_onnx`."""
    graph = read_graph(model, name)
    builder, refused = _lowered(graph, thresholds, keep_real)
    if refused:
        raise NetworkError(_problem(name, refused))
    return _network(graph, builder, model, source)


def examine_onnx(path: str | Path, *, thresholds: bool = False, keep_real: bool = False) -> Examination:
    """What would become of a file; unlike `read_onnx` it raises nothing for what cannot be imported.

    Raises
    ------
    FileError
        When there is no such file, it is no ONNX file, or onnx is not installed.
    """
    model, name = _load(Path(path))
    opsets = {each.domain or "ai.onnx": int(each.version) for each in model.opset_import}
    n_node = len(model.graph.node)
    unsupported: tuple[Unsupported, ...] = ()
    remarks: tuple[str, ...] = ()
    try:
        graph = read_graph(model, name)
        builder, unsupported = _lowered(graph, thresholds, keep_real)
        remarks = tuple(dict.fromkeys(builder.remarks))
        if not unsupported:
            network = _network(graph, builder, model, Path(path).name)
            return Examination(network, (), None, n_node, opsets, remarks)
        problem = _problem(name, unsupported)
    except HwsimError as error:
        problem = str(error)
    return Examination(None, unsupported, problem, n_node, opsets, remarks)


def _load(path: Path) -> tuple[Any, str]:
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise FileError(f"{path}: reading ONNX files needs onnx; pip install 'hwsim[onnx]'") from None
    name = path.parent.resolve().name if path.stem == "model" else path.stem
    return load_graph(path), name or "model"


class _Asked(NamedTuple):
    """What the reader of a file was asked for; see `read_onnx`."""

    thresholds: bool
    keep_real: bool


def _lowered(graph: Graph, thresholds: bool, keep_real: bool) -> tuple[Builder, tuple[Unsupported, ...]]:
    """All nodes as layers, reading what the graph's input is declared to be; and those that are not.

    Codes that no layer takes as they are, or that fractions are added to before anything reads them, are taken as real
    numbers, which the network then says.
    """
    graph = with_quant_nodes(graph)
    declared, asked = input_format(graph), _Asked(thresholds, keep_real)
    builder, refused = _layers(graph, declared, asked)
    if declared.is_real:
        if graph.types[graph.input] in INTEGER:
            wide = INTEGER[graph.types[graph.input]]
            builder.remarks.append(f"the input, {wide} codes, is taken as real numbers: codes have at most 32 bits")
        return builder, refused
    first = [layer for layer in builder.layers.values() if layer.inputs == (INPUT,)]
    is_offset = any(isinstance(each, Affine) and each.multiplier_bit_width == MULTIPLIER_BIT_WIDTH for each in first)
    if is_offset or refused:
        real, refused_too = _layers(graph, real_input(graph), asked)
        if not refused_too:
            why = "no layer takes it as it is" if refused else "it is scaled and offset before weights meet it"
            real.remarks.append(f"the input, {declared} codes, is taken as real numbers: {why}")
            return real, ()
    return builder, refused


def _layers(graph: Graph, read: NumberFormat, asked: _Asked) -> tuple[Builder, tuple[Unsupported, ...]]:
    """All nodes as layers of a network that reads numbers of a format; and those that are not."""
    shape = graph.input_shape[1:]
    channels_last = _is_channels_last(graph)
    frame = (shape[2], shape[0], shape[1]) if channels_last else frame_of(shape)
    builder = Builder(graph, frame, read, **asked._asdict())
    places = (1, 2, 0) if channels_last else (0, 2) if len(shape) == 2 else tuple(range(len(shape)))
    if channels_last:
        builder.remarks.append("the graph reads frames (H, W, C); the network reads them as (C, H, W)")
    builder.values[graph.input] = Tensor(INPUT, shape, places)
    for name, array in graph.constants.items():
        coded = annotated(array, graph.formats[name]) if name in graph.formats else None
        builder.values[name] = array if coded is None else coded
    refused: dict[tuple[str, str], list[str]] = defaultdict(list)
    for node in graph.nodes:
        try:
            value: Tensor | Constant | Unknown = _lower(builder, node)
        except (Refused, NetworkError) as refusal:
            refused[_operator(node), str(refusal)].append(node.name)
            value = Unknown()
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # numbers or shapes that no tool writes
            if isinstance(error, HwsimError):
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            refused[_operator(node), f"what it reads does not fit it ({reason})"].append(node.name)
            value = Unknown()
        builder.values.update(dict.fromkeys(node.outputs, Unknown()))
        builder.values[node.outputs[0]] = value
        if not isinstance(value, Tensor) and not builder.declared.isdisjoint(node.inputs):
            builder.declared.update(node.outputs)  # the same constant, moved
    return builder, tuple(Unsupported(kind, tuple(names), why) for (kind, why), names in refused.items())


def _lower(builder: Builder, node: Node) -> Tensor | Constant | Unknown:
    """What a node's first output is."""
    reader = reader_of(node)
    values = [builder.values[each] if each else None for each in node.inputs]
    if node.operator == "Shape" and isinstance(values[0], Tensor):
        return builder.shape_of(values[0])
    if any(isinstance(each, Unknown) for each in values):
        if reader is None and node.operator != "Shape":
            raise Refused(NO_LAYER)
        return Unknown()  # a node before it has been refused
    is_asked = reader is not None and reader.of_constants
    if not any(isinstance(each, Tensor) for each in values) and not is_asked:
        constant = fold(node, values)  # type: ignore[arg-type]
        return constant if node.operator == "Constant" else builder.worked_out(constant)
    if reader is None:
        raise Refused(NO_LAYER)
    made = reader.read(builder, node)
    made = as_declared(builder, node, made)
    if not isinstance(made, Tensor):
        return builder.worked_out(made)
    for each in values:
        if isinstance(each, Tensor) and isinstance(made, Tensor):
            made = with_codes(reader.codes, each, made)
    return made


def _operator(node: Node) -> str:
    return f"{node.domain}.{node.operator}" if node.domain not in ("", "ai.onnx") else node.operator


def _is_channels_last(graph: Graph) -> bool:
    """Whether the first thing done to images, but for quantizing them, is to bring their channels to the front."""
    same = {graph.input}
    for node in graph.nodes:
        if node.operator in (*QUANTIZERS, "Cast", "Identity") and node.inputs[0] in same:
            same.add(node.outputs[0])
    reads = [node for node in graph.nodes if not same.isdisjoint(node.inputs) and same.isdisjoint(node.outputs)]
    first = [node for node in reads if node.operator != "Shape"]
    return (
        len(graph.input_shape) == 4
        and bool(first)
        and all(
            node.operator == "Transpose" and tuple(node.attributes.get("perm", ())) == (0, 3, 1, 2) for node in first
        )
    )


def _network(graph: Graph, builder: Builder, model: Any, source: str) -> Network:
    """The layers as a network whose outputs lie in the graph's order."""
    value = builder.values[graph.output]
    if not isinstance(value, Tensor):
        raise NetworkError(f"network {graph.name}: its output {graph.output} does not depend on its input")
    try:
        result = builder.make(value)
        frame = builder.signal(result).shape
        if not is_in_order(order_in_frame(result, len(frame)), frame):
            builder.settled(result, frame_of(result.shape))
    except Refused as refusal:
        raise NetworkError(f"network {graph.name}: output {graph.output}: {refusal}") from None
    if isinstance(value, Levels) and value.layer not in builder.probabilities:
        builder.remarks.append(_codes_remark(value, builder.signal(result)))
    try:
        stated_sums(builder)
    except Refused as refusal:
        raise NetworkError(f"network {graph.name}: {refusal}") from None
    read = {each for layer in builder.layers.values() for each in layer.inputs}
    unused = [name for name in list(builder.layers)[:-1] if name not in read]
    if unused:
        raise NetworkError(f"network {graph.name}: nothing reads layer {unused[0]}")
    about: dict[str, object] = {
        "made_from": source,
        "producer": f"{model.producer_name} {model.producer_version}".strip() or "unknown",
        "opsets": dict(graph.opsets),
    }
    given = builder.signals[INPUT]
    network = Network(graph.name, given.shape, tuple(builder.layers.values()), given.format, about=about)
    builder.remarks += network.notes
    if builder.remarks:
        about["remarks"] = list(dict.fromkeys(builder.remarks))
    return canonical(network)


def _codes_remark(value: Levels, signal: Signal) -> str:
    """What a run's outputs are, of a graph that ends in codes."""
    remark = "the graph ends in codes: run.outputs are what they stand for, not the codes; these are run.output_codes"
    apart = int(np.asarray(value.zero_point).ravel()[0]) - signal.zero_point
    return f"{remark}{f' plus {apart}' if apart > 0 else f' less {-apart}' if apart else ''}"


def _problem(name: str, refused: Sequence[Unsupported]) -> str:
    """All that cannot be imported, in one line."""
    n_node = sum(len(each.nodes) for each in refused)
    return f"network {name}: {n_node} nodes cannot be imported: " + "; ".join(map(str, refused))
