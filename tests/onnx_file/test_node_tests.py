"""ONNX's own tests of operators: none is silently wrong, and those that pass go on passing."""

import pytest

pytest.importorskip("onnx")

from node_tests import every, listed, outcome

pytestmark = [pytest.mark.onnx, pytest.mark.slow]


def test_listed_tests_pass_or_are_refused(tmp_path):
    """A newer or older onnx carries other tests; of those that it shares with the list all are held."""
    there = set(every())
    found = {name: outcome(name, tmp_path)[0] for name in listed() if name in there}
    assert set(found.values()) <= {"pass", "refused"}, [name for name, status in found.items() if status == "wrong"]
    assert [name for name, passes in listed().items() if passes and found.get(name, "pass") != "pass"] == []
    assert found


def test_the_list_only_grows():
    """By its length: 440 tests were applicable when it was last renewed, of which 258 passed."""
    assert len(listed()) >= 440
    assert sum(listed().values()) >= 258
