"""Threads end soon when their work is not wanted any more, however deep it is, and Ctrl-C is heard."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from hwsim import simulate
from hwsim.convert import greedy
from hwsim.datasets import Dataset
from hwsim.network_file import load_network
from hwsim.simulation import walk
from hwsim.simulation.threads import Stopped, go_on, in_threads, team


def for_ever(begun, ended):
    """Work in small pieces that never ends by itself."""
    begun.release()
    try:
        while True:
            go_on()
            time.sleep(0.001)
    except Stopped:
        ended.append(threading.current_thread())
        raise


def fail_once_all_run(problem, n_thread, work, n_begun, begun):
    with team(n_thread) as pool:
        for number in range(9):
            pool.submit(work, number)
        for _ in range(n_begun):
            begun.acquire()
        raise problem


@pytest.mark.parametrize("problem", [KeyboardInterrupt, ValueError])
def test_what_goes_wrong_stops_all_threads(problem):
    begun, ended = threading.Semaphore(0), []
    with pytest.raises(problem):
        fail_once_all_run(problem, 3, lambda _: for_ever(begun, ended), 3, begun)
    assert len(ended) == 3  # all that had begun, and no other
    assert not any(thread.is_alive() for thread in ended)
    go_on()  # this thread is of no team


def test_teams_of_teams_are_stopped():
    begun, ended = threading.Semaphore(0), []

    def inner(_):
        in_threads(lambda _: for_ever(begun, ended), range(2), 2)

    with pytest.raises(KeyboardInterrupt):
        fail_once_all_run(KeyboardInterrupt, 2, inner, 4, begun)
    assert len(ended) == 4


def test_a_team_that_ends_well_stops_nobody():
    done = []
    for _ in range(2):
        in_threads(lambda number: (go_on(), done.append(number)), range(20), 3)
    assert sorted(done) == sorted([*range(20)] * 2)


def test_a_run_asks_in_every_layer_of_every_block(monkeypatch):
    network, asked = load_network("digits-mlp"), []
    monkeypatch.setattr(walk, "go_on", lambda: asked.append(1))
    simulate(network, Dataset(np.ones((30, 1, 8, 8), np.float32)), block=10, threads=1)
    assert len(asked) == 3 * len(network.stages)


def test_quantizing_asks_between_a_few_neurons(monkeypatch):
    asked, generator = [], np.random.default_rng(0)
    data, weight = generator.normal(size=(40, 30)), generator.normal(size=(30, 20))
    expected = greedy.quantize(weight, greedy.moments_of(data, data), np.array([-1.0, 0, 1]), threads=1)
    monkeypatch.setattr(greedy, "go_on", lambda: asked.append(1))
    monkeypatch.setattr(greedy, "WORK", 5 * 30**2)
    moments = greedy.moments_of(data, data)
    assert np.allclose(moments.own, data.T @ data, rtol=1e-12)
    assert len(asked) == 30 // 3 + bool(30 % 3)  # 3 columns are 3 x 40 x 30 products
    asked.clear()
    found = greedy.quantize(weight, moments, np.array([-1.0, 0, 1]), threads=1)
    assert np.array_equal(found, expected)
    assert len(asked) == 20 // 5


LONG = """
import os, signal, threading, time
import numpy as np
import hwsim
from hwsim.convert import radius_search
from hwsim.datasets import Dataset
from hwsim.simulation import threads, walk
generator = np.random.default_rng(0)
frames = Dataset(generator.random((3000, 1, 8, 8)).astype(np.float32), labels=generator.integers(0, 10, 3000))
network = hwsim.load_network("digits-mlp")
{first}
def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    while True:
        {work}
except KeyboardInterrupt:
    while threading.active_count() > 1:
        time.sleep(0.01)
    print("alone")
"""

WORK = {
    "evaluation": "hwsim.simulate(network, frames, 'sparse')",
    "one thread": "hwsim.simulate(network, frames, 'sparse', threads=1)",
    "gpfq": "radius_search.search(network, frames, frames, None, (3, 4, 8, 16), range(1, 100), threads=2)",
}


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="compiled work is what hears nothing")
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_an_interrupt_ends_long_work_and_leaves_no_thread(work):
    first = work.replace("frames, 'sparse'", "frames[:9], 'sparse'").replace("range(1, 100)", "[1]")
    code = LONG.format(first=first, work=work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "alone\n"
