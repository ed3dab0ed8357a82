"""Digests of what every shipped network does, counts and costs: a net under changes that must not move a bit.

::

    python tests/digests/made.py            # print them
    python tests/digests/made.py --write    # renew digests.json, only where RULES was raised or a change moves bits

Networks are run, counted and priced by names of the package's face alone, so that modules and classes may move. Prices
are taken as tables state them, or those of the next wider format: interpolation and bit-width laws need logarithms and
powers, whose last bit is not the same on every machine. Memories go by what they are, not by their names; what a run
says of itself (the notes of its activity) is in a digest as its numbers are.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

import hwsim

FILE = Path(__file__).with_name("digests.json")
ROOT = Path(__file__).parents[2]
NETWORKS = sorted(path.parent.name for path in ROOT.glob("models/*/network.yaml"))
PRESETS = sorted(ROOT.glob("hwsim/machine/presets/*.yaml"))
MACHINES = [path.stem for path in PRESETS if "\narray:" not in path.read_text(encoding="utf-8")]
"""Those with lanes: what systolic arrays count is held to figures from outside, in tests/traffic."""

DATA = {
    "cifar-10": {"order": "file", "frames": 50, "second stream from": 16},  # an order of 10,000 takes long to find
    "digits": {"order": "temporal", "frames": 500, "second stream from": 166},
    "mnist": {"order": "temporal", "frames": 500, "second stream from": 166},
}
"""The first test images of each data set, as two streams, since what delta does depends on where one begins."""

EXECUTIONS = ("dense", "sparse", "delta")
PHASES = ("encode", "synapse", "neuron", "memory")

DEFAULT, ELEMENTARY, WHOLE = "default_45nm", "jouppi_2021_7nm", "davies_2018_14nm"
"""Energy tables: of every machine; beside it of those that add and multiply, and of those of whole operations."""

LEFT_OUT = {"rules", "joins", "work", "window", "groups", "strips", "slices", "codes_by_row"}
LEFT_OUT |= {"group_cycles", "n_tap_met"}
"""Fields that no digest holds: the number of the rules stands in the file, so that it can be raised where one count
moves; what neurons, poolings and joinings do, how windows lie, what strips of an image met and what slices of rows
hold is in the digests of counts, however it is noted, as is how many taps events met; what groups take is time."""


# --- one digest


def digest(thing):
    """16 hexadecimal digits, which differ where any number, text, length, shape or type in the thing does."""
    whole = hashlib.sha256()
    _feed(whole.update, thing)
    return whole.hexdigest()[:16]


def _feed(take, thing):
    """Hand over a thing and all that it is made of, each part with its kind and its length before it."""
    if is_dataclass(thing):
        parts = {field.name: getattr(thing, field.name) for field in fields(thing) if field.name not in LEFT_OUT}
        _feed(take, parts)
    elif isinstance(thing, Mapping):
        _feed_all(take, "mapping", sorted(thing.items()))
    elif isinstance(thing, tuple | list):
        _feed_all(take, "sequence", thing)
    elif isinstance(thing, np.ndarray):
        _feed_array(take, thing)
    elif isinstance(thing, np.generic):
        _feed(take, thing.item())  # one number is the same number whether numpy holds it or not
    elif thing is None or isinstance(thing, bool | int | float | str):
        text = thing.hex() if isinstance(thing, float) else str(thing)
        _feed_text(take, f"{type(thing).__name__} {text}")
    else:
        raise TypeError(
            f"{type(thing).__name__}: no digest of such a thing; say in {Path(__file__).name} what it holds"
        )


def _feed_all(take, kind, things):
    _feed_text(take, f"{kind} of {len(things)}")
    for each in things:
        _feed(take, each)


def _feed_array(take, array):
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).reshape(array.shape)
    _feed_text(take, f"array {array.dtype.name} {array.shape}")
    take(array.tobytes())


def _feed_text(take, text):
    as_bytes = text.encode()
    take(b"%d:" % len(as_bytes) + as_bytes)


# --- of what


def outputs(run):
    return digest((run.outputs, run.output_codes, run.n_saturated, run.largest_deviation))


def activity(run):
    return digest(run.activity)


def counts(counted):
    entries = _summed((_text(key), number) for key, number in counted.entries.items())
    return digest((_in_order(entries), counted.groups, counted.n_frame, counted.overhead))


def energies(counted, table):
    """A digest of the prices, line by line, in all phases that the table can price; the others by name."""
    lacking = [] if _can_price(counted, table, PHASES) else [p for p in PHASES if not _can_price(counted, table, [p])]
    priced = [phase for phase in PHASES if phase not in lacking]
    found = [energy(hwsim.price(counted, table, priced))] if priced else []
    return ", ".join(found + ([f"no price in {' '.join(lacking)}"] if lacking else []))


def energy(breakdown):
    """Of every price paid, its joules and the ends of its interval; their sums, exact but for one rounding; leaks."""
    counted = _summed((_text(line.key), line.count) for line in breakdown.lines)
    paid = {_text(line.key): line.charged[:3] for line in breakdown.lines}
    lines = [(text, number, *paid[text]) for text, number in counted]
    leaks = [(_text(leak.key), *leak.power[:3]) for leak in breakdown.leaks or ()]
    totals = [math.fsum(int(n.sum()) * paid[text][k] for text, n in counted) for k in range(3)]
    return digest((_in_order(lines), _in_order(leaks), totals))


def _text(key):
    """Where, when and what, whatever the classes are called that say so; of a memory its size, not its name."""
    kind, format, _, capacity, word_length, *_ = key.operation
    return repr((key.layer, key.phase, kind, format, capacity, word_length))


def _summed(entries):
    """The numbers of one text added up."""
    sums = {}
    for text, number in entries:
        sums[text] = sums[text] + number if text in sums else number
    return list(sums.items())


def _in_order(entries):
    """By the text that each begins with."""
    return sorted(entries, key=lambda entry: entry[0])


def _can_price(counted, table, phases):
    try:
        hwsim.price(counted, table, phases)
    except hwsim.HwsimError:
        return False
    return True


# --- all of them


@cache
def machine_of(name):
    return hwsim.load_machine(name)


@cache
def table_of(name):
    return hwsim.load_table(name, [] if name == DEFAULT else ["next-wider"])


@cache
def data_of(name):
    how = DATA[name]
    data = hwsim.load_dataset(name, split="test", order=how["order"], frames=how["frames"])
    return replace(data, stream_start=np.array([0, how["second stream from"], how["frames"]]))


def data_name(network):
    """The data set that a network was made for."""
    return next(name for name in DATA if network.startswith(name))


def tables_of(machine):
    return DEFAULT, WHOLE if machine_of(machine).operations == "whole" else ELEMENTARY


def names_of(network):
    """Names of a network's digests."""
    ran = [f"{network} {execution} {what}" for execution in EXECUTIONS for what in ("outputs", "activity")]
    counted = [f"{network} {machine} {what}" for machine in MACHINES for what in ("counts", *tables_of(machine))]
    return sorted(ran + counted)


def digests_of(network):
    """A network's digests, by name."""
    data, loaded, found = data_of(data_name(network)), hwsim.load_network(network), {}
    for execution in EXECUTIONS:
        machines = [name for name in MACHINES if machine_of(name).execution == execution]
        told = [name for name in machines if takes(name, loaded, data)]
        run = hwsim.simulate(loaded, data, execution, machines=told)
        found[f"{network} {execution} outputs"] = outputs(run)
        found[f"{network} {execution} activity"] = activity(run)
        for machine in machines:
            counted = counted_on(machine, run.activity)
            found[f"{network} {machine} counts"] = "refused" if counted is None else counts(counted)
            for table in tables_of(machine):
                priced = "refused" if counted is None else energies(counted, table_of(table))
                found[f"{network} {machine} {table}"] = priced
    return dict(sorted(found.items()))


def takes(machine, network, data):
    """Whether a machine has room for a network; what it makes of one that it has none for cannot be noted."""
    try:
        hwsim.simulate(network, data[:1], machines=[machine])
    except hwsim.HwsimError as error:
        if "no level holds so much" not in str(error):
            raise
        return False
    return True


def counted_on(machine, activity):
    """Counts on a machine; None where its arithmetic is too narrow for the network, which no other error is."""
    try:
        return hwsim.count(activity, machine_of(machine))
    except hwsim.HwsimError as error:
        if "(operands: " not in str(error):
            raise
        return None


def everything():
    """What the file holds."""
    digests = {name: found for network in NETWORKS for name, found in digests_of(network).items()}
    return {"rules": hwsim.RULES, "data": DATA, "digests": dict(sorted(digests.items()))}


def main(arguments):
    if arguments not in ([], ["--write"]):
        sys.exit(f"{Path(__file__).name}: nothing, or --write")
    sys.path.insert(0, str(ROOT / "tests"))
    import conftest  # noqa: F401  before anything is compiled: an edited kernel does not outlive its compilation

    start = time.perf_counter()
    made = everything()
    text = json.dumps(made, indent=1) + "\n"
    if arguments:
        FILE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    sys.stderr.write(f"{len(made['digests'])} digests in {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main(sys.argv[1:])
