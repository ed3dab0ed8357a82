"""What may stand in ``network.yaml``; what a layer has there follows from its fields (`stored_fields`)."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Any, Literal, Union

import pydantic

from hwsim.errors import NetworkError
from hwsim.files.plugins import REMEDY
from hwsim.files.strict_npz import ArrayFile
from hwsim.files.strict_yaml import Schema, SchemaVersion
from hwsim.network.layers import Layer
from hwsim.network.layers.layer import layer_types, shipped_layer_types, type_name
from hwsim.network_file.stored_fields import stored_fields

DESCRIPTION = "network.yaml"
ARRAYS = "weights.npz"

MOST_LAYERS = 5_000
"""Networks of more layers have no place in a file."""


class LayerDescription(Schema):
    """What every layer has."""

    name: str
    type: str
    inputs: list[str] = pydantic.Field(default=[])


class Input(Schema):
    """What the network reads."""

    shape: Annotated[list[int], pydantic.Field(min_length=1)]
    format: str
    step: float


class Description(Schema):
    """The whole of ``network.yaml``, but for its layers."""

    schema_: SchemaVersion = pydantic.Field(alias="schema")
    name: Annotated[str, pydantic.Field(min_length=1)]
    about: dict[str, pydantic.JsonValue]
    input: Input
    arrays: Annotated[str, pydantic.Field(pattern="^sha256:[0-9a-f]{64}$")] | None = None  # of weights.npz


def description_model() -> type[Description]:
    """The schema of ``network.yaml`` with all layers that are registered by now."""
    return _description_of(tuple(layer_types().values()))


def shipped_description_model() -> type[Description]:
    """The schema of ``network.yaml`` with hwsim's own layers only."""
    return _description_of(tuple(shipped_layer_types().values()))


@lru_cache(maxsize=8)
def _description_of(layers: tuple[type[Layer], ...]) -> type[Description]:
    union: Any = Annotated[Union[tuple(_models(layers))], pydantic.Field(discriminator="type")]  # noqa: UP007
    known: Any = Annotated[union, pydantic.BeforeValidator(_of_known_type)]
    several: Any = Annotated[list[known], pydantic.Field(min_length=1, max_length=MOST_LAYERS)]
    return pydantic.create_model("Network", __base__=Description, __doc__="A model folder's network.", layers=several)


def _models(layers: Iterable[type[Layer]]) -> Iterator[type[LayerDescription]]:
    """A schema of each layer but those that files cannot hold, of which no more is said than when one is met."""
    for layer in layers:
        try:
            keys: dict[str, Any] = {key: each for field in stored_fields(layer) for key, each in field.keys.items()}
        except NetworkError:
            continue
        keys["type"] = (Literal[type_name(layer)], ...)
        about = (layer.__doc__ or "").strip().split("\n")[0]
        yield pydantic.create_model(layer.__name__, __base__=LayerDescription, __doc__=about, **keys)


def _of_known_type(layer: Any) -> Any:
    """Refuse an unknown type before the union is tried, to name the ones there are."""
    kind = layer.get("type") if isinstance(layer, dict) else None
    known = layer_types()
    if not isinstance(kind, str) or kind not in known:
        raise ValueError(f"unknown layer type {kind!r}; write type: and one of {', '.join(known)}; {REMEDY}")
    stored_fields(known[kind])  # whose error says why it cannot stand in files
    return layer


def layer_of(described: Any, arrays: ArrayFile) -> Layer:
    """The layer that a description makes with its arrays."""
    layer = layer_types()[described.type]
    values = {field.name: field.read(described, arrays) for field in stored_fields(layer)}
    return layer(name=described.name, inputs=tuple(described.inputs), **values)


def describe(layer: Layer, previous: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """What stands of a layer in ``network.yaml``, silent of the usual input; its arrays are added to `arrays`."""
    kind, known = type_name(type(layer)), layer_types()
    if known.get(kind) is not type(layer):
        raise NetworkError(f"layer {layer.name}: a {type(layer).__name__} cannot be written; only {', '.join(known)}")
    described: dict[str, Any] = {"name": layer.name, "type": kind}
    if layer.inputs != (previous,):
        described["inputs"] = list(layer.inputs)
    for field in stored_fields(type(layer)):
        described |= field.write(layer, arrays)
    return described
