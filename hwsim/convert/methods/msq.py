"""Every weight the nearest level, whatever the data."""

from functools import partial

from hwsim.convert.declared import Option, later, one_or_several
from hwsim.convert.methods.method import Method

_levels = partial(one_or_several, kind=int, example="--levels 3 or --levels 3,4,8")
_radius = partial(one_or_several, kind=float, example="--radius 2 or --radius 1.5,2,3")

Method(
    name="msq",
    sentence="Round every weight to the nearest of a few levels (MSQ), the baseline of gpfq.",
    convert=later("hwsim.convert.msq:convert"),
    options=(
        Option("levels", "Levels of a weight, or one number per layer; 3 unless given.", read=_levels),
        Option("radius", "Radius in units of a layer's weights, or one per layer; 2 unless given.", read=_radius),
        Option("unit", "That unit: median (unless given), nonzero-median or largest."),
    ),
    needs_data=False,
)
