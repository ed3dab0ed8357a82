"""A conversion of one's own is a command; those of the package need what they say."""

from dataclasses import replace

import pytest

from hwsim import cli
from hwsim.convert.declared import Option, one_or_several
from hwsim.convert.methods import METHODS, Method
from hwsim.convert.model_folder import convert_to_folder
from hwsim.errors import HwsimError
from hwsim.network_file import load_network


@pytest.fixture(autouse=True)
def _package_alone():
    """Let what a test declares be gone after it."""
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


def renamed(network, *, name, motto="none", numbers=()):
    return replace(network, name=name, about=network.about | {"motto": motto, "numbers": numbers})


def declare(name="renamed"):
    options = (
        Option("motto", "Words.", default="new"),
        Option("numbers", "Some.", read=lambda text: one_or_several(text, int, "--numbers 1,2")),
    )
    tell = lambda network: f"motto: {network.about['motto']}"  # noqa: E731
    Method(name=name, sentence="Say a word.", convert=renamed, options=options, needs_data=False, tell=tell)


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["hwsim", "convert", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


def test_it_is_a_command(monkeypatch, capsys, tmp_path):
    declare()
    assert run(monkeypatch, "renamed", "digits-mlp", "--numbers", "1,2", "--out", tmp_path / "made") == 0
    assert "motto: new" in capsys.readouterr().out
    about = load_network(tmp_path / "made").about
    assert about["numbers"] == [1, 2]
    assert about["command"] == "hwsim convert renamed digits-mlp --motto new --numbers 1,2 --out made"
    assert run(monkeypatch, "--help") == 0
    assert "Say a word." in capsys.readouterr().out


def test_it_says_what_is_wrong(monkeypatch, capsys, tmp_path):
    declare()
    assert run(monkeypatch, "renamed", "digits-mlp", "--numbers", "few", "--out", tmp_path / "made") == 2
    assert "'few' is not a list of numbers; write --numbers 1,2" in capsys.readouterr().err
    assert run(monkeypatch, "renamd", "digits-mlp") == 2
    assert "Did you mean 'renamed'" in capsys.readouterr().err


def test_no_two_have_one_name():
    with pytest.raises(HwsimError, match="conversion 'int8': there is one of this name"):
        declare("int8")


def test_an_option_of_another_conversion(tmp_path):
    with pytest.raises(HwsimError, match="conversion int8 has no option headroom; it has: per-channel"):
        convert_to_folder("int8", "digits-mlp", "digits", tmp_path / "made", headroom=1)


def test_msq_by_its_name(monkeypatch, tmp_path):
    assert run(monkeypatch, "msq", "digits-mlp", "--levels", 5, "--data", "digits", "--out", tmp_path / "made") == 0
    about = load_network(tmp_path / "made").about
    assert about["command"] == "hwsim convert msq digits-mlp --data digits --levels 5 --out made"
    assert about["accuracy"]["percent"] > 50
