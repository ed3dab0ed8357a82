"""Options of every command that takes ``--data``: how the data are read, collected into one `Source`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import typer

from hwsim.errors import HwsimError

DATA_HELP = (
    "Data set (digits, mnist, fashion-mnist, cifar-10, imagenet-sample), .npz, .npy, .csv or .wav file, folder of "
    "images, or video file."
)
Data = Annotated[str, typer.Option(help=DATA_HELP)]
Frames = Annotated[int | None, typer.Option(min=1, help="Only the first so many frames.")]
Order = Annotated[str, typer.Option(help="Order of the frames: file or temporal (each frame near the last one).")]

PANEL = "Data of your own, and preprocessing"
EXAMPLES = {
    "size": "--size 227 or --size 144x176",
    "data_scale": "--data-scale 255 or --data-scale 1/255",
    "step": "--step 1/255",
    "mean": "--mean 0.5 or --mean 0.485,0.456,0.406",
    "standard_deviation": "--standard-deviation 0.5 or --standard-deviation 0.229,0.224,0.225",
}


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=PANEL)


OPTIONS: dict[str, Any] = {
    "step": Annotated[str | None, _option("Of data of your own: real value of one code, such as 1/255.")],
    "size": Annotated[str | None, _option("Scale and crop frames to 227, or height x width, 144x176 (pixels).")],
    "grey": Annotated[bool, _option("Luma, not colours.", "--grey")],
    "data_scale": Annotated[str | None, _option("Multiply values by a number, such as 255 or 1/255.")],
    "mean": Annotated[str | None, _option("Subtract a number, or one per channel: 0.485,0.456,0.406.")],
    "standard_deviation": Annotated[
        str | None, _option("Divide by a number, or one per channel.", "--standard-deviation", "--std")
    ],
    "source_layout": Annotated[str | None, _option("Layout of an .npz file's frames: NCHW (usual), NHWC or NHW.")],
    "layout": Annotated[str | None, _option("Layout that the network reads: NCHW (usual) or NHWC.")],
    "independent": Annotated[
        bool | None,
        _option("Each frame its own stream, or all one; unless said, as the data have it.", "--independent/--stream"),
    ],
}
"""By name: the type and help of each option."""
DEFAULTS = {"grey": False}
"""Of those that are not None unless given."""


def takes_data(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the `OPTIONS`; where any is used, its ``data`` becomes a `hwsim.datasets.Source`.

    Of a command whose ``data`` may be silent (None), it becomes a `Source` without a name.
    """

    @functools.wraps(command)
    def run(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in OPTIONS}
        if chosen != {name: DEFAULTS.get(name) for name in OPTIONS}:
            given["data"] = source(given["data"] or "", chosen)
        command(**given)

    return with_options(run, command, OPTIONS, DEFAULTS)


def with_options(
    run: Callable[..., None],
    command: Callable[..., None],
    options: Mapping[str, Any],
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[..., None]:
    """Let typer see a command's own parameters, but for ``**``, and options beside them, or in their place.

    Parameters
    ----------
    run : callable
        What is called with all of them, by name.
    command : callable
        Whose parameters they are.
    options : mapping of str to annotation
        By name.
    defaults : mapping of str to value
        Of options; None unless given.
    """
    signature, keyword = inspect.signature(command), inspect.Parameter.KEYWORD_ONLY
    several = inspect.Parameter.VAR_KEYWORD
    own = [each for each in signature.parameters.values() if each.kind is not several and each.name not in options]
    added = [
        inspect.Parameter(name, keyword, default=defaults.get(name), annotation=annotation)
        for name, annotation in options.items()
    ]
    parameters = [*(each.replace(kind=keyword) for each in own), *added]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return run


def source(data: str, written: dict[str, Any]) -> Any:
    """A `hwsim.datasets.Source` of options as they are written.

    Raises
    ------
    HwsimError
        For what is no number; a DataError for what is no preprocessing.
    """
    from hwsim.datasets import Preprocessing, Source

    values = {name: value for name, value in written.items() if value is not None}
    step = _fraction(values.pop("step"), "step") if "step" in values else None
    if "size" in values:
        pixels = tuple(_whole(part, "size") for part in values["size"].split("x"))
        values["size"] = pixels[0] if len(pixels) == 1 else pixels
    for name in ("mean", "standard_deviation"):
        if name in values:
            values[name] = tuple(_fraction(part, name) for part in values[name].split(","))
    if "data_scale" in values:
        values["scale"] = _fraction(values.pop("data_scale"), "data_scale")
    return Source(data, step, Preprocessing(**values))


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise HwsimError(f"--{name} {text!r} is no number of pixels; write {EXAMPLES[name]}") from None


def _fraction(text: str, name: str) -> float:
    """A number, or one divided by another."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise HwsimError(f"--{name.replace('_', '-')}: {text!r} is no number; write {EXAMPLES[name]}") from None
