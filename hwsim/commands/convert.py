"""``hwsim convert``: networks of networks. What a command needs is imported inside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.commands.data_options import DATA_HELP, Data, takes_data
from hwsim.errors import HwsimError

convert = typer.Typer(no_args_is_help=True, help="Make networks of networks, without torch.")

Out = Annotated[Path, typer.Option(help="Folder to write the network to.")]
FloatNetwork = Annotated[str, typer.Argument(help="A float network's name, or its folder.")]
Split = Annotated[str | None, typer.Option(help="Split to calibrate on: train (the default) or test.")]
Frames = Annotated[int | None, typer.Option(min=1, help="Calibrate on the first so many frames only.")]


@convert.command("rounding")
@takes_data
def convert_rounding(
    network: FloatNetwork,
    out: Out,
    data: Data = "mnist",
    split: Split = None,
    frames: Frames = None,
    scale: Annotated[str | None, typer.Option(help="Codes per unit: one number, or 1,2,4.")] = None,
    weight_bit_width: Annotated[int | None, typer.Option(min=2)] = None,
    headroom: Annotated[int | None, typer.Option(min=0, help="Bits above what calibration needs.")] = None,
) -> None:
    """Round every layer's input to integers, with integer weights: the network a sigma-delta machine runs."""
    scales = numbers(scale, ",", float, "--scale 1 or --scale 1,2,4") if scale else None
    options = {
        "split": split,
        "frames": frames,
        "scale": scales[0] if scales and len(scales) == 1 else scales,
        "weight_bit_width": weight_bit_width,
        "headroom": headroom,
    }
    _convert("rounding", network, data, out, options)


@convert.command("int8")
@takes_data
def convert_int8(
    network: FloatNetwork,
    out: Out,
    data: Data = "mnist",
    split: Split = None,
    frames: Frames = None,
    per_channel: Annotated[bool | None, typer.Option(help="One weight scale per output channel.")] = None,
) -> None:
    """Quantize weights and activations to 8 bits."""
    _convert("int8", network, data, out, {"split": split, "frames": frames, "per_channel": per_channel})


@convert.command("batch-norm")
@takes_data
def convert_batch_norm(
    network: Annotated[str, typer.Argument(help="A network's name, or its folder.")],
    out: Out,
    data: Annotated[str | None, typer.Option(help=f"What accuracy is measured on, if any. {DATA_HELP}")] = None,
) -> None:
    """Fold batch norm (an Affine) into the weights of the layer before it, wherever that is exact."""
    _convert("batch-norm", network, data, out, {})


def _convert(method: str, network: str, data: str | None, out: Path, options: dict[str, Any]) -> None:
    from hwsim.convert.model_folder import convert_to_folder

    given = {key: each for key, each in options.items() if each is not None}
    convert_to_folder(method, network, data, out, **given)
    say_where(out)


def say_where(out: Path) -> None:
    """Tell where a network was written, and its accuracy."""
    from hwsim.files.catalogue import network_names
    from hwsim.network_file import load_network
    from hwsim.report.listing import accuracy_text

    # resolved: a bare name would mean a network that ships
    typer.echo(f"wrote {out}: {accuracy_text(load_network(out.resolve()))}")
    if str(out) in network_names():
        typer.echo(f"A network of this name ships with hwsim; write ./{out} for the one just written.")


def numbers(text: str, separator: str, kind: Callable[[str], Any], example: str) -> list[Any]:
    """Read a list of numbers; HwsimError, showing an example, where it is none."""
    try:
        return [kind(part) for part in text.split(separator)]
    except ValueError:
        raise HwsimError(f"{text!r} is not a list of numbers; write {example}") from None
