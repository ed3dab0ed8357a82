"""The commands `hwsim machine ...`, called in this process."""

import json
import pathlib
import re
import sys

import numpy as np
import pytest
import yaml

import hwsim
from hwsim.__main__ import main
from hwsim.files import catalogue


@pytest.fixture
def here(monkeypatch, capsys, tmp_path):
    """A command in an empty folder: exit code, what it prints, and its lines on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwsim", "machine", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err.splitlines()

    return run


OWN = {
    "schema": 1,
    "name": "own",
    "description": "A machine of my own.",
    "execution": "dense",
    "event_arithmetic": "multiply",
    "lanes": {"dense": {"channels": 8, "inputs": 4}, "convolution": {"channels": 4, "positions": 2}},
    "operands": 9,
    "levels": [
        {"name": "far", "kind": "dram", "word_length": 64, "holds": ["weights", "codes"]},
        {"name": "near", "kind": "sram", "capacity": 3 * 2**18, "word_length": 128, "holds": ["weights", "codes"]},
        {"name": "slices", "kind": "sram", "capacity": 4096, "banks": 2, "word_length": 32, "holds": ["weights"]},
        {"name": "file", "kind": "registers", "capacity": 36, "holds": ["sums"]},
    ],
    "sources": ["A. Author, A Chip, 2026, Table 1"],
    "assumed": ["the clock", "the second bank"],
}


class Plain(yaml.SafeDumper):
    """Without aliases, which no file may have."""

    def ignore_aliases(self, data):
        return True


def write(path, levels=None, without=(), **changed):
    document = {**OWN, "levels": levels or OWN["levels"], **changed}
    path.write_text(yaml.dump({key: each for key, each in document.items() if key not in without}, Dumper=Plain))
    return path


def level(name, holds, kind="sram", **keys):
    size = {"capacity": 1024} if kind == "sram" else {}
    return {"name": name, "kind": kind, "word_length": 64, "holds": holds, **size, **keys}


# --------------------------------------------------------------------------------------------------- list, show


def test_list_has_a_plain_line_for_each_machine_in_order(here):
    code, listed, complaints = here("list")
    lines = {line.split()[0]: line for line in listed.splitlines()}
    assert (code, complaints) == (0, [])
    assert list(lines) == sorted(catalogue.machine_names())
    assert "\x1b" not in listed
    for name, line in lines.items():
        written = yaml.safe_load(catalogue.machine_path(name).read_text())
        assert line.split()[1] == written["execution"]
    assert "unary up to 2, else multiply" in lines["delta-mac"]
    assert lines["mac-array-dram"].endswith("dram, state to fit, activations to fit, working store")
    assert "weights to fit" in lines["mac-array"]
    assert "500 MHz" in lines["edge-npu"]
    assert "no clock" in lines["mac-array"]
    assert "working store" not in lines["neuromorphic-core"]


def test_show_tells_levels_sources_and_assumptions(here, tmp_path):
    code, shown, _ = here("show", write(tmp_path / "own.yaml"))
    lines = shown.splitlines()
    assert code == 0
    assert lines[0].startswith("own: dense execution, event arithmetic multiply")
    assert lines[1] == "A machine of my own."
    table = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[3:8]]
    assert table == [
        ["level", "kind", "capacity", "word [bits]", "holds", "reached"],
        ["far", "dram", "no limit", "64", "weights, codes"],
        ["near", "sram", "768 KiB", "128", "weights, codes"],
        ["slices", "sram", "2 x 4 KiB", "32", "weights"],
        ["file", "registers", "36 bytes", "a sum", "sums", "one update per addition"],
    ]
    for part in (
        "Dense 8 x 1 with 4 inputs each; convolution 4 x 2",
        "at most 9 bits",
        "order: best",
        "source: A. Author, A Chip, 2026, Table 1",
        "assumed: the clock",
        "assumed: the second bank",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert "never" not in shown


def test_show_tells_the_clock_and_what_happens_in_a_cycle(here, tmp_path):
    ports = {"far": {"bits": 30}, "near": {"bits": 256, "ports": "1r1w"}, "slices": {"bits": 64}}
    timing = {"clock": 250_000_000, "neuron_lanes": 3, "encode_lanes": 5, "levels": ports}
    _, shown, _ = here("show", write(tmp_path / "own.yaml", timing=timing))
    (clock,) = (line for line in shown.splitlines() if line.startswith("clock: 250 MHz"))
    for part in (
        "30 bits of far,",
        "256 bits of near each way",
        "64 bits of slices",
        "3 neurons",
        "5 numbers of a frame",
    ):
        assert part in clock
    assert "schedule: sequential; overlap: layer" in shown
    _, shown, _ = here("show", write(tmp_path / "own.yaml"))
    assert "clock: " not in shown.replace("assumed: the clock", "")


def test_show_says_how_sums_are_reached_and_levels_are_filled(here, tmp_path):
    far = {"name": "far", "kind": "dram", "word_length": 64, "holds": ["weights", "codes"]}
    near = {"name": "near", "kind": "sram", "fit": "layer", "at_most": 2**20, "word_length": 64}
    rows = {**near, "prefetch": True, "access": "per-row", "holds": ["weights", "sums"]}
    tile = {"channels": 4, "rows": 2}
    path = write(tmp_path / "own.yaml", [far, rows], order="weight-stationary", tile=tile)
    _, shown, _ = here("show", path)
    assert "fits the layer, at most 1 MiB" in shown
    assert "filled with whole rows, needed or not; sums by rows" in shown
    assert "order: weight-stationary, tiles of 4 channels x 2 rows" in shown
    store = {"name": "store", "kind": "sram", "capacity": 512, "holds": ["sums"]}
    path = write(tmp_path / "own.yaml", [far, store], order="code-stationary")
    _, shown, _ = here("show", path)
    assert "a read and a write of one sum per addition" in shown
    assert "order: code-stationary, with the best tile" in shown


@pytest.mark.parametrize("name", catalogue.machine_names())
def test_every_preset_is_shown_and_says_what_is_assumed(here, name):
    code, shown, _ = here("show", name)
    assert code == 0
    machine = hwsim.load_machine(name)
    assert machine.assumed
    assert all(f"assumed: {text}" in shown.splitlines() for text in machine.assumed)
    assert all(f"source: {text}" in shown.splitlines() for text in machine.sources)


def table_of(shown):
    """The cells of the last table of a text, by layer."""
    heads, *rows = [re.split(r" {2,}", line) for line in shown.split("\n\n")[-1].splitlines()]
    return heads, {row[0]: row[1:] for row in rows}


def test_show_maps_a_network(here):
    code, shown, complaints = here("show", "edge-npu", "--network", "digits-mlp-int8")
    heads, rows = table_of(shown)
    assert (code, complaints) == (0, [])
    assert "digits-mlp-int8 on edge-npu:" in shown.splitlines()
    assert heads == ["layer", "order", "tile", "weights live in", "and stay", "reads", "writes"]
    # 64 x 64 weights of a byte fill the weight buffer of 4 KiB, and everything together is less than the buffer
    mapped = ["buffer", "weight-buffer: the layer", "buffer", "buffer"]
    assert rows == {
        "input": ["buffer", "buffer"],
        "dense1": ["weight-stationary", "64 channels x 1 frame", *mapped],
        "dense2": ["weight-stationary", "64 channels x 1 frame", *mapped],
        "dense3": ["weight-stationary", "10 channels x 1 frame", *mapped],
    }


def test_show_maps_a_network_on_an_array(here):
    code, shown, complaints = here("show", "systolic-ws", "--network", "digits-mlp-int8")
    heads, rows = table_of(shown)
    assert (code, complaints) == (0, [])
    assert heads == ["layer", "product", "folds", "weights live in", "reads", "sums wait in", "writes"]
    # 64 x 64 weights in pieces of 32 x 32, and 64 x 10 in two of them, one above the other, whose sums are added up
    assert rows == {
        "input": ["buffer", "buffer"],
        "dense1": ["1 x 64 by 64 x 64", "4", *["buffer"] * 4],
        "dense2": ["1 x 64 by 64 x 64", "4", *["buffer"] * 4],
        "dense3": ["1 x 64 by 64 x 10", "2", *["buffer"] * 4],
    }
    assert "sums wait in" not in here("show", "systolic-os", "--network", "digits-mlp-int8")[1]  # they stay inside


def test_show_maps_by_the_levels_and_the_tile_that_a_machine_has(here, tmp_path):
    def show(*levels, **changed):
        registers = {"name": "file", "kind": "registers", "holds": ["sums"]}
        lanes = {"dense": {"channels": 8}, "convolution": {"channels": 4}}
        path = write(tmp_path / "own.yaml", [*levels, registers], lanes=lanes, **changed)
        return table_of(here("show", path, "--network", "digits-mlp-int8")[1])

    far = level("far", ["weights", "codes", "state"], kind="dram")
    # a row of 16 weights is two words: 16 bytes; 64 of them are a tile of 1,024, and four tiles a layer of 4,096
    tile = {"order": "weight-stationary", "tile": {"channels": 16}}
    for capacity, stay in ((15, "passed by"), (16, "an input channel"), (1023, "an input channel"), (1024, "a tile")):
        _, rows = show(far, level("near", ["weights"], capacity=capacity), **tile)
        assert rows["dense1"][:4] == ["weight-stationary", "16 channels x 1 frame", "far", f"near: {stay}"]
    _, rows = show(far, level("near", ["weights"], capacity=4096), **tile)
    assert rows["dense1"][3] == "near: the layer"
    # 64 codes of a byte do not fit where they would be near, a channel of them does
    heads, rows = show(far, level("near", ["codes"], capacity=63), order="weight-stationary")
    assert dict(zip(heads[1:], rows["dense1"], strict=False))["weights live in"] == "far"
    assert "far; near: an input channel" in rows["dense1"]
    heads, rows = show(far, execution="delta", order="weight-stationary")
    assert heads[-1] == "state"
    assert rows["dense1"][-1] == "far"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("edge-npu", "--network", "digits-mlp"), ("edge-npu", "operands: 9", "dense1", "fp32")),
        (("mac-array", "--network", "nothing"), ("no network named 'nothing'",)),
        (("mac-array", "--data", "digits"), ("--network", "take --data out")),
        (("mac-array", "--network", "digits-mlp", "--data", "nothing"), ("nothing",)),
    ],
)
def test_what_cannot_be_mapped(here, arguments, parts):
    code, printed, complaints = here("show", *arguments)
    assert (code, printed, len(complaints)) == (2, "", 1)
    assert all(part in complaints[0] for part in parts), complaints


def test_show_takes_frames_of_ones_own(here, tmp_path):
    np.savez(tmp_path / "own.npz", inputs=np.zeros((3, 1, 8, 8), np.uint8))
    _, shown, _ = here("show", "edge-npu-delta", "--network", "digits-mlp-int8", "--data", "own.npz", "--step", "1/16")
    heads, rows = table_of(shown)
    assert heads[-1] == "state"
    assert rows["dense3"][-1] == "buffer"


# -------------------------------------------------------------------------------------------------------- check


def test_check_accepts_presets_and_files(here, tmp_path):
    for name in catalogue.machine_names():
        assert here("check", name)[1].splitlines()[0] == f"{name}: a valid machine"
    assert here("check", write(tmp_path / "own.yaml")) == (0, "own: a valid machine\n", [])


def test_check_names_the_schedules_that_there_are(here, tmp_path):
    preset = catalogue.machine_path("edge-npu").read_text()
    (tmp_path / "own.yaml").write_text(preset.replace("\n  clock:", "\n  schedule: pipelind\n  clock:"))
    code, shown, complaints = here("check", "own.yaml")
    assert (code, shown) == (2, "")
    assert complaints == ["hwsim: no schedule named 'pipelind'; did you mean pipelined"]


def test_check_lists_every_contradiction_on_a_line(here, tmp_path):
    path = write(
        tmp_path / "own.yaml",
        [OWN["levels"][1], OWN["levels"][1]],
        execution="sparse",
        weights="compressed",
        tile={"channels": 4},
        off_chip="dram",
    )
    code, printed, complaints = here("check", path)
    assert (code, printed) == (2, "")
    assert all(line.startswith(f"hwsim: {path}:") for line in complaints)
    where = [line.removeprefix(f"hwsim: {path}:").split(" ")[:2] for line in complaints]
    assert [int(line.rstrip(":")) for line, _ in where] == sorted(int(line.rstrip(":")) for line, _ in where)
    assert sorted(key for _, key in where) == [
        "lanes:",
        "levels:",  # two of one name
        "levels:",  # none for sums
        "off_chip:",
        "tile:",
        "weights:",  # compressed, without run_bits
    ]


def test_check_lists_wrong_values_unknown_and_missing_keys_together(here, tmp_path):
    path = write(tmp_path / "own.yaml", without=["name", "description"], batch=0, colour="red", event_arithmetic="add")
    _, _, complaints = here("check", path)
    for part in ("name: missing", "description: missing", "batch: expected", "colour: unknown key"):
        assert sum(part in line for line in complaints) == 1, part
    assert sum(": event_arithmetic: " in line for line in complaints) == 1  # of a union one branch is meant
    assert len(complaints) == 5


NEAR = OWN["levels"][1]


@pytest.mark.parametrize(
    ("level", "changed", "parts"),
    [
        ({"holds": []}, {}, ("levels.1.holds", "holds nothing", "take it out")),
        ({"holds": "weights"}, {}, ("levels.1.holds", "expected a list", "'weights'")),
        ({"holds": ["weights", "weight"]}, {}, ("levels.1.holds.1", "'sums' or 'pointers'", "'weight'")),
        ({"word_length": 0}, {}, ("levels.1.word_length", "greater than or equal to 1", "0")),
        ({"capacity": 0}, {}, ("levels.1.capacity", "greater than or equal to 1", "0")),
        ({"capacity": float("nan")}, {}, ("levels.1.capacity", "expected a valid integer", "nan")),
        ({"capacity": None}, {}, ("levels.1", "level near", "`capacity`", "`fit`")),
        ({"name": "far"}, {}, ("levels", "two levels of one name: far, far", "rename")),
        ({}, {"batch": 0}, ("batch", "greater than or equal to 1", "0")),
        ({}, {"tile": {"channels": 4}}, ("tile", "order: weight-stationary")),
        ({}, {"execution": "delta"}, ("levels", "no level holds state", "`holds`")),
        ({}, {"sources": "a book"}, ("sources", "expected a list", "'a book'")),
        ({}, {"assumed": [1]}, ("assumed.0", "expected a valid string", "1")),
        ({"kind": "dram", "capacity": None}, {}, ("weights reach near (dram) only behind far", "near before far")),
    ],
)
def test_bad_machines(here, tmp_path, level, changed, parts):
    changed_level = {key: each for key, each in {**NEAR, **level}.items() if each is not None}
    levels = [OWN["levels"][0], changed_level, *OWN["levels"][2:]]
    code, printed, complaints = here("check", write(tmp_path / "own.yaml", levels, **changed))
    assert (code, printed) == (2, "")
    assert any(all(part in line for part in parts) for line in complaints), complaints
    assert not any("Traceback" in line for line in complaints)
    with pytest.raises(hwsim.errors.FileError):
        hwsim.load_machine(tmp_path / "own.yaml")


def test_batches_are_for_dense_executions_where_no_level_keeps_a_row(here, tmp_path):
    sized = {"fit": "network"}
    short = {
        "memories": {"weights": sized, "state": sized, "activations": sized},
        "word_length": 32,
        "execution": "sparse",
        "lanes": {"dense": {"channels": 8}, "convolution": {"channels": 4}},
        "batch": 2,
    }
    code, _, complaints = here("check", write(tmp_path / "own.yaml", without=["levels"], **short))
    assert (code, len(complaints)) == (2, 1)
    assert "batch: with `memories`, only a dense execution" in complaints[0]
    assert "or levels" in complaints[0]
    long = {key: short[key] for key in ("execution", "lanes", "batch")}
    assert here("check", write(tmp_path / "own.yaml", **long)) == (0, "own: a valid machine\n", [])


def test_registers_are_the_nearest_level(here, tmp_path):
    store = {"name": "store", "kind": "sram", "capacity": 512, "holds": ["sums"]}
    _, _, complaints = here("check", write(tmp_path / "own.yaml", [*OWN["levels"], store]))
    assert len(complaints) == 1
    assert "sums reach store (sram) only behind file (registers); write store before file" in complaints[0]


@pytest.mark.parametrize(
    ("extra", "changed", "reason"),
    [
        (level("extra", ["state"]), {}, "a dense execution keeps no state between frames"),
        (level("extra", ["state"]), {"execution": "delta"}, None),
        (level("extra", ["state", "codes"]), {}, None),
        (level("extra", ["pointers"]), {}, "pointers lie beside the weights that they point to, wherever these are"),
        (level("extra", ["weights"], capacity=7), {}, "its 56 bits are less than one of its words of 64"),
        (level("extra", ["weights"], capacity=8), {}, None),  # less than what is nearer by, but words pass through it
        (level("extra", ["weights", "codes"]), {}, None),
        (level("extra", ["sums"]), {}, "sums live in the nearest level that holds them, which is file"),
    ],
)
def test_levels_that_can_never_be_used(here, tmp_path, extra, changed, reason):
    lanes = {"dense": {"channels": 8}, "convolution": {"channels": 4}}
    levels = [*OWN["levels"][:2], extra, *OWN["levels"][2:]]
    code, printed, complaints = here("check", write(tmp_path / "own.yaml", levels, lanes=lanes, **changed))
    assert (code, complaints) == (0, [])
    told = [] if reason is None else [f"level extra can never be used: {reason}"]
    assert printed.splitlines() == ["own: a valid machine", *told]
    assert all(line in here("show", tmp_path / "own.yaml")[1].splitlines() for line in told)


def test_whole_operations_leave_no_sums_to_hold(here, tmp_path):
    _, printed, _ = here("check", write(tmp_path / "own.yaml", operations="whole"))
    assert "level file can never be used: whole operations hold their sums themselves" in printed.splitlines()


def test_what_is_no_machine_at_all(here, tmp_path):
    (tmp_path / "own.yaml").write_text("levels: [\n")
    for asked, part in (("own.yaml", "own.yaml:"), ("nothing", "no machine named 'nothing'")):
        for command in ("check", "show"):
            code, printed, complaints = here(command, tmp_path / asked if "." in asked else asked)
            assert (code, printed, len(complaints)) == (2, "", 1)
            assert part in complaints[0]


# ---------------------------------------------------------------------------------------------------------- new


@pytest.mark.parametrize("name", ["my_array", "on", "1.5", "a b"])
def test_new_writes_what_check_accepts(here, tmp_path, name):
    code, printed, _ = here("new", f"{name}.yaml")
    assert (code, printed.split(";")[0]) == (0, f"wrote {name}.yaml")
    assert here("check", f"./{name}.yaml") == (0, f"{name}: a valid machine\n", [])
    machine = hwsim.load_machine(tmp_path / f"{name}.yaml")
    assert len(machine.levels) == 4
    assert machine.memories is None
    first = (tmp_path / f"{name}.yaml").read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=file://")
    assert json.loads(pathlib.Path(schema).read_text())["title"] == "Machine"


def test_new_replaces_nothing_unasked(here, tmp_path):
    (tmp_path / "mine.yaml").write_text("precious")
    code, printed, complaints = here("new", "mine.yaml")
    assert (code, printed, len(complaints)) == (2, "", 1)
    assert "mine.yaml: is there" in complaints[0]
    assert "--force" in complaints[0]
    assert (tmp_path / "mine.yaml").read_text() == "precious"
    assert here("new", "mine.yaml", "--force")[0] == 0
    assert hwsim.load_machine(tmp_path / "mine.yaml").name == "mine"


def test_new_wants_a_yaml_file_in_a_folder_that_exists(here):
    assert "write mine.txt.yaml" in here("new", "mine.txt")[2][0]
    code, _, complaints = here("new", "nowhere/mine.yaml")
    assert (code, len(complaints)) == (2, 1)
    assert "cannot be written" in complaints[0]
