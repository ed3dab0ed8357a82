"""Reading a YAML file against a schema."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import pydantic
import yaml

from hwsim.errors import FileError
from hwsim.files.plain_file import open_plain
from hwsim.files.strict_yaml.complaint import Place, every_complaint, first_complaint
from hwsim.files.strict_yaml.loader import Loader

LARGEST_FILE = 8_000_000
"""Files above this, which nobody could read in the time that there is, are refused unread. [bytes]"""
LONGEST_COMPLAINT = 400
"""Of more characters the middle is left out: what was found may be as long as the file."""


class Schema(pydantic.BaseModel):
    """Base of every schema: strict types, no unknown keys, finite numbers, frozen, alias keys as written."""

    model_config = pydantic.ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, populate_by_name=True
    )


def _whole_one(found: Any) -> Any:
    """Refuse what only equals one: ``true`` and ``1.0`` are other things that somebody wrote."""
    if type(found) in (bool, float) and found == 1:
        raise ValueError("expected 1")
    return found


SchemaVersion: TypeAlias = Annotated[
    Literal[1], pydantic.BeforeValidator(_whole_one, json_schema_input_type=Literal[1])
]
"""Version of what a file may hold: the key `schema` of every file."""

Model = TypeVar("Model", bound=pydantic.BaseModel)


def load(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as an instance of a schema.

    Raises
    ------
    FileError
        One line: file, line, place, what was found, what was expected.
    """
    return load_by(path, lambda document: model)


def load_by(path: Path, model_of: Callable[[Any], type[Model]]) -> Model:
    """Read a YAML file as `load` does, by the schema that is chosen when it is known what the file holds."""
    document, lines = _parsed(path, _text(path))
    model = model_of(document)
    try:
        return model.model_validate(document)
    except pydantic.ValidationError as error:
        line, complaint = first_complaint(error, document, lines, model)
        raise file_error(path, line, complaint) from None


def problems(path: Path, model: type[pydantic.BaseModel]) -> list[FileError]:
    """Everything that a schema has against a YAML file, each an error as `load` raises it; none where it loads.

    Raises
    ------
    FileError
        When the file is no YAML.
    """
    document, lines = _parsed(path, _text(path))
    try:
        model.model_validate(document)
    except pydantic.ValidationError as error:
        return [file_error(path, *each) for each in every_complaint(error, document, lines, model)]
    return []


def file_error(path: Path, line: int, complaint: str) -> FileError:
    """In one line of bounded length, whatever the file holds."""
    text = " ".join(complaint.split())
    if len(text) > LONGEST_COMPLAINT:
        half = LONGEST_COMPLAINT // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return FileError(f"{path}:{line}: {text}")


def check_readable(path: Path, text: str, document: Any) -> None:
    """Refuse a text that, written to a file, would not be read again as the document that it was made of.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        What would stand in it.
    document : mapping
        What it says.

    Raises
    ------
    FileError
        Where it is refused.
    """
    if (length := len(text.encode())) > LARGEST_FILE:
        raise FileError(f"{path}: cannot be written: {length:,} bytes; {LARGEST_FILE:,} are the most that are read")
    if _parsed(path, text)[0] != document:
        raise FileError(f"{path}: cannot be written: it would not be read again as it is; use plain text and numbers")


def _parsed(path: Path, text: str) -> tuple[Any, dict[Place, int]]:
    """The document, and the line on which each place of it stands."""
    loader = None
    lines: dict[Place, int] = {}
    try:
        loader = Loader(text)
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


def _text(path: Path) -> str:
    """What a file of bounded size holds, with one kind of line end."""
    file, _ = open_plain(path)
    with file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise file_error(path, 1, f"larger than {LARGEST_FILE:,} bytes; no file of hwsim's is, so give another")
    try:
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise file_error(path, line, f"byte {error.start} is not UTF-8; save the file as UTF-8") from None


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


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, str(key.value)))
            yield (*place, str(key.value)), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*place, index))
