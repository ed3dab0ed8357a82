"""The tables that ship: they load, cite, are finite, and say what their sources say."""

import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hwsim.files import catalogue
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table

PICO, NANO = 1e-12, 1e-9
MEMORIES = ("sram_read", "sram_write", "dram_read", "dram_write")


@pytest.fixture(scope="module", params=catalogue.table_names())
def name(request):
    return request.param


@pytest.fixture(scope="module")
def default():
    return load_table("default_45nm")


def arithmetic(kind, *formats):
    return Operation(kind, formats)


def access(kind, capacity, word_length=64):
    return Operation(kind, (), "weights", capacity, word_length)


# --------------------------------------------------------------------------------------------------- every table


def test_the_tables_are_there():
    assert set(catalogue.table_names()) == {
        "horowitz_2014_45nm",
        "default_45nm",
        "default_45nm_lpddr4",
        "jouppi_2021_7nm",
        "han_2016_45nm",
        "chen_2016_65nm",
        "shao_2014_40nm",
        "sharma_2018_45nm",
        "tang_2023_22nm",
        *(f"balasubramonian_2017_{node}nm" for node in (65, 45, 32, 22)),
        "andrulis_2025_dram",
        "oconnor_2017_dram",
        "keller_2022_5nm",
        "ma_2024_22nm",
        "davies_2018_14nm",
        "akopyan_2015_28nm",
        "hoppner_2019_28nm",
        "frenkel_2019_28nm",
    }


def test_every_table_loads_cites_and_says_what_is_missing(name):
    table = load_table(name)
    assert table.name == name
    assert table.description
    assert table.missing
    assert (table.process_node is None) == name.endswith("_dram")
    assert table.process_node is None or f"_{table.process_node:g}nm" in name
    assert len(table.citation.splitlines()) == len(table.sources) > 0


def test_every_figure_is_finite_not_negative_in_order_and_sourced(name):
    table = load_table(name)
    frame = table.to_dataframe()
    stated = frame[frame["rule"] == "exact"]
    energy, low, high = (stated[f"{column} [pJ]"].to_numpy() for column in ("energy", "low", "high"))
    assert len(stated) > 0
    assert np.isfinite([energy, low, high]).all()
    assert (low >= 0).all()
    assert (low <= energy).all()
    assert (energy <= high).all()
    assert set(stated["source"]) <= set(table.sources)
    for beside in table.unpriced.values():
        assert 0 < beside.low <= beside.energy <= beside.high < math.inf
        assert beside.source in table.sources
        assert beside.where
    for powers in table.leakage.values():
        assert all(0 < each.low <= each.power <= each.high < math.inf for each in powers)
        assert {each.source for each in powers} <= set(table.sources)
    assert (frame["where"].str.len() > 0).all()


def test_every_memory_states_its_width(name):
    table = load_table(name)
    frame = table.to_dataframe()
    memories = frame[frame["operation"].isin(MEMORIES)]
    assert set(memories["operation"]) == set(MEMORIES) - set(table.lacks)
    assert (memories["word length [bits]"] > 0).all()
    assert (memories["energy [pJ]"] > 0).all()
    on_chip = memories["operation"].str.startswith("sram")
    assert (memories.loc[on_chip, "capacity [bytes]"] > 0).all()


def test_what_is_remembered_says_that_it_is_unconfirmed(name):
    frame = load_table(name).to_dataframe()
    remembered = frame[frame["standing"] == "remembered"]
    beside = [each for each in load_table(name).unpriced.values() if each.standing == "remembered"]
    assert all("remembered, unconfirmed" in each.where for each in beside)
    assert remembered["where"].str.contains("remembered, unconfirmed").all()
    assert len(remembered) == int(name.startswith("default_45nm"))  # a shift of 16 bits


def test_every_variant_loads_and_changes_figures_of_its_table(name):
    table = load_table(name)
    for variant, what in table.variants.items():
        other = load_table(f"{name}:{variant}")
        assert other.name == f"{name}:{variant}"
        assert what in other.description
        assert set(other.sources) == set(table.sources)
        assert not other.to_dataframe().equals(table.to_dataframe())


def test_every_table_has_its_paragraph():
    text = (catalogue.table_path("default_45nm").parent / "README.md").read_text(encoding="utf-8")
    for name in catalogue.table_names():
        assert f"**`{name}`**" in text


def test_the_readme_shows_a_table_that_loads(tmp_path):
    text = (catalogue.table_path("default_45nm").parent / "README.md").read_text(encoding="utf-8")
    path = tmp_path / "my_28nm.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    table = load_table(path)
    assert table.price(arithmetic("addition", "int8")).energy == pytest.approx(0.02 * PICO)
    assert table.price(arithmetic("multiplication", "fp32")).source == "horowitz_2014"


# ------------------------------------------------------------------------------------ Horowitz 2014, Figure 1.1.9

HOROWITZ = {  # pJ, as printed
    ("addition", "int8"): 0.03,
    ("addition", "int32"): 0.1,
    ("addition", "fp16"): 0.4,
    ("addition", "fp32"): 0.9,
    ("multiplication", "int8"): 0.2,
    ("multiplication", "int32"): 3.1,
    ("multiplication", "fp16"): 1.1,
    ("multiplication", "fp32"): 3.7,
}
CACHES = {8: 10.0, 32: 20.0, 1024: 100.0}  # KiB: pJ per 64 bits


def test_horowitz_holds_the_printed_figures_and_nothing_else():
    table = load_table("horowitz_2014_45nm")
    for (kind, format), figure in HOROWITZ.items():
        price = table.price(arithmetic(kind, format))
        assert price.energy == price.low == price.high == pytest.approx(figure * PICO, rel=1e-12)
        assert (price.rule, price.standing) == ("exact", "printed")
    for kibibytes, figure in CACHES.items():
        for kind in ("sram_read", "sram_write"):
            assert table.price(access(kind, 1024 * kibibytes)).energy == pytest.approx(figure * PICO, rel=1e-12)
    # 8 kinds of arithmetic, reads and writes of 3 caches and 1 DRAM
    assert len(table.to_dataframe()) == 8 + 2 * (3 + 1)
    assert (table.process_node, table.supply) == (45, 0.9)


def test_horowitz_prints_dram_as_a_range():
    price = load_table("horowitz_2014_45nm").price(access("dram_read", 0))
    assert (price.low, price.energy, price.high) == pytest.approx((1.3 * NANO, 1.3 * NANO, 2.6 * NANO))


@pytest.mark.parametrize("table", ["horowitz_2014_45nm", "jouppi_2021_7nm"])
def test_a_printed_table_prices_no_more_than_it_says(table):
    table = load_table(table)
    assert table.price(arithmetic("multiplication", "int8", "int8")) is not None
    for kind in ("comparison", "variable_shift", "constant_shift", "register_update", "xnor", "look_up"):
        assert kind in table.lacks
        assert table.price(arithmetic(kind, "int32")) is None
    for formats in (("int9", "int8"), ("int16",), ("int8", "fp32")):
        assert table.price(arithmetic("multiplication", *formats)) is None
    for capacity, word_length in ((8192, 32), (1024 * 1024 + 1, 64)):
        assert table.price(access("sram_read", capacity, word_length)) is None


# -------------------------------------------------------------------------------------- Jouppi et al. 2021, Table 2

JOUPPI = {  # pJ at 7 nm, and whether a text confirms it
    ("addition", "int8"): (0.007, True),
    ("addition", "int32"): (0.030, True),
    ("addition", "bf16"): (0.110, False),
    ("addition", "fp16"): (0.160, False),
    ("addition", "fp32"): (0.380, True),
    ("multiplication", "int8"): (0.070, True),
    ("multiplication", "int32"): (1.480, True),
    ("multiplication", "bf16"): (0.210, False),
    ("multiplication", "fp16"): (0.340, False),
    ("multiplication", "fp32"): (1.310, True),
}


def test_jouppi_holds_its_column_with_the_standing_of_each_cell():
    table = load_table("jouppi_2021_7nm")
    for (kind, format), (figure, confirmed) in JOUPPI.items():
        price = table.price(arithmetic(kind, format))
        assert price.energy == pytest.approx(figure * PICO, rel=1e-12)
        assert price.standing == ("printed" if confirmed else "second-hand")
    for kibibytes, figure in ((8, 7.5), (32, 8.5), (1024, 14.0)):
        price = table.price(access("sram_read", 1024 * kibibytes))
        assert (price.energy, price.standing) == (pytest.approx(figure * PICO), "printed")
    assert table.price(access("dram_write", 0)).energy == pytest.approx(1300 * PICO)
    assert (table.process_node, table.supply) == (7, None)


# ------------------------------------------------------------------------------------------------------ the default


def test_the_default_keeps_every_printed_figure_for_arithmetic(default):
    for (kind, format), figure in HOROWITZ.items():
        price = default.price(arithmetic(kind, format))
        assert (price.energy, price.rule, price.source) == (pytest.approx(figure * PICO), "exact", "horowitz_2014")


def test_the_papers_totals_follow(default):
    # 784 x 200 + 200 x 200 + 200 x 10 multiplications and as many additions
    operations = 784 * 200 + 200 * 200 + 200 * 10
    for format, total in (("int32", 636.16 * NANO), ("fp32", 914.48 * NANO)):
        prices = [default.price(arithmetic(kind, format, format)).energy for kind in ("addition", "multiplication")]
        assert operations * sum(prices) == pytest.approx(total, rel=1e-9)


def test_additions_are_linear_in_width(default):
    for width in range(1, 65):
        price = default.price(arithmetic("addition", f"int{width}"))
        if width not in (8, 32):
            # the printed 0.1 pJ at 32 bits, in proportion
            assert price.energy == pytest.approx(0.1 * PICO * width / 32)
            assert (price.standing, price.source) == ("fitted", "coelho_2021")


def test_multiplications_are_a_product_of_widths(default):
    for a in range(1, 65):
        for b in range(1, 65):
            price = default.price(arithmetic("multiplication", f"int{a}", f"int{b}"))
            if (a, b) not in ((8, 8), (32, 32)):
                assert price.energy == pytest.approx((0.0029948 * a * b + 0.00052 * (a + b)) * PICO)
                assert price.rule.startswith("law: ")


def test_the_fit_meets_the_printed_multiplications(default):
    law = default.laws["multiplication", "integer"]
    assert law.at((8, 8)).energy == pytest.approx(0.2 * PICO, rel=1e-3)
    assert law.at((32, 32)).energy == pytest.approx(3.1 * PICO, rel=1e-2)


def test_a_comparison_is_an_addition_of_its_width(default):
    for width in range(1, 65):
        price, addition = (default.price(arithmetic(kind, f"int{width}")) for kind in ("comparison", "addition"))
        assert price[:3] == addition[:3]
        assert price.energy > 0
        assert price.standing == "assumed"
    assert default.price(arithmetic("comparison", "fp32")).energy == pytest.approx(0.1 * PICO)
    assert default.price(arithmetic("comparison", "binary")).energy == pytest.approx(0.1 / 32 * PICO)


def test_constant_shifts_are_wiring(default):
    for operand in (*(f"int{width}" for width in range(1, 65)), "fp16", "fp32"):
        price = default.price(arithmetic("constant_shift", operand))
        assert (price.energy, price.high, price.standing) == (0, 0, "assumed")
    # 8 bits of exponent: the printed 8-bit addition
    assert default.price(arithmetic("exponent_addition", "fp32")).energy == pytest.approx(0.03 * PICO)


def test_variable_shifts_rest_on_three_figures(default):
    figures = {8: (0.024, "second-hand"), 16: (0.057, "remembered"), 32: (0.13, "second-hand")}  # pJ
    for width, (figure, standing) in figures.items():
        price = default.price(arithmetic("variable_shift", f"int{width}"))
        assert (price.energy, price.rule, price.standing) == (pytest.approx(figure * PICO), "exact", standing)
        assert price.high == pytest.approx(0.417 * PICO * width / 32)
    between = default.price(arithmetic("variable_shift", "int24"))
    expected = np.interp(24, [8, 32], [0.024, 0.13])
    assert between.energy == pytest.approx(expected * PICO, rel=1e-5)
    assert between.standing == "fitted"
    assert default.price(arithmetic("variable_shift", "int33")) is None


def test_registers_are_priced_by_the_bit(default):
    for format, width in (("int8", 8), ("int24", 24), ("int32", 32), ("int64", 64), ("fp32", 32)):
        price = default.price(arithmetic("register_update", format))
        assert (price.energy, price.high) == pytest.approx((0.009 * width * PICO, 0.009 * width * PICO))
        assert price.low == pytest.approx(0.0017 * width * PICO)


def test_one_xnor_is_a_bit_of_a_bitwise_unit(default):
    price = default.price(arithmetic("xnor", "binary", "binary"))
    assert price.energy == pytest.approx(0.01806 / 32 * PICO)  # 0.01806 pJ for 32 bits
    assert price.high == pytest.approx(0.3 * 0.003125 * PICO)  # 0.3 of a bit of an addition
    assert price.standing == "converted"


CACTI = {  # KiB: pJ of a read and of a write by word length [bits], to three digits
    0.25: {32: (0.67, 1.11), 64: (1.32, 1.71)},
    1: {32: (1.32, 2.07), 64: (1.67, 3.49), 128: (3.38, 5.11), 256: (9.13, 10.7)},
    8: {32: (5.25, 4.79), 64: (6.14, 7.88), 128: (7.92, 14.1), 256: (11.5, 26.4)},
    16: {32: (9.98, 6.87), 64: (11.6, 10.7), 128: (10.8, 23.2), 256: (14.3, 44.5)},
    32: {32: (11.8, 8.68), 64: (17.0, 15.4), 128: (20.3, 27.5), 256: (26.8, 51.8)},
    128: {32: (25.3, 16.9), 64: (32.3, 26.1), 128: (50.3, 47.0), 256: (73.8, 88.2)},
    1024: {32: (68.4, 49.1), 64: (93.5, 76.2), 128: (153, 129), 256: (252, 245)},
    8192: {32: (163, 144), 64: (255, 221), 128: (417, 392), 256: (758, 745)},
}


def test_sram_is_the_run_of_cacti(default):
    for kibibytes, words in CACTI.items():
        for word_length, figures in words.items():
            for kind, figure in zip(("sram_read", "sram_write"), figures, strict=True):
                price = default.price(access(kind, int(1024 * kibibytes), word_length))
                assert price.energy == pytest.approx(figure * PICO, rel=6e-3)
                assert (price.rule, price.standing, price.source) == ("exact", "simulated", "balasubramonian_2017")
    # 16 capacities at 32 and 64 bits, 15 at 128 and 14 at 256
    for kind in ("sram_read", "sram_write"):
        assert [len(points) for points in default.memories[kind].values()] == [16, 16, 15, 14]


@pytest.mark.parametrize("kind", ["sram_read", "sram_write"])
def test_a_larger_memory_costs_more(default, kind):
    capacities = np.unique(np.geomspace(1, 8 * 2**20, 300).astype(int))
    assert len(capacities) > 200
    for word_length in (32, 64, 128, 256):
        energy = np.array([default.price(access(kind, int(capacity), word_length)).energy for capacity in capacities])
        assert (np.diff(energy) >= 0).all()
        assert (np.diff(energy[capacities > 1024]) > 0).all()


def test_sram_between_stated_capacities(default):
    # 64-bit reads of 32 KiB and 64 KiB: the geometric mean lies at the geometric mean of the capacities
    price = default.price(access("sram_read", round(math.sqrt(32768 * 65536))))
    assert price.energy == pytest.approx(math.sqrt(17.042 * 25.869) * PICO, rel=1e-4)
    assert price.rule == "interpolated in capacity between 32768 and 65536 bytes"


def test_sram_ends_where_its_figures_end(default):
    assert default.price(access("sram_write", 8 * 2**20)).rule == "exact"
    assert default.price(access("sram_write", 8 * 2**20 + 1)) is None
    for capacity in (1, 255):
        price = default.price(access("sram_read", capacity))
        assert (price.energy, price.rule) == (pytest.approx(1.3227 * PICO), "smallest capacity, 256 bytes")
    assert default.price(access("sram_read", 8 * 2**20 + 1, 16)) is None
    assert default.price(access("sram_read", 2 * 8 * 2**20 + 1, 512)) is None


# word length, capacity [bytes], energies of a read and a write [pJ] from the points of the same run
WORDS = [
    (8, 16384, 9.978, 6.8676),  # as 32 bits
    (1, 200, 0.67157, 1.1051),  # the smallest that there is
    (31, 46341, math.sqrt(11.786 * 17.804), math.sqrt(8.675 * 13.469)),  # half way from 32 to 64 KiB in logarithms
    (257, 65536, 2 * 26.838, 2 * 51.786),  # two banks of 32 KiB, 256 bits of each
    (512, 65536, 2 * 26.838, 2 * 51.786),
    (1024, 1048576, 4 * 124.61, 4 * 118.03),  # four of 256 KiB
    (512, 92682, 2 * math.sqrt(26.838 * 51.799), 2 * math.sqrt(51.786 * 66.239)),  # two of 46,341 bytes
    (512, 512, 2 * 9.1258, 2 * 10.685),  # two of 256 bytes: as the smallest that has words of 256 bits
    (512, 16777216, 2 * 757.76, 2 * 745.33),  # two of 8 MiB, the largest
    (181, 8192, math.sqrt(7.9164 * 11.484), math.sqrt(14.052 * 26.41)),  # half way from 128 to 256 bits, 181.02
]


@pytest.mark.parametrize(("word_length", "capacity", "read", "write"), WORDS)
def test_any_word_of_sram_has_a_price_that_says_how_it_was_found(default, word_length, capacity, read, write):
    for kind, figure in (("sram_read", read), ("sram_write", write)):
        price = default.price(access(kind, capacity, word_length))
        assert price.energy == pytest.approx(figure * PICO, rel=2e-4)
        assert price.low == pytest.approx(0.42 * price.energy)
        assert price.high == pytest.approx(1.63 * price.energy)
        start = (
            "narrow word: 32-bit word: " if word_length < 32 else "wide word: " if word_length > 256 else "interpolated"
        )
        assert price.rule.startswith(start)
        assert (price.standing, price.source) == ("simulated", "balasubramonian_2017")


@pytest.mark.parametrize("word_length", [1, 8, 30, 32, 64, 128, 512])
def test_any_word_of_dram_is_priced_by_the_bit(default, word_length):
    for kind in ("dram_read", "dram_write"):
        price = default.price(access(kind, 0, word_length))
        # 1,300 to 2,600 pJ for 64 bits
        assert price[:3] == pytest.approx([20.3125 * word_length * PICO] * 2 + [40.625 * word_length * PICO])
        assert price.standing == "printed"


@given(st.integers(1, 8 * 2**20), st.integers(1, 4096), st.sampled_from(["sram_read", "sram_write"]))
def test_every_level_of_at_most_the_largest_size_has_a_price(default, capacity, word_length, kind):
    price = default.price(access(kind, capacity, word_length))
    # at least a read of the smallest memory through the narrowest port, at most that of so many of the largest
    assert 0.67157 * PICO <= price.energy <= 757.76 * PICO * math.ceil(word_length / 256)
    assert price.low < price.energy < price.high


def test_how_the_default_finds_words_stands_in_its_file(tmp_path, default):
    rules = ["interpolation", "narrow-words", "wide-words", "dram-by-bit"]
    document = yaml.safe_load(catalogue.table_path("default_45nm").read_text(encoding="utf-8"))
    assert document["rules"] == rules
    # without them there, nothing is found; another table finds the same once it declares them
    text = catalogue.table_path("default_45nm").read_text(encoding="utf-8")
    path = tmp_path / "silent.yaml"
    path.write_text(text.replace(f"rules: [{', '.join(rules)}]", "rules: []"), encoding="utf-8")
    silent, ruled = load_table(path), load_table("horowitz_2014_45nm", rules)
    for word in (access("sram_read", 4096, 16), access("sram_read", 4096, 512), access("dram_read", 0, 32)):
        assert silent.price(word) is None
        assert default.price(word) is not None
    assert silent.price(access("sram_read", 5000, 64)) is not None  # CACTI's table asks for it, too
    assert ruled.price(access("sram_read", 8192, 16)).energy == pytest.approx(10.0 * PICO)
    assert ruled.price(access("sram_read", 65536, 128)).energy == pytest.approx(2 * 20.0 * PICO)


def test_lpddr4_takes_the_place_of_the_dram_alone(default):
    composed = load_table("default_45nm_lpddr4")
    assert list(composed.parts) == [
        "horowitz_2014_45nm",
        "balasubramonian_2017_45nm",
        "default_45nm",
        "andrulis_2025_dram",
    ]
    # 8 pJ a bit, stated up to 64 bits
    for word_length, energy in ((8, 64.0), (30, 240.0), (32, 256.0), (64, 512.0), (128, 1024.0)):
        for kind in ("dram_read", "dram_write"):
            price = composed.price(access(kind, 0, word_length))
            assert price.energy == pytest.approx(energy * PICO)
            assert (price.source, price.standing) == ("andrulis_2025", "second-hand")
            assert price.process == (None, None)
    for kind in ("sram_read", "sram_write"):
        for word_length in (8, 64, 100, 128, 512):
            word = access(kind, 12345, word_length)
            assert composed.price(word) == default.price(word)
    assert composed.exact == default.exact
    assert composed.laws == default.laws
    assert composed.leakage == default.leakage
    assert composed.own_process == default.own_process


def test_the_default_prices_what_preset_machines_do(default):
    widths = [f"int{width}" for width in range(1, 65)]
    needed = [
        *(arithmetic(kind, width) for kind in ("addition", "comparison", "constant_shift") for width in widths),
        *(arithmetic("multiplication", a, b) for a in widths for b in widths),
        *(arithmetic("register_update", width) for width in (*widths, "fp32")),
        *(arithmetic(kind, "fp32") for kind in ("addition", "comparison", "multiplication")),
        *(arithmetic("variable_shift", f"int{width}") for width in range(8, 33)),
        *(access(kind, 2**power) for kind in ("sram_read", "sram_write") for power in range(24)),
        *(access(kind, 0) for kind in ("dram_read", "dram_write")),
    ]
    assert len(needed) > 4000
    assert [str(operation) for operation in needed if default.price(operation) is None] == []
    assert default.lacks == ("sigmoid", "tanh", "elu", "division", "look_up")


def test_the_default_does_not_guess(default):
    assert default.price(arithmetic("addition", "fp32")) is not None
    for operation in (
        arithmetic("look_up", "int8"),
        arithmetic("multiplication", "int8", "fp32"),
        arithmetic("addition", "fp64"),
        arithmetic("addition", "bf16"),
    ):
        assert default.price(operation) is None


def test_the_files_are_plain_yaml(name):
    # any reader of YAML sees the same numbers: nothing hangs on our loader
    document = yaml.safe_load(catalogue.table_path(name).read_text(encoding="utf-8"))
    table = load_table(name)
    assert document.get("operations") or document.get("memories") or len(document["extends"]) > 1
    for entry in document.get("operations", ()):
        formats = [entry["format"]] if "format" in entry else []
        price = table.price(arithmetic(entry["operation"], *formats))
        joules = {"fJ": 1e-15, "pJ": PICO, "nJ": NANO}[document["unit"]]
        assert price.energy == pytest.approx(entry["energy"] * joules, rel=1e-12)
        assert price.source == entry["source"]
