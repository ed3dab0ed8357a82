"""What an energy rests on: shares by process and standing, added up here from the numbers of the files."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.files import catalogue
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table.price import Process
from hwsim.report.page import page
from hwsim.report.text import breakdown_text

PAPER = "sources:\n  mine: {authors: A. Author, title: A title, venue: A venue, year: 2026}\n"
HEAD = f"schema: 1\nname: NAME\ndescription: x\nprocess_node: 28\nsupply: 0.8\nunit: pJ\n{PAPER}"
FIGURE = "source: mine, where: Table 1, standing: printed"
ADDITION = f"operations:\n  - {{operation: addition, format: int32, energy: 0.05, {FIGURE}}}\n"
SRAM = """memories:
  - memory: sram
    source: mine
    where: Table 2
    standing: printed
    entries:
      - {capacity: 1024, word_length: 64, access: 2.0}
      - {capacity: 65536, word_length: 64, access: 8.0}
"""
LEAKAGE = f"leakage:\n  - {{of: sram, unit: nW, per: byte, {FIGURE}, entries: [{{power: 2.0}}]}}\n"


def table(folder, *parts, extends="default_45nm", name="mine"):
    path = folder / f"{name}.yaml"
    path.write_text(HEAD.replace("NAME", name) + f"extends: {extends}\n" + "".join(parts))
    return hwsim.load_table(path)


def counts_of(numbers):
    entries = {Key("layer", "memory" if each.memory else "synapse", each): np.array([n]) for each, n in numbers.items()}
    return Counts(entries, ("steady",), np.array([1]), "net", "data", "dense", "machine")


ADD, MULTIPLY = Operation("addition", ("int32",)), Operation("multiplication", ("int8", "int8"))
STORE = Operation("register_update", ("int32",))
READ = Operation("sram_read", (), "weights", 8192, 64)
COUNTS = counts_of({ADD: 1000, MULTIPLY: 500, STORE: 200, READ: 30})


def test_one_own_price_leaves_the_rest_of_other_processes(tmp_path):
    energy = hwsim.price(COUNTS, table(tmp_path, ADDITION))
    # own 1000 x 0.05; Horowitz 500 x 0.2 at 45 nm, 0.9 V; 200 x 32 bits x 0.009 at 40 nm; CACTI 30 x 6.137 at 1.1 V
    parts = {(28, 0.8): 50.0, (45, 0.9): 100.0, (40, None): 57.6, (45, 1.1): 184.11}
    total = sum(parts.values())
    assert energy.total == pytest.approx(total * 1e-12, rel=1e-12)
    assert energy.basis.by_process == pytest.approx({Process(*each): part / total for each, part in parts.items()})
    assert energy.basis.of_another_node == energy.basis.at_another_supply == pytest.approx(1 - 50 / total)
    assert energy.basis.by_standing == pytest.approx({"printed": 207.6 / total, "simulated": 184.11 / total})
    assert energy.static_basis.by_process == {Process(45, 1.1): pytest.approx(1)}
    said = " ".join(breakdown_text(energy).split())
    for share, words in ((184.11, "45 nm at 1.1 V (SRAM)"), (57.6, "40 nm, supply not stated (register update)")):
        assert f"{100 * share / total:.1f} % of the energy, by figures of {words}" in said
    assert "100 % of the static power, by figures of 45 nm at 1.1 V (leakage)" in said
    assert (
        "(28 nm, 0.8 V; in part figures of 45 nm at 1.1 V and of 45 nm at 0.9 V and of 40 nm, supply not stated)"
        in said
    )
    assert any("figures of 45 nm at 1.1 V, not 28 nm at 0.8 V: sram" in note for note in energy.notes)
    frame = energy.to_dataframe().set_index("operation")
    assert frame["process node [nm]"].to_dict() == {
        "addition": 28, "multiplication": 45, "register_update": 40, "sram_read": 45}  # fmt: skip
    assert frame["supply [V]"].fillna(0).to_dict() == {
        "addition": 0.8, "multiplication": 0.9, "register_update": 0, "sram_read": 1.1}  # fmt: skip


def test_the_default_table_says_that_its_memories_are_at_another_supply():
    document = yaml.safe_load(catalogue.table_path("balasubramonian_2017_45nm").read_text())
    assert document["supply"] == 1.1
    energy = hwsim.price(COUNTS, "default_45nm")
    total = 1000 * 0.1 + 500 * 0.2 + 57.6 + 184.11
    assert energy.basis.at_another_supply == pytest.approx((57.6 + 184.11) / total)
    assert energy.basis.of_another_node == pytest.approx(57.6 / total)


def test_a_replaced_memory_takes_its_leakage_along(tmp_path):
    default = hwsim.load_table("default_45nm")
    assert hwsim.price(COUNTS, default).static_power == pytest.approx(0.00025678e-3)  # 8 KiB, as CACTI has it
    assert table(tmp_path, ADDITION).leakage == default.leakage  # the memory is still the default's
    replaced = table(tmp_path, SRAM)
    assert "sram" not in replaced.leakage
    assert hwsim.price(COUNTS, replaced).static_power is None
    assert "static not stated" in breakdown_text(hwsim.price(COUNTS, replaced))
    own = hwsim.price(COUNTS, table(tmp_path, SRAM, LEAKAGE))
    assert own.static_power == pytest.approx(8192 * 2e-9)
    assert own.static_basis.by_process == {Process(28, 0.8): pytest.approx(1)}
    # through a table in between, and where the other one of two extended tables has the memory
    table(tmp_path, SRAM, name="between")
    assert "sram" not in table(tmp_path, extends="between.yaml").leakage
    both = table(tmp_path, extends="[default_45nm, balasubramonian_2017_22nm]")
    assert both.leakage["sram"] == hwsim.load_table("balasubramonian_2017_22nm").leakage["sram"]


def test_a_memory_of_a_variant_takes_the_leakage_along_too(tmp_path):
    variant = "variants:\n  fast:\n    description: x\n" + "".join(f"    {line}\n" for line in SRAM.splitlines())
    text = SRAM.replace("access: 2.0", "access: 1.0")
    assert table(tmp_path, text, LEAKAGE, variant).leakage.keys() == {"sram"}
    assert not hwsim.load_table(f"{tmp_path / 'mine.yaml'}:fast").leakage


def test_an_interpolated_price_says_that_it_is_one(tmp_path):
    energy = hwsim.price(COUNTS, table(tmp_path, ADDITION, SRAM))
    # 8 KiB is half way between 1 and 64 KiB in logarithms: sqrt(2 x 8) = 4 pJ
    total = 50 + 100 + 57.6 + 30 * 4.0
    assert energy.total == pytest.approx(total * 1e-12, rel=1e-9)
    assert energy.basis.interpolated == pytest.approx(120 / total)
    said = " ".join(breakdown_text(energy).split())
    assert f"interpolated between two of them {100 * 120 / total:.1f} %" in said
    assert "printed, interpolated" in said


def test_a_figure_names_its_own_process(tmp_path):
    own = ADDITION.replace("}", ", process_node: 14}")
    price = table(tmp_path, own, name="a").price(ADD)
    assert price.process == Process(14, None)  # the file's supply is not that of another node
    assert table(tmp_path, own.replace("}", ", supply: 0.7}"), name="b").price(ADD).process == Process(14, 0.7)
    assert table(tmp_path, ADDITION.replace("}", ", supply: 0.7}"), name="c").price(ADD).process == Process(28, 0.7)
    none = ADDITION.replace("}", ", process_node: none}")
    assert table(tmp_path, none, name="d").price(ADD).process == Process(None, None)


def test_both_winners_are_named_where_they_differ(tmp_path):
    # enough that the state which saves accesses costs more than these
    mine = table(tmp_path, SRAM, LEAKAGE.replace("power: 2.0", "power: 0.2"))
    rows = [("digits-mlp-rounding", each) for each in ("mac-array", "rounding-adder", "sigma-delta-adder")]
    data = hwsim.load_dataset("digits", order="temporal")[:300]
    study = hwsim.compare(rows=rows, tables=[mine], data=data, baseline=rows[0])
    frame = study.to_dataframe()
    by_energy = frame.loc[frame["energy [J per inference]"].idxmin()]
    by_power = frame.loc[frame["power [W]"].idxmin()]
    assert (by_energy["machine"], by_power["machine"]) == ("sigma-delta-adder", "rounding-adder")
    lead = page(study).split("<h1>")[1].split("</h1>")[0]
    assert "digits-mlp-rounding on sigma-delta-adder needs" in lead
    assert "Least power at 30 inferences per second, leakage included: digits-mlp-rounding on rounding-adder" in lead
    assert "less dynamic energy" in lead
    # asked for a rate, rows are ranked by power
    ranked = hwsim.compare(rows=rows, tables=[mine], data=data, baseline=rows[0], frame_rate=30)
    text = " ".join(ranked.to_text().split())
    assert "* digits-mlp-rounding on rounding-adder needs" in text
    assert "Ranked by power at 30 inferences per second" in text
    assert "Least power" not in text
    energies = [1e12 * by["dynamic power [W]"] / 30 for by in (by_energy, by_power)]
    said = re.search(r"Least dynamic energy: digits-mlp-rounding on sigma-delta-adder, ([\d.]+) nJ, before "
                     r"digits-mlp-rounding on rounding-adder, ([\d.]+) nJ", text)  # fmt: skip
    assert [1e3 * float(each) for each in said.groups()] == pytest.approx(energies, rel=0.01)


def test_files_say_what_the_energies_rest_on(tmp_path):
    mine = table(tmp_path, ADDITION, SRAM)
    rows = [("digits-mlp-int8", "mac-array")]
    data = hwsim.load_dataset("digits")[:5]
    study = hwsim.compare(rows=rows, tables=[mine, "default_45nm"], data=data, baseline=rows[0])
    study.write_json(tmp_path / "study.json")
    study.write_csv(tmp_path / "study.csv")
    own, default = json.loads((tmp_path / "study.json").read_text())
    assert (own["static power [W]"], own["leakage"]) == (None, "not stated")
    assert default["leakage"] == "stated"
    assert default["power [W]"] == pytest.approx(default["dynamic power [W]"] + default["static power [W]"])
    for row, cell in zip((own, default), study.cells, strict=True):
        lines = cell.breakdown.lines
        of_another = sum(
            line.energy.sum() for line in lines if line.price.process.node != cell.breakdown.table.process_node
        )
        assert row["share of another node"] == pytest.approx(of_another / cell.breakdown.total, rel=1e-9)
        assert 0 < row["share of another node"] < 1
    assert own["share interpolated"] > 0 == default["share interpolated"]
    assert "simulated: 0." in default["share by standing"]
    assert "45 nm at 1.1 V: 0." in default["share by process"]
    read = pd.read_csv(tmp_path / "study.csv")
    assert read["static power [W]"].isna().tolist() == [True, False]
    content = page(study)
    assert "static<br>not stated" in content
    assert "by figures of 45 nm at 1.1 V (SRAM)" in content
    text = " ".join(study.to_text().split())
    assert "Energy table mine (28 nm, 0.8 V; in part figures of 45 nm at 0.9 V and of 40 nm, supply not stated)" in text
    assert "Energy table default_45nm (45 nm, 0.9 V; in part figures of 45 nm at 1.1 V and of 40 nm" in text
