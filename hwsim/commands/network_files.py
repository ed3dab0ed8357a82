"""``hwsim network check``, ``hwsim import`` and ``hwsim export``: networks of other tools, in and out."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwsim.commands.convert import Force
from hwsim.errors import FileError, NetworkError
from hwsim.files.other_kinds import refuse_other_kind

if TYPE_CHECKING:
    from hwsim.network.graph import Network
    from hwsim.onnx_file import Examination

ONNX = ".onnx"
MOST_NUMBERS = 2**26
"""Of one signal of a frame that is run."""
Thresholds = Annotated[
    bool,
    typer.Option(
        "--thresholds", help="Quantize integers of up to 8 bits by thresholds, not by multiplier, constant and shift."
    ),
]
KeepReal = Annotated[
    bool,
    typer.Option("--keep-real", help="Of an .onnx file: do not read weights of two or three values as codes."),
]

Output = Annotated[str | None, typer.Option(help="Of an .onnx file with several outputs: the one that is read.")]


def network_check(
    network: Annotated[str, typer.Argument(help="An .onnx file, a network's name, or a model folder.")],
    thresholds: Thresholds = False,
    keep_real: KeepReal = False,
    output: Output = None,
    shapes_only: Annotated[
        bool,
        typer.Option("--shapes-only", help="Of an .onnx file, with or without its weights: dense operations only."),
    ] = False,
) -> None:
    """Say what would happen: layers, formats, parameters, dense operations, what is unsupported, what is exact.

    Exit code 2 where the network cannot run.
    """
    from hwsim.network_file import load_network

    refuse_other_kind(network)
    if shapes_only:
        typer.echo(_shapes_text(network))
        return
    if not is_onnx(network):
        typer.echo(_told(load_network(network, output=output)))
        return
    from hwsim.onnx_file import examine_onnx

    found = examine_onnx(Path(network), thresholds=thresholds, keep_real=keep_real, output=output)
    if found.network is None:
        summary = _summary(network, found)
        typer.echo("\n".join([summary, *_file_lines(network, found)]))
        raise NetworkError(summary)
    typer.echo(_told(found.network, *_file_lines(network, found)[:1]))


def network_import(
    model: Annotated[str, typer.Argument(help="An ONNX or QONNX file.")],
    out: Annotated[Path, typer.Option(help="Folder to write the network to.")],
    thresholds: Thresholds = False,
    force: Force = False,
    keep_real: KeepReal = False,
    output: Output = None,
) -> None:
    """Write an ONNX or QONNX file's network as a model folder."""
    from hwsim.network_file import check_free_folder, save_network
    from hwsim.onnx_file import read_onnx
    from hwsim.report.check import EXACT, parameters_text

    refuse_other_kind(model)
    if not is_onnx(model):
        raise FileError(f"{model}: no .onnx file; only these are imported")
    check_free_folder(out, force)  # before the work, not after it
    network = read_onnx(Path(model), thresholds=thresholds, keep_real=keep_real, output=output)
    asked = " --thresholds" * thresholds + " --keep-real" * keep_real
    asked += "" if output is None else f" --output {shlex.quote(output)}"
    command = f"hwsim import {Path(model).name} --out {out.name}{asked}"
    about = {**network.about, "command": command}
    network = replace(network, name=out.name, about=about)
    save_network(network, out, force)
    typer.echo(f"{len(network.layers)} layers, frames of shape {network.input_shape}, {network.input_format}")
    typer.echo(f"parameters: {parameters_text(network)}")
    typer.echo(f"executions: {EXACT[network.is_integer]}")
    for remark in _remarks(network):
        typer.echo(f"mind: {remark}")
    typer.echo(f"wrote {out}")


def network_export(
    network: Annotated[str, typer.Argument(help="A network's name, a model folder, or an .onnx file.")],
    out: Annotated[Path, typer.Option(help="File to write, .onnx.")],
    qonnx: Annotated[
        bool | None,
        typer.Option("--qonnx/--onnx", help="QONNX or plain ONNX; unless said, QONNX where there are quantizers."),
    ] = None,
    force: Force = False,
    keep_real: KeepReal = False,
    output: Output = None,
) -> None:
    """Write a network as an ONNX file, with QONNX's Quant nodes for quantizers and integer weights."""
    from hwsim.files.existing import check_free
    from hwsim.network_file import load_network
    from hwsim.onnx_file import write_onnx

    if out.suffix != ONNX:
        raise FileError(f"{out}: expected a name that ends in {ONNX}")
    check_free(out, force)
    written = write_onnx(load_network(network, keep_real, output), out, qonnx)
    typer.echo(f"wrote {out}: {written}")


def is_onnx(network: str) -> bool:
    """Whether a network is named by an ONNX file."""
    return Path(network).suffix.lower() == ONNX


def _shapes_text(network: str) -> str:
    from hwsim.onnx_file import shapes_of
    from hwsim.report.check import shapes_text

    if not is_onnx(network):
        raise FileError(f"{network}: --shapes-only is for .onnx files; leave it out")
    shaped = shapes_of(Path(network))
    return shapes_text(network, shaped.frame, shaped.to_dataframe(), shaped.others)


def _told(network: "Network", *heading: str) -> str:
    """A network as it would run, by one frame that is run dense; the heading says of which file it is."""
    import numpy as np

    from hwsim.counting.accounting import count
    from hwsim.datasets import Dataset
    from hwsim.report.check import check_text
    from hwsim.simulation.simulator import simulate

    name, largest = max(network.signals.items(), key=lambda each: each[1].size)
    if largest.size > MOST_NUMBERS:
        raise NetworkError(
            f"network {network.name}: cannot run: {name} of shape {largest.shape} has {largest.size:,} numbers; "
            f"{MOST_NUMBERS:,} are the most"
        )
    format, shape = network.input_format, (1, *network.input_shape)
    if format.is_real:
        frame = Dataset(np.zeros(shape, np.float32), name="one frame")
    else:
        codes = np.full(shape, 1 if format.kind == "binary" else max(0, format.lowest), np.int64)
        frame = Dataset(codes, network.input_step, name="one frame")
    activity = simulate(network, frame, "dense").activity
    return check_text(network, activity, count(activity, "mac-array"), heading, _remarks(network))


def _file_lines(network: str, found: "Examination") -> list[str]:
    """What is known of an ONNX file, and all that is unsupported."""
    opsets = ", ".join(f"{domain} {version}" for domain, version in found.opsets.items())
    lines = [f"{network}: {found.n_node} nodes, opset {opsets}"]
    lines += [f"mind: {remark}" for remark in found.remarks]
    return lines + [
        f"unsupported: {len(each.nodes)} x {each.operator} ({', '.join(each.nodes)}): {each.reason}"
        for each in found.unsupported
    ]


def _summary(network: str, found: "Examination") -> str:
    """Why a file cannot run, in one line."""
    n_node = sum(len(each.nodes) for each in found.unsupported)
    reasons = [f"{n_node} of {found.n_node} nodes are unsupported"] if n_node else []
    if not n_node or found.is_unfit:
        reasons.insert(0, str(found.problem))
    return f"{network}: cannot run: {'; '.join(reasons)}"


def _remarks(network: "Network") -> list[str]:
    remarks = network.about.get("remarks", [])
    return list(map(str, remarks)) if isinstance(remarks, list) else []
