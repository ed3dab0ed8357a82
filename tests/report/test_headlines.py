"""Laws of what a comparison's headline says, on random rows: one winner at most, none on ties, accuracies as stated."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.network.operation import Operation
from hwsim.pricing.breakdown import Breakdown, Line
from hwsim.pricing.energy_table.price import Price
from hwsim.report.answering import answer
from hwsim.report.page import page
from hwsim.report.text import comparison_text
from hwsim.report.wording import priced_by
from hwsim.simulation.accuracy import paired
from hwsim.study.comparison import Cell, Comparison

ADD, MULTIPLY = Operation("addition", ("int32",)), Operation("multiplication", ("int8", "int8"))
OPERATIONS = (ADD, MULTIPLY)
ABOVE_ALL = "stays below all others wherever"
ABOVE_EQUALS = "stays below all others as accurate as the baseline wherever"
BASELINE = ("row0", "machine")


def cell_of(k, right, first, count, prices, table):
    """A row of which nothing but its energy and its right frames is drawn."""
    n_frame = len(right)
    entries = {Key("layer", "synapse", each): np.array([n, 0]) for each, n in zip(OPERATIONS, count, strict=True)}
    counts = Counts(entries, ("first", "steady"), np.array([1, n_frame - 1]), f"row{k}", "data", "dense", "machine")
    lines = tuple(Line(key, number, prices[key.operation]) for key, number in entries.items())
    return Cell(
        network=f"row{k}",
        machine="machine",
        execution="dense",
        table=table.name,
        accuracy=float(np.mean(right)),
        n_saturated=0,
        counts=counts,
        breakdown=Breakdown(lines, counts, table, ("encode", "synapse", "neuron", "memory")),
        lacks={},
        advantages=(),
        rank=0 if k == 0 else None,
        right=right,
        against=paired(right, first),
    )


def comparison_of(rights, counts, prices, tolerance=1.0):
    table, n_frame = hwsim.load_table("default_45nm"), len(rights[0])
    cells = [cell_of(k, rights[k], rights[0], counts[k], prices, table) for k in range(len(rights))]
    return Comparison(
        cells=tuple(cells),
        data=hwsim.Dataset(np.zeros((n_frame, 1), np.uint8), labels=np.zeros(n_frame, np.int64), name="data"),
        machines={"machine": hwsim.load_machine("mac-array")},
        tables={table.name: table},
        baselines=(BASELINE,),
        phases=("encode", "synapse", "neuron", "memory"),
        accuracy_tolerance=tolerance,
    )


def price_of(energy, low, high):
    return Price(energy * 1e-12, energy * low * 1e-12, energy * high * 1e-12, "exact", "assumed", "x")


@st.composite
def comparisons(draw):
    n_row, n_frame = draw(st.integers(1, 4)), draw(st.sampled_from([2, 10, 40, 300]))
    seeds = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rights = [seeds.random(n_frame) < draw(st.sampled_from([0.0, 0.5, 0.8, 0.97, 1.0])) for _ in range(n_row)]
    if n_row > 1 and draw(st.booleans()):
        rights[-1] = rights[0]
    # few numbers, so that ties are many
    counts = [[draw(st.integers(1, 3)), draw(st.integers(0, 2))] for _ in range(n_row)]
    wide = draw(st.booleans())
    prices = {each: price_of(draw(st.integers(1, 4)), *((0.3, 3) if wide else (0.9, 1))) for each in OPERATIONS}
    return comparison_of(rights, counts, prices, draw(st.sampled_from([0.0, 1.0, 10.0, 100.0])))


def may_win(cell, cells):
    """Whether a row needs less than each other at all corners of the prices' intervals, one by one."""
    for corner in itertools.product(("low", "energy", "high"), repeat=len(OPERATIONS)):
        energies = [
            sum(
                float(line.count.sum()) * getattr(line.price, end)
                for line, end in zip(each.breakdown.lines, corner, strict=True)
            )
            for each in (cell, *(other for other in cells if other is not cell))
        ]
        if any(other <= energies[0] * (1 + 1e-12) for other in energies[1:]):
            return False
    return True


def two_sided(n_better, n_worse):
    n = n_better + n_worse
    return min(1, 2 * sum(math.comb(n, k) for k in range(min(n_better, n_worse) + 1)) / 2**n)


def is_as_accurate(cell, first, tolerance):
    """By hand: better, or within the tolerance, or by what may be chance."""
    n_better, n_worse = int(np.sum(cell.right & ~first.right)), int(np.sum(first.right & ~cell.right))
    points = 100 * (n_worse - n_better) / len(cell.right)
    return points <= tolerance + 1e-9 or two_sided(n_better, n_worse) >= 0.05


@examples(80)
@given(comparison=comparisons())
def test_there_is_one_winner_at_most_and_it_wins_at_every_corner(comparison):
    priced = priced_by(comparison, "default_45nm")
    said = answer(comparison, priced)
    everything = " ".join([said.lead, said.second, *said.remarks])
    cells, first = comparison.cells, comparison.cells[0]
    good = [cell for cell in cells if is_as_accurate(cell, first, comparison.accuracy_tolerance)]
    assert everything.count(ABOVE_ALL) <= 1
    for winner, rivals in ((ABOVE_ALL, cells), (ABOVE_EQUALS, good)):
        for name in re.findall(rf"(row\d) on machine {winner}", everything):
            assert may_win(next(cell for cell in cells if cell.network == name), rivals)
    energy = {cell.network: cell.breakdown.per_inference for cell in cells}
    leader = re.search(
        r"(row\d)", said.lead.removeprefix("No row needs less energy at its accuracy than the baseline, ")
    )
    best, least = leader.group(1), re.search(r"Least energy of all: (row\d)", said.second)
    assert energy[best] == min(energy[cell.network] for cell in good)
    assert best in {cell.network for cell in good}
    if least:  # a second row is named only where it needs less, and is less accurate
        assert energy[least.group(1)] == min(energy.values()) < energy[best]
        assert least.group(1) not in {cell.network for cell in good}
    else:
        assert energy[best] == min(energy.values())
    if best == "row0":
        assert said.lead.startswith("No row needs less energy at its accuracy than the baseline")
    else:
        assert energy[best] < energy["row0"]
        cell = next(cell for cell in cells if cell.network == best)
        apart = int(np.sum(cell.right & ~first.right)), int(np.sum(first.right & ~cell.right))
        within = 100 * abs(apart[0] - apart[1]) / len(first.right) <= comparison.accuracy_tolerance + 1e-9
        may_be_chance = two_sided(*apart) >= 0.05
        assert ("at the same accuracy" in said.lead) == within
        assert ("frames do not tell apart" in said.lead) == (may_be_chance and not within)
        assert (" % instead of " in said.lead) == (not may_be_chance and not within)


PRICES = {ADD: price_of(1, 0.5, 2), MULTIPLY: price_of(3, 0.5, 2)}


def some_right(n_frame, n_wrong, begin=0):
    right = np.ones(n_frame, np.bool_)
    right[begin : begin + n_wrong] = False
    return right


def said_of(comparison):
    said = answer(comparison, priced_by(comparison, "default_45nm"))
    return said.lead, said.second, " ".join(said.remarks)


def test_a_baseline_compared_with_itself_wins_nothing():
    right = some_right(100, 10)
    lead, second, remarks = said_of(comparison_of([right, right], [[4, 4], [4, 4]], PRICES))
    assert lead.startswith("No row needs less energy at its accuracy than the baseline, row0")
    assert second == ""
    assert "stays below" not in remarks
    assert "not settled" in remarks  # of two equals
    lead, second, remarks = said_of(comparison_of([right], [[4, 4]], PRICES))
    assert lead.startswith("No row needs less energy at its accuracy than the baseline, row0")
    assert (second, remarks) == ("", "")


def test_two_winners_are_told_apart():
    # the first needs half the baseline's energy and is as good, the second a quarter and is much worse
    rights = [some_right(1000, 50), some_right(1000, 55), some_right(1000, 200)]
    lead, second, remarks = said_of(comparison_of(rights, [[8, 8], [4, 4], [2, 2]], PRICES))
    assert lead.startswith("row1 on machine needs 2.00x less dynamic energy than row0 on machine")
    assert lead.endswith(", at the same accuracy, 94.50 % against 95.00 %.")
    assert second.startswith("Least energy of all: row2 on machine")
    assert "but at 80.00 % accuracy, 15.0 points below the baseline" in second
    assert f"row2 on machine {ABOVE_ALL}" in remarks
    assert f"row1 on machine {ABOVE_EQUALS}" in remarks
    assert "row1 on machine is right on 0 frames that the baseline gets wrong, and wrong on 5" in remarks
    assert "the difference may be zero (McNemar, exact, p = 0.062)" in remarks


def test_of_equals_the_more_accurate_is_named_alone():
    rights = [some_right(1000, 50), some_right(1000, 200), some_right(1000, 50)]
    lead, second, remarks = said_of(comparison_of(rights, [[8, 8], [4, 4], [4, 4]], PRICES))
    assert lead.startswith("row2 on machine needs 2.00x less dynamic energy")
    assert second == ""
    assert "stays below" not in remarks
    assert "its order against row1 on machine is not settled, against the 1 others it is" in remarks


def test_a_less_accurate_row_may_leave_the_winner_unsettled():
    # of additions at 1 and multiplications at 3: 4 against 5; of both at the ends of their intervals 8 against 5.5
    rights = [some_right(1000, 50), some_right(1000, 50), some_right(1000, 200)]
    lead, second, remarks = said_of(comparison_of(rights, [[8, 8], [4, 0], [2, 1]], PRICES))
    assert lead.startswith("row1 on machine needs")
    assert second == ""
    assert "stays below" not in remarks
    assert "its order against row2 on machine is not settled" in remarks


@pytest.mark.parametrize(
    ("n_lost", "tolerance", "same"),
    [(5, 0, True), (6, 0, False), (10, 1, True), (11, 1, False), (11, 1.1, True), (30, 2.9, False), (30, 3, True)],
)
def test_the_tolerance_is_what_was_asked_for(n_lost, tolerance, same):
    rights = [some_right(1000, 0), some_right(1000, n_lost)]
    comparison = comparison_of(rights, [[8, 8], [4, 4]], PRICES, tolerance)
    lead, second, _ = said_of(comparison)
    assert lead.startswith("row1 on machine needs" if same else "No row needs less energy at its accuracy")
    assert bool(second) != same
    stated = " ".join(comparison_text(comparison, 120).split())
    assert f"at most {tolerance:g} point{'' if tolerance == 1 else 's'} apart (--accuracy-tolerance)" in stated
    row = comparison.to_dataframe().iloc[1]
    assert row["accuracy tolerance [points]"] == tolerance
    assert bool(row["same accuracy as baseline"]) == same


def test_a_more_accurate_row_may_win_but_is_not_called_the_same():
    rights = [some_right(1000, 100), some_right(1000, 50)]
    lead, _, _ = said_of(comparison_of(rights, [[8, 8], [4, 4]], PRICES))
    assert lead.endswith(", at 95.00 % instead of 90.00 % accuracy.")


def test_intervals_stand_in_text_and_page():
    # 81 of 263 is a published example: 0.2553 to 0.3662
    rights = [some_right(263, 182), some_right(263, 182, 3)]
    comparison = comparison_of(rights, [[8, 8], [4, 4]], PRICES)
    text = " ".join(comparison_text(comparison, 120).split())
    assert "Accuracies with their intervals of 95 % (Wilson): row0 30.8 % (25.5 to 36.6); row1 30.8 % (25.5" in text
    content = page(comparison)
    assert '<td>30.8<br><span class="interval">25.5\N{EN DASH}36.6</span></td>' in content
    row = comparison.to_dataframe().iloc[0]
    assert (row["accuracy low"], row["accuracy high"]) == pytest.approx((0.2553, 0.3662), abs=0.00005)


def test_what_chance_may_explain_is_not_called_the_same():
    # 57 against 52 of 60 frames: 8.3 points, and p = 0.06
    rights = [some_right(60, 3), some_right(60, 8)]
    lead, _, _ = said_of(comparison_of(rights, [[8, 8], [4, 4]], PRICES))
    assert lead.endswith("at an accuracy that 60 frames do not tell apart, 86.7 % against 95.0 %.")
