"""Integers between all layers, by rounding."""

from functools import partial

from hwsim.convert.declared import Option, later, one_or_several
from hwsim.convert.methods.method import Method

WEIGHT_BIT_WIDTH = Option("weight_bit_width", kind=int, least=2)
HEADROOM = Option("headroom", "Bits above what calibration needs.", int, least=0)


_read = partial(one_or_several, kind=float, example="--scale 1 or --scale 1,2,4")

Method(
    name="rounding",
    sentence="Round every layer's input to integers, with integer weights: the network a sigma-delta machine runs.",
    convert=later("hwsim.convert.rounding:convert"),
    options=(
        Option("scale", "Codes per unit: one number, or 1,2,4.", read=_read),
        WEIGHT_BIT_WIDTH,
        HEADROOM,
    ),
)
