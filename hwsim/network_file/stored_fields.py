"""How the fields of a layer stand in ``network.yaml`` and ``weights.npz``: a class for each form that a field has.

Which form that is, and whether a file may be silent of it, the field says itself (`hwsim.network.layers.file_forms`).
"""

import dataclasses
import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np
import pydantic

from hwsim.errors import NetworkError
from hwsim.files.strict_npz import Array, ArrayFile
from hwsim.network.layers import Layer, Synaptic, file_forms
from hwsim.network.layers.layer import full_name
from hwsim.network_file import weight_terms

PER_CHANNEL = weight_terms.PER_CHANNEL
NO_LIMIT: Literal["none"] = "none"
"""Written in the place of a limit that is infinite."""

Keys: TypeAlias = dict[str, tuple[Any, Any]]
"""By key of ``network.yaml``: the type of what stands there, and what it is when missing (``...``: refused)."""


@dataclass(frozen=True)
class StoredField:
    """A field that stands in ``network.yaml`` as it is held, tuples as lists."""

    in_arrays: ClassVar[bool] = False  # whether it, or a part of it, may stand in weights.npz

    layer: type[Layer]
    name: str
    hint: Any
    form: Any  # what the hint says of it beside the type
    default: Any
    is_silent: bool
    is_optional: bool

    @property
    def keys(self) -> Keys:
        """What it takes in ``network.yaml``."""
        hint = self.file_type
        if self.default is None and not self.is_optional:
            hint = Union[tuple(each for each in get_args(hint) if each is not NoneType)]  # noqa: UP007
        return {self.name: (hint, self.written(self.default) if self.is_optional else ...)}

    @property
    def file_type(self) -> Any:
        """Type of what stands under its name."""
        return self.type_in_file(self.hint)

    def type_in_file(self, hint: Any) -> Any:
        """A type as files have it: lists in the place of tuples."""
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            as_file = (each.hint for each in parts[1:] if isinstance(each, file_forms.WrittenAs))
            return self.type_in_file(next(as_file, parts[0]))
        if hint in (bool, int, float, str, NoneType) or origin is Literal:
            return hint
        if origin in (Union, UnionType):
            return Union[tuple(map(self.type_in_file, parts))]  # noqa: UP007
        if origin is tuple and parts[1:] == (...,):
            return list[self.type_in_file(parts[0])]  # type: ignore[misc]
        if origin is tuple and len(set(parts)) == 1:
            inner, length = self.type_in_file(parts[0]), pydantic.Field(min_length=len(parts), max_length=len(parts))
            return Annotated[list[inner], length]  # type: ignore[valid-type]
        raise NetworkError(
            f"layer {full_name(self.layer)}: field {self.name}: files hold no {hint}; take bool, int, float, str, a "
            "Literal or a tuple of one of them, or a type of hwsim.network.layers.file_forms"
        )

    def is_left_out(self, value: Any) -> bool:
        """Whether nothing is written: of a default that is empty, or of which the layer is silent."""
        if self.is_silent:
            return np.array_equal(value, self.default)
        return any(value is each and self.default is each for each in (None, ()))

    def write(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
        """Its keys of ``network.yaml``; its arrays are added to `arrays`."""
        value = getattr(layer, self.name)
        return {} if self.is_left_out(value) else {self.name: self.written(value)}

    def written(self, value: Any) -> Any:
        """A value as it stands in ``network.yaml``."""
        if isinstance(value, tuple | list):
            return list(map(self.written, value))
        return value.item() if isinstance(value, np.generic) else value

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """What is given to the layer, of what the schema let through."""
        return _tuples(getattr(described, self.name))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


class LimitField(StoredField):
    """A number that may be infinite, to one side."""

    @property
    def file_type(self) -> Any:
        """A number, or that there is none."""
        return float | Literal["none"]

    def written(self, value: Any) -> Any:
        """By name where it is infinite."""
        return NO_LIMIT if math.isinf(value) else float(value)

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """The infinite number where there is none."""
        value = getattr(described, self.name)
        return self.form.infinite if value == NO_LIMIT else value


class NumberField(StoredField):
    """One number, or one per channel."""

    in_arrays = True

    @property
    def file_type(self) -> Any:
        """A number, or that there is one per channel."""
        return weight_terms.PerChannel | None if self.default is None else weight_terms.PerChannel

    def write(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
        """Numbers per channel go to the arrays."""
        value = getattr(layer, self.name)
        if np.ndim(value):
            arrays[f"{layer.name}.{self.name}"] = np.asarray(value, np.float64)
            return {self.name: PER_CHANNEL}
        return super().write(layer, arrays)

    def written(self, value: Any) -> Any:
        """As a number of Python's."""
        return None if value is None else float(value)

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """The number as written, or one per channel from the arrays."""
        value = getattr(described, self.name)
        return arrays.take(f"{described.name}.{self.name}", None, "f8") if value == PER_CHANNEL else value


class ArrayField(StoredField):
    """An array, whose shape is described."""

    in_arrays = True

    @property
    def keys(self) -> Keys:
        """The shape."""
        return {self.form.shape_key: (weight_terms.shape_of(self.form.n_axis), ...)}

    def write(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
        """The shape; the array goes to the others."""
        array = arrays[f"{layer.name}.{self.name}"] = np.asarray(getattr(layer, self.name), np.float64)
        return {self.form.shape_key: list(array.shape)}

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """The array, of the shape described."""
        shape = tuple(getattr(described, self.form.shape_key))
        return arrays.take(f"{described.name}.{self.name}", (shape,), "f8")


class PlacesField(StoredField):
    """A whole number for each number of the shape that the layer says."""

    in_arrays = True

    @property
    def keys(self) -> Keys:
        """None: how many there are follows from the shape."""
        return {}

    def write(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
        """In the arrays alone."""
        arrays[f"{layer.name}.{self.name}"] = weight_terms.smallest(getattr(layer, self.name))
        return {}

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """As many as the shape has numbers."""
        return arrays.take(f"{described.name}.{self.name}", ((math.prod(described.shape),),), "i")


class TermsField(StoredField):
    """The weights of a synaptic layer."""

    in_arrays = True

    @property
    def keys(self) -> Keys:
        """The shape that all terms have, and what each is."""
        shape = weight_terms.shape_of(len(_synaptic(self).weight_axes))
        return {"shape": (shape, ...), self.name: (weight_terms.Terms, ...)}

    def write(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
        """Shape and formats; codes, scales and zero points go to the arrays."""
        terms = getattr(layer, self.name)
        described = weight_terms.describe(layer.name, terms, arrays)
        return {"shape": list(terms[0].code.shape), self.name: described}

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """The weights."""
        terms, shape = getattr(described, self.name), tuple(described.shape)
        return weight_terms.take(described.name, terms, shape, _n_channel(self, described), arrays)


class BiasField(StoredField):
    """What accumulators start from; whether there is such an array is said, so that one that got lost is missed."""

    in_arrays = True

    @property
    def keys(self) -> Keys:
        """Whether there is one."""
        return {self.name: (bool, True)}

    def write(self, layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
        """That there is none; one that there is goes to the arrays."""
        bias = getattr(layer, self.name)
        if bias is None:
            return {self.name: False}
        arrays[f"{layer.name}.{self.name}"] = weight_terms.smallest(bias)
        return {}

    def read(self, described: Any, arrays: ArrayFile) -> Any:
        """A number for each output channel, or None."""
        shape = (_n_channel(self, described),)
        has_one = getattr(described, self.name)
        return arrays.take(f"{described.name}.{self.name}", (shape,), "f4", "i") if has_one else None


def _synaptic(field: StoredField) -> type[Synaptic]:
    """The layer that a field of weights or biases belongs to."""
    if not issubclass(field.layer, Synaptic):
        raise NetworkError(f"layer {full_name(field.layer)}: field {field.name}: only a Synaptic layer has such fields")
    return field.layer


def _n_channel(field: StoredField, described: Any) -> int:
    return int(described.shape[_synaptic(field).channel_axis])


_BY_FORM: dict[type, type[StoredField]] = {
    NoneType: StoredField,
    file_forms.Limit: LimitField,
    file_forms.Number: NumberField,
    file_forms.Array: ArrayField,
    file_forms.Places: PlacesField,
    file_forms.Terms: TermsField,
    file_forms.Bias: BiasField,
}


_FOUND: dict[type[Layer], tuple[StoredField, ...]] = {}
_TAKEN = frozenset({"type", *dir(pydantic.BaseModel), *(each.name for each in fields(Layer))})


def stored_fields(layer: type[Layer]) -> tuple[StoredField, ...]:
    """The fields of a layer in the order of files: those first of which arrays may hold a part.

    Raises
    ------
    NetworkError
        When a field has a type or a name that files cannot hold, or the class is no dataclass.
    """
    if layer not in _FOUND:
        found = tuple(sorted(_own_fields(layer), key=lambda each: not each.in_arrays))
        keys = [key for each in found for key in each.keys]
        for key in keys:
            if key in _TAKEN or keys.count(key) > 1:
                raise NetworkError(
                    f"layer {full_name(layer)}: the key {key} is taken in files; name its field otherwise"
                )
        _FOUND[layer] = found
    return _FOUND[layer]


def _own_fields(layer: type[Layer]) -> Iterator[StoredField]:
    if inspect.get_annotations(layer) and "__dataclass_fields__" not in vars(layer):
        raise NetworkError(f"layer {full_name(layer)}: write @dataclass(frozen=True, eq=False) above the class")
    try:
        hints = get_type_hints(layer, include_extras=True)
    except (NameError, TypeError) as error:
        raise NetworkError(f"layer {full_name(layer)}: the type of a field cannot be found ({error})") from None
    common = {each.name for each in fields(Layer)}
    for each in fields(layer):
        if each.init and each.name not in common:
            yield _stored(layer, each, hints[each.name])


def _stored(layer: type[Layer], field: dataclasses.Field[Any], hint: Any) -> StoredField:
    form = _form(hint)
    is_silent = bool(field.metadata.get("silent"))
    is_optional = field.metadata.get("optional", is_silent or field.default is None or field.default == ())
    return _BY_FORM[type(form)](layer, field.name, hint, form, field.default, is_silent, is_optional)


def _form(hint: Any) -> file_forms.Form | None:
    """What a type says of the form of a field, also where it may be None besides."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    said = (each for part in parts if get_origin(part) is Annotated for each in get_args(part)[1:])
    return next((each for each in said if isinstance(each, file_forms.Form)), None)
