"""Two tables side by side."""

import pytest

from hwsim.pricing.energy_table import load_table
from hwsim.pricing.energy_table.comparison import compare_tables, mean_ratios


def test_ratios_of_two_published_tables():
    ratios = compare_tables(load_table("horowitz_2014_45nm"), load_table("jouppi_2021_7nm"))
    known = ratios.set_index(["operation", "format", "capacity [bytes]"])["ratio"]
    assert known["addition", "int8", 0] == pytest.approx(0.007 / 0.03)
    assert known["multiplication", "fp32", 0] == pytest.approx(1.31 / 3.7)
    assert known["sram_read", "", 8192] == pytest.approx(7.5 / 10)
    assert known["dram_read", "", 0] == pytest.approx(1)
    assert ratios[ratios["format"] == "bf16"]["ratio"].isna().all()
    assert (ratios[ratios["format"] == "bf16"]["found by"] == "horowitz_2014_45nm: no price").all()
    means = mean_ratios(ratios)
    assert means["addition"] == pytest.approx((0.007 / 0.03 * 0.3 * 0.4 * 0.38 / 0.9) ** 0.25)
    assert "look_up" not in means


def test_a_price_found_by_a_law_is_named():
    ratios = compare_tables(load_table("tang_2023_22nm"), load_table("default_45nm"))
    shift = ratios[ratios["operation"] == "variable_shift"].set_index("format").loc["int16"]
    assert (shift["tang_2023_22nm [pJ]"], shift["default_45nm [pJ]"]) == (pytest.approx(1.2), pytest.approx(0.057))
    interpolated = ratios[(ratios["operation"] == "addition") & (ratios["format"] == "fp32")]
    assert interpolated["found by"].item() == "tang_2023_22nm: no price"
    laws = compare_tables(load_table("shao_2014_40nm"), load_table("default_45nm")).set_index("operation")
    assert "default_45nm: law: " in laws.loc["xnor"]["found by"]


@pytest.mark.parametrize("name", ["default_45nm", "davies_2018_14nm", "andrulis_2025_dram"])
def test_a_table_is_itself(name):
    ratios = compare_tables(load_table(name), load_table(name))
    assert len(ratios) > 0
    assert ratios["ratio"].tolist() == pytest.approx([1.0] * len(ratios))


def test_the_other_way_round_is_the_inverse():
    a, b = load_table("horowitz_2014_45nm"), load_table("default_45nm")
    keys = ["operation", "format", "capacity [bytes]", "word length [bits]"]
    there, back = (compare_tables(*pair).sort_values(keys)["ratio"].to_numpy() for pair in ((a, b), (b, a)))
    assert (there * back)[there > 0] == pytest.approx(1)
