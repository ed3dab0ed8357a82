"""What may stand in ``network.yaml``, and which layer each description makes with its arrays.

A layer type is added by one description here, its line in ``LAYERS``, and its fields in `hwsim.network_file.writing`.
"""

import math
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pydantic

from hwsim.files.strict_npz import ArrayFile
from hwsim.files.strict_yaml import Schema, SchemaVersion
from hwsim.network.layers import (
    ELU,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Divide,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    Layer,
    LeakyReLU,
    MaxPool2d,
    Multiply,
    MultiThreshold,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Weight,
    Wrap,
)
from hwsim.network.number_format import NumberFormat, Rounding

DESCRIPTION = "network.yaml"
ARRAYS = "weights.npz"
PER_CHANNEL: Literal["per-channel"] = "per-channel"
"""Written in the place of a number that differs by channel; the numbers stand in ``weights.npz``."""

NO_LIMIT: Literal["none"] = "none"
"""Written in the place of a limit that is infinite."""

PerChannel: TypeAlias = float | Literal["per-channel"]
Pair: TypeAlias = Annotated[list[int], pydantic.Field(min_length=2, max_length=2)]
"""Along y and x, or before and after."""

Padding: TypeAlias = Annotated[list[Pair], pydantic.Field(min_length=2, max_length=2)]
"""[[top, bottom], [left, right]]"""


def array_numbers(n_term: int) -> tuple[str, ...]:
    """What is appended to the names of each term's arrays: nothing where there is one."""
    return ("",) if n_term == 1 else tuple(map(str, range(n_term)))


class _Layer(Schema):
    name: str
    inputs: list[str] = pydantic.Field(default=[])

    @property
    def common(self) -> dict[str, Any]:
        return {"name": self.name, "inputs": tuple(self.inputs)}

    def fields(self, *written: str) -> dict[str, Any]:
        """What is written as it is held, and the common fields."""
        return self.common | {each: _tuples(getattr(self, each)) for each in written}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


class _Term(Schema):
    format: str
    zero_point: int | Literal["per-channel"] = 0


class _Synaptic(_Layer):
    terms: Annotated[list[_Term], pydantic.Field(min_length=1, max_length=2)]
    bias: bool = True  # whether there is an array of that name; said, so that one that got lost is missed
    accumulator: int | None = None

    def parts(self, arrays: ArrayFile, shape: tuple[int, ...], n_channel: int) -> dict[str, Any]:
        """Weights of a shape, with scales and, unless the layer has none, biases for its output channels."""
        terms = []
        for number, term in zip(array_numbers(len(self.terms)), self.terms, strict=True):
            format = NumberFormat.parse(term.format)
            code = arrays.take(f"{self.name}.weight{number}", (shape,), "f4" if format.is_real else "i")
            scale = arrays.take(f"{self.name}.scale{number}", ((), (n_channel,)), "f8")
            zero_point = term.zero_point
            if zero_point == PER_CHANNEL:
                zero_point = arrays.take(f"{self.name}.zero_point{number}", ((n_channel,),), "i")  # type: ignore[assignment]
            terms.append(Weight(code, format, np.asarray(scale, np.float64), zero_point))  # type: ignore[arg-type]
        bias = arrays.take(f"{self.name}.bias", ((n_channel,),), "f4", "i") if self.bias else None
        return {"terms": tuple(terms), "bias": bias, "accumulator": self.accumulator}


class _Dense(_Synaptic):
    type: Literal["dense"]
    shape: Annotated[list[int], pydantic.Field(min_length=2, max_length=2)]

    def layer(self, arrays: ArrayFile) -> Layer:
        return Dense(**self.common, **self.parts(arrays, tuple(self.shape), self.shape[1]))


class _Conv2d(_Synaptic):
    type: Literal["conv2d"]
    shape: Annotated[list[int], pydantic.Field(min_length=4, max_length=4)]
    stride: Pair
    padding: Padding
    dilation: Pair = pydantic.Field(default=[1, 1])
    groups: int = 1

    def layer(self, arrays: ArrayFile) -> Layer:
        parts = self.parts(arrays, tuple(self.shape), self.shape[0])
        return Conv2d(**self.fields("stride", "padding", "dilation", "groups"), **parts)


class _MaxPool2d(_Layer):
    type: Literal["maxpool2d"]
    kernel: Pair
    stride: Pair
    padding: Padding
    ceil_mode: bool = False

    def layer(self, arrays: ArrayFile) -> Layer:
        return MaxPool2d(**self.fields("kernel", "stride", "padding", "ceil_mode"))


class _AvgPool2d(_Layer):
    type: Literal["avgpool2d"]
    kernel: Pair
    stride: Pair
    padding: Padding
    ceil_mode: bool = False
    count_include_pad: bool = True

    def layer(self, arrays: ArrayFile) -> Layer:
        return AvgPool2d(**self.fields("kernel", "stride", "padding", "ceil_mode", "count_include_pad"))


class _Plain(_Layer):
    type: Literal[
        "concat", "divide", "flatten", "globalavgpool", "multiply", "relu", "sigmoid", "sign", "softmax", "tanh"
    ]

    def layer(self, arrays: ArrayFile) -> Layer:
        return LAYERS[self.type](**self.common)


class _Add(_Layer):
    type: Literal["add"]
    signs: list[int] = pydantic.Field(default=[])
    step: PerChannel | None = None
    multiplier_bit_width: int | None = None

    def layer(self, arrays: ArrayFile) -> Layer:
        step = None if self.step is None else _number(arrays, f"{self.name}.step", self.step)
        return Add(**self.fields("signs", "multiplier_bit_width"), step=step)


class _HardTanh(_Layer):
    type: Literal["hardtanh"]
    lowest: int | float | Literal["none"]
    highest: int | float | Literal["none"]

    def layer(self, arrays: ArrayFile) -> Layer:
        lowest = -math.inf if self.lowest == NO_LIMIT else self.lowest
        highest = math.inf if self.highest == NO_LIMIT else self.highest
        return HardTanh(**self.common, lowest=lowest, highest=highest)


class _Pad2d(_Layer):
    type: Literal["pad2d"]
    padding: Padding
    value: float = 0.0

    def layer(self, arrays: ArrayFile) -> Layer:
        return Pad2d(**self.fields("padding", "value"))


class _Rearrange(_Layer):
    type: Literal["rearrange"]
    order: list[int] = pydantic.Field(default=[])
    shape: list[int] = pydantic.Field(default=[])

    def layer(self, arrays: ArrayFile) -> Layer:
        return Rearrange(**self.fields("order", "shape"))


class _Wrap(_Layer):
    type: Literal["wrap"]
    bit_width: int
    signed: bool

    def layer(self, arrays: ArrayFile) -> Layer:
        return Wrap(**self.fields("bit_width", "signed"))


class _MultiThreshold(_Layer):
    type: Literal["multithreshold"]
    shape: Annotated[list[int], pydantic.Field(min_length=2, max_length=2)]
    scale: float
    offset: float

    def layer(self, arrays: ArrayFile) -> Layer:
        thresholds = arrays.take(f"{self.name}.thresholds", (tuple(self.shape),), "f8")
        return MultiThreshold(**self.fields("scale", "offset"), thresholds=thresholds)


class _LeakyReLU(_Layer):
    type: Literal["leakyrelu"]
    slope: int | float

    def layer(self, arrays: ArrayFile) -> Layer:
        return LeakyReLU(**self.fields("slope"))


class _ELU(_Layer):
    type: Literal["elu"]
    alpha: int | float
    scale: int | float

    def layer(self, arrays: ArrayFile) -> Layer:
        return ELU(**self.fields("alpha", "scale"))


class _Affine(_Layer):
    type: Literal["affine"]
    scale: PerChannel
    offset: PerChannel
    multiplier_bit_width: int = 16

    def layer(self, arrays: ArrayFile) -> Layer:
        scale = _number(arrays, f"{self.name}.scale", self.scale)
        offset = _number(arrays, f"{self.name}.offset", self.offset)
        return Affine(**self.fields("multiplier_bit_width"), scale=scale, offset=offset)


class _Quantize(_Layer):
    type: Literal["quantize"]
    scale: PerChannel
    bit_width: int
    signed: bool
    narrow_range: bool = False
    zero_point: int = 0
    rounding: Rounding = "half_up"
    multiplier_bit_width: int | None = None
    offset: PerChannel = 0.0

    def layer(self, arrays: ArrayFile) -> Layer:
        plain = self.fields("bit_width", "signed", "narrow_range", "zero_point", "rounding", "multiplier_bit_width")
        offset = _number(arrays, f"{self.name}.offset", self.offset)
        return Quantize(**plain, scale=_number(arrays, f"{self.name}.scale", self.scale), offset=offset)


def _number(arrays: ArrayFile, name: str, written: PerChannel) -> npt.ArrayLike:
    """A number as written, or one per channel from the arrays."""
    return arrays.take(name, None, "f8") if written == PER_CHANNEL else written


LAYERS: dict[str, type[Layer]] = {
    each.__name__.lower(): each
    for each in (
        Add,
        Affine,
        AvgPool2d,
        Concat,
        Conv2d,
        Dense,
        Divide,
        ELU,
        Flatten,
        GlobalAvgPool,
        HardTanh,
        LeakyReLU,
        MaxPool2d,
        Multiply,
        MultiThreshold,
        Pad2d,
        Quantize,
        Rearrange,
        ReLU,
        Sigmoid,
        Sign,
        Softmax,
        Tanh,
        Wrap,
    )
}
"""The layer types of files."""


def _of_known_type(layer: Any) -> Any:
    """Refuse an unknown type before the union is tried, to name the ones there are."""
    kind = layer.get("type") if isinstance(layer, dict) else None
    if not isinstance(kind, str) or kind not in LAYERS:
        raise ValueError(f"unknown layer type {kind!r}; write type: and one of {', '.join(LAYERS)}")
    return layer


AnyLayer = Annotated[
    Annotated[
        _Dense
        | _Conv2d
        | _MaxPool2d
        | _AvgPool2d
        | _Plain
        | _Add
        | _Pad2d
        | _Rearrange
        | _HardTanh
        | _LeakyReLU
        | _ELU
        | _MultiThreshold
        | _Affine
        | _Quantize
        | _Wrap,
        pydantic.Field(discriminator="type"),
    ],
    pydantic.BeforeValidator(_of_known_type),
]


class Input(Schema):
    """What the network reads."""

    shape: Annotated[list[int], pydantic.Field(min_length=1)]
    format: str
    step: float


class Description(Schema):
    """The whole of ``network.yaml``."""

    schema_: SchemaVersion = pydantic.Field(alias="schema")
    name: Annotated[str, pydantic.Field(min_length=1)]
    about: dict[str, pydantic.JsonValue]
    input: Input
    layers: Annotated[list[AnyLayer], pydantic.Field(min_length=1)]
