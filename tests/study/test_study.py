"""Study files: what they say, what they may leave out, and what is wrong with a bad one."""

import pytest

from hwsim.datasets import Preprocessing, Source
from hwsim.errors import DataError, FileError, UnknownNameError
from hwsim.files.catalogue import machine_names, network_names
from hwsim.study.study_file import default_study, load_study

STUDY = """\
schema: 1
name: mine
data: digits
order: temporal
rows:
  - {network: digits-mlp, machines: [mac-array, zero-skipping-mac]}
  - network: digits-mlp-rounding
    machines: [sigma-delta-adder]
tables: [default_45nm, horowitz_2014_45nm]
baseline: {network: digits-mlp, machine: mac-array}
phases: [synapse, neuron]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return path

    return write


def test_a_study_says_what_is_compared(write):
    study = load_study(write(STUDY))
    assert (study.name, study.data, study.split, study.order) == ("mine", "digits", "test", "temporal")
    assert [(row.network, row.machines) for row in study.rows] == [
        ("digits-mlp", ("mac-array", "zero-skipping-mac")),
        ("digits-mlp-rounding", ("sigma-delta-adder",)),
    ]
    assert study.tables == ("default_45nm", "horowitz_2014_45nm")
    assert [(each.network, each.machine) for each in study.baseline] == [("digits-mlp", "mac-array")]
    assert study.chip == "own"
    assert study.phases == ("synapse", "neuron")


def test_any_number_of_baselines_and_one_chip(write):
    old = "baseline: {network: digits-mlp, machine: mac-array}\n"
    new = "baseline:\n  - {network: digits-mlp, machine: mac-array}\n  - {network: n, machine: m}\nchip: shared\n"
    study = load_study(write(STUDY.replace(old, new)))
    assert [(each.network, each.machine) for each in study.baseline] == [("digits-mlp", "mac-array"), ("n", "m")]
    assert study.chip == "shared"
    assert load_study(write(STUDY.replace(old, ""))).baseline is None


def test_what_may_be_left_out(write):
    optional = ("order", "tables", "phases")
    kept = [line for line in STUDY.splitlines() if not line.startswith(optional)]
    study = load_study(write("\n".join(kept)))
    assert (study.split, study.order, study.tables, study.phases) == ("test", "file", ("default_45nm",), None)


def test_frames_of_a_video(write):
    chosen = "data: clip.mp4\nframes: 50\npreprocessing: {size: [144, 176], grey: true}\nstep: 1.0"
    study = load_study(write(STUDY.replace("data: digits", chosen).replace("order: temporal\n", "")))
    assert (study.data, study.frames) == ("clip.mp4", 50)
    assert study.source == Source("clip.mp4", 1.0, Preprocessing(size=(144, 176), grey=True))


def test_all_of_preprocessing(write):
    chosen = """\
preprocessing:
  size: 32
  scale: 2
  mean: [0.5, 0.25, 0.125]
  standard_deviation: 0.5
  source_layout: NHWC
  layout: NCHW
  independent: true
"""
    expected = Preprocessing("NHWC", False, (32, 32), 2.0, (0.5, 0.25, 0.125), (0.5,), "NCHW", True)
    assert load_study(write(STUDY + chosen)).preprocessing == expected
    assert load_study(write(STUDY)).preprocessing == Preprocessing()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("data: digits\n", "", ("data", "missing")),
        ("name: mine", "name: mine\nname: yours", (":3:", "name: written twice")),
        ("order: temporal", "order: random", (":4:", "order", "'file' or 'temporal'", "random")),
        ("order: temporal", "ordre: temporal", (":4:", "ordre", "unknown key")),
        ("machines: [sigma-delta-adder]", "machines: []", (":8:", "rows.1.machines", "at least 1")),
        ("machines: [sigma-delta-adder]", "machines: sigma-delta-adder", (":8:", "rows.1.machines")),
        ("[synapse, neuron]", "[synapses]", (":11:", "phases.0", "'synapse'", "synapses")),
        ("machine: mac-array", "machines: mac-array", (":10:", "baseline")),
        ("order: temporal", "frames: 0", (":4:", "frames", "greater than or equal to 1")),
        ("order: temporal", "preprocessing: {size: [1, 2, 3]}", (":4:", "preprocessing", "size [1, 2, 3]")),
        ("order: temporal", "preprocessing: {size: large}", (":4:", "preprocessing", "size 'large'")),
        ("order: temporal", "preprocessing: {meen: 0.5}", (":4:", "meen: unknown key; did you mean mean?")),
        ("order: temporal", "preprocessing: {mean: 1/2}", (":4:", "mean '1/2'; expected one finite number")),
        ("order: temporal", "preprocessing: {mean: [0.5, big]}", (":4:", "mean", "expected one finite number")),
        ("order: temporal", "preprocessing: {scale: true}", (":4:", "scale True; expected one finite number")),
        ("order: temporal", "preprocessing: {grey: 1}", (":4:", "grey 1; expected true or false")),
        ("order: temporal", "preprocessing: 3", (":4:", "preprocessing")),
        ("baseline: {network: digits-mlp, machine: mac-array}", "baseline: []", (":10:", "baseline", "at least 1")),
        ("baseline: {network: digits-mlp, machine: mac-array}", "baseline: [{network: n}]", (":10:", "baseline.0")),
        ("baseline: {network: digits-mlp, machine: mac-array}", "baseline: digits-mlp", (":10:", "baseline")),
        ("order: temporal", "chip: mine", (":4:", "chip", "'own' or 'shared'", "mine")),
        ("order: temporal", "size: 227", (":4:", "size: unknown key")),
        ("schema: 1", "schema: 2", (":1:", "schema", "1", "2")),
        ("digits-mlp-rounding", "7", (":7:", "rows.1.network", "string", "7")),
        ("baseline: {network", "baseline: *{network", (":10",)),
    ],
)
def test_a_bad_study_gets_one_line_with_file_line_and_place(write, old, new, parts):
    assert old in STUDY
    path = write(STUDY.replace(old, new))
    with pytest.raises(FileError) as caught:
        load_study(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for part in parts:
        assert part in message


def test_a_study_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match=r"none\.yaml: cannot be read"):
        load_study(tmp_path / "none.yaml")


@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_without_a_file_one_network_and_what_is_made_of_it_are_compared(data):
    study = default_study(data)
    assert study.data == data
    assert {row.network for row in study.rows} == {name for name in network_names() if name.startswith(f"{data}-mlp")}
    assert {machine for row in study.rows for machine in row.machines} <= set(machine_names())
    assert study.baseline is None  # the usual ones
    # the first of them is among the rows, and each network is there dense, sparse and under delta
    assert (study.rows[0].network, study.rows[0].machines[0]) == (f"{data}-mlp", "mac-array")
    assert all(len(row.machines) == 3 for row in study.rows)


def test_data_for_which_nothing_ships():
    with pytest.raises(UnknownNameError, match="no network named 'digit-mlp'; did you mean digits-mlp"):
        default_study("digit")
    with pytest.raises(DataError, match="no networks ship for data of your own; name some in a study"):
        default_study("my/frames.npz")


def test_rules_that_tables_are_asked_with(write):
    assert load_study(write(STUDY)).rules == ()
    assert load_study(write(STUDY + "rules: [next-wider, bit-width-law]\n")).rules == ("next-wider", "bit-width-law")
    with pytest.raises(
        FileError,
        match=r"rules\.0: expected 'interpolation', 'bit-width-law', 'next-wider', 'whole-mac', 'narrow-words', "
        "'wide-words' or 'dram-by-bit'",
    ):
        load_study(write(STUDY + "rules: [guess]\n"))
