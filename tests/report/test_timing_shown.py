"""Time as a reader sees it: nothing of it where no row has any, else the numbers of the timing itself."""

import itertools
import json
import re
from dataclasses import replace

import pytest
import yaml
from timed import layer_of, timed, timing_of

import hwsim
from hwsim.report import timing_figures, wording
from hwsim.report.page import page
from hwsim.report.text import breakdown_text, comparison_text
from hwsim.report.timing import timing_text

INT8, BASELINE = "digits-mlp-int8", ("digits-mlp", "mac-array")
N_FRAME = 20
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15}

# two steps; a layer that waits for its weights and one that is kept busy
LAYERS = (
    layer_of("first", {"lanes": [10, 20], "dram": [40, 30], "neuron": [1, 1]}, [60, 80], 8),
    layer_of("second", {"lanes": [50, 50], "dram": [8, 8], "neuron": [2, 2]}, [300, 300], 8),
)
BY_HAND = timing_of([90, 170], clock=1e6, layers=LAYERS)


@pytest.fixture(scope="module")
def data():
    return hwsim.load_dataset("digits")[:N_FRAME]


@pytest.fixture(scope="module")
def without(data):
    return hwsim.compare(rows=[BASELINE], data=data, baseline=BASELINE)


@pytest.fixture(scope="module")
def comparison(data):
    machines = timed("edge-npu"), timed("edge-npu-sparse"), timed("all-on-chip")
    return hwsim.compare(rows=[BASELINE, *((INT8, machine) for machine in machines)], data=data, baseline=BASELINE)


@pytest.fixture(scope="module")
def priced(comparison):
    return wording.priced_by(comparison, "default_45nm")


def cells_of(text, start):
    """Lines of a table of text below a header that starts so, by their first words."""
    lines = text.split("\n")
    at = next(k for k, line in enumerate(lines) if line.startswith(start))
    table = itertools.takewhile(str.strip, lines[at + 2 :])
    heads = lines[at].split()
    return {line.split()[0]: dict(zip(heads[1:], line.split()[1:], strict=False)) for line in table}


def number(text):
    return float(text.replace(",", ""))


# ------------------------------------------------------------------------------------------------------- text


def test_a_timing_by_hand():
    # 40 + 30 cycles and 50 + 50: half as many in a frame; operations of 8 lanes in all cycles of each
    text = timing_text(BY_HAND, 120)
    assert "net on machine (dense): 2 frames of data" in text
    # 90 and 80 cycles of a microsecond; two frames in 170 of them
    assert "Latency at 1 MHz, schedule sequential: 85.0 µs (worst 90.0 µs), 11,765 frames per second" in text
    assert cells_of(text, "layer") == {
        "first": {"cycles": "35", "binds": "dram", "util.%": "25.0", "lanes": "15", "dram": "35", "neuron": "1"},
        "second": {"cycles": "50", "binds": "lanes", "util.%": "75.0", "lanes": "50", "dram": "8", "neuron": "2"},
        "total": {"cycles": "85", "binds": "lanes", "util.%": "54.4"},
    }
    assert "Cores" not in text
    assert BY_HAND.to_text() == timing_text(BY_HAND)


def test_cores_that_wait():
    two = replace(BY_HAND, cores=("first", "second"), busy=LAYERS[0].total.cumsum(), starved=LAYERS[1].total)
    cores = cells_of(timing_text(two, 120), "core")
    # 40 and 70 of 170 cycles are busy, and 50 of them starved
    assert cores["first"] == {"busy%": "23.5", "starved%": "29.4"}
    assert cores["second"] == {"busy%": "41.2", "starved%": "29.4"}


def test_a_timing_in_a_notebook():
    shown = BY_HAND._repr_html_()
    assert "&lt;Timing of net on data" in shown
    assert shown.count("<tr") == 1 + 2 * 2 * 3  # layers, groups of frames, resources


def test_columns_of_time_only_where_a_row_has_it(comparison, without):
    assert "frames/s" not in comparison_text(without, 120)
    assert "latency" not in comparison_text(without, 120).lower()
    text = comparison_text(comparison, 400)
    assert "frames/s" in text
    assert "frames/s: back to back" in " ".join(text.split())


def test_text_says_what_the_data_frame_says(comparison):
    lines = comparison_text(comparison, 400).split("\n")
    header = next(line for line in lines if line.startswith("network / machine"))
    unit = SECONDS[re.search(r"lat\.(\S+)", header).group(1)]
    delay = re.search(r"edp\.(\w?)Js", header).group(1)
    for row in comparison.to_dataframe().iloc[1:].to_dict("records"):
        line = next(line for line in lines if line.startswith(f"  {row['machine']} "))
        latency, worst, rate, binds, product = line.split()[-5:]
        assert number(latency) * unit == pytest.approx(row["latency [s]"], rel=0.006)
        assert number(worst) * unit == pytest.approx(row["worst latency [s]"], rel=0.006)
        assert number(rate) == pytest.approx(row["frames per second"], rel=0.006)
        assert binds == row["bound by"]
        assert number(product) * SECONDS[f"{delay}s"] == pytest.approx(row["energy-delay product [J s]"], rel=0.006)
    line = next(line for line in lines if line.startswith("  mac-array "))
    assert line.split()[-5:] == ["-"] * 5


def test_the_fastest_row_is_named(comparison):
    frame = comparison.to_dataframe()
    fastest = frame.loc[frame["latency [s]"].idxmin()]
    said = " ".join(comparison_text(comparison, 120).split())
    assert f"Least latency of the 3 rows whose machines have time: {INT8} on {fastest['machine']}, " in said
    assert f"bound by {fastest['bound by']}" in said


def test_a_breakdown_shows_its_time(comparison):
    cell = comparison.cells[2]
    text = " ".join(breakdown_text(cell.breakdown, width=120).split())
    assert f"bound by {cell.timing.bound_by}" in text
    assert "Energy-delay product: " in text
    seconds = int(cell.timing.done[-1]) / 5e8 / N_FRAME
    picojoule = float(re.search(r"each inference pays (\S+) pJ of static energy", text).group(1))
    assert picojoule == pytest.approx(cell.breakdown.static_power * seconds * 1e12, rel=0.006)
    assert "are not reached" not in text
    assert "1e+09 inferences per second are not reached" in breakdown_text(cell.breakdown.at_rate(1e9), width=400)
    assert "Latency" not in breakdown_text(comparison.cells[0].breakdown, width=120)


def test_sorted_rows_say_so(comparison):
    text = comparison_text(comparison.sorted_by("latency"), 120)
    assert "sorted by latency" in " ".join(text.split())
    frame = comparison.to_dataframe().dropna(subset="latency [s]").sort_values("latency [s]")
    machines = [line.split()[0] for line in text.split("\n") if re.match(r"  [a-z]", line)]
    assert machines[:4] == [*frame["machine"], "mac-array"]
    assert "sorted by" not in comparison_text(comparison, 120)


# ------------------------------------------------------------------------------------------------------- page


def figures_of(comparison):
    return json.loads(re.search(r'id="figures">(.*?)</script>', page(comparison)).group(1))[0]


def test_a_page_without_time_says_nothing_of_it(without):
    assert 'class="timing"' not in page(without)
    assert [figures_of(without)[name] for name in ("latency", "cycles", "roofline")] == [None] * 3


def test_the_page_has_latency_against_energy(comparison):
    shown = page(comparison)
    assert shown.index('class="answer"') < shown.index('class="rows"') < shown.index('class="timing"')
    figure = figures_of(comparison)["latency"]
    frame = comparison.to_dataframe().dropna(subset="latency [s]")
    unit = SECONDS[re.search(r"\[(\S+)\]", figure["layout"]["yaxis"]["title"]["text"]).group(1)]
    assert [trace["y"][0] * unit for trace in figure["data"]] == pytest.approx(frame["latency [s]"].tolist())
    joules = [trace["x"][0] * 1e-9 for trace in figure["data"]]
    assert joules == pytest.approx(frame["energy [J per inference]"].tolist())
    assert len(figure["layout"]["annotations"]) == 3
    low, high = (10**end for end in figure["layout"]["yaxis"]["range"])
    assert all(low < trace["y"][0] < high for trace in figure["data"])


def test_where_the_cycles_go(priced):
    cell = replace(priced.cells[1], timing=BY_HAND)
    figure = timing_figures.cycles(priced._replace(cells=(cell,)))
    # 70 cycles of the first layer, which the DRAM binds, and 100 of the second
    bars = {bar["name"]: (bar["x"][0], bar["text"][0]) for bar in figure["data"]}
    assert bars == {
        "dram": (pytest.approx(100 * 70 / 170), "first"),
        "lanes": (pytest.approx(100 * 100 / 170), "second"),
    }


def test_no_two_bars_look_alike(priced):
    many = [layer_of(f"layer{k}", {f"idle{k}": [1], f"resource{k}": [2]}, [2], 1) for k in range(20)]
    cell = replace(priced.cells[1], timing=timing_of([40], clock=1e6, layers=many))
    looks = [json.dumps(bar["marker"]) for bar in timing_figures.cycles(priced._replace(cells=(cell,)))["data"]]
    assert len(set(looks)) == len(looks) == 20


def test_bars_of_cycles_are_whole(comparison):
    bars = figures_of(comparison)["cycles"]["data"]
    for row in range(3):
        assert sum(bar["x"][row] for bar in bars) == pytest.approx(100)


def test_no_layer_is_above_its_roof(comparison, priced):
    figure = timing_figures.roofline(comparison, priced)
    roofs = [trace for trace in figure["data"] if trace["mode"] == "lines"]
    places = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert len({roof["line"]["dash"] for roof in roofs}) == len(roofs)
    # a level of 128 bits a cycle and 256 lanes: on all three
    assert {roof["name"].partition(":")[0] for roof in roofs} == {
        "256 lanes, 128 bits of buffer",
        "256 lanes, 128 bits of memory",
    }
    assert len(places) == 3
    for trace in places:
        assert len(trace["x"]) == 3  # of three layers with weights
        for per_bit, per_cycle in zip(trace["x"], trace["y"], strict=True):
            assert 0 < per_cycle <= min(256, 128 * per_bit) * (1 + 1e-9)
    for roof in roofs:
        assert max(roof["y"]) == 256
        assert roof["y"][0] == pytest.approx(128 * roof["x"][0])


def test_a_layer_under_its_roof_by_hand(comparison, priced):
    cell = priced.cells[1]
    bits = {}
    for key, count in cell.counts.entries.items():
        if key.operation.memory == "buffer":
            bits[key.layer] = bits.get(key.layer, 0) + int(count.sum()) * 128
    figure = timing_figures.roofline(comparison, priced)
    trace = next(trace for trace in figure["data"] if trace["name"] == cell.method)
    n_synapse = {"dense1": 64 * 64, "dense2": 64 * 64, "dense3": 64 * 10}
    expected = [n * N_FRAME / bits[layer] for layer, n in n_synapse.items()]
    assert trace["x"] == pytest.approx(expected)
    for text, layer in zip(trace["hovertext"], n_synapse, strict=True):
        assert layer in text


# --------------------------------------------------------------------------------------------------- commands


@pytest.fixture
def machine_file(tmp_path):
    machine = timed("edge-npu-sparse", "timed-npu")
    written = json.loads(machine.model_dump_json(by_alias=True, exclude_defaults=True, exclude_none=True))
    path = tmp_path / "timed-npu.yaml"
    path.write_text(yaml.safe_dump(written | {"schema": 1}))
    return path


def run(arguments, monkeypatch, capsys):
    from hwsim.__main__ import main

    monkeypatch.setattr("sys.argv", ["hwsim", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0, capsys.readouterr()


def test_simulate_prints_the_time_of_a_machine(machine_file, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")  # a narrow terminal has tables with narrow gaps
    command = ["simulate", INT8, "--frames", N_FRAME]
    code, plain = run([*command, "--machine", "edge-npu-sparse", "--table", "default_45nm"], monkeypatch, capsys)
    assert code == 0
    code, shown = run([*command, "--machine", machine_file], monkeypatch, capsys)
    assert code == 0
    machine = hwsim.load_machine(machine_file)
    activity = hwsim.simulate(INT8, hwsim.load_dataset("digits")[:N_FRAME], machines=[machine]).activity
    expected = hwsim.schedule(activity, machine)
    layers = cells_of(shown.out, "layer   cycles")
    for layer in expected.layers:
        assert number(layers[layer.name]["cycles"]) == pytest.approx(layer.total.sum() / N_FRAME, rel=0.006)
        assert layers[layer.name]["binds"] == layer.bound_by
        assert number(layers[layer.name]["util.%"]) == pytest.approx(100 * layer.utilization, abs=0.051)
    # the energies are the same ones, and dynamic
    tables = [re.search(r"Energy by layer.*?(?=Latency|\* )", each.out, re.DOTALL).group() for each in (shown, plain)]
    assert tables[0].split() == tables[1].split()


def test_compare_sorts_its_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, shown = run(["compare", "--frames", 20, "--sort", "energy", "--csv", "out.csv"], monkeypatch, capsys)
    assert code == 0
    assert "sorted by energy" in " ".join(shown.out.split())
    lines = (tmp_path / "out.csv").read_text().splitlines()
    place = lines[0].split(",").index("machine")
    assert lines[1].split(",")[place] in ("sigma-delta-adder", "rounding-adder")
    code, shown = run(["compare", "--sort", "speed"], monkeypatch, capsys)
    assert code == 2
    assert len(shown.err.strip().splitlines()) == 1
    assert "no order of rows named 'speed'" in shown.err
