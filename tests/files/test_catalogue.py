"""Names and paths: what ships is found by name, a path works everywhere a name does."""

from pathlib import Path

import pytest

import hwsim
from hwsim.errors import FileError, HwsimError, UnknownNameError
from hwsim.files import catalogue

KINDS = {
    "energy table": (catalogue.table_names, catalogue.table_path, "default_45nm", "defalt_45nm"),
    "machine": (catalogue.machine_names, catalogue.machine_path, "mac-array", "mac_array"),
    "network": (catalogue.network_names, catalogue.network_path, "digits-mlp", "digit-mlp"),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_names_are_sorted_and_each_leads_to_a_file(kind):
    names, path, known, _ = KINDS[kind]
    assert known in names()
    assert names() == sorted(set(names()))
    for name in names():
        found = path(name)
        assert found.exists()
        assert found.is_dir() == (kind == "network")
        assert name in (found.stem, found.name)


def test_a_path_works_where_a_name_does(kind, tmp_path):
    _, path, known, _ = KINDS[kind]
    own = tmp_path / "own.yaml"
    own.write_text("x")
    assert path(own) == own
    assert path(str(own)) == own
    assert path(tmp_path) == tmp_path
    assert path(path(known)) == path(known)


def test_a_relative_path(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "own").write_text("x")
    (tmp_path / "own.yaml").write_text("x")
    _, path, _, _ = KINDS[kind]
    assert path("own.yaml") == Path("own.yaml")
    assert path("folder/own") == Path("folder/own")
    assert path("folder") == Path("folder")


def test_a_file_named_as_what_ships_does_not_stand_in_its_way(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, path, known, _ = KINDS[kind]
    (tmp_path / known).mkdir()
    assert path(known).resolve() != (tmp_path / known).resolve()


def test_an_unknown_name_is_named_with_the_closest_ones(kind):
    _, path, known, misspelt = KINDS[kind]
    with pytest.raises(UnknownNameError) as caught:
        path(misspelt)
    message = str(caught.value)
    assert message.startswith(f"no {kind} named {misspelt!r}; did you mean ")
    assert known in message
    assert isinstance(caught.value, HwsimError)
    assert isinstance(caught.value, LookupError)


def test_a_name_like_no_other_lists_them_all(kind):
    names, path, _, _ = KINDS[kind]
    with pytest.raises(UnknownNameError) as caught:
        path("qqq")
    assert str(caught.value) == f"no {kind} named 'qqq'; known: {', '.join(names())}"


@pytest.mark.parametrize("name", ["", ".", "../models/digits-mlp/none", "none/none.yaml"])
def test_names_that_are_none(kind, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, path, _, _ = KINDS[kind]
    if name in ("", "."):  # the folder one is in is a path, if a poor one
        assert path(name) == Path()
        return
    with pytest.raises(UnknownNameError):
        path(name)


# ------------------------------------------------------------------------------------------- tables of the user's own


def test_tables_in_the_users_folder_are_found_by_name(tmp_path, monkeypatch):
    own = tmp_path / "mine.yaml"
    own.write_text("x")
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path))
    assert "mine" in catalogue.table_names()
    assert catalogue.table_names() == sorted(catalogue.table_names())
    assert catalogue.table_path("mine") == own
    assert catalogue.table_path("default_45nm").parent.name == "energy_tables"
    assert "mine" not in catalogue.machine_names()
    with pytest.raises(UnknownNameError, match="did you mean mine"):
        catalogue.table_path("mien")
    monkeypatch.setenv(catalogue.OWN_TABLES, "")
    assert "mine" not in catalogue.table_names()


def test_a_table_extends_one_in_the_users_folder(tmp_path, monkeypatch):
    head = "schema: 1\ndescription: x\nunit: pJ\nsources: {}\n"
    (tmp_path / "mine.yaml").write_text(head + "name: mine\nextends: horowitz_2014_45nm\n")
    other = tmp_path / "elsewhere" / "other.yaml"
    other.parent.mkdir()
    other.write_text(head + "name: other\nextends: mine\n")
    with pytest.raises(FileError, match=r"other\.yaml:6: extends: no energy table or file named 'mine'"):
        hwsim.load_table(other)
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path))
    assert set(hwsim.load_table(other).parts) == {"mine", "horowitz_2014_45nm"}
    assert hwsim.load_table("mine").name == "mine"


def test_a_folder_that_is_none_and_a_name_that_ships(tmp_path, monkeypatch):
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path / "none"))
    with pytest.raises(FileError, match=r"HWSIM_TABLES: .*none is not a folder; name the folder that holds"):
        catalogue.table_names()
    (tmp_path / "default_45nm.yaml").write_text("x")
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path))
    with pytest.raises(FileError, match=r"default_45nm\.yaml: a table of the name default_45nm ships with hwsim; give"):
        catalogue.table_path("default_45nm")
    # the shipped folder itself may be named
    monkeypatch.delenv(catalogue.OWN_TABLES)
    shipped = catalogue.table_path("default_45nm").parent
    monkeypatch.setenv(catalogue.OWN_TABLES, str(shipped))
    assert catalogue.table_path("default_45nm").parent == shipped


def test_links_in_a_circle(tmp_path, monkeypatch):
    for folder, name in (("own", "mine"), ("other", "default_45nm")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yaml").symlink_to(f"{name}.yaml")
    (tmp_path / "circle").symlink_to("circle")
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path / "own"))
    assert "mine" in catalogue.table_names()
    with pytest.raises(FileError, match=r"mine\.yaml: cannot be read \(Too many levels of symbolic links\)"):
        hwsim.load_table("mine")
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path / "other"))
    with pytest.raises(FileError, match="a table of the name default_45nm ships with hwsim"):
        hwsim.load_table("default_45nm")
    monkeypatch.setenv(catalogue.OWN_TABLES, str(tmp_path / "circle"))
    with pytest.raises(FileError, match="circle is not a folder"):
        catalogue.table_names()
