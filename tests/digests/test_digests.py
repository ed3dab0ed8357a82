"""Every shipped network on every preset machine gives the outputs, counts and energies that it gave before.

No digest says what is right; other tests do. These say that something moved, where nothing was to.
"""

import json
import re
from dataclasses import fields, replace

import made
import numpy as np
import pytest

import hwsim

STORED = json.loads(made.FILE.read_text(encoding="utf-8"))
RENEWED = (
    "digests are renewed (python tests/digests/made.py --write) only where RULES was raised, or a change says that "
    "bits move"
)


def each_network():
    """Those of the digits anywhere and always; the others need data, and time."""
    marks = [pytest.mark.slow, pytest.mark.data]
    return [pytest.param(name, marks=[] if made.data_name(name) == "digits" else marks) for name in made.NETWORKS]


def differing(stored, found):
    """A line for every name that has not the same digest in both."""
    names = sorted(stored.keys() | found.keys())
    pairs = [(name, stored.get(name, "none"), found.get(name, "none")) for name in names]
    return [f"{name}: {before} in the file, now {now}" for name, before, now in pairs if before != now]


def complaint(lines):
    return f"{len(lines)} digests differ; {RENEWED}:\n" + "\n".join(lines)


@pytest.mark.parametrize("network", each_network())
def test_nothing_has_moved(network):
    stored = {name: each for name, each in STORED["digests"].items() if name.startswith(f"{network} ")}
    if lines := differing(stored, made.digests_of(network)):
        pytest.fail(complaint(lines), pytrace=False)


# ------------------------------------------------------------------------------------------------------- the file


def test_every_network_and_every_machine_is_in_the_file():
    assert made.NETWORKS
    assert {made.machine_of(name).execution for name in made.MACHINES} == set(made.EXECUTIONS)
    wanted = [name for network in made.NETWORKS for name in made.names_of(network)]
    stored = list(STORED["digests"])
    missing, unknown = sorted(set(wanted) - set(stored)), sorted(set(stored) - set(wanted))
    assert not missing + unknown, f"not in the file: {missing}; in the file for nothing: {unknown}; {RENEWED}"
    assert stored == sorted(stored)


def test_it_is_of_these_rules_and_these_frames():
    assert STORED["rules"] == hwsim.RULES, RENEWED
    assert STORED["data"] == made.DATA, RENEWED


def test_only_energies_may_lack_prices_and_the_default_table_has_those_of_all_elementary_machines():
    for name, stored in STORED["digests"].items():
        _, place, what = name.split()
        whole = place in made.MACHINES and made.machine_of(place).operations == "whole"
        may_lack = what in (made.ELEMENTARY, made.WHOLE) or (what == made.DEFAULT and whole)
        pattern = "([0-9a-f]{16})?(, )?(no price in [a-z ]+)?" if may_lack else "[0-9a-f]{16}"
        if place in made.MACHINES and made.machine_of(place).operands is not None:
            pattern += "|refused"
        assert re.fullmatch(pattern, stored), f"{name}: {stored}"


# ------------------------------------------------------------------------------------------------------- what they see


@pytest.fixture(scope="module")
def run():
    return hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:20], "delta")


@pytest.fixture(scope="module")
def counted(run):
    return hwsim.count(run.activity, "delta-mac")


def test_one_output_is_seen_to_its_last_bit(run):
    moved = run.outputs.copy()
    moved[7, 3] = np.nextafter(moved[7, 3], np.inf)
    assert made.outputs(replace(run, outputs=moved)) != made.outputs(run)
    codes = run.output_codes.copy()
    codes[7, 3] += 1
    assert made.outputs(replace(run, output_codes=codes)) != made.outputs(run)


def test_every_field_of_an_activity_is_seen(run):
    before = made.digest(run.activity)
    layer = next(each for each in run.activity.layers if each.connections)
    connection = layer.connections[0]
    for thing in (run.activity, layer, connection, connection.histogram, connection.rows_read, layer.work[0]):
        for field in fields(thing):
            changed = made.digest(replace(thing, **{field.name: "another"}))
            assert (changed != made.digest(thing)) == (field.name not in made.LEFT_OUT), field.name
    touched = layer.touched.copy()
    touched[5] += 1
    layers = tuple(replace(each, touched=touched) if each is layer else each for each in run.activity.layers)
    assert made.digest(replace(run.activity, layers=layers)) != before


def test_one_operation_more_is_seen(counted):
    for key, number in counted.entries.items():
        entries = {**counted.entries, key: number + np.array([0, 1])}
        assert made.counts(replace(counted, entries=entries)) != made.counts(counted)


def test_the_order_of_counts_is_not_seen(counted):
    entries = dict(reversed(counted.entries.items()))
    assert made.counts(replace(counted, entries=entries)) == made.counts(counted)


def test_a_price_is_seen_to_its_last_bit(counted):
    breakdown = hwsim.price(counted)
    first, *others = breakdown.lines
    for which in ("energy", "low", "high"):
        price = first.price._replace(**{which: np.nextafter(getattr(first.price, which), 0).item()})
        moved = replace(breakdown, lines=(replace(first, price=price), *others))
        assert made.energy(moved) != made.energy(breakdown)


def test_rules_alone_move_nothing(run, counted):
    assert made.digest(replace(run.activity, rules=99)) == made.digest(run.activity)
    assert made.counts(replace(counted, rules=99)) == made.counts(counted)


def test_threads_and_blocks_move_nothing(run):
    data = hwsim.load_dataset("digits")[:20]
    again = hwsim.simulate("digits-mlp-int8", data, "delta", threads=1, block=3)
    assert (made.outputs(again), made.activity(again)) == (made.outputs(run), made.activity(run))


def test_things_that_look_alike_have_digests_of_their_own():
    zeros, numbers = np.zeros((2, 3), np.int32), np.arange(6).reshape(2, 3)
    things = (
        *(None, False, 0, 0.0, -0.0, "0", "", (), {}, (0,), ((0,),), (0, 0), ((0, 1), 2), (0, (1, 2)), {"0": 0}),
        *(zeros, zeros.T, zeros.astype(np.int64), zeros.astype(np.float32), np.zeros(1, np.int64), np.zeros(())),
    )
    assert len({made.digest(each) for each in things}) == len(things)
    assert made.digest(zeros.astype(">i4")) == made.digest(zeros)
    assert made.digest(np.asfortranarray(numbers)) == made.digest(numbers)
    assert made.digest((np.float64(0.5), np.int64(3))) == made.digest((0.5, 3))


def test_a_thing_of_unknown_kind_is_refused():
    with pytest.raises(TypeError, match="set: no digest of such a thing"):
        made.digest((1, {2}))


def test_a_complaint_says_what_differs_by_name():
    lines = differing({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "7", "d": "4"})
    assert lines == ["b: 2 in the file, now 7", "c: 3 in the file, now none", "d: none in the file, now 4"]
    assert "--write) only where RULES was raised" in complaint(lines)
