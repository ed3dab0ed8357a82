"""docs/timing.md: the package takes as long for the page's machine as the page says."""

import pathlib
import re

import numpy as np
import pytest
import yaml

import hwsim
from hwsim.machine import Machine
from hwsim.network.number_format import integer

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "timing.md").read_text(encoding="utf-8")
MACHINE = re.findall(r"<!-- one_by_one.yaml -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
TABLE = PAGE.split("<!-- by hand: begin -->\n")[1].split("<!-- by hand: end -->")[0].splitlines()[2:]
ROWS = [[int(re.sub(r"\D", "", cell)) for cell in line.strip("|").split("|")] for line in TABLE]
N_NEURON = 200


def timing_of(lanes, port, n_event):
    """Of a frame with so many events, on the page's machine with so many lanes and such a port of the sums."""
    document = yaml.safe_load(MACHINE[0])
    document["lanes"]["dense"]["channels"] = lanes
    document["timing"]["levels"]["sums"]["bits"] = port
    weight = hwsim.Weight(np.ones((8, N_NEURON), int), integer(8))
    layer = hwsim.Dense("layer", terms=(weight,), accumulator=32)
    network = hwsim.Network("fan-out", (8,), (layer,), input_format=integer(8))
    frame = np.zeros((1, 8), np.int8)
    frame[0, :n_event] = 3
    machine = Machine.model_validate(document)
    timing = hwsim.schedule(hwsim.simulate(network, frame, machines=[machine]).activity, machine)
    (found,) = (each for each in timing.layers if each.name == "layer")
    return found


def test_its_python_runs():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(block, names)
    assert names["timing"].machine == "edge-npu-delta"
    assert names["timing"].worst_latency >= names["timing"].latency > 0


def test_the_table_is_there():
    assert len(MACHINE) == 1
    assert [row[:2] for row in ROWS] == [[16, 256], [16, 512], [8, 256]]
    assert [row[5:] for row in ROWS] == [[27, 46], [15, 83], [27, 93]]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_event_takes_what_the_page_says(row):
    lanes, port, in_lanes, for_weights, for_sums, together, busy = row
    one, two = timing_of(lanes, port, 1), timing_of(lanes, port, 2)
    assert int(two.total[0] - one.total[0]) == together
    parts = [int(two.resources[name][0] - one.resources[name][0]) for name in ("lanes", "weights", "sums")]
    assert parts[:2] == [in_lanes, for_weights]
    # of a layer the port is rounded up once, of an event each time
    assert parts[2] in (for_sums, for_sums - 1)
    operations = int((two.operations - one.operations)[0])
    assert operations == N_NEURON
    assert round(100 * operations / (two.n_lane * together)) == busy


@pytest.mark.parametrize("n_event", [1, 3, 8])
def test_a_frame_takes_its_events_and_then_its_neurons(n_event):
    assert "27 k + 13" in PAGE
    assert int(timing_of(16, 256, n_event).total[0]) == 27 * n_event + 13
