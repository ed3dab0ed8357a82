"""The commands `hwsim table ...`, called in this process."""

import os

import pytest
from typer.testing import CliRunner

from hwsim.cli import app
from hwsim.errors import FileError, HwsimError, TableError, UnknownNameError
from hwsim.files import catalogue

OWN = """\
schema: 1
name: own
description: A table of my own.
process_node: 28
unit: pJ
sources: {}
extends: [horowitz_2014_45nm]
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    monkeypatch.setenv(catalogue.OWN_TABLES, "")  # and what a command sets is undone
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments, error=None):
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if error is None:
        assert result.exception is None, result.exception
        return result.stdout
    assert isinstance(result.exception, error), result.exception
    assert isinstance(result.exception, HwsimError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_list_names_tables_with_their_variants():
    listed = run("table", "list")
    assert [line.split()[0] for line in listed.splitlines()] == catalogue.table_names()
    assert "(variants: 2ns, 5ns, 10ns)" in listed
    assert "no one process" in listed


def test_ones_own_tables_are_found_by_name(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "half.yaml").write_text("schema: 1\n")
    listed = run("--tables", tmp_path, "table", "list")
    assert "A table of my own" in listed
    assert f"cannot be read: {tmp_path / 'half.yaml'}:1: " in listed
    assert os.environ[catalogue.OWN_TABLES] == str(tmp_path)
    assert run("--tables", tmp_path, "table", "check", "own").startswith("own: a valid energy table")
    os.environ[catalogue.OWN_TABLES] = ""
    assert "no energy table named 'own'" in run("table", "check", "own", error=UnknownNameError)


def test_show_tells_what_stands_beside_the_prices():
    shown = run("table", "show", "davies_2018_14nm")
    assert "synaptic_operation" in shown
    assert "23.6 (23.6 to 35.5)" in shown
    assert "not counted: hop to the next tile, east or west: 3 pJ (printed, davies_2018: Table 2, p. 96" in shown
    shown = run("table", "show", "shao_2014_40nm:5ns", "--rule", "bit-width-law")
    assert "shao_2014_40nm:5ns: 40 nm" in shown
    assert "rules used where no price is stated: bit-width-law" in shown
    assert "leakage, not priced: register: 74 nW per bit (printed, shao_2014)" in shown
    assert "variant shao_2014_40nm:2ns: Clock period of 2 ns" in run("table", "show", "shao_2014_40nm")
    assert "did you mean 2ns" in run("table", "show", "shao_2014_40nm:2n", error=UnknownNameError)


def test_check_says_what_is_missing_for_a_network_on_a_machine(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    checked = run("table", "check", path, "--network", "digits-mlp-int8", "--machine", "mac-array")
    assert "composed of horowitz_2014_45nm (45 nm)" in checked
    assert "digits-mlp-int8 on mac-array: " in checked
    assert "memory lacks" in checked
    checked = run("table", "check", "default_45nm", "--network", "digits-mlp-int8", "--machine", "delta-mac")
    assert "digits-mlp-int8 on delta-mac: every price is there" in checked


def test_compare_prints_ratios():
    compared = run("table", "compare", "horowitz_2014_45nm", "jouppi_2021_7nm")
    assert "0.233333" in compared
    assert "geometric means of jouppi_2021_7nm / horowitz_2014_45nm: addition 0.33, multiplication 0.368" in compared


def test_new_then_check(tmp_path):
    path = tmp_path / "my_28nm.yaml"
    assert f"wrote {path}" in run("table", "new", path)
    assert "description: expected" in run("table", "check", path, error=FileError)
    assert "exists already" in run("table", "new", path, error=FileError)


def test_scale_prints_the_band_and_writes_a_table(tmp_path):
    shown = run("table", "scale", "horowitz_2014_45nm", "--to", "7nm", "--method", "stillmaker-baas")
    assert "equations: stillmaker-baas (HP), 45 nm at 0.9 V to 7 nm at 0.7 V: x0.06842" in shown
    assert "beside them: published figures give x0.35" in shown
    assert "scaled" in shown
    path = tmp_path / "at_22.yaml"
    assert f"wrote {path}" in run("table", "scale", "default_45nm", "--to", "22", "--out", path)
    lacks = "sigmoid, tanh, elu, division, look_up"
    assert f"default_45nm_at_22nm: a valid energy table; no price for: {lacks}" in run("table", "check", path)


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        (("scale", "default_45nm", "--to", "small"), HwsimError, "write a node in nanometres, such as 22nm"),
        (("scale", "default_45nm", "--to", "22nm", "--method", "moore"), HwsimError, "write stillmaker-baas"),
        (("scale", "default_45nm", "--to", "3nm", "--to-supply", "0.6"), TableError, "from 7 to 180 nm"),
        (("scale", "default_45nm", "--to", "22nm", "--to-supply", "0"), TableError, "write a supply in volts, above 0"),
        (("scale", "default_45nm", "--to", "nan"), TableError, "nan is no node"),
        (("show", "default_45nm", "--rule", "guess"), TableError, "no lookup rule 'guess'"),
        (("check", "default_45nm", "--network", "nothing"), UnknownNameError, "no network named 'nothing'"),
        (("compare", "default_45nm", "nothing"), UnknownNameError, "no energy table named 'nothing'"),
    ],
)
def test_bad_input(arguments, error, problem):
    assert problem in run("table", *arguments, error=error)


def test_a_rule_on_the_way_to_a_price():
    command = ("simulate", "digits-mlp-int8", "--execution", "sparse", "--frames", "20", "--phase", "synapse")
    missing = run(*command, "--table", "han_2016_45nm", error=TableError)
    assert "ask for the rule bit-width-law" in missing
    priced = " ".join(run(*command, "--table", "han_2016_45nm", "--rule", "bit-width-law").split())
    assert "Asked for: rule bit-width-law used for addition int24; multiplication int8 x int8." in priced
