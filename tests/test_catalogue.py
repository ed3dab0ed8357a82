"""Names and paths: what ships is found by name, a path works everywhere a name does."""

from pathlib import Path

import pytest

from hwsim import catalogue
from hwsim.errors import HwsimError, UnknownNameError

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
