"""``hwsim train METHOD``: networks from data. torch is imported inside it."""

import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.commands.convert import Force, Out, say_where
from hwsim.commands.data_options import Data, takes_data, with_options
from hwsim.commands.methods import annotation, check_free
from hwsim.convert.declared import Option, check_names, numbers
from hwsim.errors import INTERRUPTED, HwsimError

if TYPE_CHECKING:
    from hwsim.train.methods import Method

FLOAT = "mlp"
"""The plain float perceptron, with a recipe of its own; all other methods are those of `hwsim.train.methods`."""
FLOAT_OPTIONS = ("batch_size", "learning_rate", "weight_decay")

CHECKPOINT = "checkpoint.pt"
"""What either keeps in its folder while it trains."""


def command() -> Callable[..., None]:
    """``hwsim train METHOD``, with the options of every method that is declared by now."""
    from hwsim.train.methods import METHODS

    @functools.wraps(train)
    def run(**given: Any) -> None:
        train(**given)

    method = Annotated[str, typer.Argument(help=f"{', '.join(METHODS)}; or {FLOAT}.")]
    options = {"method": method} | _own_options(METHODS.values())
    return takes_data(with_options(run, train, options, {"method": inspect.Parameter.empty}))


def _own_options(methods: "Iterable[Method]") -> dict[str, Any]:
    """The type and help of every option, by name; who has it, and what is allowed, differs by method."""
    found: dict[str, Option] = {}
    takers: dict[str, list[str]] = {}
    for method in methods:
        check_free(method.name, method.options, train)
        for option in method.options:
            first = found.setdefault(option.name, option)
            if (first.kind, first.written) != (option.kind, option.written):
                raise HwsimError(
                    f"option {option.dashed} of method {method.name}: another method has another of this name"
                )
            within = "" if option.most is None else f" ({option.least} to {option.most})"
            takers.setdefault(option.name, []).append(f"{method.name}{within}")
    return {name: annotation(option, f"{', '.join(takers[name])}: {option.help}") for name, option in found.items()}


def train(
    method: str,
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
    force: Force = False,
    **own: Any,
) -> None:
    """Train a network: hwsim train lat --out my-lat. Interrupted, the same command goes on where it stopped.

    Needs torch (the extra `train`); hwsim train METHOD --help lists methods and options.
    """
    options = {"batch_size": batch_size, "learning_rate": learning_rate, "weight_decay": weight_decay}
    options |= {"frames": frames, "test_frames": test_frames, "validation_frames": validation_frames}
    given = {name: value for name, value in (options | own).items() if value is not None}
    try:
        if method == FLOAT:
            _float_perceptron(out, data, layers, epochs, seed, force, given)
        else:
            _by_method(method, out, data, layers, epochs, seed, force, given)
    except KeyboardInterrupt:
        kept = (out / CHECKPOINT).exists()
        then = f"goes on from the last checkpoint in {out}" if kept else "starts afresh, there is no checkpoint yet"
        typer.echo(f"hwsim: interrupted; the same command {then}", err=True)
        raise SystemExit(INTERRUPTED) from None  # typer's own way out would be told as an interrupt once more


def _by_method(
    method: str, out: Path, data: str, layers: str, epochs: int | None, seed: int, force: bool, given: dict[str, Any]
) -> None:
    from hwsim.train.folder import train_to_folder
    from hwsim.train.out_folder import named

    for network in train_to_folder(method, data, layers, out, epochs, seed, force=force, **given):
        say_where(named(out).with_name(network.name))


def _float_perceptron(
    out: Path, data: str, layers: str, epochs: int | None, seed: int, force: bool, given: dict[str, Any]
) -> None:
    from hwsim.train import TrainingError
    from hwsim.train.mlp import train_to_folder

    check_names(f"method {FLOAT}", [Option(name) for name in FLOAT_OPTIONS], given, TrainingError)
    sizes = numbers(layers, "-", int, "--layers 784-200-200-10")
    train_to_folder(data, sizes, 20 if epochs is None else epochs, seed, out, force=force, **given)
    say_where(out)
