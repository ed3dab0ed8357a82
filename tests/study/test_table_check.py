"""What a table lacks for a network on a machine."""

import numpy as np
import pytest

from hwsim.errors import UnknownNameError
from hwsim.network.graph import Network
from hwsim.network.layers import Dense, Weight
from hwsim.network.number_format import integer
from hwsim.pricing.energy_table import load_table
from hwsim.study.table_check import coverage


def test_the_default_lacks_nothing():
    found = list(coverage(load_table("default_45nm"), ["digits-mlp", "digits-mlp-int8"], ["mac-array", "delta-mac"]))
    assert [(each.network, each.machine) for each in found] == [
        ("digits-mlp", "mac-array"),
        ("digits-mlp", "delta-mac"),
        ("digits-mlp-int8", "mac-array"),
        ("digits-mlp-int8", "delta-mac"),
    ]
    assert all(each.missing == {} and each.text == "" for each in found)


def test_what_a_printed_table_lacks_is_said_by_phase():
    (found,) = coverage(load_table("horowitz_2014_45nm"), ["digits-mlp-int8"], ["mac-array"])
    assert {"neuron", "memory"} <= set(found.missing)
    assert "comparison int24" in found.text.split("neuron lacks")[1]
    assert "register_update int24" in found.text.split("memory lacks")[1]
    # a rule fills in what it can
    (ruled,) = coverage(
        load_table("horowitz_2014_45nm", ["bit-width-law", "next-wider"]), ["digits-mlp-int8"], ["mac-array"]
    )
    asked = {operation for each in found.missing.values() for operation in each}
    left = {operation for each in ruled.missing.values() for operation in each}
    assert left < asked


def test_a_network_of_ones_own_is_run_on_made_up_frames():
    layer = Dense("one", terms=(Weight(np.array([[1, -2], [3, 4]]), integer(8)),))
    network = Network("own", (2,), (layer,), integer(9))
    (found,) = coverage(load_table("default_45nm"), [network], ["mac-array"])
    assert found.missing == {}
    (found,) = coverage(load_table("horowitz_2014_45nm"), [network], ["mac-array"])
    assert "multiplication int9 x int8" in found.text


def test_an_unknown_name():
    with pytest.raises(UnknownNameError, match="no network named 'digits-mpl'"):
        list(coverage(load_table("default_45nm"), ["digits-mpl"], ["mac-array"]))


def test_a_network_measured_on_a_file_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    about = {"accuracy": {"data_set": "mine.npz", "frames": 1, "correct": 1, "percent": 100.0}}
    layers = (Dense("d", terms=Weight(np.ones((3, 2), np.float32))),)
    (found,) = coverage(load_table("default_45nm"), [Network("n", (3,), layers, about=about)], ["mac-array"])
    assert found.text == ""
