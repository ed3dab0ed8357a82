"""Rounding networks for machines that run them on differences of frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.convert.declared import Option, later, one_or_several
from hwsim.convert.methods.method import Method
from hwsim.convert.methods.rounding import HEADROOM, WEIGHT_BIT_WIDTH

if TYPE_CHECKING:
    from hwsim.network.graph import Network

SCALES_HELP = "Codes per unit: one number, one for each layer (1,2,4), or the file that `hwsim train scales` wrote."


def _read(text: str) -> Any:
    """Numbers, or a file's name."""
    if Path(text).suffix in (".yaml", ".yml"):
        return text
    return one_or_several(text, float, "--scales 1, --scales 1,2,4 or --scales scales.yaml")


def _widths(network: "Network") -> str:
    widths = network.about["accumulator_bits"]
    assert isinstance(widths, dict)
    return f"accumulators [bits]: {', '.join(f'{layer} {width}' for layer, width in widths.items())}"


Method(
    name="sigma-delta",
    sentence="Fold batch norm and round every layer's input: the network that adds, shifts and compares, run under "
    "delta.",
    convert=later("hwsim.convert.sigma_delta:convert"),
    options=(Option("scales", SCALES_HELP, default="1", read=_read), WEIGHT_BIT_WIDTH, HEADROOM),
    tell=_widths,
)
