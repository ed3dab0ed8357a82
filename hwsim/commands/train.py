"""``hwsim train METHOD``: networks from data. torch is imported inside it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hwsim.commands.convert import Out, numbers, say_where
from hwsim.commands.data_options import Data, takes_data
from hwsim.errors import INTERRUPTED

FLOAT = "mlp"
"""The plain float perceptron, with a recipe of its own; all other methods are those of `hwsim.train.methods`."""

CHECKPOINT = "checkpoint.pt"
"""What either keeps in its folder while it trains."""

HELP = (
    "full-precision, binary-connect, ternary-connect (either with -qbp), lab, lat, lat-exact, lat-two-scales, "
    "lat-two-scales-exact, laq-linear, laq-log, bwn, twn, ttq, dorefa, lsq; or mlp."
)


@takes_data
def train(
    method: Annotated[str, typer.Argument(help=HELP)],
    out: Out,
    data: Data = "mnist",
    layers: Annotated[
        str, typer.Option(help="784-200-10, 3x32x32-128C3-MP2-10, or a name such as mlp-784-1024x3-10, cnn-lin-2016.")
    ] = "784-200-200-10",
    epochs: Annotated[int | None, typer.Option(min=1, help="Unless given, the paper's; mlp: 20.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    frames: Annotated[int | None, typer.Option(min=1, help="Train on the first so many frames only.")] = None,
    test_frames: Annotated[
        int | None, typer.Option(min=1, help="Measure the accuracy on the first so many frames only.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="To begin with.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="mlp.")] = None,
    validation_frames: Annotated[int | None, typer.Option(min=1, help="Kept from training, the last ones.")] = None,
    bit_width: Annotated[int | None, typer.Option(help="laq-linear, laq-log, dorefa, lsq: bits of a weight.")] = None,
    scale_rule: Annotated[str | None, typer.Option(help="laq-...: least-squares or released.")] = None,
    deterministic: Annotated[
        bool | None, typer.Option("--deterministic/--stochastic", help="...-connect: the nearest weights, not drawn.")
    ] = None,
    max_shift: Annotated[int | None, typer.Option(help="...-qbp: most places a gradient is shifted by.")] = None,
    zero: Annotated[str | None, typer.Option(help="...-qbp: what an input of 0 becomes: zero or released.")] = None,
    batch_norm_gradient: Annotated[str | None, typer.Option(help="...-connect: exact or released.")] = None,
    recipe: Annotated[str | None, typer.Option(help="full-precision: few-multiplications or loss-aware.")] = None,
) -> None:
    """Train a network: hwsim train lat --out my-lat. Interrupted, the same command goes on where it stopped.

    Needs torch (the extra `train`); hwsim train METHOD --help lists methods and options.
    """
    options: dict[str, Any] = {"batch_size": batch_size, "learning_rate": learning_rate, "weight_decay": weight_decay}
    more = {
        "frames": frames,
        "test_frames": test_frames,
        "validation_frames": validation_frames,
        "bit_width": bit_width,
        "scale_rule": scale_rule,
    }
    more |= {"deterministic": deterministic, "max_shift": max_shift, "zero": zero}
    more |= {"batch_norm_gradient": batch_norm_gradient, "recipe": recipe}
    given = {name: value for name, value in (options | more).items() if value is not None}
    try:
        if method == FLOAT:
            _float_perceptron(out, data, layers, epochs, seed, given)
        else:
            _by_method(method, out, data, layers, epochs, seed, given)
    except KeyboardInterrupt:
        kept = (out / CHECKPOINT).exists()
        then = f"goes on from the last checkpoint in {out}" if kept else "starts afresh, there is no checkpoint yet"
        typer.echo(f"hwsim: interrupted; the same command {then}", err=True)
        raise SystemExit(INTERRUPTED) from None  # typer's own way out would be told as an interrupt once more


def _by_method(
    method: str, out: Path, data: str, layers: str, epochs: int | None, seed: int, given: dict[str, Any]
) -> None:
    from hwsim.train.folder import train_to_folder
    from hwsim.train.out_folder import named

    for network in train_to_folder(method, data, layers, out, epochs, seed, **given):
        say_where(named(out).with_name(network.name))


def _float_perceptron(out: Path, data: str, layers: str, epochs: int | None, seed: int, given: dict[str, Any]) -> None:
    from hwsim.train import TrainingError
    from hwsim.train.mlp import train_to_folder

    if foreign := given.keys() - {"batch_size", "learning_rate", "weight_decay"}:
        shown = ", ".join(sorted(each.replace("_", "-") for each in foreign))
        raise TrainingError(f"method mlp has no option {shown}; it has: batch-size, learning-rate, weight-decay")
    sizes = numbers(layers, "-", int, "--layers 784-200-200-10")
    train_to_folder(data, sizes, 20 if epochs is None else epochs, seed, out, **given)
    say_where(out)
