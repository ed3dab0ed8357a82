"""Compressed rows in slices: operations, words, pointers and addresses against a walk through every slice."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from split_layers import INT4, cases, deliveries, machine_of, made, run_of, slices, splits

import hwsim

WORD, END = 16, 2  # bits of a word of weights; words of 8 bits of a pointer of 16


def walked(case, split, execution, run_bits, n_position, unary=0):
    """Of each frame, what is executed and moved."""
    ((_, n),) = split.items()
    for events in case.events(execution):
        met, total = case.meetings(events), Counter()
        for term in range(len(case.kernels)):
            bits = Counter()
            for served, own in slices(case, term, split, run_bits):
                times = deliveries(case, served, met, n_position)
                total["pointers"] += times * 2 * n * END
                total["addresses"] += times * n
                for core, entries in enumerate(own):
                    bits[core] += (
                        times * len(entries) * (case.network.layers[0].terms[term].format.bit_width + run_bits)
                    )
                    for _, tap, _ in entries:
                        for magnitude in met[served[0], tap]:
                            multiplies = kernel_multiplies(case, term) and (magnitude > unary or not unary)
                            total["multiplications"] += multiplies
                            total["additions"] += 1 if multiplies or not kernel_multiplies(case, term) else magnitude
            total["weights"] += sum(-(-each // WORD) for each in bits.values())
        yield total


def kernel_multiplies(case, term):
    """Whether weights of a term are multiplied: ternary ones are added."""
    return case.network.layers[0].terms[term].format == INT4


def counted(case, machine, **options):
    """Of each frame, the same as counted."""
    counts = hwsim.count(run_of(case, machine, per_frame=True, **options).activity, machine)

    def total(chosen):
        found = [number for key, number in counts.entries.items() if key.layer == "layer" and chosen(key)]
        return np.sum(found, axis=0, dtype=np.int64) if found else np.zeros(len(case.frames), np.int64)

    return {
        "multiplications": total(lambda key: (key.phase, key.operation.kind) == ("synapse", "multiplication")),
        "additions": total(lambda key: (key.phase, key.operation.kind) == ("synapse", "addition")),
        "addresses": total(lambda key: (key.phase, key.operation.kind) == ("memory", "addition")),
        "pointers": total(lambda key: key.operation.memory == "ends"),
        "weights": total(lambda key: key.operation.memory == "weights"),
    }


def same(expected, found):
    assert {what: number.tolist() for what, number in found.items()} == {
        what: [frame[what] for frame in expected] for what in found
    }


@examples(200)
@given(
    case=cases(),
    split=splits(),
    execution=st.sampled_from(("sparse", "dense", "delta")),
    run_bits=st.integers(1, 4),
    n_position=st.sampled_from((1, 3)),
    unary=st.sampled_from((0, 2)),
    threads=st.sampled_from((1, 2)),
)
def test_slices_are_counted_as_they_are_walked(case, split, execution, run_bits, n_position, unary, threads):
    arithmetic = {"event_arithmetic": {"unary_up_to": unary} if unary else "multiply"}
    gated = {"zero_operands": "gated"} if execution == "dense" else {}
    machine = machine_of(split, execution, run_bits, positions=n_position, **arithmetic)
    same(list(walked(case, split, execution, run_bits, n_position, unary)), counted(case, machine, threads=threads))
    if gated:  # arithmetic of what is not zero alone; words of all
        found = counted(case, machine_of(split, execution, run_bits, positions=n_position, **arithmetic, **gated))
        shown = list(walked(case, split, "sparse", run_bits, n_position, unary))
        assert found["additions"].tolist() == [frame["additions"] for frame in shown]
        assert found["multiplications"].tolist() == [frame["multiplications"] for frame in shown]


ROWS = np.array([[5, 0, 0, 0, 0, 0, 0, 3], [0, 1, 0, 0, 2, 0, 0, 0]])


def small(frames):
    return made(np.array(frames, np.int8)[:, :, None, None], (ROWS.T[:, :, None, None],), (INT4,), True)


def test_padding_depends_on_how_rows_are_cut():
    case = small([[1, 0], [0, 1]])
    by_cut = {
        "whole": machine_of(None, run_bits=1),
        "interleaved": machine_of({"interleaved": 2}, run_bits=1),
        "neighbours": machine_of({"channels": 2}, run_bits=1),
    }
    found = {cut: counted(case, machine)["multiplications"].tolist() for cut, machine in by_cut.items()}
    # whole: 6 zeros and 2 take three entries of padding and one; neighbours: 5 0 0 0 | 0 0 0 3 and 0 1 0 0 | 2 0 0 0
    assert found == {"whole": [2 + 3, 2 + 1], "interleaved": [2 + 1, 2 + 1], "neighbours": [2 + 1, 2]}


def test_an_event_reads_both_ends_of_every_slice_also_of_empty_ones():
    case = small([[0, 0], [1, 0], [1, 1]])
    found = counted(case, machine_of({"interleaved": 5}, run_bits=8))
    assert found["pointers"].tolist() == [0, 2 * 5 * END, 2 * 2 * 5 * END]
    assert found["addresses"].tolist() == [0, 5, 2 * 5]


def test_codes_are_read_once_by_all_cores():
    case = small([[1, 1]])

    def reads(machine):
        counts = hwsim.count(run_of(case, machine).activity, machine)
        keys = [key for key in counts.entries if key.layer == "layer" and key.operation.kind == "sram_read"]
        return sum(int(counts.entries[key].sum()) for key in keys if key.operation.operand == "codes")

    words = 2  # of two events of 8 + 1 bits, in words of 16 bits
    assert reads(machine_of(None)) == 8 * words  # one lane: once for each channel
    assert [reads(machine_of({"channels": 2})), reads(machine_of({"interleaved": 2}, run_bits=2))] == [words, words]


@pytest.mark.parametrize("split", [{"interleaved": 3}, {"channels": 3}])
def test_rows_stored_whole_are_counted_as_without_cores(split):
    case = small([[1, 2], [3, 0]])

    def counts(machine):
        found = hwsim.count(run_of(case, machine).activity, machine).entries
        return {key: number.tolist() for key, number in found.items() if key.operation.operand != "codes"}

    assert counts(machine_of(split)) == counts(machine_of(None))
