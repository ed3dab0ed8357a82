"""Files that are no energy tables: one line each, with the file, the line in it, and what to write instead."""

import numpy as np
import pytest

from hwsim.errors import FileError
from hwsim.files.strict_yaml import LARGEST_FILE
from hwsim.pricing.energy_table import load_table

GOOD = """\
schema: 1
name: good
description: for tests
process_node: 28
supply: 0.8
unit: pJ
sources:
  paper: {authors: A. Author, title: A title, venue: A venue, year: 2020}
operations:
  - {operation: addition, format: int8, energy: 0.03, source: paper, where: T1, standing: printed}
  - {operation: mac, format: [int8, int4], energy: 0.2, source: paper, where: T1, standing: printed}
  - {operation: synaptic_operation, energy: 2.0, source: paper, where: T1, standing: printed}
laws:
  - operation: multiplication
    operands: integer
    widths: [1, 32]
    energy: {per_product: 0.003}
    source: paper
    where: T1
    standing: fitted
equivalences:
  - {operation: comparison, format: integer, as: addition, reason: a subtraction}
memories:
  - memory: sram
    source: paper
    where: T2
    standing: printed
    low_factor: 0.5
    high_factor: 2.0
    interval: {source: paper, where: T3, standing: printed}
    entries:
      - {capacity: 1024, word_length: 64, read: 1.0, write: 2.0}
leakage:
  - {of: sram, unit: nW, per: byte, source: paper, where: T4, standing: printed, entries: [{power: 1.5}]}
unpriced:
  - {of: a hop, energy: 4.0, source: paper, where: T5, standing: printed}
variants:
  slow:
    description: at another supply
    supply: 0.6
    operations:
      - {operation: addition, format: int8, energy: 0.02, source: paper, where: T6, standing: printed}
rules: [interpolation]
missing: [much]
"""

# what to change, into what, on which line it is reported unless on that of the change, and what must be said
CHANGES = {
    "unknown key": ("supply: 0.8", "suppl: 0.8", None, "suppl: unknown key; did you mean supply?"),
    "unknown key, like none": ("supply: 0.8", "colour: red", None, "colour: unknown key; take it out, or write one of"),
    "unknown key, inside": ("{power: 1.5}", "{watt: 1.5}", None, "entries.0.watt: unknown key; take it out"),
    "unknown key of a variant": ("    supply: 0.6", "    volts: 0.6", None, "variants.slow.volts: unknown key"),
    "duplicate key": ("unit: pJ", "unit: pJ\nunit: fJ", 7, "unit: written twice; keep one of the two"),
    "duplicate key, flow": ("energy: 4.0", "energy: 4.0, energy: 5.0", None, "energy: written twice"),
    "unit missing": ("unit: pJ\n", "", 1, "unit: missing; add `unit: ...`"),
    "unit wrong": ("unit: pJ", "unit: kWh", None, "unit: expected 'pJ', 'fJ' or 'nJ', got 'kWh'"),
    "unit empty": ("unit: pJ", "unit:", None, "unit: expected 'pJ', 'fJ' or 'nJ', got None"),
    "unit of power wrong": ("unit: nW", "unit: pJ", None, "leakage.0.unit: expected 'W', 'mW', 'uW' or 'nW', got 'pJ'"),
    "per what": ("per: byte", "per: kilobyte", None, "leakage.0.per: expected 'byte' or 'bit', got 'kilobyte'"),
    "text for a number": ("energy: 0.03", "energy: cheap", None, "energy: expected a valid number, got text 'cheap'"),
    "number as text": ("energy: 0.03", "energy: 3e-2", None, "YAML reads 3e-2 as text; write 0.03"),
    "number in quotes": ("energy: 0.03", "energy: '0.03'", None, "got text '0.03' (take the quotes off)"),
    "text for a number, larger than any": ("energy: 0.03", "energy: 1.0e400", None, "(larger than any number here;"),
    "NaN": ("energy: 0.03", "energy: .nan", None, "expected a finite number, got nan"),
    "infinity": ("energy: 0.03", "energy: .inf", None, "expected a finite number, got inf"),
    "too large for a number": ("energy: 0.03", "energy: 1.0e+999", None, "expected a finite number, got inf"),
    "beyond hardware": ("energy: 0.03", "energy: 1.0e+300", None, "a number less than or equal to 1000000000000"),
    "beyond hardware, law": ("{per_product: 0.003}", "{per_product: 1.0e+308}", None, "less than or equal to"),
    "beyond hardware, factor": (
        "high_factor: 2.0",
        "high_factor: 1.0e+308",
        None,
        "less than or equal to 1000000, got",
    ),
    "beyond hardware, bytes": (
        "capacity: 1024",
        "capacity: " + "9" * 390,
        None,
        "less than or equal to 1152921504606846976",
    ),
    "beyond hardware, bits": (
        "word_length: 64",
        "word_length: " + "9" * 390,
        None,
        "less than or equal to 1048576, got",
    ),
    "negative infinity": ("energy: 0.03", "energy: -.inf", None, "expected a finite number, got -inf"),
    "negative": ("energy: 0.03", "energy: -0.03", None, "greater than or equal to 0, got -0.03"),
    "negative power": ("power: 1.5", "power: -1.5", None, "greater than 0, got -1.5"),
    "no energy": ("energy: 0.03, ", "", None, "operations.0.energy: missing; add `energy: ...`"),
    "yes for a number": ("energy: 0.03", "energy: yes", None, "expected a valid number, got True"),
    "date for a number": ("energy: 0.03", "energy: 2020-01-01", None, "got a date 2020-01-01; put it in quotes"),
    "base 60": ("capacity: 1024", "capacity: 17:04", None, "17:04: YAML reads it as 1024; write a decimal number"),
    "octal": ("capacity: 1024", "capacity: 02000", None, "02000: YAML reads it as 1024; write a decimal number"),
    "digits without end": ("energy: 0.03", "energy: " + "9" * 5000, None, "a number of 5000 digits; write at most 400"),
    "fraction of a byte": ("capacity: 1024", "capacity: 0.5", None, "capacity: expected a valid integer, got 0.5"),
    "no capacity": ("capacity: 1024, ", "", 24, "every entry of an sram has its capacity"),
    "no word length": ("word_length: 64, ", "", None, "entries.0.word_length: missing; add `word_length: ...`"),
    "read without write": (", write: 2.0", "", None, "write either `access` or both `read` and `write`"),
    "free memory": ("read: 1.0", "read: 0.0", None, "expected energies above 0: no access to a memory is free"),
    "all but free memory": ("read: 1.0", "read: 1.0e-320", None, "expected energies above 0: no access to a memory"),
    "factor above the value": ("low_factor: 0.5", "low_factor: 1.5", None, "less than or equal to 1, got 1.5"),
    "interval from nowhere": (
        "    interval: {source: paper, where: T3, standing: printed}\n",
        "",
        24,
        "low_factor, high_factor: write where they come from as `interval`",
    ),
    "interval out of order": ("energy: 4.0", "energy: 4.0, low: 5.0", None, "expected low <= energy <= high, got 5.0"),
    "nesting: a list for a mapping": (
        "  paper: {authors: A. Author, title: A title, venue: A venue, year: 2020}",
        "  - paper",
        7,
        "sources: expected",
    ),
    "nesting: a mapping for a list": (
        "  - {operation: comparison, format",
        "  {operation: comparison, format",
        21,
        "equivalences: expected a list, in square brackets",
    ),
    "nesting: a number for a mapping": (
        "energy: {per_product: 0.003}",
        "energy: 0.003",
        None,
        "laws.0.energy: expected a mapping, `key: value`, got 0.003",
    ),
    "nesting: one level too deep": (
        "entries: [{power: 1.5}]",
        "entries: [[{power: 1.5}]]",
        None,
        "entries.0: expected",
    ),
    "indentation": ("    where: T1\n", "  where: T1\n", None, "; indent the keys of one mapping alike"),
    "tab": ("    where: T1\n", "\twhere: T1\n", None, "; indent with spaces, not with a tab"),
    "open bracket": ("missing: [much]", "missing: [much", 45, "; close the bracket"),
    "open quotes": ("missing: [much]", 'missing: ["much]', 45, "; close the quotes"),
    "colon in text": ("description: for tests", "description: for: tests", None, "put text that holds `: ` in quotes"),
    "no colon": ("description: for tests", "description for tests", 4, "; write `key: value`"),
    "two documents": ("missing:", "---\nmissing:", None, "; take `---` out"),
    "key that is no text": ("supply: 0.8", "8: 0.8", None, "8: is not text; write it in quotes: '8'"),
    "anchor and alias": ("where: T6", "where: *t", None, "aliases (*name) are not allowed; write the value out"),
    "merge key": ("    supply: 0.6", "    <<: *slow", None, "aliases (*name) are not allowed"),
    "merge key, inline": (
        "    supply: 0.6",
        "    <<: {supply: 0.6}",
        None,
        "<<: keys are not merged here; write them out",
    ),
    "nested anchors": ("missing: [much]", "missing: [&a [&b [&c x]]]", None, "missing.0: expected a valid string"),
    "an alias of itself": ("missing: [much]", "missing: &a [*a]", None, "aliases (*name) are not allowed"),
    "tag on a number": ("energy: 0.03", "energy: !!bool maybe", None, "; take the tag (!...) out"),
    "tag on nothing": ("capacity: 1024", "capacity: !!int ''", None, "; take the tag (!...) out"),
    "tag on a date": ("name: good", "name: !!timestamp never", None, "; take the tag (!...) out"),
    "tag on a list": ("missing: [much]", "missing: !!map [much]", None, "; take the tag (!...) out"),
    "no date": ("name: good", "name: 2020-99-99", None, "YAML reads it as a date (month must be in 1..12); put it in"),
    "a key of brackets": ("supply: 0.8", "? [a, b]\n: 0.8", None, "is not text; write it in quotes"),
    "nested too deep": ("[much]", "[" * 60 + "]" * 60, None, "more than 40 lists and mappings inside one another"),
    "tag that runs code": ("name: good", "name: !!python/name:os.system", None, "; take the tag (!...) out"),
    "control character": (
        "name: good",
        "name: go\x07od",
        None,
        "the character #x0007 is not allowed in YAML; take it out",
    ),
    "schema as a truth": ("schema: 1", "schema: true", None, "schema: expected 1, got True"),
    "schema as a real number": ("schema: 1", "schema: 1.0", None, "schema: expected 1, got 1.0"),
    "node as a truth": (
        "process_node: 28",
        "process_node: true",
        None,
        "process_node: expected a valid number, got True",
    ),
    "schema of the future": ("schema: 1", "schema: 2", None, "schema: expected 1, got 2"),
    "name of two lines": ("name: good", 'name: "go\\nod"', None, "name: a name is in one line of printable characters"),
    "name that paints": ("name: good", 'name: "\\e[31mgood"', None, "text with control characters; take them out"),
    "endless unit": ("unit: pJ", "unit: " + "x" * 50_000, None, " ... xxx"),
    "endless key": ("supply: 0.8", "x" * 900 + ": 0.8", None, " ... "),
    "endless format": ("[int8, int4]", "[int8, int" + "9" * 5000 + "]", None, " ... "),
    "as itself": ("as: addition", "as: comparison", None, "comparison integer as itself says nothing; write another"),
    "empty name": ("name: good", "name: ''", None, "name: expected at least 1 character, got ''"),
    "no sources": ("source: paper, where: T5", "source: pager, where: T5", None, "(known: paper)"),
    "no source of a variant": ("source: paper, where: T6", "source: x, where: T6", None, "no source 'x'"),
    "without what is not there": (
        "    supply: 0.6",
        "    without: [mac int16]",
        None,
        "variants.slow.without.0: no 'mac int16' in this file's `operations` (known: addition int8, mac int4 x int8,",
    ),
    "standing": ("where: T5, standing: printed", "where: T5, standing: sure", None, "standing: expected 'printed'"),
    "converted from what": (
        "where: T5, standing: printed",
        "where: T5, standing: converted",
        None,
        "converted: write the printed figure and its unit as `original`",
    ),
    "operation": ("operation: mac", "operation: mack", None, "operation: write mac, got 'mack'"),
    "access as operation": ("operation: mac", "operation: dram_read", None, "write accesses under `memories`"),
    "format": ("[int8, int4]", "[int8, char]", None, "number format 'char': write fp32, int8"),
    "signless format": (
        "[int8, int4]",
        "[uint8, int4]",
        None,
        "write int8 (a price depends on the width, not the sign)",
    ),
    "format too many": ("[int8, int4]", "[int8, int4, int2]", None, "at most 2 items"),
    "format of the formatless": (
        "synaptic_operation, energy",
        "synaptic_operation, format: int8, energy",
        None,
        "synaptic_operation has no format: take `format` out",
    ),
    "no format": (
        "addition, format: int8, energy: 0.03",
        "addition, energy: 0.03",
        None,
        "addition needs `format: int8`",
    ),
    "width": ("widths: [1, 32]", "widths: [1, 100]", None, "less than or equal to 64, got 100"),
    "widths the wrong way": ("widths: [1, 32]", "widths: [32, 1]", 14, "write the smaller first, [1, 32]"),
    "law below zero": ("{per_product: 0.003}", "{per_product: -0.003}", 14, "expected 0 <= low <= energy <= high"),
    "stated twice": (
        "{operation: mac, format: [int8, int4]",
        "{operation: addition, format: int8",
        None,
        "keep one of",
    ),
    "rule": ("rules: [interpolation]", "rules: [guess]", None, "rules.0: expected 'interpolation', 'bit-width-law'"),
    "rules not a list": ("rules: [interpolation]", "rules: interpolation", None, "expected a list, in square brackets"),
    "extends itself": ("unit: pJ", "unit: pJ\nextends: bad.yaml", 7, "a circle; take one `extends` out"),
    "extends nothing": ("unit: pJ", "unit: pJ\nextends: default_54nm", 7, "did you mean default_45nm"),
    "extends a folder": ("unit: pJ", "unit: pJ\nextends: ..", 7, "no energy table or file named '..'"),
    "extends a device": ("unit: pJ", "unit: pJ\nextends: /dev/zero", 7, "no energy table or file named '/dev/zero'"),
    "extends no name": ("unit: pJ", 'unit: pJ\nextends: "a\\0b"', 7, "text with control characters; take them out"),
    "extends an endless name": (
        "unit: pJ",
        "unit: pJ\nextends: " + "a" * 6000,
        7,
        "no energy table or file named 'aaa",
    ),
    "extends no variant": (
        "unit: pJ",
        "unit: pJ\nextends: jouppi_2021_7nm:hbm9",
        7,
        "no variant of energy table jouppi_2021_7nm named 'hbm9'; did you mean hbm2",
    ),
    "extends a number": ("unit: pJ", "unit: pJ\nextends: [1]", 7, "expected a valid string, got 1"),
}
WHOLE = {  # bytes of a file, the line, and what is said
    "empty": (b"", 1, "empty; expected a mapping"),
    "only a comment": (b"# nothing\n", 1, "empty; expected a mapping"),
    "a list": (b"- 1\n- 2\n", 1, "document: expected"),
    "a word": (b"energy\n", 1, "document: expected"),
    "not UTF-8": (GOOD.replace("A. Author", "A. Müller").encode("latin-1"), 8, "is not UTF-8; save the file as UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), 1, "is not UTF-8; save the file as UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", 1, "is not UTF-8"),
    "huge": (b"#" * (LARGEST_FILE + 1), 1, f"larger than {LARGEST_FILE:,} bytes"),
    "as large as may be": (b"x: 1\n" + b"- a\n" * ((LARGEST_FILE - 10) // 4), 2, "indent the keys"),
    "line ends of another system": (
        GOOD.replace("unit: pJ", "unit: kWh").replace("\n", "\r\n").encode(),
        6,
        "got 'kWh'",
    ),
    "line ends of an old system": (GOOD.replace("unit: pJ", "unit: kWh").replace("\n", "\r").encode(), 6, "got 'kWh'"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.replace("unit: pJ", "unit: kWh").encode(), 6, "got 'kWh'"),
    "zero byte": (
        GOOD.replace("good", "go\0od").encode(),
        2,
        "the character #x0000 is not allowed in YAML; take it out",
    ),
    "half a character": (GOOD.encode()[:100] + b"\xed\xa0\x80", 8, "is not UTF-8"),
    "many unknown keys": (b"".join(b"k%d: 1\n" % k for k in range(6000)), 1, "k0: unknown key; take it out"),
    "many wrong items": (b"missing: [" + b"1, " * 20_000 + b"1]\n", 1, "(and 2000"),
    "many documents": (b"---\n" * 10_000, 2, "expected a single document"),
    "brackets without end": (b"[" * 20_000, 1, ""),
    "YAML bomb": (
        b"a: &a [x, x, x, x, x, x, x, x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + k, 98 + k, b", ".join([b"*%c" % (97 + k)] * 8)) for k in range(8)),
        2,
        "aliases (*name) are not allowed; write the value out",
    ),
}


def complaint(path):
    with pytest.raises(FileError) as caught:
        load_table(path)
    return str(caught.value)


def test_the_table_without_a_fault_is_one(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    assert load_table(path).name == "good"
    assert load_table(f"{path}:slow").supply == 0.6
    assert len(CHANGES) + len(WHOLE) >= 40


@pytest.mark.parametrize("case", CHANGES)
def test_a_fault_gets_one_line(tmp_path, case):
    before, after, line, problem = CHANGES[case]
    assert before in GOOD
    line = line or GOOD[: GOOD.index(before)].count("\n") + 1
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace(before, after, 1))
    message = complaint(path)
    assert message.startswith(f"{path}:{line}: "), message
    assert problem in message
    assert "\n" not in message
    assert len(message) < 500


@pytest.mark.parametrize("case", WHOLE)
def test_a_file_that_is_something_else_gets_one_line(tmp_path, case):
    content, line, problem = WHOLE[case]
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    message = complaint(path)
    assert message.startswith(f"{path}:{line}: "), message
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [GOOD.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + GOOD.encode()])
def test_what_other_editors_write_is_read(tmp_path, content):
    path = tmp_path / "good.yaml"
    path.write_bytes(content)
    assert load_table(path).name == "good"


def test_any_byte_may_be_wrong(tmp_path):
    """Bytes flipped, files cut off: a table, or one line."""
    generator = np.random.default_rng(0)
    path = tmp_path / "bad.yaml"
    complaints = []
    for _ in range(150):
        content = np.frombuffer(GOOD.encode(), np.uint8).copy()
        places = generator.integers(0, len(content), generator.integers(1, 4))
        content[places] ^= 1 << generator.integers(0, 7, len(places), dtype=np.uint8)
        path.write_bytes(content[: generator.integers(1, 2 * len(content))].tobytes())
        try:
            load_table(path)
        except FileError as error:
            complaints.append(str(error))
    assert len(complaints) > 100
    assert all(each.startswith(f"{path}:") and "\n" not in each for each in complaints)


def test_a_long_row_of_tables_and_a_dense_net(tmp_path):
    for k in range(100):
        (tmp_path / f"t{k}.yaml").write_text(GOOD.replace("unit: pJ", f"unit: pJ\nextends: t{k + 1}.yaml"))
    (tmp_path / "t100.yaml").write_text(GOOD)
    assert complaint(tmp_path / "t0.yaml").endswith(
        "t15.yaml:7: extends: tables extend each other 16 deep; write fewer files"
    )
    assert load_table(tmp_path / "t85.yaml").name == "good"
    for k in range(15):  # 2^15 ways down
        extends = f"unit: pJ\nextends: [n{k + 1}.yaml, ./n{k + 1}.yaml]"
        (tmp_path / f"n{k}.yaml").write_text(GOOD.replace("unit: pJ", extends))
    (tmp_path / "n15.yaml").write_text(GOOD)
    assert load_table(tmp_path / "n0.yaml").name == "good"


def test_circles_of_any_length(tmp_path):
    for k in range(4):
        extends = f"unit: pJ\nextends: [horowitz_2014_45nm, t{(k + 1) % 4}.yaml]"
        text = GOOD.replace("unit: pJ", extends).replace("paper", f"paper{k}")
        (tmp_path / f"t{k}.yaml").write_text(text)
    message = complaint(tmp_path / "t0.yaml")
    assert message.startswith(f"{tmp_path / 't3.yaml'}:7: extends: ")
    assert "t0.yaml extends t1.yaml extends t2.yaml extends t3.yaml extends t0.yaml: a circle" in message
