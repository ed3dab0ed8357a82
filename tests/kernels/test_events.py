"""Lists of events against plain Python loops: every pair of dtypes in use, with and without wide vectors."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from hwsim.kernels import events
from hwsim.kernels.events import GROUP, LANES, hold_back, list_changes

DTYPES = [  # of codes, of values: those that a plan chooses
    (np.int8, np.int16),
    (np.int16, np.int16),
    (np.int64, np.int64),
    (np.float32, np.float32),
]
PLACES = [np.int16, np.int32]
SENTINEL = 99


def extremes(dtype):
    """The largest codes whose differences the values hold."""
    if dtype is np.float32:
        return np.array([-1e30, 1e30, 1e-30, -1e-30, 0.0, -0.0, 1.5, -1.5], dtype)
    reach = {np.int8: 127, np.int16: 2**14 - 1, np.int64: 2**61}[dtype]
    return np.array([-reach - 1, reach, -1, 0, 1, 2], dtype)


def frames_of(generator, dtype, n_frame, n_code, changing):
    """Rows of codes of which a part changes from frame to frame; row 0 came before."""
    drawn = generator.choice(extremes(dtype), (n_frame + 1, n_code)).astype(dtype)
    for t in range(1, n_frame + 1):
        kept = generator.random(n_code) >= changing
        drawn[t][kept] = drawn[t - 1][kept]
    return drawn


def slow_lists(code, reset):
    """What is different, frame by frame, as (place, value) pairs."""
    frames = []
    for t in range(len(reset)):
        last = [0] * code.shape[1] if reset[t] else code[t].tolist()
        row = code[t + 1].tolist()
        frames.append([(k, new - old) for k, (new, old) in enumerate(zip(row, last, strict=True)) if new != old])
    return frames


def lists_of(code, reset, place_dtype, value_dtype):
    """The kernel's lists, checked for their padding; nothing beyond the memory it may use is written."""
    n_frame, n_code = len(reset), code.shape[1]
    slots = n_frame * (n_code + GROUP) + LANES
    start, n_event = np.full(n_frame + 1, -1), np.full(n_frame, -1)
    place, value = np.full(slots + 64, SENTINEL, place_dtype), np.full(slots + 64, SENTINEL, value_dtype)
    before = code.copy()
    list_changes(code, np.zeros(n_code, code.dtype), reset, start, n_event, place[:slots], value[:slots])
    assert np.array_equal(code.view(np.uint8), before.view(np.uint8))
    assert (place[slots:] == SENTINEL).all()
    assert (value[slots:] == SENTINEL).all()
    assert start[0] == 0
    frames = []
    for t in range(n_frame):
        end = start[t] + n_event[t]
        assert start[t + 1] == start[t] + -(-n_event[t] // GROUP) * GROUP
        assert not place[end : start[t + 1]].any()
        assert not value[end : start[t + 1]].any()
        frames.append(list(zip(place[start[t] : end].tolist(), value[start[t] : end].tolist(), strict=True)))
    return frames


def as_value_dtype(frames, value_dtype):
    """Differences of Python numbers as the dtype has them."""
    return [[(k, value_dtype(s).item()) for k, s in frame] for frame in frames]


def check_random(seed=0):
    """Random frames of every kind; also run by the subprocesses below."""
    generator = np.random.default_rng(seed)
    n_seen = 0
    for code_dtype, value_dtype in DTYPES:
        for place_dtype in PLACES:
            for n_code in (LANES, 3 * LANES, 25 * LANES):
                for changing in (0.0, 0.03, 0.5, 1.0):
                    code = frames_of(generator, code_dtype, 9, n_code, changing)
                    reset = generator.random(9) < 0.2
                    expected = as_value_dtype(slow_lists(code, reset), value_dtype)
                    assert lists_of(code, reset, place_dtype, value_dtype) == expected
                    n_seen += sum(map(len, expected))
    return n_seen


def test_random_frames_of_every_dtype():
    assert check_random() > 10_000


@pytest.mark.plain
@pytest.mark.parametrize(("code_dtype", "value_dtype"), DTYPES)
def test_the_definition_is_the_same(code_dtype, value_dtype):
    generator = np.random.default_rng(1)
    code = frames_of(generator, code_dtype, 4, LANES, 0.4)
    reset = np.array([True, False, False, True])
    expected = as_value_dtype(slow_lists(code, reset), value_dtype)
    assert sum(map(len, expected)) > 20
    assert lists_of(code, reset, np.int16, value_dtype) == expected


@pytest.mark.parametrize(("code_dtype", "value_dtype"), DTYPES)
def test_every_place_alone_and_every_place_but_one(code_dtype, value_dtype):
    # each lane of the vectors, first and last among them
    code = np.zeros((2 * LANES + 1, 2 * LANES), code_dtype)
    code[1:][np.arange(2 * LANES), np.arange(2 * LANES)] = 5
    reset = np.ones(2 * LANES, bool)
    assert lists_of(code, reset, np.int16, value_dtype) == [[(k, 5)] for k in range(2 * LANES)]
    opposite = (5 - code).astype(code_dtype)
    opposite[0] = 0
    assert lists_of(opposite, reset, np.int16, value_dtype) == [
        [(k, 5) for k in range(2 * LANES) if k != hole] for hole in range(2 * LANES)
    ]


@pytest.mark.parametrize(("code_dtype", "value_dtype"), DTYPES)
def test_all_changed_and_none_changed(code_dtype, value_dtype):
    low, high = extremes(code_dtype)[:2]
    code = np.stack([np.full(4 * LANES, each, code_dtype) for each in (0, low, high, high, low)])
    reset = np.zeros(4, bool)
    frames = lists_of(code, reset, np.int32, value_dtype)
    change = [value_dtype(each).item() for each in (float(low), float(high) - float(low), 0, float(low) - float(high))]
    if code_dtype is np.int64:  # beyond what floats tell apart
        change = [int(low), int(high) - int(low), 0, int(low) - int(high)]
    assert [len(frame) for frame in frames] == [4 * LANES, 4 * LANES, 0, 4 * LANES]
    for frame, each in zip(frames, change, strict=True):
        assert {value for _, value in frame} <= {each}
        assert [place for place, _ in frame] == list(range(len(frame)))


def test_zero_and_minus_zero_are_no_change():
    code = np.zeros((4, LANES), np.float32)
    code[1], code[3] = -0.0, -0.0
    assert np.signbit(code[1]).all()
    assert lists_of(code, np.zeros(3, bool), np.int16, np.float32) == [[], [], []]
    assert lists_of(code, np.ones(3, bool), np.int16, np.float32) == [[], [], []]
    code[2, 7] = 1e-45  # the smallest number there is
    assert lists_of(code, np.ones(3, bool), np.int16, np.float32)[1] == [(7, np.float32(1e-45).item())]


@pytest.mark.parametrize("reset", [[True] * 5, [False] * 5, [True, False, True, True, False]])
def test_a_reset_starts_from_rest(reset):
    generator = np.random.default_rng(2)
    code = frames_of(generator, np.int8, 5, LANES, 0.2)
    expected = slow_lists(code, reset)
    assert lists_of(code, np.array(reset), np.int16, np.int16) == expected
    # with a reset at every frame, the events are the non-zero codes
    if all(reset):
        assert [len(frame) for frame in expected] == np.count_nonzero(code[1:], axis=1).tolist()


def test_the_last_place_of_sixteen_bits():
    code = np.zeros((2, 2**15), np.int8)
    code[1, -2:] = 3, -4
    assert lists_of(code, np.array([True]), np.int16, np.int16) == [[(2**15 - 2, 3), (2**15 - 1, -4)]]


# ----------------------------------------------------------------------------------------- other processors

SETTINGS = {
    "narrow": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2"},
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
CHECK = """\
import test_events
from hwsim.kernels import events
print(test_events.check_random(int({seed})), events.REGISTER)
"""


def check_elsewhere(settings, tmp_path):
    """Run `check_random` in a process that compiles for another processor; return its register width [bits]."""
    here = pathlib.Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **settings, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", CHECK.format(seed=3)], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    n_seen, register = map(int, result.stdout.split())
    assert n_seen > 10_000
    return register


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("settings", SETTINGS)
def test_processors_without_wide_vectors(settings, tmp_path):
    # 512 bits are for those that say that they compress such vectors themselves
    assert check_elsewhere(SETTINGS[settings], tmp_path) == 128


def test_the_width_follows_the_features():
    has = {name for name in events.FEATURES.split(",") if name.startswith("+")}
    assert ("+avx512vbmi2" in has) == (events.REGISTER == 512)


# ------------------------------------------------------------------------------------------------- thresholds


def slow_hold_back(code, reset, threshold):
    """What a sender has sent after each frame."""
    sent = []
    last = code[0].tolist()
    for t in range(len(reset)):
        last = [0] * len(last) if reset[t] else last
        last = [
            new if abs(new - old) >= threshold else old for new, old in zip(code[t + 1].tolist(), last, strict=True)
        ]
        sent.append(last)
    return sent


@pytest.mark.plain
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64])
@pytest.mark.parametrize("threshold", [1, 2, 5])
def test_small_changes_are_held_back(dtype, threshold):
    generator = np.random.default_rng(4)
    code = generator.integers(-6, 7, (11, LANES)).astype(dtype)
    code[5] = extremes(dtype)[generator.integers(0, 2, LANES)]  # changes as large as they come
    reset = generator.random(10) < 0.2
    held = code.copy()
    hold_back(held, np.zeros(LANES, dtype), reset, threshold, np.float32(0) if dtype is np.float32 else np.int64(0))
    assert held[1:].tolist() == slow_hold_back(code, reset, threshold)
    assert np.array_equal(held[0], code[0])
    assert np.array_equal(held, code) == (threshold == 1)
