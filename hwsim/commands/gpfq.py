"""``hwsim convert gpfq``: quantize weights after training, with the radius and levels that do best."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.commands.convert import FloatNetwork, Force, Out
from hwsim.commands.data_options import Data, takes_data, with_options
from hwsim.commands.methods import annotations, defaults
from hwsim.commands.reports import check_reports, leave
from hwsim.convert.declared import Option, numbers
from hwsim.errors import DataError, HwsimError

if TYPE_CHECKING:
    from hwsim.convert.radius_search import Search
    from hwsim.datasets import Dataset
    from hwsim.network.graph import Network

LONGEST = 10_000
"""A range such as 1..10 has at most so many numbers."""


OPTIONS = (
    Option("levels", "Levels of a weight: 3, or several, 3,4,8,16.", default="3"),
    Option("radius", "Radius in units of a layer's weights: 2, 1..10 or 1.5,2,2.5.", default="1..10"),
    Option("unit", "That unit: median, nonzero-median or largest.", default="median"),
    Option("split", "Split to calibrate and choose on: train or test.", default="train"),
    Option("frames", "Calibrate on the first so many frames.", int, 25_000, least=1),
    Option("validation", "Choose by the last so many frames.", int, 5_000, least=1),
    Option("joint", "Convolutions over all channels, not each by itself.", bool, False, written="--joint"),
    Option("patch_fraction", "Share of a convolution's patches that are used.", float, 1.0),
    Option("sparsity", "none, or a soft or hard threshold.", default="none"),
    Option("threshold", "That threshold, in units of a layer's weights.", float, 0.0),
    Option("stochastic", "Round at random (SPFQ).", bool, False, written="--stochastic"),
    Option("alignment", "Passes of alignment (SPFQ); 1 is GPFQ.", int, 1, least=1),
    Option("bias_correction", "Biases that take in the mean error: none, last or all.", default="none"),
    Option("signal_bit_width", "Also quantize signals; batch norm goes forward.", int, least=2, most=16),
    Option("seed", "Of patches and of rounding at random.", int, 0),
)
"""What the search is told; those that differ from their defaults stand in the command that a network states."""


def takes_search(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the `OPTIONS`, which reach it as further keywords."""

    @functools.wraps(command)
    def run(**given: Any) -> None:  # to carry a signature of its own
        command(**given)

    return with_options(run, command, annotations(OPTIONS), defaults(OPTIONS))


@takes_data
@takes_search
def convert_gpfq(
    network: FloatNetwork,
    out: Out,
    data: Data = "mnist",
    html: Annotated[Path | None, typer.Option(help="Where to write accuracy against radius.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Conversions side by side; all cores unless said.")] = None,
    force: Force = False,
    **chosen: Any,
) -> None:
    """Quantize weights by greedy path following (GPFQ), beside rounding (MSQ), after training.

    Every pair of levels and radius is calibrated on some frames and measured on others, which choose; the test split
    only reports.
    """
    from hwsim.convert.greedy import Rule
    from hwsim.datasets.source import stated
    from hwsim.network_file import check_free_folder, load_network
    from hwsim.report.page import PAGE_HEAD

    check_reports((html, PAGE_HEAD))
    check_free_folder(out, force)
    many = _range(chosen["levels"], int, "--levels 3 or --levels 3,4,8")
    radii = _range(chosen["radius"], float, "--radius 1..10")
    rounding: Any = "stochastic" if chosen["stochastic"] else "nearest"
    rule = Rule(chosen["sparsity"], chosen["threshold"], rounding, chosen["alignment"], chosen["seed"])
    options = {name: chosen[name] for name in ("bias_correction", "unit", "joint", "patch_fraction", "seed")}
    sets = _sets(data, chosen["split"], chosen["frames"], chosen["validation"])
    source, bit_width = load_network(network), chosen["signal_bit_width"]
    found = _search(_prepared(source, bit_width), sets, many, radii, {"rule": rule, "threads": threads, **options})
    result = found.network if bit_width is None else _with_signals(found.network, sets[0], bit_width)
    best = found.best()
    command = f"hwsim convert gpfq {source.name} --data {stated(data)} --levels {best.levels} --radius {best.radius:g}"
    _write(source, found, result, sets[2], f"{command}{_words(chosen)}", out, html, force)


def _words(given: dict[str, Any]) -> str:
    """Options that differ from their defaults, as they are written."""
    words = []
    for option in OPTIONS:
        value = given[option.name]
        if value != option.default and option.name not in ("levels", "radius"):  # of which the best are said
            words.append(f" --{option.dashed}" + ("" if value is True else f" {value}"))
    return "".join(words)


def _sets(data: str, split: str, frames: int, validation: int) -> "tuple[Dataset, Dataset, Dataset]":
    """Calibration, validation and test frames, no frame in two of them."""
    from hwsim.datasets import load_dataset

    whole = load_dataset(data, split)
    spare = 1 if split == "test" else 0
    name = str(data)
    if frames + validation + spare > len(whole):
        raise DataError(
            f"data set {name!r}: {frames:,} frames to calibrate on and {validation:,} to choose by, but its {split} "
            f"split has {len(whole):,}{', and some must be left to report on' if spare else ''}; give --frames and "
            "--validation that fit"
        )
    calibration = whole[:frames]
    if split == "test":
        return calibration, whole[frames : frames + validation], whole[frames + validation :]
    return calibration, whole[len(whole) - validation :], load_dataset(data, split="test")


def _prepared(network: "Network", signal_bit_width: int | None) -> "Network":
    from hwsim.convert import batch_norm_forward

    return network if signal_bit_width is None else batch_norm_forward.convert(network, name=network.name)


def _with_signals(network: "Network", calibration: "Dataset", bit_width: int) -> "Network":
    from hwsim.convert import activations

    return activations.convert(network, calibration, bit_width)


def _search(
    network: "Network",
    sets: "tuple[Dataset, Dataset, Dataset]",
    levels: list[int],
    radius: list[float],
    options: dict[str, Any],
) -> "Search":
    from hwsim.convert.radius_search import search

    with _progress(len(levels) * len(radius)) as progress:
        return search(network, *sets, levels, radius, progress=progress, **options)


def _write(
    source: "Network",
    found: "Search",
    result: "Network",
    test: "Dataset",
    command: str,
    out: Path,
    html: Path | None,
    force: bool,
) -> None:
    """The model folder, the page, and what is printed."""
    from dataclasses import replace
    from functools import partial

    from hwsim.convert.model_folder import save_measured
    from hwsim.report.radius_page import radius_text, write_radius_page

    about = {**result.about, "made_from": source.name, "made_from_digest": source.digest}
    about["chosen_by"] = f"{found.frames['validation']} validation frames"

    def save(folder: Path) -> str:
        made = replace(result, name=folder.name, about=about)
        accuracy = save_measured(made, test, f"{command} --out", folder, force).about["accuracy"]
        assert isinstance(accuracy, dict)
        return f"test accuracy {accuracy['percent']:.2f} %"

    leave([(out, save), (html, partial(write_radius_page, found))], lambda: radius_text(found))


def _range(text: str, kind: Callable[[str], Any], example: str) -> list[Any]:
    """Numbers: one, several with commas, or all whole ones of a range such as 1..10."""
    first, dots, last = text.partition("..")
    if not dots:
        return numbers(text, ",", kind, example)
    low, high = (numbers(each, ",", int, example) for each in (first, last))
    if len(low) != 1 or len(high) != 1 or not low[0] <= high[0] < low[0] + LONGEST:
        raise HwsimError(f"{text!r} is no range; write {example}")
    return [kind(str(each)) for each in range(low[0], high[0] + 1)]


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing when piped."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("quantizing", total=total)
        yield lambda done, total: bar.update(task, completed=done)
