"""Whatever is wrong with an input, a command says so in one line and ends with code 2, soon and in little memory.

Cases are drawn by number, so that one that fails is found again: ``python tests/malformed/test_malformed_inputs.py
KIND NUMBER FOLDER`` writes its files and prints its command. What a command accepts, it has understood; how many those
are, by kind, is printed at the end of the slow test (``pytest -s``).
"""

import contextlib
import io
import os
import resource
import shlex
import signal
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from cases import KINDS

from hwsim.__main__ import main

pytestmark = [
    pytest.mark.onnx,
    pytest.mark.images,
    pytest.mark.video,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),  # pools of threads that have ended
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each case runs in a process of its own, which is forked"),
]

MEMORY = 2**31
"""A command may ask for so much. [bytes]"""

SECONDS = 10
"""Of a processor; a command that waits for something that never comes is ended after six times as many. [s]"""

FEW, MANY = 9, 177
"""Cases of each kind; 17 kinds make 153, and 3,009."""


@pytest.fixture(scope="module", autouse=True)
def everything_is_loaded(tmp_path_factory):
    """Run what is right in this process once, so that the others begin with all modules and kernels."""
    before = os.getcwd(), sys.argv, dict(os.environ)
    for make in KINDS.values():
        folder = tmp_path_factory.mktemp("right")
        case = make(None)
        case.write(folder)
        os.chdir(folder)
        os.environ.update(case.environment)
        sys.argv = ["hwsim", *words_of(case)]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main()
        os.environ.clear()
        os.environ.update(before[2])
    os.chdir(before[0])
    sys.argv = before[1]


def draw(kind, number):
    return KINDS[kind](np.random.default_rng([zlib.crc32(kind.encode()), number]))


def words_of(case):
    command, *last = case.command.split("\0")
    return [*shlex.split(command), *last]


def run(case, folder):
    """Run a command in a process of its own: its code (below 0: the signal that ended it), stdout, stderr, memory."""
    folder.mkdir()
    case.write(folder)
    child = os.fork()
    if not child:
        try:
            in_child(case, folder)
        finally:
            os._exit(99)  # whatever escapes
    _, status, used = os.wait4(child, 0)
    out, err = ((folder / name).read_text("utf-8", "backslashreplace") for name in ("stdout", "stderr"))
    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # which a forked process begins with
    return os.waitstatus_to_exitcode(status), out, err, 1024 * max(0, used.ru_maxrss - here)


def in_child(case, folder):
    os.chdir(folder)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    if sys.platform == "linux":
        begun = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (begun + MEMORY, begun + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + int(sum(os.times()[:2])) + 1,) * 2)
    signal.alarm(6 * SECONDS)
    os.environ.update(case.environment, HWSIM_MEMORY="1G")
    sys.argv = ["hwsim", *words_of(case)]
    code = 98
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def is_complaint(err, many):
    """Whether something is one line that hwsim says, or several where a command says all that is wrong."""
    lines = err.split("\n")
    return lines.pop() == "" and (len(lines) == 1 or many) and all(line.startswith("hwsim: ") for line in lines)


def problem(code, out, err, memory, many=False):
    """What is wrong with how a command ended; empty when nothing is."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    if code not in (0, 2):
        return "traceback: " + " ".join(err.split())[-600:]
    if memory > MEMORY:
        return f"{memory:,} bytes"
    if not all(each.isprintable() or each in "\n\t" for each in out + err):
        return "what a terminal obeys: " + repr(out + err)[-300:]
    if code == 2 and not is_complaint(err, many):
        return f"not one line: {err[-600:]!r}"
    if code == 2 and "not enough memory" in err:
        return "memory ran out in the middle of the work"
    if code == 0 and err:
        return f"accepted, but says {err[-600:]!r}"
    return ""


def held(kind, numbers, tmp_path):
    """Run cases; how many were accepted, and those that ended as none should."""
    n_accepted, wrong = 0, []
    for number in numbers:
        code, *others = run(draw(kind, number), tmp_path / str(number))
        n_accepted += code == 0
        if found := problem(code, *others, many=kind == "machine"):
            wrong.append(f"{kind} {number}: {found}")
    return n_accepted, wrong


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_right_is_accepted(kind, tmp_path):
    case = KINDS[kind](None)
    code, out, err, memory = run(case, tmp_path / "right")
    assert problem(code, out, err, memory) == ""
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_is_refused_in_one_line(kind, tmp_path):
    n_accepted, wrong = held(kind, range(FEW), tmp_path)
    assert not wrong, "\n".join(wrong)
    assert n_accepted < FEW


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_that_are_wrong(kind, tmp_path):
    n_accepted, wrong = held(kind, range(FEW, FEW + MANY), tmp_path)
    print(f"{kind}: {n_accepted} of {MANY} accepted")  # noqa: T201
    assert not wrong, "\n".join(wrong)
    assert n_accepted < MANY / 2


def test_the_guards_tell(tmp_path):
    """A process that waits, takes memory, crashes or raises is told from one that ends well."""
    case = KINDS["table"](None)
    case.command = "table check none"
    code, out, err, memory = run(case, tmp_path / "none")
    assert (code, problem(code, out, err, memory)) == (2, "")
    assert "one line" in problem(2, "", "a\nb\n", 0)
    assert "traceback" in problem(98, "", "ValueError", 0)
    assert "SIGSEGV" in problem(-signal.SIGSEGV, "", "", 0)
    assert "bytes" in problem(0, "", "", MEMORY + 1)
    assert "obeys" in problem(0, "\x1b[31m", "", 0)


if __name__ == "__main__":
    kind, number, place = sys.argv[1:]
    drawn = draw(kind, int(number))
    Path(place).mkdir()
    drawn.write(Path(place))
    print(shlex.join(["hwsim", *words_of(drawn)]), drawn.environment)  # noqa: T201
