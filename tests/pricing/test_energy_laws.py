"""Laws of pricing, on random counts and random tables: linear, additive, monotone, blind to order, within bounds."""

import dataclasses

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.counting.counts import PHASES, Counts, Key
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table.scaling import scale, scaling

PICO = 1e-12
OPERATIONS = (
    Operation("addition", ("int8",)),
    Operation("addition", ("int20",)),
    Operation("multiplication", ("int4", "int8")),
    Operation("comparison", ("int9",)),
    Operation("register_update", ("int24",)),
    Operation("mac", ("int8", "int8")),
    Operation("synaptic_operation"),
    Operation("sram_read", (), "weights", 2048, 32),
    Operation("sram_write", (), "state", 1024, 32),
    Operation("dram_read", (), "weights", 0, 64),
)
KEYS = st.builds(Key, st.sampled_from(["one", "two", "three"]), st.sampled_from(PHASES), st.sampled_from(OPERATIONS))
NUMBERS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9))
COUNTS = st.dictionaries(KEYS, NUMBERS, min_size=1, max_size=12).map(
    lambda entries: Counts(
        {key: np.array(number, np.int64) for key, number in entries.items()}, ("first", "steady"), np.array([1, 9])
    )
)
ENERGIES = st.floats(1e-3, 1e3)
PAPER = {"authors": "A. Author", "title": "A title", "venue": "A venue", "year": 2020}
ORIGIN = {"source": "paper", "where": "T1", "standing": "printed"}


@st.composite
def spreads(draw):
    low, energy, high = sorted(draw(st.tuples(ENERGIES, ENERGIES, ENERGIES)))
    return {"energy": energy, "low": low, "high": high}


@st.composite
def documents(draw):
    """A table as a document, with figures of its own for all of OPERATIONS."""
    formats = (("addition", "int8"), ("addition", "int32"), ("mac", "int8"), ("synaptic_operation", None))
    memory = draw(st.sampled_from([{}, {"low_factor": 0.5, "high_factor": 2.0, "interval": ORIGIN}]))
    return {
        "schema": 1,
        "name": "drawn",
        "description": "for tests",
        "process_node": 45,
        "supply": 0.9,
        "unit": draw(st.sampled_from(["pJ", "fJ", "nJ"])),
        "rules": ["interpolation", "bit-width-law"],
        "sources": {"paper": PAPER},
        "operations": [
            {"operation": kind, **({"format": format} if format else {}), **draw(spreads()), **ORIGIN}
            for kind, format in formats
        ],
        "laws": [
            {"operation": kind, "operands": "integer", "widths": [1, 64], "energy": {per: draw(ENERGIES)}, **ORIGIN}
            for kind, per in (("multiplication", "per_product"), ("register_update", "per_bit"))
        ],
        "equivalences": [{"operation": "comparison", "format": "integer", "as": "addition", "reason": "a sign"}],
        "memories": [
            {
                "memory": "sram",
                **memory,
                **ORIGIN,
                "entries": [
                    {"capacity": capacity, "word_length": 32, "read": draw(ENERGIES), "write": draw(spreads())}
                    for capacity in (512, 4096)
                ],
            },
            {"memory": "dram", **ORIGIN, "entries": [{"word_length": 64, "access": draw(spreads())}]},
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def load(folder, document, name="drawn"):
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return hwsim.load_table(path)


def figures(energy):
    return np.array([energy.low, energy.total, energy.high])


laws = examples(40)


@laws
@given(COUNTS, documents(), st.integers(0, 50))
def test_energy_is_linear_in_counts(folder, counts, document, factor):
    table = load(folder, document)
    assert figures(hwsim.price(counts.scaled(factor), table)) == pytest.approx(
        factor * figures(hwsim.price(counts, table)), rel=1e-12
    )


@laws
@given(COUNTS, COUNTS, documents())
def test_energy_of_two_counts_together_is_the_sum(folder, first, second, document):
    table = load(folder, document)
    zero = np.zeros(2, np.int64)
    keys = {**first.entries, **second.entries}
    both = {key: first.entries.get(key, zero) + second.entries.get(key, zero) for key in keys}
    together = hwsim.price(dataclasses.replace(first, entries=both), table)
    apart = figures(hwsim.price(first, table)) + figures(hwsim.price(second, table))
    assert figures(together) == pytest.approx(apart, rel=1e-12)


@laws
@given(COUNTS, documents())
def test_energy_is_additive_over_layers_phases_and_kinds(folder, counts, document):
    energy = hwsim.price(counts, load(folder, document))
    for name, parts in (
        ("layer", {key.layer for key in counts.entries}),
        ("phase", set(PHASES)),
        ("kind", {key.operation.kind for key in counts.entries}),
    ):
        assert sum(energy.of(**{name: part}) for part in parts) == pytest.approx(energy.total, rel=1e-12)
    assert energy.by_group.sum() == pytest.approx(energy.total, rel=1e-12)
    assert energy.low <= energy.total * (1 + 1e-12)
    assert energy.total <= energy.high * (1 + 1e-12)


@laws
@given(COUNTS, documents(), st.integers(0, 3), st.floats(1.0, 10.0))
def test_energy_is_monotone_in_every_price(folder, counts, document, index, factor):
    before = figures(hwsim.price(counts, load(folder, document)))
    for change in _dearer(document, index, factor):
        after = figures(hwsim.price(counts, load(folder, change, "dearer")))
        assert (after >= before * (1 - 1e-12)).all()


def _dearer(document, index, factor):
    """The document with one figure of each section times a factor."""

    def times(spread):
        return {key: factor * each if key in ("energy", "low", "high") else each for key, each in spread.items()}

    operations = list(document["operations"])
    operations[index] = times(operations[index])
    yield document | {"operations": operations}
    law = document["laws"][index % 2]
    formula = {key: factor * each for key, each in law["energy"].items()}
    yield document | {"laws": [law | {"energy": formula}, *[each for each in document["laws"] if each is not law]]}
    sram, dram = document["memories"]
    entry = sram["entries"][index % 2]
    dear = entry | {"read": factor * entry["read"], "write": times(entry["write"])}
    entries = [dear if each is entry else each for each in sram["entries"]]
    yield document | {"memories": [sram | {"entries": entries}, dram]}
    (word,) = dram["entries"]
    yield document | {"memories": [sram, dram | {"entries": [word | {"access": times(word["access"])}]}]}


@laws
@given(COUNTS, documents(), st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_matter(folder, counts, document, random):
    shuffled = {key: list(each) if isinstance(each, list) else each for key, each in document.items()}
    for section in ("operations", "laws", "memories", "rules"):
        random.shuffle(shuffled[section])
    shuffled["memories"] = [each | {"entries": each["entries"][::-1]} for each in shuffled["memories"]]
    keys = list(counts.entries)
    random.shuffle(keys)
    reordered = dataclasses.replace(counts, entries={key: counts.entries[key] for key in keys})
    before = hwsim.price(counts, load(folder, document))
    after = hwsim.price(reordered, load(folder, shuffled, "shuffled"))
    assert figures(after) == pytest.approx(figures(before), rel=1e-12)


@laws
@given(COUNTS, documents(), documents())
def test_composition_takes_each_figure_from_one_table(folder, counts, base, own):
    # arithmetic of one, memories of the other: what is not overridden is the base's, figure and source
    memories = {key: each for key, each in own.items() if key not in ("operations", "laws", "equivalences", "rules")}
    memories["sources"] = {"mine": PAPER}
    memories["memories"] = [each | {"source": "mine"} for each in own["memories"]]
    for memory in memories["memories"]:
        if "interval" in memory:
            memory["interval"] = ORIGIN | {"source": "mine"}
    base_table, own_table = load(folder, base, "base"), load(folder, memories, "own")
    composed = load(folder, memories | {"extends": "base.yaml", "rules": base["rules"]}, "composed")
    either = load(
        folder,
        {key: memories[key] for key in ("schema", "name", "description", "unit")}
        | {"sources": {}, "extends": ["base.yaml", "own.yaml"]},
        "either",
    )
    own_table = own_table.with_rules(base["rules"])
    for key in counts.entries:
        memory = key.operation.kind.startswith(("sram", "dram"))
        expected = (own_table if memory else base_table).price(key.operation)
        assert composed.price(key.operation) == expected == either.price(key.operation)
        assert expected.source == ("mine" if memory else "paper")
    assert set(composed.sources) == {"paper", "mine"}
    parts = [hwsim.price(_only(counts, memory), composed).total for memory in (False, True)]
    assert hwsim.price(counts, composed).total == pytest.approx(sum(parts), rel=1e-12)


def _only(counts, memory):
    chosen = {
        key: number
        for key, number in counts.entries.items()
        if key.operation.kind.startswith(("sram", "dram")) == memory
    }
    return dataclasses.replace(counts, entries=chosen)


@laws
@given(COUNTS, documents(), st.sampled_from([7, 14, 22, 32, 45]))
def test_scaling_multiplies_every_total_but_drams(folder, counts, document, node):
    table = load(folder, document)
    step = scaling(table, node)
    on_chip = dataclasses.replace(
        counts, entries={key: each for key, each in counts.entries.items() if key.operation.kind != "dram_read"}
    )
    before, after = hwsim.price(on_chip, table), hwsim.price(on_chip, scale(table, step))
    least, most = step.bounds
    assert after.total == pytest.approx(before.total * step.factor, rel=1e-9)
    assert after.low == pytest.approx(before.low * least, rel=1e-9)
    assert after.high == pytest.approx(before.high * most, rel=1e-9)
    assert {line.price.standing for line in after.lines} <= {"scaled"}


@laws
@given(COUNTS, documents())
def test_without_intervals_nothing_is_uncertain_but_the_rules(folder, counts, document):
    def bare(spread):
        return {key: each for key, each in spread.items() if key not in ("low", "high")}

    document["operations"] = [bare(each) for each in document["operations"]]
    for memory in document["memories"]:
        for key in ("low_factor", "high_factor", "interval"):
            memory.pop(key, None)
        memory["entries"] = [
            {key: bare(each) if isinstance(each, dict) else each for key, each in entry.items()}
            for entry in memory["entries"]
        ]
    energy = hwsim.price(counts, load(folder, document))
    spread = [line for line in energy.lines if line.price.low < line.price.high]
    assert all("bit-width law" in line.price.rule for line in spread)
    certain = sum(line.energy.sum() for line in energy.lines if line not in spread)
    assert energy.high >= energy.total >= energy.low >= certain * (1 - 1e-12)
