"""Energies in the files of other tools, as energy tables."""

import pytest
from complaint import complaint
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from typer.testing import CliRunner

from hwsim.cli import app
from hwsim.errors import FileError, HwsimError
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table
from hwsim.pricing.energy_table.importing import import_table

OPERATIONS = """\
operation,format,energy [fJ]
addition,int8,30
mac,int4 x int8,120.5
synaptic_operation,,23600
"""

CACTI = """\
Tech node (nm), Capacity (bytes), Number of banks, Associativity, Output width (bits), Access time (ns), \
Dynamic search energy (nJ), Dynamic read energy (nJ), Dynamic write energy (nJ), Standby leakage per bank(mW), Area
45, 8192, 2, 1, 64, 0.3, N/A, 0.00614, 0.0071, 0.25, 0.02
45, 16384, 1, 1, 64, 0.4, N/A, 0.0101, 0.0092, 0, 0.04
"""

ERT = """\
ERT:
  version: '0.4'
  tables:
  - name: system.buffer
    actions:
    - name: read
      arguments: {}
      energy: 6.5
    - {name: write, energy: 7}
    - {name: leak, energy: 0.1}
  - name: system.dram
    actions: [{name: read, energy: 512}, {name: write, energy: 512}]
  - name: system.pe[0..167].mac
    actions:
    - name: compute
      energy: 2.2
"""
MEANINGS = {
    "system.buffer": "sram 65536 64",
    "system.dram": "dram 64",
    "system.pe[0..167].mac compute": "mac int16",
}


def made(tmp_path, name, text, **options):
    """The table that a text is imported as."""
    (tmp_path / name).write_text(text)
    import_table(tmp_path / name, tmp_path / "made.yaml", **options)
    return load_table(tmp_path / "made.yaml")


def refused(tmp_path, name, text, **options):
    (tmp_path / name).write_text(text)
    message = complaint(import_table, tmp_path / name, tmp_path / "made.yaml", error=FileError, **options)
    assert not (tmp_path / "made.yaml").exists()
    assert message.startswith(f"{tmp_path / name}: ")
    return message


def test_rows_of_operations(tmp_path):
    table = made(tmp_path, "mine.csv", OPERATIONS, node=28.0)
    expected = {("addition", ("int8",)): 30e-15, ("mac", ("int4", "int8")): 120.5e-15}
    expected |= {("synaptic_operation", ()): 23600e-15}
    assert {key: price.energy for key, price in table.exact.items()} == pytest.approx(expected)
    price = table.price(Operation("addition", ("int8",)))
    assert (price.standing, price.where, table.process_node, table.name) == ("remembered", "mine.csv", 28, "made")
    assert table.sources["imported"].title == "mine.csv"


@examples(40)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["addition", "comparison"]), st.integers(2, 64)), st.floats(0, 1e6), min_size=1
    ),
    st.sampled_from([("pJ", 1e-12), ("fJ", 1e-15), ("nJ", 1e-9)]),
    st.booleans(),
)
def test_every_row_is_a_price(tmp_path_factory, energies, unit, in_header):
    folder = tmp_path_factory.mktemp("csv")
    lines = [f"energy{f' [{unit[0]}]' if in_header else ''},format,operation"]
    lines += [f"{energy!r},int{width},{kind}" for (kind, width), energy in energies.items()]
    table = made(folder, "mine.csv", "\n".join(lines) + "\n\n", unit=None if in_header else unit[0])
    for (kind, width), energy in energies.items():
        price = table.price(Operation(kind, (f"int{width}",)))
        assert price.energy == pytest.approx(energy * unit[1], rel=1e-12)
        assert price.rule == "exact"
    assert len(table.exact) == len(energies)


def test_rows_of_cacti(tmp_path):
    table = made(tmp_path, "out.csv", CACTI)
    reads = {capacity: price.energy for capacity, price in table.memories["sram_read"][64].items()}
    writes = {capacity: price.energy for capacity, price in table.memories["sram_write"][64].items()}
    assert reads == pytest.approx({8192: 6.14e-12, 16384: 10.1e-12})
    assert writes == pytest.approx({8192: 7.1e-12, 16384: 9.2e-12})
    ((power,),) = table.leakage.values()
    assert power.power == pytest.approx(2 * 0.25e-3)
    price = table.price(Operation("sram_read", memory="m", capacity=8192, word_length=64))
    assert (price.standing, table.process_node) == ("simulated", 45)


def test_rows_of_an_energy_reference_table(tmp_path):
    table = made(tmp_path, "ERT.yaml", ERT, meanings=MEANINGS)
    assert table.price(Operation("mac", ("int16",))).energy == pytest.approx(2.2e-12)
    assert table.price(Operation("sram_read", capacity=65536, word_length=64)).energy == pytest.approx(6.5e-12)
    assert table.price(Operation("sram_write", capacity=65536, word_length=64)).energy == pytest.approx(7e-12)
    assert table.price(Operation("dram_read", word_length=64)).energy == pytest.approx(512e-12)
    assert table.process_node is None


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("", {}, "no rows; expected a header that names the columns"),
        ("operation,format,energy\nmac,int8,1\n", {}, "energies without a unit; name the column energy [pJ]"),
        ("operation,format,energy [J]\nmac,int8,1\n", {}, "energies in J; name the column energy [pJ]"),
        ("a,b\n1,2\n", {}, "columns a, b; expected operation, format and energy [pJ], or CACTI's out.csv"),
        (
            "operation,format,energy [pJ]\nmac,int8,x\n",
            {},
            "row 1 after the header: energy [pJ]: 'x'; expected a number",
        ),
        ("operation,format,energy [pJ]\nmac,int8,nan\n", {}, "energy [pJ]: nan; expected a finite number"),
        ("operation,format,energy [pJ]\nmac,int8\n", {}, "energy [pJ]: ''; expected a number"),
        ("operation,format,energy [pJ]\nmak,int8,1\n", {}, "operations 0 operation: write mac"),
        ("operation,format,energy [pJ]\nmac,int8,1\nmac,int8,2\n", {}, "mac int8: already given at operations.0"),
        ("operation,format,energy [pJ]\nmac,,1\n", {}, "mac needs `format: int8`"),
        (CACTI.replace("45, 16384", "32, 16384"), {}, "rows of 45 and 32 nm; write a file for each"),
        (CACTI.replace("8192, 2, 1", "8192, 2, 8"), {}, "row 1 after the header: a cache, of 8 ways; run a ram"),
        (CACTI.replace("0.0071", "N/A"), {}, "Dynamic write energy (nJ): 'N/A'; expected a number"),
        (CACTI.replace("Capacity", "Size"), {}, "Capacity (bytes): missing; expected a number"),
        (CACTI, {"node": 28.0}, "its rows are of 45 nm, and 28 is given; leave --node out"),
    ],
)
def test_rows_that_say_nothing_a_table_can(tmp_path, text, options, expected):
    assert expected in refused(tmp_path, "mine.csv", text, **options)


@pytest.mark.parametrize(
    ("meanings", "expected"),
    [
        ({}, "its rows do not say what they are; write --row 'COMPONENT ACTION=mac int8'"),
        ({}, "rows are system.buffer read, system.buffer write, system.buffer leak, system.dram read"),
        ({"system.mac compute": "mac int8"}, "no row 'system.mac compute'; write --row"),
        ({"system.buffer": "sram 64"}, "--row system.buffer=sram 64: write sram BYTES BITS or dram BITS"),
        ({"system.pe[0..167].mac": "dram 64"}, "has no actions read and write"),
        ({"system.pe[0..167].mac compute": "mac int99"}, "operations 0 format"),
    ],
)
def test_reference_tables_whose_rows_are_not_told(tmp_path, meanings, expected):
    assert expected in refused(tmp_path, "ERT.yaml", ERT, meanings=meanings)


def test_files_of_other_kinds(tmp_path):
    zigzag = "name: tpu\noperational_array: {unit_energy: 0.04}\nmemories: {}\n"
    for text in (zigzag, zigzag.replace("operational_array", "multipliers")):
        assert "this is a ZigZag accelerator file" in refused(tmp_path, "tpu.yaml", text)
    assert "no energies of another tool; expected Accelergy's ERT" in refused(tmp_path, "other.yaml", "a: 1\n")
    assert "cannot be read (No such file or directory)" in complaint(
        import_table, tmp_path / "none.csv", tmp_path / "made.yaml", error=FileError
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.csv", "0,1\n", "a .csv file; energy tables are YAML: hwsim table import "),
        ("ert.yaml", ERT, "an energy reference table of Accelergy; hwsim table import "),
        (
            "tpu.yaml",
            "operational_array: {}\nmemories: {}\n",
            "this is a ZigZag accelerator file, which is no energy table",
        ),
        ("net.yaml", "\x1c\0\0\0TFL3", "a TensorFlow Lite model; convert it"),
    ],
)
def test_in_place_of_a_table_they_are_said_to_be_what_they_are(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    assert expected in complaint(load_table, tmp_path / name, error=FileError)


def run(*arguments):
    result = CliRunner().invoke(app, ["table", *map(str, arguments)])
    if isinstance(result.exception, HwsimError):
        return str(result.exception)
    assert result.exception is None, result.exception
    return result.stdout


def test_the_command(tmp_path):
    (tmp_path / "ERT.yaml").write_text(ERT)
    out = tmp_path / "mine.yaml"
    rows = [word for name, meaning in MEANINGS.items() for word in ("--row", f"{name}={meaning}")]
    assert run("import", tmp_path / "ERT.yaml", "--out", out, "--node", "65nm", *rows) == (
        f"wrote {out}: 5 energies; complete its sources, then: hwsim table check {out}\n"
    )
    assert "mine: a valid energy table" in run("check", out)
    assert load_table(out).process_node == 65
    assert f"{out}: exists already" in run("import", tmp_path / "ERT.yaml", "--out", out)
    assert "mine.txt: energy tables end in .yaml" in run(
        "import", tmp_path / "ERT.yaml", "--out", tmp_path / "mine.txt"
    )
    assert "--row mac: write COMPONENT ACTION=" in run("import", "x.csv", "--out", "y.yaml", "--row", "mac")
    assert "--node x: write a node in nanometres" in run("import", "x.csv", "--out", "y.yaml", "--node", "x")
