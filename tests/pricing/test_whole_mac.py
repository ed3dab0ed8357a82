"""The rule whole-mac: multiplications with their accumulations as the units that were measured."""

import numpy as np
import pytest

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.errors import TableError
from hwsim.network.operation import Operation
from hwsim.pricing.whole_mac import with_whole_macs

PICO = 1e-12
MULTIPLY = Operation("multiplication", ("int8", "int8"))
ADD = Operation("addition", ("int32",))
UPDATE = Operation("register_update", ("int32",))
MAC = Operation("mac", ("int8", "int8"))
TABLE = "sharma_2018_45nm"


def counts_of(entries):
    arrays = {key: np.array(number, np.int64) for key, number in entries.items()}
    return Counts(arrays, ("first", "steady"), np.array([1, 9]), "net", "data", "dense", "mac-array")


@pytest.fixture
def counts():
    return counts_of(
        {
            Key("one", "synapse", MULTIPLY): [10, 90],
            Key("one", "synapse", ADD): [12, 100],  # more than products: events added one by one
            Key("one", "memory", UPDATE): [12, 100],
            Key("two", "synapse", MULTIPLY): [5, 5],
            Key("two", "synapse", ADD): [5, 5],
            Key("two", "memory", UPDATE): [5, 5],
            Key("two", "neuron", MULTIPLY): [1, 2],  # a rescaling is no synaptic work
        }
    )


def test_each_product_takes_an_addition_and_an_update(counts):
    whole = with_whole_macs(counts, hwsim.load_table(TABLE, ["whole-mac"]))
    expected = {
        Key("one", "synapse", MAC): [10, 90],
        Key("one", "synapse", ADD): [2, 10],
        Key("one", "memory", UPDATE): [2, 10],
        Key("two", "synapse", MAC): [5, 5],
        Key("two", "neuron", MULTIPLY): [1, 2],
    }
    assert {key: number.tolist() for key, number in whole.entries.items()} == expected
    assert whole.n_inference == counts.n_inference
    (note,) = whole.notes
    assert note.startswith("whole-mac: 110 multiplications priced as whole units")


def test_nothing_happens_unasked_or_where_no_unit_is_priced(counts):
    assert with_whole_macs(counts, hwsim.load_table(TABLE)) is counts
    assert with_whole_macs(counts, hwsim.load_table("default_45nm", ["whole-mac"])) is counts


def test_the_units_are_priced(counts):
    with pytest.raises(TableError, match="no price for multiplication int8 x int8"):
        hwsim.price(counts, TABLE, phases=["synapse"])
    layer_two = counts_of({key: number for key, number in counts.entries.items() if key.layer == "two"})
    energy = hwsim.price(layer_two, TABLE, phases=["synapse", "memory"], rules=["whole-mac"])
    assert energy.total == pytest.approx(10 * 0.203 * PICO)  # 5 + 5 units of 8 bits
    assert any("whole-mac: 10 multiplications" in note for note in energy.notes)
    # a width between is found by the fit that the table states
    nine = Operation("multiplication", ("int9", "int8"))
    wider = counts_of({Key("one", "synapse", nine): [1, 0], Key("one", "synapse", ADD): [1, 0]})
    energy = hwsim.price(wider, TABLE, rules=["whole-mac"])
    assert energy.total == pytest.approx((0.001612 * 72 + 0.00554 * 17 + 0.0121) * PICO)


def test_a_product_without_its_addition_stays_one():
    alone = counts_of({Key("one", "synapse", MULTIPLY): [3, 3], Key("one", "synapse", ADD): [1, 3]})
    whole = with_whole_macs(alone, hwsim.load_table(TABLE, ["whole-mac"]))
    assert whole.entries[Key("one", "synapse", MAC)].tolist() == [1, 3]
    assert whole.entries[Key("one", "synapse", MULTIPLY)].tolist() == [2, 0]
    assert Key("one", "synapse", ADD) not in whole.entries
