"""What a schema has against a document, in one line: place, what was found, what to write instead."""

import datetime
import difflib
import math
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args, get_origin

import pydantic

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indices that lead to a value."""


def first_complaint(
    error: pydantic.ValidationError, document: Any, lines: dict[Place, int], model: type[pydantic.BaseModel]
) -> tuple[int, str]:
    """Line and wording of the first thing that is wrong; how many more there are is said at the end."""
    complaints = error.errors(include_url=False)
    deepest = _deepest(complaints, document)
    first = min(deepest, key=lambda each: lines.get(_known(each["loc"], document), 1))
    line, wording = _worded(first, document, lines, model)
    return line, wording + (f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else "")


def every_complaint(
    error: pydantic.ValidationError, document: Any, lines: dict[Place, int], model: type[pydantic.BaseModel]
) -> list[tuple[int, str]]:
    """Line and wording of everything that is wrong, one for each mistake, in the order of the lines."""
    complaints = error.errors(include_url=False)
    deepest = _deepest(complaints, document)
    found: dict[Any, tuple[int, str]] = {}
    for complaint in complaints:
        place = _known(complaint["loc"], document)
        said_once = place == (complaint["loc"][:-1] if complaint["type"] == "missing" else complaint["loc"])
        if said_once or complaint in deepest:  # else it is about a branch of a union that was not meant
            line, wording = _worded(complaint, document, lines, model)
            found.setdefault((place, wording) if said_once else place, (line, wording))
    return sorted(found.values(), key=lambda each: each[0])


def _deepest(complaints: Sequence[Any], document: Any) -> list[Any]:
    """A union tries every branch: the deepest complaint is about the branch that was meant."""
    places = [_known(each["loc"], document) for each in complaints]
    outer = {place[:n] for place in places for n in range(len(place))}
    return [each for each, place in zip(complaints, places, strict=True) if place not in outer]


def _worded(complaint: Any, document: Any, lines: dict[Place, int], model: type[pydantic.BaseModel]) -> tuple[int, str]:
    place = _known(complaint["loc"], document)
    # pydantic names a missing key at its end, where the document has nothing
    loc = complaint["loc"] if complaint["type"] == "missing" else place or complaint["loc"]
    return lines.get(place, 1), f"{'.'.join(map(str, loc)) or 'document'}: {_problem(complaint, model)}"


def _known(loc: tuple[int | str, ...], document: Any) -> Place:
    """The part of pydantic's location that exists in the document (it also names union branches)."""
    place: list[str | int] = []
    for step in loc:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            continue
        place.append(step)
    return tuple(place)


def _problem(complaint: Any, model: type[pydantic.BaseModel]) -> str:
    found, kind = complaint["input"], complaint["type"]
    if kind == "missing":
        return f"missing; add `{complaint['loc'][-1]}: ...`"
    if kind == "extra_forbidden":
        return f"unknown key; {_known_keys(complaint['loc'], model)}"
    # "Input should be a valid number", "Tuple should have at most 2 items", or what one of our validators says
    expected = re.sub(r"^\w+ should (be|have|match) ", "expected ", complaint["msg"].removeprefix("Value error, "))
    expected = re.sub(r"^expected (greater|less)", r"expected a number \1", expected)
    expected = re.sub(r" after validation, not (\d+)$", r", got \1", expected)
    expected = expected.replace("a valid tuple", "a list, `[one, two]`")
    expected = re.sub(r"a valid dictionary( or instance of \w+)?", "a mapping, `key: value`", expected)
    if isinstance(found, str) and kind in ("float_type", "int_type", "float_parsing"):
        return f"{expected}, got text {found!r}{_number_hint(found)}"
    if isinstance(found, datetime.date):
        return f"{expected}, got a date {found}; put it in quotes"
    if isinstance(found, str | int | float | bool | None):
        return f"{expected}, got {found!r}"
    return expected


def _known_keys(loc: Place, model: type[pydantic.BaseModel]) -> str:
    """What may stand where an unknown key was found: the closest key, or all of them."""
    models = {model}
    for step in loc[:-1]:
        fields = [field for each in models for name, field in each.model_fields.items() if step in (name, field.alias)]
        # a step that is no key is an index, or the key of a free mapping
        models = {inner for field in fields for inner in _models_in(field.annotation)} or models
        # or it is the branch of a union that was taken
        models = {each for each in models if step in _branch(each)} or models
    known = sorted({field.alias or name for each in models for name, field in each.model_fields.items()})
    close = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"take it out, or write one of {', '.join(known)}"


def _branch(model: type[pydantic.BaseModel]) -> tuple[Any, ...]:
    """Names by which a model is told from others of a union, if it has any."""
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()


def _models_in(annotation: Any) -> set[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return {annotation}
    return {model for part in get_args(annotation) for model in _models_in(part)}


def _number_hint(text: str) -> str:
    """What to write for a number that YAML 1.1 reads as text, such as 1e-12."""
    try:
        value = float(text)
    except ValueError:
        return ""
    if not math.isfinite(value):
        return " (larger than any number here; write a smaller one)"
    mantissa, _, exponent = f"{value!r}".partition("e")
    fixed = (mantissa if "." in mantissa else f"{mantissa}.0") + (f"e{exponent}" if exponent else "")
    return " (take the quotes off)" if text == fixed else f" (YAML reads {text} as text; write {fixed})"
