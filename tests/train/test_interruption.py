"""Interrupts: they wait for the step under way, are never lost, and a second one strikes at once."""

import contextlib
import itertools
import signal

import drawn
import pytest
from drawn import network

from hwsim.train import checkpoint, interruption, loop

pytestmark = pytest.mark.torch


@pytest.fixture
def hears():
    """A process that hears Ctrl-C: one that was started in the background may be deaf to it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("steps", [1, 5, 8])
def test_interrupt_waits_for_its_step_and_loses_nothing(number, steps, hears, tmp_path, monkeypatch):
    expected = drawn.trained("ttq")
    path, done, step = tmp_path / "checkpoint.pt", itertools.count(1), loop.Training._step

    def interrupted(self, *arguments):
        if next(done) == steps:
            signal.raise_signal(number)
        return step(self, *arguments)

    monkeypatch.setattr(loop.Training, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        drawn.trained("ttq", checkpoint=path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    kept = checkpoint.read(path, drawn.settings("ttq"), loop.KEPT)["progress"]
    assert 5 * kept["epoch"] + kept["step"] == steps  # an epoch has five
    monkeypatch.setattr(loop.Training, "_step", step)
    assert network(drawn.trained("ttq", checkpoint=path)) == network(expected)


def test_interrupt_that_comes_last_is_not_lost(hears):
    with pytest.raises(KeyboardInterrupt), interruption.waiting():
        signal.raise_signal(signal.SIGINT)  # the body ends without having asked


def test_second_interrupt_strikes_at_once(hears):
    asked = []
    with contextlib.suppress(KeyboardInterrupt), interruption.waiting() as interrupted:
        for _ in range(3):
            asked.append(interrupted())
            signal.raise_signal(signal.SIGINT)
    assert asked == [False, True]
