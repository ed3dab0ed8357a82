"""Weights and activations of 8 bits."""

from hwsim.convert.declared import Option, later
from hwsim.convert.methods.method import Method

Method(
    name="int8",
    sentence="Quantize weights and activations to 8 bits.",
    convert=later("hwsim.convert.int8:convert"),
    options=(Option("per_channel", "One weight scale per output channel.", bool),),
)
