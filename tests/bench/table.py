"""The table of speed in README.md: how its rows are measured, and how each script here keeps its own."""

import os
import pathlib
import platform
import sys
import time

import numpy as np

ROUNDS = 7
SECONDS = 0.3  # that an action may take in a row, if it is shorter than that [s]
PAUSE = 0.2  # between actions, because OpenMP's idle threads spin for a while on the cores of what comes next [s]
README = pathlib.Path(__file__).parents[2] / "README.md"
MARKS = ("<!-- speed: begin -->", "<!-- speed: end -->")
HEAD = ("| work | against | threads | ratio | aim | by |", "|---|---|---|---|---|---|")


def interleaved(*actions, rounds=ROUNDS):
    """Fewest seconds of each action, run in turn, several times in a row.

    Whatever else the machine does makes an action slower, never faster, so that the fewest seconds are its own.
    """
    repeats = []
    for action in actions:
        action()
        repeats.append(max(1, min(50, int(SECONDS / max(seconds_of(action), 1e-6)))))
    fewest = [float("inf")] * len(actions)
    for _ in range(rounds):
        for k, action in enumerate(actions):
            time.sleep(PAUSE)
            fewest[k] = min([fewest[k], *(seconds_of(action) for _ in range(repeats[k]))])
    return fewest


def seconds_of(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def slope(amounts, *actions):
    """Of log time over log amount, by least squares; the actions are run in turn."""
    return float(np.polyfit(np.log(amounts), np.log(interleaved(*actions)), 1)[0])


def machine():
    """What all ratios were measured on."""
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
        name = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
        flags = "with AVX-512" if "avx512_vbmi2" in info else "without AVX-512"
    except (OSError, StopIteration):
        name, flags = platform.processor(), ""
    return f"{name} {flags}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def publish(script, rows):
    """Print rows of (work, against, threads, ratio, aim); with --readme also put them in place of the script's own.

    Rows of other scripts stay as they are, with the machine that they were measured on: what they compare with need
    not be installed here.
    """
    about = f"* `python tests/bench/{script}`: {machine()}."
    lines = ["| " + " | ".join(map(str, (*row, f"`{script}`"))) + " |" for row in rows]
    print("\n".join([about, "", *HEAD, *lines]))
    if "--readme" not in sys.argv:
        return
    before, rest = README.read_text().split(MARKS[0])
    old, after = rest.split(MARKS[1])
    abouts, others = _of_others(old.splitlines(), script)
    text = ["Measured, as ratios of the fewest seconds of runs that take turns, by", "", *abouts, about]
    text += ["", *HEAD, *_in_order([*others, *lines])]
    README.write_text("\n".join([before + MARKS[0], *text, MARKS[1]]) + after)


def _of_others(lines, script):
    """Lines about the scripts, and rows, without those of one of them."""
    abouts = [line for line in lines if line.startswith("* ") and f"/{script}`" not in line]
    rows = [line for line in lines if line.endswith(".py` |") and not line.endswith(f" `{script}` |")]
    return abouts, rows


def _in_order(rows):
    """Rows of one script together, the scripts by name: stable, so that a table measured again is comparable."""
    return sorted(rows, key=lambda row: row.split("|")[-2])
