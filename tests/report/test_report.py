"""What a report says must be what the data frame says, and the page must need nothing but itself."""

import base64
import dataclasses
import html.parser
import io
import json
import math
import re

import numpy as np
import pandas as pd
import pytest

import hwsim
from hwsim.report import labels, units
from hwsim.report.page import page
from hwsim.report.text import breakdown_text, comparison_text
from hwsim.study.study_file import default_study

TABLES = ["default_45nm", "jouppi_2021_7nm", "horowitz_2014_45nm"]
PHASES = ["encode", "synapse", "neuron", "memory"]
WATT = {"W": 1.0, "mW": 1e-3, "µW": 1e-6, "nW": 1e-9, "pW": 1e-12}
JOULE = {"J": 1.0, "mJ": 1e-3, "µJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12, "fJ": 1e-15}
N_FRAME = 40


def digits(n=N_FRAME):
    return hwsim.load_dataset("digits")[:n]


def compared(data, tables=("default_45nm",), per_frame=True, **changes):
    pairs = [(row.network, machine) for row in default_study("digits").rows for machine in row.machines]
    settings = {"rows": pairs, "baseline": pairs[0], **changes}
    return hwsim.compare(tables=list(tables), data=data, per_frame=per_frame, **settings)


@pytest.fixture(scope="module")
def comparison():
    return compared(digits(), TABLES)


@pytest.fixture(scope="module")
def frame(comparison):
    return comparison.to_dataframe()


@pytest.fixture(scope="module")
def content(comparison):
    return page(comparison)


class Document(html.parser.HTMLParser):
    """Elements with their attributes, and the text inside each script and style."""

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.words, self._open = [], [], [], None
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = tag
            self.texts.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, data):
        if self._open:
            self.texts[-1][2] += data
        else:
            self.words.append(data)

    @property
    def figures(self):
        return next(json.loads(text) for _, attributes, text in self.texts if attributes.get("id") == "figures")

    @property
    def csv(self):
        link = next(attributes["href"] for _, attributes in self.elements if attributes.get("id") == "csv")
        return base64.b64decode(link.split(",", 1)[1]).decode()

    @property
    def prose(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def document(content):
    return Document(content)


def number(text):
    return float(text.replace(",", "").removesuffix("x").replace("<0.0001", "0.00005"))


def assert_rounded(text, value):
    """Three figures, or whole, or four places."""
    assert number(text) == pytest.approx(value, rel=0.0051, abs=0.00051)


def unpacked(array):
    return np.frombuffer(base64.b64decode(array["bdata"]), f"<{array['dtype']}")


def text_rows(text, table):
    """Unit, and a table's lines by network and machine, as a reader sees them."""
    block = text.split(f"Energy table {table} ")[1].split("\nEnergy table ")[0]
    unit = re.search(r": dynamic (\w*J) per inference", " ".join(block.split())).group(1)
    lines, network = {}, None
    header, _, *rest = block.split("\n\n")[1].split("\n")
    for line in rest:
        if not line.startswith(" "):
            network = line.strip()
        else:
            machine, *values = line.replace("not priced", "unpriced").replace("not stated", "unstated").split()
            lines[network, machine] = dict(zip(header.split()[3:], values, strict=True))
    return JOULE[unit], lines


@pytest.mark.parametrize("table", TABLES)
def test_text_says_what_the_data_frame_says(comparison, frame, table):
    unit, lines = text_rows(comparison_text(comparison, 120), table)
    energy = next(f"dyn.{name}" for name, joule in JOULE.items() if joule == unit)
    rows = frame[frame.table == table]
    assert len(lines) == len(rows) == 9
    for row in rows.to_dict("records"):
        said = lines[row["network"], row["machine"]]
        assert said["run"] == row["execution"]
        assert number(said["acc%"]) == pytest.approx(100 * row["accuracy"], abs=0.051)
        columns = {"add.": "additions", "mult.": "multiplications", "words": "memory words"}
        for column, name in columns.items():
            assert_rounded(said[column], row[f"{name} [per inference]"])
        if np.isnan(row["energy [J per inference]"]):
            assert said[energy] == "unpriced"
            assert said["dyn."] == said["stat."] == "-"
            continue
        assert_rounded(said[energy], row["energy [J per inference]"] / unit)
        (power,) = (WATT[column] for column in said if column in WATT)
        (column,) = (column for column in said if column in WATT)
        assert_rounded(said["dyn."], row["dynamic power [W]"] / power)
        assert_rounded(said[column], row["power [W]"] / power)
        if table == "default_45nm":
            assert_rounded(said["stat."], row["static power [W]"] / power)
        else:
            assert np.isnan(row["static power [W]"])
            assert said["stat."] == "unstated"
        for phase in PHASES:
            value = row[f"{phase} energy [J per inference]"]
            assert (phase in said) == (not np.isnan(value))
            if phase in said:
                assert_rounded(said[phase], value / unit)
        assert_rounded(said["less"], row["advantage"])


def test_text_begins_with_the_data_and_tells_what_is_lacking(comparison):
    text = comparison_text(comparison, 120)
    assert text.startswith(f"{N_FRAME} test images of digits, order: file; baseline: digits-mlp on mac-array\n")
    plain = " ".join(text.split())
    assert "jouppi_2021_7nm lacks addition int24" in plain
    assert "At 30 frames per second this is digits-mlp on mac-array" in plain
    assert "Dynamic energy only" in plain
    assert "outputs are up to" in plain
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_asked_and_nothing_is_cut(comparison, width):
    text = comparison_text(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for column in ("add.", "memory", "dyn.nJ", "less"):
        assert text.count(f" {column}") >= len(TABLES)


def test_breakdown_text_adds_up(comparison):
    run = hwsim.simulate(hwsim.load_network("digits-mlp-rounding"), digits(), "delta")
    breakdown = hwsim.price(hwsim.count(run.activity, "sigma-delta-adder"))
    text = breakdown_text(breakdown, run, 120)
    assert f"{100 * run.accuracy:.1f} % accuracy" in text
    unit = JOULE[re.search(r"Energy by layer and phase, (\w*J) per", text).group(1)]
    total = next(line for line in text.splitlines() if line.startswith("total"))
    assert_rounded(total.split()[-1], breakdown.per_inference / unit)
    for phase, said in zip(PHASES, total.split()[1:], strict=False):
        assert_rounded(said, breakdown.of(phase) / N_FRAME / unit)
    block = text.split("Operations per inference\n\n")[1].split("\n\n")[0].splitlines()[2:]
    energies = [number(re.split(r"\s{2,}", line)[-2]) for line in block]
    assert sum(energies) == pytest.approx(breakdown.per_inference / unit, rel=0.01)
    assert "First frames of streams" in text
    assert "Source balasubramonian_2017" in text


def test_page_carries_the_whole_data_frame(document, frame):
    carried = pd.read_csv(io.StringIO(document.csv), keep_default_na=True)
    expected = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(carried, expected)


@pytest.mark.parametrize("index", range(3))
def test_first_figure_shows_every_priced_row(document, frame, index):
    figure = document.figures[index]["accuracy"]
    unit = JOULE[re.search(r"\[(\w*J)\]", figure["layout"]["xaxis"]["title"]["text"]).group(1)]
    rows = frame[(frame.table == TABLES[index]) & frame["energy [J per inference]"].notna()].to_dict("records")
    assert [trace["name"] for trace in figure["data"]] == [f"{row['network']} on {row['machine']}" for row in rows]
    for trace, row in zip(figure["data"], rows, strict=True):
        assert trace["x"][0] * unit == pytest.approx(row["energy [J per inference]"], rel=1e-9, abs=0)
        assert trace["y"][0] == pytest.approx(100 * row["accuracy"])
        low = (trace["x"][0] - trace["error_x"]["arrayminus"][0]) * unit
        assert low == pytest.approx(row["low [J per inference]"], rel=1e-9, abs=0)
    named = [annotation["text"] for annotation in figure["layout"]["annotations"]]
    assert all(any(row["network"] in text and row["machine"] in text for text in named) for row in rows)


@pytest.mark.parametrize("kind", ["phase", "operation", "layer"])
@pytest.mark.parametrize("index", range(3))
def test_bars_add_up_and_are_never_zero_for_want_of_a_price(document, frame, index, kind):
    figure = document.figures[index][kind]
    *bars, ends = figure["data"]
    unit = JOULE[re.search(r"\[(\w*J)\]", figure["layout"]["xaxis"]["title"]["text"]).group(1)]
    rows = frame[frame.table == TABLES[index]].to_dict("records")
    for k, row in enumerate(rows):
        parts = {bar["name"]: bar["x"][k] for bar in bars}
        if np.isnan(row["energy [J per inference]"]):
            assert set(parts.values()) == {None}
            assert "not priced: lacks" in ends["text"][k]
            continue
        assert sum(part or 0 for part in parts.values()) * unit == pytest.approx(
            row["energy [J per inference]"], rel=1e-9, abs=0
        )
        if kind == "phase":
            for phase in set(PHASES) & set(parts):
                expected = row[f"{phase} energy [J per inference]"]
                assert (parts[phase] or 0) * unit == pytest.approx(expected, rel=1e-9, abs=0)
    shares = figure["layout"]["updatemenus"][0]["buttons"][1]["args"][0]["x"][:-1]
    assert sum(share[0] or 0 for share in shares) == pytest.approx(100)


def test_frames_are_shown_as_they_are_and_the_first_apart(document, comparison):
    figure = document.figures[0]["time"]
    cells = {cell.method: cell for cell in comparison.cells if cell.table == TABLES[0]}
    for name, cell in cells.items():
        trace = next(trace for trace in figure["data"] if trace["name"] == name)
        energies = cell.breakdown.by_group
        unit = 1e-9
        x, y = unpacked(trace["x"]), unpacked(trace["y"])
        np.testing.assert_allclose(y * unit, energies[x], rtol=1e-6)
        assert x.size == N_FRAME or np.ptp(energies) < 1e-12 * energies.max()
    first = next(trace for trace in figure["data"] if trace["name"].startswith("digits-mlp on delta-mac: first"))
    assert unpacked(first["x"]).tolist() == [0]
    assert "First frame and steady state" in document.prose


def test_many_frames_have_a_rolling_mean():
    comparison = compared(
        digits(250), rows=[("digits-mlp-rounding", "sigma-delta-adder")], baseline=("digits-mlp-rounding", "mac-array")
    )
    figure = Document(page(comparison)).figures[0]["time"]
    name = "digits-mlp-rounding on sigma-delta-adder"
    single, mean = (trace for trace in figure["data"] if trace["name"] == name)
    assert (single["visible"], mean["visible"]) == (False, True)
    energy = next(cell for cell in comparison.cells if cell.method == name).breakdown.by_group[1:] * 1e9
    expected = [energy[k : k + 10].mean() for k in range(energy.size - 9)]
    np.testing.assert_allclose(unpacked(mean["y"]), expected, rtol=1e-5)


def test_page_needs_nothing_but_itself(content, document):
    loading = {"src", "href", "srcset", "data", "action", "poster", "background", "formaction"}
    for tag, attributes in document.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img")
        for name in loading & set(attributes):
            assert attributes[name].startswith("data:"), (tag, name)
    policy = next(each["content"] for tag, each in document.elements if each.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    for tag, _, text in document.texts:
        if tag == "style":
            assert "@import" not in text
            assert "url(" not in text
    scripts = [text for tag, attributes, text in document.texts if tag == "script" and not attributes]
    assert sum("plotly.js v" in text for text in scripts) == 1
    assert len(content) < 8e6


def test_page_names_methods_tables_sources_and_what_is_lacking(document, comparison):
    prose = document.prose
    assert f"{N_FRAME} test images of digits, order: file" in prose
    for name in {cell.network for cell in comparison.cells} | set(comparison.machines) | set(TABLES):
        assert name in prose
    for table in comparison.tables.values():
        assert all(missing in prose for missing in table.missing)
    for source in comparison.tables["horowitz_2014_45nm"].sources.values():
        assert str(source) in prose
    for standing in ("printed", "simulated", "fitted", "assumed"):
        assert standing in prose
    for machine in comparison.machines.values():
        assert machine.assumptions in prose
    assert "45 nm, 0.9 V" in prose
    assert "7 nm, supply not stated" in prose
    assert "not priced: lacks addition int24" in prose
    assert "Dynamic energy only" in prose
    assert "Batch 1; everything on chip" in prose
    assert "leakage above that would outweigh it" in prose


def headlines(content):
    return [re.sub(r"<[^>]*>", "", html.unescape(each)) for each in re.findall(r"<h1>(.*?)</h1>", content)]


def test_headline_is_the_least_energy_at_the_baselines_accuracy(content, frame):
    rows = frame[frame.table == TABLES[0]]
    base = rows[rows.baseline].iloc[0]
    good = rows[rows["same accuracy as baseline"] | (rows.accuracy > base.accuracy)]
    assert len(good) == sum(
        row["accuracy"] >= base.accuracy - 0.01
        or two_sided(row["frames that only this row gets right"], row["frames that only the baseline gets right"])
        >= 0.05
        for _, row in rows.iterrows()
    )
    best = good.loc[good["energy [J per inference]"].idxmin()]
    least = rows.loc[rows["energy [J per inference]"].idxmin()]
    said = headlines(content)[0]
    assert said.startswith(f"{best.network} on {best.machine} needs ")
    assert_rounded(re.search(r"needs (\S+x) less", said).group(1), best.advantage)
    if least.network != best.network or least.machine != best.machine:
        assert f"Least energy of all: {least.network} on {least.machine}" in content


def two_sided(n_better, n_worse):
    """Twice the smaller tail of a fair coin, at most 1: McNemar's exact test."""
    n = int(n_better + n_worse)
    return min(1, 2 * sum(math.comb(n, k) for k in range(int(min(n_better, n_worse)) + 1)) / 2**n)


def test_one_row_and_one_frame():
    comparison = compared(digits(1), rows=[], baseline=("digits-mlp", "mac-array"), per_frame=False)
    text, content = comparison_text(comparison, 120), page(comparison)
    assert text.startswith("1 test image of digits")
    assert "No row needs less energy at its accuracy than the baseline" in " ".join(text.split())
    document = Document(content)
    assert len(document.figures[0]["accuracy"]["data"]) == 1
    assert document.figures[0]["time"] is None


def test_one_frame_of_every_row():
    for per_frame in (True, False):
        assert page(compared(digits(1), per_frame=per_frame)).count("</html>") == 1


def test_without_labels():
    comparison = compared(dataclasses.replace(digits(3), labels=None), per_frame=False)
    assert "needs" in comparison_text(comparison, 120)
    figure = Document(page(comparison)).figures[0]["accuracy"]
    assert "no labels" in figure["layout"]["yaxis"]["title"]["text"]
    assert len({trace["y"][0] for trace in figure["data"]}) == 9


def test_phases_asked_for_that_no_row_has_prices_for():
    comparison = compared(digits(3), ["horowitz_2014_45nm"], phases=["neuron"], per_frame=False)
    assert "can price no row in neuron only" in " ".join(comparison_text(comparison, 120).split())
    document = Document(page(comparison))
    assert document.figures[0]["accuracy"] is None
    assert "lacks comparison fp32" in document.prose


def test_names_are_never_markup():
    evil = "</script><b onclick=x>&amp;\"'%{x}[red]:smile:"
    network = dataclasses.replace(hwsim.load_network("digits-mlp"), name=evil)
    data = dataclasses.replace(digits(3), name=evil)
    comparison = compared(data, rows=[(network, "delta-mac")], baseline=(network, "mac-array"))
    assert evil in comparison_text(comparison, 400)
    content = page(comparison)
    assert evil not in content
    document = Document(content)
    assert evil in document.prose
    assert not any("onclick" in attributes for _, attributes in document.elements)
    texts = document.figures[0]["accuracy"]["data"][0]["hovertext"][0]
    assert "<b onclick" not in texts
    assert len([1 for tag, *_ in document.texts if tag == "script"]) == 3


def test_more_rows_than_labels_stand_in_the_legend():
    network = hwsim.load_network("digits-mlp-rounding")
    many = [dataclasses.replace(network, name=f"network-{k}") for k in range(25)]
    comparison = compared(digits(2), rows=[(each, "mac-array") for each in many], per_frame=False)
    figure = Document(page(comparison)).figures[0]["accuracy"]
    assert figure["layout"]["showlegend"]
    assert len(figure["data"]) == 26
    # below the axis title: at the lower edge of a figure that has room for thirteen rows of two
    assert (figure["layout"]["legend"]["yref"], figure["layout"]["legend"]["yanchor"]) == ("container", "bottom")
    assert figure["layout"]["height"] == 440 + 13 * 20
    # there are fewer colours than networks: each point has its name's number
    assert [each["text"] for each in figure["data"]] == [[str(k)] for k in range(1, 27)]
    assert all(each["name"].startswith(f"{each['text'][0]}  ") for each in figure["data"])


def test_page_is_written_whole_or_not_at_all(comparison, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("of somebody else")
    with pytest.raises(hwsim.HwsimError, match="is there, and is no report of hwsim's; write elsewhere, or move it"):
        comparison.write_html(path)
    assert path.read_text() == "of somebody else"
    path.write_text('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>hwsim: old</title>')
    comparison.write_html(path)
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    path.with_name("plain").write_text("")
    assert path.stat().st_mode == path.with_name("plain").stat().st_mode
    path.with_name("plain").unlink()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(hwsim.HwsimError, match="full"):
        comparison.write_html(path)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8").endswith("</html>\n")


def test_labels_cover_neither_labels_nor_points():
    area = labels.Box(0, 0, 1000, 300)
    points = [(100.0, 100.0), (130.0, 100.0), (160.0, 100.0), (165.0, 102.0), (5.0, 5.0), (995.0, 295.0)]
    names = [["digits-mlp-rounding", "sigma-delta-adder"]] * len(points)
    boxes = [
        labels.Box.around(x + dx, y + dy, labels.CHARACTER_WIDTH * 19 + 6, labels.LINE_HEIGHT * 2 + 2)
        for (x, y), (dx, dy) in zip(points, labels.place(points, names, area), strict=True)
    ]
    for k, box in enumerate(boxes):
        assert all(box.overlap(other) == 0 for other in boxes[:k])
        assert all(box.overlap(labels.Box.around(x, y, labels.MARKER, labels.MARKER)) == 0 for x, y in points)


def test_labels_keep_off_bars():
    area, bar = labels.Box(0, 0, 1000, 300), labels.Box(498, 20, 502, 280)
    ((dx, dy),) = labels.place([(500.0, 150.0)], [["digits-mlp-rounding", "sigma-delta-adder"]], area, [bar])
    name = labels.Box.around(500 + dx, 150 + dy, labels.CHARACTER_WIDTH * 19 + 6, labels.LINE_HEIGHT * 2 + 2)
    assert name.overlap(bar) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (9983.4, "9,983"), (99.96, "100"), (12.34, "12.3"), (9.996, "10.0"), (1.234, "1.23"),
        (0.99951, "1.00"), (0.12345, "0.123"), (0.0004, "0.0004"), (4e-6, "<0.0001"), (float("inf"), "∞"),
    ],
)  # fmt: skip
def test_figures(value, text):
    assert units.figures(value) == text


def test_units_keep_the_smallest_readable():
    assert units.energy_unit([1e-5, 1.2e-7]).name == "nJ"
    assert units.energy_unit([3.4e-8, 1.5e-9]).name == "nJ"
    assert units.energy_unit([1e-9, 5e-10]).name == "pJ"
    assert units.energy_unit([]).name == "nJ"
    assert units.with_prefix(4.77e-6, "W") == "4.77 µW"
