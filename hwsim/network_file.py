"""A model folder and the network in it: ``network.yaml`` says what it is, ``weights.npz`` holds its arrays.

``network.yaml`` carries name, provenance, input and layers; ``weights.npz`` carries ``<layer>.weight``,
``<layer>.scale`` and ``<layer>.bias`` (a term's number appended when there are several: ``<layer>.weight0``), and
parameters that differ by channel, under their own names. Both are read strictly, no pickle is ever loaded, and no
file outside the folder is named. The same network always makes the same bytes.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pydantic
import yaml

from hwsim.catalogue import network_path
from hwsim.errors import FileError, NetworkError
from hwsim.network import Affine, Dense, Flatten, Layer, Network, Quantize, ReLU, Weight
from hwsim.number_format import NumberFormat, Rounding
from hwsim.strict_npz import Array, ArrayFile
from hwsim.strict_yaml import Schema, load

DESCRIPTION = "network.yaml"
ARRAYS = "weights.npz"
PER_CHANNEL: Literal["per-channel"] = "per-channel"
"""Written in the place of a number that differs by channel; the numbers stand in ``weights.npz``."""

PerChannel: TypeAlias = float | Literal["per-channel"]


class _Layer(Schema):
    name: str
    inputs: list[str] = pydantic.Field(default=[])

    @property
    def common(self) -> dict[str, Any]:
        return {"name": self.name, "inputs": tuple(self.inputs)}


class _Term(Schema):
    format: str


class _Dense(_Layer):
    type: Literal["dense"]
    shape: Annotated[list[int], pydantic.Field(min_length=2, max_length=2)]
    terms: Annotated[list[_Term], pydantic.Field(min_length=1, max_length=2)]
    accumulator: int | None = None

    def layer(self, arrays: ArrayFile) -> Layer:
        n_in, n_out = self.shape
        terms = []
        for number, term in zip(_numbers(len(self.terms)), self.terms, strict=True):
            format = NumberFormat.parse(term.format)
            code = arrays.take(f"{self.name}.weight{number}", ((n_in, n_out),), "f4" if format.is_real else "i")
            scale = arrays.take(f"{self.name}.scale{number}", ((), (n_out,)), "f8")
            terms.append(Weight(code, format, np.asarray(scale, np.float64)))  # type: ignore[arg-type]
        bias = arrays.take(f"{self.name}.bias", ((n_out,),), "f4", "i")
        return Dense(**self.common, terms=tuple(terms), bias=bias, accumulator=self.accumulator)


class _Plain(_Layer):
    type: Literal["relu", "flatten"]

    def layer(self, arrays: ArrayFile) -> Layer:
        return (ReLU if self.type == "relu" else Flatten)(**self.common)


class _Affine(_Layer):
    type: Literal["affine"]
    scale: PerChannel
    offset: PerChannel
    multiplier_bit_width: int = 16

    def layer(self, arrays: ArrayFile) -> Layer:
        scale = _number(arrays, f"{self.name}.scale", self.scale)
        offset = _number(arrays, f"{self.name}.offset", self.offset)
        return Affine(**self.common, scale=scale, offset=offset, multiplier_bit_width=self.multiplier_bit_width)


class _Quantize(_Layer):
    type: Literal["quantize"]
    scale: PerChannel
    bit_width: int
    signed: bool
    narrow_range: bool = False
    zero_point: int = 0
    rounding: Rounding = "half_up"
    multiplier_bit_width: int = 16

    def layer(self, arrays: ArrayFile) -> Layer:
        plain = self.model_dump(exclude={"type", "name", "inputs", "scale"})
        return Quantize(**self.common, **plain, scale=_number(arrays, f"{self.name}.scale", self.scale))


def _number(arrays: ArrayFile, name: str, written: PerChannel) -> npt.ArrayLike:
    """A number as written, or one per channel from the arrays."""
    return arrays.take(name, None, "f8") if written == PER_CHANNEL else written


_TYPES = ("affine", "dense", "flatten", "quantize", "relu")


def _of_known_type(layer: Any) -> Any:
    """Refuse an unknown type before the union is tried, to name the ones there are."""
    kind = layer.get("type") if isinstance(layer, dict) else None
    if kind not in _TYPES:
        raise ValueError(f"unknown layer type {kind!r}; write type: and one of {', '.join(_TYPES)}")
    return layer


_AnyLayer = Annotated[
    Annotated[_Dense | _Plain | _Affine | _Quantize, pydantic.Field(discriminator="type")],
    pydantic.BeforeValidator(_of_known_type),
]


class _Input(Schema):
    shape: Annotated[list[int], pydantic.Field(min_length=1)]
    format: str
    step: float


class _Description(Schema):
    """The whole of ``network.yaml``."""

    schema_: Literal[1] = pydantic.Field(alias="schema")
    name: Annotated[str, pydantic.Field(min_length=1)]
    about: dict[str, pydantic.JsonValue]
    input: _Input
    layers: Annotated[list[_AnyLayer], pydantic.Field(min_length=1)]


def load_network(network: Network | str | Path) -> Network:
    """Read a network.

    Parameters
    ----------
    network : Network, str or Path
        The name of a network that ships with hwsim, the path of a model folder, or a Network, which is returned.

    Raises
    ------
    UnknownNameError
        When there is neither such a network nor such a folder.
    FileError
        When a file is missing, cut short, or not what it should be: a pickle, an array that is missing, unknown,
        or of the wrong shape or dtype, an unknown key or layer type.
    NetworkError
        When the files are well formed, but what they describe is no network: weights that are not finite or
        outside their format, layers that do not fit together.
    """
    if isinstance(network, Network):
        return network
    folder = network_path(network)
    if not folder.is_dir():
        raise FileError(f"{folder}: a file; expected a model folder with {DESCRIPTION} and {ARRAYS}")
    path = folder / DESCRIPTION
    description = load(path, _Description)
    with ArrayFile(folder / ARRAYS) as arrays:
        layers = tuple(_layer(each, arrays, path) for each in description.layers)
        arrays.expect_no_more()
    read = description.input
    try:
        about: dict[str, object] = dict(description.about)
        format = NumberFormat.parse(read.format)
        return Network(description.name, tuple(read.shape), layers, format, read.step, about)
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from None


def _layer(description: Any, arrays: ArrayFile, path: Path) -> Layer:
    try:
        layer: Layer = description.layer(arrays)
    except NetworkError as error:
        name = f"layer {description.name}: "
        raise NetworkError(f"{path}: {name}{str(error).removeprefix(name)}") from None
    return layer


def _numbers(n_term: int) -> tuple[str, ...]:
    return ("",) if n_term == 1 else tuple(map(str, range(n_term)))


def save_network(network: Network, folder: str | Path) -> None:
    """Write a network as a model folder, which is made if need be; files of the same names are replaced.

    Each file is written beside its place and moved there when complete. Reading the folder gives an equal network
    (the same digest), and the same network gives the same bytes.

    Raises
    ------
    NetworkError
        When `network.about` holds what YAML cannot say, or a layer is of a type that has no place in a file.
    FileError
        When the folder cannot be written.
    """
    folder = Path(folder)
    shape, arrays = network.input_shape, dict[str, Array]()
    description = {
        "schema": 1,
        "name": network.name,
        "about": network.about,
        "input": {"shape": list(shape), "format": network.input_format.name, "step": float(network.input_step)},
        "layers": [
            _describe(layer, previous, arrays)
            for previous, layer in zip(network.signals, network.layers, strict=False)  # signals: the input first
        ],
    }
    try:
        _Description.model_validate(description)
        text = yaml.dump(description, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    except (pydantic.ValidationError, yaml.YAMLError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, pydantic.ValidationError) else "about"
        raise NetworkError(
            f"network {network.name}: {where}: cannot be written; use text, numbers, lists and mappings"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / ARRAYS, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
        _replace(folder / DESCRIPTION, lambda file: file.write(text.encode()))
    except OSError as error:
        raise FileError(f"{folder}: cannot be written ({error.strerror})") from None


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes short lists on one line."""


def _represent_list(dumper: _Dumper, value: list[object]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=len(str(value)) < 90)


_Dumper.add_representer(list, _represent_list)


def _describe(layer: Layer, previous: str, arrays: dict[str, Array]) -> dict[str, Any]:
    """What stands of a layer in ``network.yaml``, silent of the usual input; its arrays are added to `arrays`."""
    kind = type(layer).__name__.lower()
    if kind not in _TYPES:
        raise NetworkError(f"layer {layer.name}: a {type(layer).__name__} cannot be written; only {', '.join(_TYPES)}")
    described: dict[str, Any] = {"name": layer.name, "type": kind}
    if layer.inputs != (previous,):
        described["inputs"] = list(layer.inputs)
    if isinstance(layer, Dense):
        return described | _describe_dense(layer, arrays)
    if isinstance(layer, Quantize):
        described["scale"] = _describe_number(layer.scale, f"{layer.name}.scale", arrays)
        plain = ("bit_width", "signed", "narrow_range", "zero_point", "rounding", "multiplier_bit_width")
        described |= {each: getattr(layer, each) for each in plain}
    elif isinstance(layer, Affine):
        for what in ("scale", "offset"):
            described[what] = _describe_number(getattr(layer, what), f"{layer.name}.{what}", arrays)
        described["multiplier_bit_width"] = layer.multiplier_bit_width
    return described


def _describe_dense(layer: Dense, arrays: dict[str, Array]) -> dict[str, Any]:
    for number, term in zip(_numbers(len(layer.terms)), layer.terms, strict=True):
        arrays[f"{layer.name}.weight{number}"] = np.array(term.code, order="C")
        arrays[f"{layer.name}.scale{number}"] = np.asarray(term.scale)
    assert layer.bias is not None
    arrays[f"{layer.name}.bias"] = _smallest(layer.bias)
    described = {"shape": list(layer.shape), "terms": [{"format": term.format.name} for term in layer.terms]}
    return described if layer.accumulator is None else {**described, "accumulator": layer.accumulator}


def _describe_number(value: npt.ArrayLike, name: str, arrays: dict[str, Array]) -> PerChannel:
    """A number to write in place; one per channel goes to the arrays."""
    array = np.asarray(value, np.float64)
    if array.ndim == 0:
        return float(array)
    arrays[name] = array
    return PER_CHANNEL


def _smallest(array: Array) -> Array:
    """Integers in the smallest signed dtype that holds them; real numbers as they are."""
    if array.dtype.kind != "i":
        return array
    reach = max(-int(array.min()), int(array.max()) + 1)
    return array.astype(np.min_scalar_type(min(-1, -reach)))


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its place, then move it there, so that no reader sees half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
