"""The one way hwsim reads YAML: against a schema, and refusing what YAML lets slip.

A key written twice, an unknown key, a number that YAML took for text, a value that is not finite, an alias: each
is an error of one line that names the file, the line, the place, what was found and what to write instead.
"""

import datetime
import difflib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml

from hwsim.errors import FileError

LARGEST_FILE = 64_000
"""Files above this are refused unread, unless more is allowed. [bytes]"""
LONGEST_NUMBER = 400
"""Whole numbers of more digits are refused."""
DEEPEST = 40
"""Lists and mappings inside one another beyond so many are refused."""
LONGEST_COMPLAINT = 400
"""Of more characters the middle is left out: what was found may be as long as the file."""


class Schema(pydantic.BaseModel):
    """Base of every schema: strict types, no unknown keys, finite numbers, frozen, alias keys as written."""

    model_config = pydantic.ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, populate_by_name=True
    )


Model = TypeVar("Model", bound=pydantic.BaseModel)
Place = tuple[str | int, ...]


def load(path: Path, model: type[Model], largest: int = LARGEST_FILE) -> Model:
    """Read a YAML file as an instance of a schema, of at most so many bytes.

    Raises
    ------
    FileError
        One line: file, line, place, what was found, what was expected.
    """
    document, lines = _read(path, largest)
    try:
        return model.model_validate(document)
    except pydantic.ValidationError as error:
        line, complaint = _first_complaint(error, document, lines, model)
        raise file_error(path, line, complaint) from None


def file_error(path: Path, line: int, complaint: str) -> FileError:
    """In one line of bounded length, whatever the file holds."""
    text = " ".join(complaint.split())
    if len(text) > LONGEST_COMPLAINT:
        half = LONGEST_COMPLAINT // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return FileError(f"{path}:{line}: {text}")


def _read(path: Path, largest: int) -> tuple[Any, dict[Place, int]]:
    """The document, and the line on which each place of it stands."""
    text = _text(path, largest)
    loader = None
    lines: dict[Place, int] = {}
    try:
        loader = _Loader(text)
        loader.name = str(path)
        node = loader.get_single_node()
        lines.update(_lines(node, ()) if node is not None else ())
        document = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = ": ".join(part for part in (error.context, error.problem) if part)
        raise file_error(path, line, f"{problem}{_remedy(problem)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"the character #x{int(error.character):04x}"  # text is read, so it is a code point
        raise file_error(path, line, f"{character} is not allowed in YAML; take it out") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise file_error(path, 1, f"not YAML: {str(error).splitlines()[0]}; write it as the other files are") from None
    finally:
        if loader is not None:
            loader.dispose()
    if document is None:
        raise file_error(path, 1, "empty; expected a mapping, such as `schema: 1`")
    return document, lines


def _text(path: Path, largest: int) -> str:
    """What a file of bounded size holds, with one kind of line end."""
    try:
        endless = path.exists() and not path.is_file()  # a device or a pipe may have no end
        content = b"" if endless else _start(path, largest)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror}); give a file that exists and is readable") from None
    except ValueError:  # a zero byte in the name
        raise FileError(f"{str(path)!r}: no name of a file; give a file that exists and is readable") from None
    if endless:
        raise FileError(f"{path}: is a folder or a device; give a file")
    if len(content) > largest:
        raise file_error(path, 1, f"larger than {largest:,} bytes; no file of hwsim's is, so give another")
    try:
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise file_error(path, line, f"byte {error.start} is not UTF-8; save the file as UTF-8") from None


def _start(path: Path, largest: int) -> bytes:
    """As much of a file as may be read, and a byte more where there is more."""
    with path.open("rb") as file:
        return file.read(largest + 1)


REMEDIES = {
    "found character '\\t'": "indent with spaces, not with a tab",
    "could not find expected ':'": "write `key: value`",
    "expected <block end>": "indent the keys of one mapping alike",
    "mapping values are not allowed here": "put text that holds `: ` in quotes",
    "expected ',' or": "close the bracket",
    "expected a single document": "take `---` out",
    "quoted scalar": "close the quotes",
}
"""What to write where YAML itself is wrong, by what PyYAML says of it."""


def _remedy(problem: str) -> str:
    return next((f"; {remedy}" for sign, remedy in REMEDIES.items() if sign in problem), "")


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses keys written twice, aliases, tags and nesting without end."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = None
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases (*name) are not allowed; write the value out"
        elif getattr(event, "tag", None) is not None:
            problem = f"tags ({event.tag}) are not allowed; take the tag (!...) out"
        elif self.depth == DEEPEST:
            problem = f"more than {DEEPEST} lists and mappings inside one another; write it as the other files are"
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        problem = "written twice; keep one of the two" if isinstance(key, str) and key in result else None
        if key_node.tag == MERGE:
            problem = "keys are not merged here; write them out"
        elif not isinstance(key, str):
            problem = f"is not text; write it in quotes: '{key}'"
        if problem:
            raise yaml.MarkedYAMLError(problem=f"{key}: {problem}", problem_mark=key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


def _text_of(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_yaml_str(node))


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    """A whole number in decimal; YAML 1.1 reads 010 as 8 and 1:30 as 90."""
    if len(node.value) > LONGEST_NUMBER:
        problem = f"a number of {len(node.value)} digits; write at most {LONGEST_NUMBER}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    value = loader.construct_yaml_int(node)
    if node.value.lstrip("+-").replace("_", "") != str(abs(value)):
        problem = f"{node.value}: YAML reads it as {value}; write a decimal number, or put text in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return int(value)


def _date(loader: _Loader, node: yaml.ScalarNode) -> datetime.date:
    """A date, to be named as such where a text or a number is expected."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        problem = f"{node.value}: YAML reads it as a date ({error}); put it in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


def _real(loader: _Loader, node: yaml.ScalarNode) -> float:
    if ":" in node.value:
        problem = f"{node.value}: YAML reads it in base 60; write a decimal number, or put text in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return float(loader.construct_yaml_float(node))


MERGE = "tag:yaml.org,2002:merge"
"""Of the key `<<`."""
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)
_Loader.add_constructor(MERGE, _text_of)  # `<<` and `=` are text like any other
_Loader.add_constructor("tag:yaml.org,2002:value", _text_of)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _real)


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, str(key.value)))
            yield (*place, str(key.value)), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*place, index))


def _first_complaint(
    error: pydantic.ValidationError, document: Any, lines: dict[Place, int], model: type[pydantic.BaseModel]
) -> tuple[int, str]:
    """Line and wording of the first thing that is wrong; how many more there are is said at the end."""
    complaints = error.errors(include_url=False)
    places = [_known(each["loc"], document) for each in complaints]
    # a union tries every branch: the deepest complaint is about the branch that was meant
    outer = {place[:n] for place in places for n in range(len(place))}
    deepest = [k for k, place in enumerate(places) if place not in outer]
    first = min(deepest, key=lambda k: lines.get(places[k], 1))
    complaint, place = complaints[first], places[first]
    # pydantic names a missing key at its end, where the document has nothing
    missing = complaint["type"] == "missing"
    where = ".".join(map(str, complaint["loc"] if missing else place or complaint["loc"]))
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return lines.get(place, 1), f"{where or 'document'}: {_problem(complaint, model)}{more}"


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
    known = sorted({field.alias or name for each in models for name, field in each.model_fields.items()})
    close = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"take it out, or write one of {', '.join(known)}"


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
