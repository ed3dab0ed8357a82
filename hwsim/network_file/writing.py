"""From a network to a model folder."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pydantic
import yaml

from hwsim.errors import FileError, NetworkError
from hwsim.files.strict_npz import Array
from hwsim.network.graph import Network
from hwsim.network.layers import Layer, MultiThreshold, Synaptic, Weight
from hwsim.network_file.schema import (
    ARRAYS,
    DESCRIPTION,
    LAYERS,
    NO_LIMIT,
    PER_CHANNEL,
    Description,
    PerChannel,
    array_numbers,
)

FIELDS: dict[str, tuple[str, ...]] = {
    "add": ("signs", "multiplier_bit_width"),
    "affine": ("multiplier_bit_width",),
    "avgpool2d": ("kernel", "stride", "padding", "ceil_mode", "count_include_pad"),
    "conv2d": ("stride", "padding", "dilation", "groups"),
    "elu": ("alpha", "scale"),
    "hardtanh": ("lowest", "highest"),
    "leakyrelu": ("slope",),
    "maxpool2d": ("kernel", "stride", "padding", "ceil_mode"),
    "multithreshold": ("scale", "offset"),
    "pad2d": ("padding", "value"),
    "rearrange": ("order", "shape"),
    "wrap": ("bit_width", "signed"),
    "quantize": ("bit_width", "signed", "narrow_range", "zero_point", "rounding", "multiplier_bit_width"),
}
"""By layer type: what is written as it is held; of what is empty nothing is."""

CHANNEL_FIELDS: dict[str, tuple[str, ...]] = {
    "affine": ("scale", "offset"),
    "quantize": ("scale", "offset"),
    "add": ("step",),
}
"""By layer type: what is one number, or one per channel."""

SILENT = {("quantize", "offset"): (0.0,), ("add", "step"): (None,)}
"""Such numbers that are not written."""


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
        Description.model_validate(description)
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
    if LAYERS.get(kind) is not type(layer):
        raise NetworkError(f"layer {layer.name}: a {type(layer).__name__} cannot be written; only {', '.join(LAYERS)}")
    described: dict[str, Any] = {"name": layer.name, "type": kind}
    if layer.inputs != (previous,):
        described["inputs"] = list(layer.inputs)
    if isinstance(layer, Synaptic):
        described |= _describe_synaptic(layer, arrays)
    if isinstance(layer, MultiThreshold):
        thresholds = arrays[f"{layer.name}.thresholds"] = np.asarray(layer.thresholds)
        described["shape"] = list(thresholds.shape)
    for what in CHANNEL_FIELDS.get(kind, ()):
        value = getattr(layer, what)
        if np.ndim(value) or value not in SILENT.get((kind, what), ()):
            described[what] = _describe_number(value, f"{layer.name}.{what}", arrays)
    written = {what: _lists(getattr(layer, what)) for what in FIELDS.get(kind, ())}
    return described | {what: value for what, value in written.items() if value not in ([], None)}


def _lists(value: Any) -> Any:
    """A value as YAML holds it: tuples as lists, and an infinite limit by name."""
    if isinstance(value, float) and math.isinf(value):
        return NO_LIMIT
    return list(map(_lists, value)) if isinstance(value, tuple) else value


def _describe_synaptic(layer: Synaptic, arrays: dict[str, Array]) -> dict[str, Any]:
    for number, term in zip(array_numbers(len(layer.terms)), layer.terms, strict=True):
        arrays[f"{layer.name}.weight{number}"] = np.array(term.code, order="C")
        arrays[f"{layer.name}.scale{number}"] = np.asarray(term.scale)
    numbers = array_numbers(len(layer.terms))
    terms = [_describe_term(layer, *each, arrays) for each in zip(numbers, layer.terms, strict=True)]
    described: dict[str, Any] = {"shape": list(layer.terms[0].code.shape), "terms": terms}
    if layer.bias is None:
        described["bias"] = False
    else:
        arrays[f"{layer.name}.bias"] = _smallest(layer.bias)
    return described if layer.accumulator is None else {**described, "accumulator": layer.accumulator}


def _describe_term(layer: Synaptic, number: str, term: Weight, arrays: dict[str, Array]) -> dict[str, Any]:
    """A term's format, and its zero point if it has one."""
    zero_point, described = np.asarray(term.zero_point), {"format": term.format.name}
    if not term.is_offset:
        return described
    if zero_point.ndim:
        arrays[f"{layer.name}.zero_point{number}"] = _smallest(zero_point)
    return {**described, "zero_point": PER_CHANNEL if zero_point.ndim else int(zero_point)}


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
