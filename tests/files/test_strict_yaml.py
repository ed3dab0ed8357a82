"""Strict YAML: what YAML lets slip is an error of one line with file, line, place, finding and remedy."""

import os
from pathlib import Path

import pytest
from pydantic import Field

from hwsim.convert import coding
from hwsim.errors import FileError
from hwsim.files.strict_yaml import LARGEST_FILE, Schema, load
from hwsim.machine import Machine
from hwsim.network_file.schema import description_model
from hwsim.pricing.energy_table.schema import TableFile
from hwsim.study.study_file import Study


class Part(Schema):
    name: str
    energy: float
    count: int = 1


class Document(Schema):
    schema_version: int = Field(alias="schema")
    title: str
    part: Part
    parts: tuple[Part, ...] = Field(default=(), strict=False)
    choice: str | Part = "none"


GOOD = """\
schema: 1
title: "1e-12"
part:
  name: adder
  energy: 1.0e-12
parts:
  - {name: one, energy: 2}
  - name: two
    energy: .5
    count: 3
"""


def read(tmp_path, text, model=Document):
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, model)


def complaint(tmp_path, text):
    with pytest.raises(FileError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path / "file.yaml"))
    return message.removeprefix(str(tmp_path / "file.yaml"))


def test_what_is_right_is_read(tmp_path):
    document = read(tmp_path, GOOD)
    assert document.title == "1e-12"
    assert document.part.energy == 1e-12
    assert [(part.name, part.energy, part.count) for part in document.parts] == [("one", 2, 1), ("two", 0.5, 3)]
    with pytest.raises(ValueError, match="frozen"):
        document.title = "other"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title:", "schema: 1\ntitle:", ":2: schema: written twice"),
        ("  energy: 1.0e-12", "  energy: 1.0e-12\n  energy: 2.0", ":6: energy: written twice"),
        ("name: one,", "name: one, name: one,", ":7: name: written twice"),
        ("title:", "titel:", ":2: titel: unknown key; did you mean title? (and 1 more)"),  # title is missing
        ("count: 3", "count: 3\n    cuont: 3", ":11: parts.1.cuont: unknown key"),
        ("energy: 1.0e-12", "energy: 1e-12", ":5: part.energy: expected a valid number, got text '1e-12'"),
        ("energy: 1.0e-12", "energy: 1e-12", "(YAML reads 1e-12 as text; write 1.0e-12)"),
        ("energy: 1.0e-12", "energy: 15E3", "(YAML reads 15E3 as text; write 15000.0)"),
        ("energy: 1.0e-12", "energy: '3'", ":5: part.energy: expected a valid number, got text '3'"),
        ("energy: 1.0e-12", "energy: cheap", ":5: part.energy: expected a valid number, got text 'cheap'"),
        ("energy: 1.0e-12", "energy: .nan", ":5: part.energy: expected a finite number"),
        ("energy: 1.0e-12", "energy: -.inf", ":5: part.energy: expected a finite number"),
        ("energy: 1.0e-12", "energy:", ":5: part.energy: expected a valid number, got None"),
        ("energy: 1.0e-12", "energy: true", ":5: part.energy: expected a valid number, got True"),
        ("count: 3", "count: 3.0", ":10: parts.1.count: expected a valid integer, got 3.0"),
        (
            "count: 3",
            "count: 2020-01-02",
            ":10: parts.1.count: expected a valid integer, got a date 2020-01-02; put it in",
        ),
        ("  name: adder\n", "", ":3: part.name: missing"),
        ("name: adder", "name: no", ":4: part.name: expected a valid string, got False"),
        ("name: adder", "7: adder", ":4: 7: is not text; write it in quotes: '7'"),
        ("part:", "part: &x", None),
        ("name: two", "name: *x", ":8: aliases (*name) are not allowed; write the value out"),
        ("name: adder", "name: [adder", ":5: "),
        ("name: adder", "name: !!python/name:os.system", ":4: "),
        (
            "schema: 1",
            "\tschema: 1",
            ":1: while scanning for the next token: found character '\\t' that cannot start any",
        ),
        ("schema: 1", "\tschema: 1", "; indent with spaces, not with a tab"),
        ("count: 3", "count: 010", ":10: 010: YAML reads it as 8; write a decimal number, or put text in quotes"),
        ("count: 3", "count: 1:30", ":10: 1:30: YAML reads it as 90; write a decimal number"),
        ("energy: 2", "energy: 1:30.5", ":7: 1:30.5: YAML reads it in base 60; write a decimal number"),
        ("count: 3", "qqq: 3", ":10: parts.1.qqq: unknown key; take it out, or write one of count, energy, name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, expected):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if expected is None:  # an anchor that nothing refers to harms nobody
        assert read(tmp_path, text).part.name == "adder"
        return
    assert expected in complaint(tmp_path, text)


def test_more_than_one_complaint_is_said(tmp_path):
    assert complaint(tmp_path, GOOD.replace("energy: 2", "energy: x").replace("count: 3", "count: y")).endswith(
        "(and 1 more)"
    )


def test_of_a_union_the_branch_that_was_meant_complains(tmp_path):
    assert "choice.energy: expected a valid number, got text 'x'" in complaint(
        tmp_path, GOOD + "choice: {name: a, energy: x}\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": empty; expected a mapping"),
        ("# nothing\n", ": empty; expected a mapping"),
        ("- 1\n- 2\n", ":1: document: "),
        ("42\n", ":1: document: "),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
        (b"\xff\xfe\x00", ": byte 0 is not UTF-8; save the file as UTF-8"),
        ("a: \x00\n", ":1: the character #x0000 is not allowed in YAML; take it out"),
        ("[" * 5000, ": "),
        ("x" * (LARGEST_FILE + 1), f": larger than {LARGEST_FILE:,} bytes"),
    ],
)
def test_files_that_are_no_such_document(tmp_path, text, expected):
    assert expected in complaint(tmp_path, text)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(FileError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        load(tmp_path / "none.yaml", Document)
    with pytest.raises(FileError, match="is a folder, no plain file; give a file"):
        load(tmp_path, Document)
    os.mkfifo(tmp_path / "pipe.yaml")
    for endless, kind in ((tmp_path / "pipe.yaml", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(FileError, match=f"is {kind}, no plain file; give a file"):
            load(endless, Document)
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for nothing in (tmp_path / "loop.yaml", Path("a\0b.yaml"), tmp_path / ("a" * 300 + ".yaml")):
        with pytest.raises(FileError, match="give a file that exists and is readable"):
            load(nothing, Document)


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / "marker"
    text = f"schema: 1\ntitle: !!python/object/apply:pathlib.Path.touch [{marker}]\n"
    assert ":2: tags (tag:yaml.org,2002:python/object/apply:pathlib.Path.touch) are not allowed" in complaint(
        tmp_path, text
    )
    assert not marker.exists()


@pytest.mark.parametrize("version", ["true", "1.0", "yes", "'1'", "0"])
@pytest.mark.parametrize(
    "model", [TableFile, Machine, Study, description_model(), coding._File], ids=lambda each: each.__module__
)
def test_a_schema_that_only_equals_one_is_none(tmp_path, model, version):
    path = tmp_path / "file.yaml"
    path.write_text(f"schema: {version}\n")
    with pytest.raises(FileError, match=r"file\.yaml:1: schema: expected 1, got"):
        load(path, model)
    path.write_text("schema: 1\n")
    with pytest.raises(FileError) as caught:
        load(path, model)
    assert "schema:" not in str(caught.value)
