"""Commands leave what people made as it is, and what they leave themselves is whole, whatever happens at the end."""

import os
import shutil
import subprocess
import sys

import pytest
import steps

from hwsim.__main__ import main
from hwsim.files import whole
from hwsim.network_file import load_network

COMPARE = ("compare", "--frames", 20, "--html", "page.html", "--csv", "rows.csv", "--json", "rows.json")
REPORTS = ("page.html", "rows.csv", "rows.json")
CONVERT = ("convert", "int8", "digits-mlp", "--data", "digits", "--frames", 20, "--out", "made")
SCALE = ("table", "scale", "horowitz_2014_45nm", "--to", "22nm", "--out", "scaled.yaml")


@pytest.fixture
def here(monkeypatch, capsys, tmp_path):
    """A command line in this process, in an empty folder: exit code, stdout, stderr."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return (stop.value.code or 0, *capsys.readouterr())

    run.place = place
    return run


def contents(place):
    """Of all files that are seen."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize(
    ("command", "file", "said"),
    [
        (CONVERT, "made/network.yaml", "made: a network is there; write elsewhere, or give --force"),
        (CONVERT, "made/weights.npz", "made: a network is there; write elsewhere, or give --force"),
        (SCALE, "scaled.yaml", "scaled.yaml: is there; write elsewhere, or give --force to replace it"),
    ],
)
def test_what_is_there_stays_unless_told_otherwise(command, file, said, here):
    (here.place / file).parent.mkdir(exist_ok=True)
    (here.place / file).write_text("mine")
    code, out, err = here(*command)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err
    assert contents(here.place) == {file: b"mine"}
    assert here(*command, "--force")[0] == 0
    assert contents(here.place)[file] != b"mine"


@pytest.mark.parametrize("name", REPORTS)
def test_reports_replace_reports_and_nothing_else(name, here):
    (here.place / name).write_text("mine\n")
    code, out, err = here(*COMPARE)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert f"{name}: is there, and is no report of hwsim's; write elsewhere, or move it away" in err
    assert contents(here.place) == {name: b"mine\n"}
    (here.place / name).unlink()
    assert here(*COMPARE)[0] == 0
    made = contents(here.place)
    assert set(made) == set(REPORTS)
    assert here(*COMPARE)[0] == 0
    assert contents(here.place) == made


def test_two_reports_of_one_name_are_refused(here):
    code, out, err = here("compare", "--frames", 20, "--csv", "hwsim-report.html")
    assert (code, out) == (2, "")
    assert "hwsim-report.html: is named for two reports (hwsim-report.html); give each a file of its own" in err
    assert contents(here.place) == {}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_file_that_cannot_be_written_costs_no_other(number, error, here, monkeypatch):
    moved = iter(range(1, 9))

    def before(step, size=0):
        if step == "rename" and next(moved) == number:
            raise error

    monkeypatch.setattr(whole, "before", before)
    code, out, err = here(*COMPARE)
    lost = REPORTS[number - 1]
    assert set(contents(here.place)) == set(REPORTS) - {lost}
    assert "digits-mlp-int8" in out
    assert [line for line in out.splitlines() if line.startswith("wrote")] == [
        f"wrote {name}" for name in REPORTS if name != lost
    ]
    if isinstance(error, OSError):
        assert (code, err) == (2, f"hwsim: {lost}: cannot be written (No space left on device)\n")
    else:
        assert (code, err) == (130, "hwsim: interrupted\n")


TRAIN = ("train", "lat", "--data", "digits", "--layers", "64-10", "--epochs", 1, "--frames", 50, "--out", "trained")
MLP = ("train", "mlp", "--data", "digits", "--layers", "64-10", "--epochs", 1, "--out", "trained")
LEARN = ("--data", "digits", "--frames", 100, "--epochs", 1)


@pytest.mark.parametrize(
    "command",
    [
        COMPARE,
        CONVERT,
        SCALE,
        ("table", "new", "my_28nm.yaml"),
        ("machine", "new", "my_array.yaml"),
        ("convert", "gpfq", "digits-mlp", *LEARN[:4], "--validation", 20, "--radius", 2, "--out", "made"),
        pytest.param(("export", "digits-mlp", "--out", "made.onnx"), marks=pytest.mark.onnx),
        pytest.param(TRAIN, marks=pytest.mark.torch),
        pytest.param(MLP, marks=pytest.mark.torch),
        pytest.param(("train", "scales", "digits-mlp", *LEARN, "--lam", 1e-4), marks=pytest.mark.torch),
        pytest.param(
            ("train", "scale-sweep", "digits-mlp", *LEARN, "--lams", 1e-4, "--out", "swept"), marks=pytest.mark.torch
        ),
    ],
    ids=lambda command: "-".join(map(str, command[:2])),
)
def test_a_full_disk_is_one_line(command, here, monkeypatch):
    monkeypatch.setattr(whole, "before", steps.filling(100))
    code, _, err = here(*command)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "cannot be written (No space left on device)" in err
    assert contents(here.place) == {}
    assert not list(here.place.rglob("*.partial"))


def test_a_conversion_that_cannot_be_saved_costs_no_page(here, monkeypatch):
    def before(step, size=0):
        if step == "rename" and not (here.place / "page.html").exists() and (here.place / "made").exists():
            monkeypatch.setattr(whole, "before", lambda *_: None)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole, "before", before)
    search = ("--frames", 40, "--validation", 20, "--radius", 2)
    code, out, err = here(
        "convert", "gpfq", "digits-mlp", "--data", "digits", *search, "--out", "made", "--html", "page.html"
    )
    assert (code, err) == (2, "hwsim: made: cannot be written (No space left on device)\n")
    assert set(contents(here.place)) == {"page.html"}
    assert out.endswith("wrote page.html\n")
    assert "GPFQ" in out


def test_of_two_conversions_into_one_folder_one_is_refused(tmp_path):
    """And the folder is the other's, whole."""
    command = [sys.executable, "-m", "hwsim", *map(str, CONVERT[:-3])]
    both = [
        subprocess.Popen(
            [*command, frames, "--out", "made"], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for frames in ("20", "30")
    ]
    ends = [(*process.communicate(), process.returncode) for process in both]
    (refused,) = [err for _, err, code in ends if code == 2]
    (made,) = [number for number, (_, _, code) in enumerate(ends) if code == 0]
    assert refused == "hwsim: made: a network is there; write elsewhere, or give --force (force=True) to replace it\n"
    assert load_network(tmp_path / "made").about["calibration_frames"] == (20, 30)[made]


def test_who_reads_no_more_costs_no_file(tmp_path):
    """Neither a pipe whose other end is closed, nor a full device."""
    (closed, pipe), full = os.pipe(), os.open("/dev/full", os.O_WRONLY)
    os.close(closed)
    for stdout in (pipe, full):
        command = [sys.executable, "-m", "hwsim", *map(str, COMPARE)]
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
        assert set(contents(tmp_path)) == set(REPORTS)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        for name in REPORTS:
            (tmp_path / name).unlink()


# --- ended before any step


@pytest.mark.parametrize(
    ("command", "is_new"),
    [
        pytest.param(COMPARE, False, marks=pytest.mark.slow),
        ((*CONVERT, "--force"), False),
        ((*CONVERT, "--force"), True),
        ((*SCALE, "--force"), False),
        ((*SCALE, "--force"), True),
    ],
)
def test_wherever_a_command_ends_files_are_old_or_new_and_it_can_be_said_again(
    command, is_new, here, tmp_path, monkeypatch
):
    other = tuple({20: 40, "22nm": "32nm"}.get(word, word) for word in command)
    if not is_new:
        assert here(*other)[0] == 0
    before = contents(here.place)
    with steps.left_behind(here.place, tmp_path / "left") as taken:
        assert here(*command)[0] == 0
    after = contents(here.place)
    assert {"write", "fsync", "rename"} <= set(taken)
    assert before != after
    for number in range(1, len(taken) + 1):
        left = tmp_path / "left" / f"{number}"
        for name, content in contents(left).items():
            assert content in (before.get(name), after[name]), name
        monkeypatch.chdir(left)
        assert here(*command)[0] == 0
        assert contents(left) == after
        shutil.rmtree(left)
