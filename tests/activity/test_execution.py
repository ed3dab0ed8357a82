"""What an execution presents, tests and keeps."""

import pytest

from hwsim.activity import Delta, Execution, keeps_state, kind_of
from hwsim.network.number_format import integer

QUESTIONS = ("presents_every_input", "lists_events", "presents_changes", "keeps_state")


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("dense", (True, False, False, False)),
        ("sparse", (False, True, False, False)),
        ("delta", (False, True, True, True)),
    ],
)
def test_what_an_execution_is_follows_from_its_kind(kind, answers):
    execution = Execution(kind)
    assert tuple(getattr(execution, question) for question in QUESTIONS) == answers
    assert keeps_state(str(execution)) == execution.keeps_state


def test_an_event_is_a_code_or_a_difference_of_two():
    code = integer(8, signed=False)
    assert Execution("dense").event_format(code) == Execution("sparse").event_format(code) == code
    assert Execution("delta").event_format(code) == integer(9)


def test_a_code_is_compared_with_zero_and_with_a_threshold_of_its_own():
    assert Execution("dense").n_comparison("dense1") == 0
    assert Execution("sparse").n_comparison("dense1") == 1
    held = Delta(threshold={"dense1": 3})
    assert [held.n_comparison(layer) for layer in ("dense1", "dense2")] == [2, 1]


def test_results_state_thresholds_behind_the_kind():
    written = str(Delta(threshold=2))
    assert (written, kind_of(written), keeps_state(written)) == ("delta(threshold=2)", "delta", True)
    assert (kind_of("training"), keeps_state("training"), keeps_state("")) == ("training", False, False)
