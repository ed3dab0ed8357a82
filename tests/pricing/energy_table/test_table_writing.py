"""Tables as files: what is written reads back as the same prices; a new file waits to be filled in."""

import re

import pytest

from hwsim.errors import FileError
from hwsim.files import catalogue
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table
from hwsim.pricing.energy_table.price import Process
from hwsim.pricing.energy_table.scaling import scale, scaling
from hwsim.pricing.energy_table.writing import new_table, write_table


@pytest.mark.parametrize("name", catalogue.table_names())
def test_a_table_reads_back_as_it_was_written(name, tmp_path):
    table = load_table(name)
    write_table(table, tmp_path / "copy.yaml")
    copy = load_table(tmp_path / "copy.yaml")
    assert (copy.name, copy.process_node, copy.supply, copy.rules) == (
        name,
        table.process_node,
        table.supply,
        table.rules,
    )
    assert copy.sources == table.sources
    keys = ["operation", "format", "capacity [bytes]", "word length [bits]"]
    before, after = (each.to_dataframe().sort_values(keys).reset_index(drop=True) for each in (table, copy))
    assert len(before) > 0
    for column in (*keys, "standing", "source", "where"):
        assert before[column].tolist() == after[column].tolist(), column
    for column in ("process node [nm]", "supply [V]"):
        assert before[column].fillna(0).tolist() == after[column].fillna(0).tolist(), column
    for column in ("energy [pJ]", "low [pJ]", "high [pJ]"):
        assert after[column].tolist() == pytest.approx(before[column].tolist(), rel=1e-11, nan_ok=True)


def test_a_scaled_table_reads_back_with_its_standing(tmp_path):
    table = load_table("default_45nm")
    scaled = scale(table, scaling(table, 22))
    write_table(scaled, tmp_path / "scaled.yaml")
    copy = load_table(tmp_path / "scaled.yaml")
    for operation in (
        Operation("addition", ("int8",)),
        Operation("addition", ("int17",)),
        Operation("multiplication", ("int9", "int5")),
        Operation("register_update", ("int24",)),
        Operation("constant_shift", ("int24",)),
        Operation("comparison", ("int24",)),
        Operation("sram_read", (), "", 2**20, 64),
        Operation("dram_read", (), "", 0, 64),
    ):
        before, after = scaled.price(operation), copy.price(operation)
        assert after[:3] == pytest.approx(before[:3], rel=1e-9)
        assert (after.standing, after.source, after.where) == (before.standing, before.source, before.where)
        assert after.process == before.process == Process(*((45, 0.9) if operation.kind == "dram_read" else (22, 0.9)))
    assert (copy.process_node, copy.parts) == (22, {})


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(FileError, match="cannot be written"):
        write_table(load_table("han_2016_45nm"), tmp_path / "no" / "folder.yaml")


BLANKS = [  # what the commented file leaves open, in its order
    ("description:", "description: a process of mine"),
    ("supply:", "supply: 0.9"),
    ("authors: ,", "authors: A. Author,"),
    ("title: ,", "title: A title,"),
    ("venue: ,", "venue: A venue,"),
    ("year: }", "year: 2026}"),
    ("where: # table", "where: Table 2 # table"),
]


def filled_in(text):
    for before, after in BLANKS:
        assert before in text
        text = text.replace(before, after, 1)
    text = re.sub(r"(energy|read|write): (?=[,}])", r"\1: 0.5", text)
    return text.replace("where: ,", "where: Table 1,")


def test_a_new_table_is_valid_once_it_is_filled_in(tmp_path):
    path = tmp_path / "my_28nm.yaml"
    new_table(path)
    text = path.read_text(encoding="utf-8")
    with pytest.raises(FileError, match=r"my_28nm\.yaml:\d+: description: expected"):
        load_table(path)
    path.write_text(filled_in(text), encoding="utf-8")
    table = load_table(path)
    assert (table.name, table.process_node, table.supply) == ("my_28nm", 28, 0.9)
    assert table.price(Operation("addition", ("int8",))).source == "mine"
    assert table.price(Operation("sram_read", (), "", 4096, 32)).energy == pytest.approx(0.5e-12)
    assert table.lacks == ("sigmoid", "tanh", "elu", "division", "look_up")  # the rest is the default's


def test_a_new_table_tells_the_editor_its_schema(tmp_path):
    new_table(tmp_path / "own.yaml")
    first, *rest = (tmp_path / "own.yaml").read_text(encoding="utf-8").splitlines()
    schema = first.removeprefix("# yaml-language-server: $schema=file://")
    assert schema.endswith("hwsim/schemas/energy_table.schema.json")
    assert (tmp_path / schema).is_file()
    assert "process_node: # [nm]" in rest  # no node in the name


@pytest.mark.parametrize(("name", "problem"), [("there.yaml", "exists already"), ("my_28nm", r"write my_28nm\.yaml")])
def test_a_new_table_is_a_new_yaml_file(name, problem, tmp_path):
    (tmp_path / "there.yaml").write_text("x")
    with pytest.raises(FileError, match=problem):
        new_table(tmp_path / name)
    assert (tmp_path / "there.yaml").read_text() == "x"
