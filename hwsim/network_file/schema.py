"""What may stand in ``network.yaml``; what a layer has there follows from its fields (`stored_fields`)."""

from functools import lru_cache
from typing import Annotated, Any, Literal, Union

import pydantic

from hwsim.errors import NetworkError
from hwsim.files.plugins import REMEDY
from hwsim.files.strict_npz import ArrayFile
from hwsim.files.strict_yaml import Schema, SchemaVersion
from hwsim.network.layers import Layer
from hwsim.network.layers.layer import full_name, layer_types, shipped_layer_types, type_name
from hwsim.network_file.stored_fields import stored_fields

DESCRIPTION = "network.yaml"
ARRAYS = "weights.npz"


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


def description_model() -> type[Description]:
    """The schema of ``network.yaml`` with all layers that are registered by now."""
    return _description_of(tuple(layer_types().values()))


def shipped_description_model() -> type[Description]:
    """The schema of ``network.yaml`` with hwsim's own layers only."""
    return _description_of(tuple(shipped_layer_types().values()))


@lru_cache(maxsize=8)
def _description_of(layers: tuple[type[Layer], ...]) -> type[Description]:
    models = tuple(model for layer in layers if isinstance(model := _model_or_problem(layer), type))
    union = Annotated[Union[models], pydantic.Field(discriminator="type")]  # type: ignore[valid-type]  # noqa: UP007
    known = Annotated[union, pydantic.BeforeValidator(_of_known_type)]
    several = Annotated[list[known], pydantic.Field(min_length=1)]
    return pydantic.create_model("Network", __base__=Description, __doc__="A model folder's network.", layers=several)


@lru_cache(maxsize=None)
def _model_or_problem(layer: type[Layer]) -> type[LayerDescription] | NetworkError:
    """The schema of one layer, or why it has no place in files."""
    try:
        keys = {key: each for field in stored_fields(layer) for key, each in field.keys.items()}
        for key in keys:
            if hasattr(LayerDescription, key) or key in LayerDescription.model_fields:
                raise NetworkError(f"layer {full_name(layer)}: field {key}: a name that files cannot have; take another")
    except NetworkError as error:
        return error
    keys["type"] = (Literal[type_name(layer)], ...)
    about = (layer.__doc__ or "").strip().split("\n")[0]
    return pydantic.create_model(layer.__name__, __base__=LayerDescription, __doc__=about, **keys)  # type: ignore[call-overload,no-any-return]


def _of_known_type(layer: Any) -> Any:
    """Refuse an unknown type before the union is tried, to name the ones there are."""
    kind = layer.get("type") if isinstance(layer, dict) else None
    known = layer_types()
    if not isinstance(kind, str) or kind not in known:
        raise ValueError(f"unknown layer type {kind!r}; write type: and one of {', '.join(known)}; {REMEDY}")
    check_writable(known[kind])
    return layer


def check_writable(layer: type[Layer]) -> None:
    """Refuse a layer that has no place in files; NetworkError says why."""
    if isinstance(problem := _model_or_problem(layer), NetworkError):
        raise NetworkError(str(problem))


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
    check_writable(type(layer))
    described: dict[str, Any] = {"name": layer.name, "type": kind}
    if layer.inputs != (previous,):
        described["inputs"] = list(layer.inputs)
    for field in stored_fields(type(layer)):
        described |= field.write(layer, arrays)
    return described
