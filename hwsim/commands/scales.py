"""``hwsim train scales`` and ``hwsim train scale-sweep``."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hwsim.commands.convert import FloatNetwork, Force
from hwsim.commands.data_options import Data, takes_data, with_options
from hwsim.commands.methods import annotations, defaults
from hwsim.convert.declared import numbers
from hwsim.errors import HwsimError, UnknownNameError
from hwsim.train.scale_settings import OPTIONS, RECIPES, Settings

Frames = Annotated[int | None, typer.Option(min=1, help="Learn on the first so many frames only.")]


def takes_learning(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of learning scales, which reach it as further keywords."""

    @functools.wraps(command)
    def run(**given: Any) -> None:  # to carry a signature of its own
        command(**given)

    return with_options(run, command, annotations(OPTIONS), defaults(OPTIONS))


@takes_data
@takes_learning
def train_scales(
    network: FloatNetwork,
    lam: Annotated[float, typer.Option(help="Error that an addition is worth: larger ones compute less.")],
    data: Data = "mnist",
    out: Annotated[Path, typer.Option(help="File of scales to write.")] = Path("scales.yaml"),
    frames: Frames = None,
    force: Force = False,
    **learning: Any,
) -> None:
    """Learn the scales of a rounding network from unlabelled frames: error to the original + lam x additions."""
    settings = _settings(lam, **learning)
    from hwsim.datasets import load_dataset
    from hwsim.files.existing import check_free
    from hwsim.network_file import load_network
    from hwsim.train.scales import learn, save

    check_free(out, force)  # before the work, not after it
    original = load_network(network)
    train = load_dataset(data, _split(data), order=learning["order"] or _order(data, settings), frames=frames)
    with _bar() as progress:
        learned = learn(original, train, settings, progress)
    save(learned, train, settings, out)
    for name, each in learned.codings.items():
        typer.echo(f"{name}: scale {each}")
    typer.echo(f"wrote {out}. Next: hwsim convert sigma-delta {network} --data {data} --scales {out} --out FOLDER")


@takes_data
@takes_learning
def scale_sweep(
    network: FloatNetwork,
    out: Annotated[Path, typer.Option(help="Folder: a file of scales for each lambda, and sweep.csv.")],
    lams: Annotated[str, typer.Option(help="Lambdas: 1e-7,1e-6, or first..last:how many, spaced alike.")],
    data: Data = "mnist",
    frames: Frames = None,
    **learning: Any,
) -> None:
    """Learn scales for many lambdas and measure each on test frames; interrupted, the same command goes on."""
    chosen = lambdas(lams)
    settings = _settings(chosen[0], **learning)
    from hwsim.datasets import load_dataset
    from hwsim.network_file import load_network
    from hwsim.train.scale_sweep import sweep

    train = load_dataset(data, _split(data), order=learning["order"] or _order(data, settings), frames=frames)
    test = load_dataset(data, order="temporal" if _is_named(data) else "file") if _split(data) == "train" else train
    with _bar() as progress:
        rows = sweep(load_network(network), train, test, chosen, settings, out, progress=progress)
    typer.echo(rows.drop(columns=["scales", "seconds"]).to_string(index=False))
    typer.echo(f"wrote {out}")


def lambdas(text: str) -> list[float]:
    """1e-7,1e-6, or 1e-10..1e-5:10, spaced alike on a logarithmic scale."""
    example = "--lams 1e-7,1e-6 or --lams 1e-10..1e-5:10"
    if ".." not in text:
        return list(map(float, numbers(text, ",", float, example)))
    ends, _, many = text.partition(":")
    first, last = numbers(ends, "..", float, example)[:2]
    (n,) = numbers(many, ",", int, example)[:1]
    if not (0 < first < np.inf and 0 < last < np.inf and 2 <= n <= 1000):
        raise HwsimError(f"{text!r}: lambdas are positive, and 2 to 1000; write {example}")
    return [float(lam) for lam in np.geomspace(first, last, n)]


def _settings(lam: float, recipe: str, order: str | None, **given: Any) -> Settings:
    """A recipe's settings, with those that were given in their place; the order of the frames is none of them."""
    if recipe not in RECIPES:
        raise UnknownNameError("recipe", recipe, RECIPES)
    chosen = {name: value for name, value in given.items() if value is not None}
    return Settings(lam, **(RECIPES[recipe] | chosen))  # type: ignore[arg-type]


def _order(data: str, settings: Settings) -> str:
    """Frames in their own order, unless changes count and there is no time in it."""
    return "temporal" if settings.cost == "temporal" and _is_named(data) else "file"


def _split(data: str) -> str:
    """Data of one's own may have no splits."""
    from hwsim.datasets import has_splits

    return "train" if has_splits(data) else "test"


def _is_named(data: str) -> bool:
    from hwsim.datasets import dataset_names

    return getattr(data, "name", data) in dataset_names()


@contextmanager
def _bar() -> Iterator[Callable[[float, str], None]]:
    """A bar on a terminal; nothing when piped."""
    import rich.console
    import rich.progress

    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("learning scales", total=1.0)
        yield lambda done, text: bar.update(task, completed=done, description=text)
