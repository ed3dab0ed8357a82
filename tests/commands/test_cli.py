"""The command line as a user meets it: output, files, one clear line and exit code 2 for bad input."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest
import yaml

from hwsim.__main__ import main

HWSIM = pathlib.Path(sys.executable).with_name("hwsim")
ROOT = pathlib.Path(__file__).parents[2]


def hwsim(*arguments, cwd, **environment):
    return subprocess.run(
        [HWSIM, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def here(monkeypatch, capsys, tmp_path):
    """The same in this process, where a command costs no start, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, stop.value.code or 0, captured.out, captured.err)

    return run


def assert_one_line(done, *expected):
    """Exit code 2, nothing on stdout, one line on stderr that says what is expected."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for words in expected:
        assert words in done.stderr


def test_compare_prints_a_table_and_writes_a_page(tmp_path):
    done = hwsim("compare", "--csv", "out.csv", "--json", "out.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "899 test images of digits" in done.stdout
    assert "wrote hwsim-report.html" in done.stdout
    assert (tmp_path / "hwsim-report.html").stat().st_size > 1_000_000  # Plotly is inside
    table = pd.read_csv(tmp_path / "out.csv")
    assert len(table) == 10  # 3 networks x 3 executions, and the second baseline
    assert table["advantage"].iloc[0] == 1
    assert set(table["inferences"]) == {899}
    assert len(json.loads((tmp_path / "out.json").read_text())) == 10
    assert done.stderr == ""  # no progress when piped


def test_the_tolerance_of_accuracies_is_asked_for(here, tmp_path):
    asked = ("compare", "--frames", "300", "--csv", "out.csv", "--accuracy-tolerance")
    winners = {}
    for tolerance in ("0", "30"):
        done = here(*asked, tolerance)
        assert done.returncode == 0, done.stderr
        assert f"at most {tolerance} points apart" in " ".join(done.stdout.split())
        assert set(pd.read_csv(tmp_path / "out.csv")["accuracy tolerance [points]"]) == {float(tolerance)}
        winners[tolerance] = next(line for line in done.stdout.splitlines() if line.startswith("* "))
    assert "digits-mlp-int8 on zero-skipping-mac needs" in winners["0"]
    assert "digits-mlp-rounding on sigma-delta-adder needs" in winners["30"]
    for wrong in ("-1", "101", "nan"):
        assert_one_line(here(*asked, wrong), "accuracy tolerance", "write points of accuracy, 0 to 100")


def test_a_study_states_its_tolerance(here, tmp_path):
    text = (ROOT / "examples" / "study.yaml").read_text() + "accuracy_tolerance: 2.5\nframes: 20\n"
    (tmp_path / "study.yaml").write_text(text)
    done = here("compare", "study.yaml")
    assert done.returncode == 0, done.stderr
    assert "at most 2.5 points apart" in " ".join(done.stdout.split())
    (tmp_path / "study.yaml").write_text(text.replace("2.5", "-1"))
    assert_one_line(here("compare", "study.yaml"), "study.yaml", "accuracy_tolerance")


@pytest.mark.slow
@pytest.mark.data
def test_compare_on_temporal_mnist(here, tmp_path):
    done = here(
        *("compare", "--data", "mnist", "--order", "temporal", "--table", "default_45nm"),
        *("--html", "report.html", "--csv", "report.csv"),
    )
    assert done.returncode == 0, done.stderr
    assert "10,000 test images of mnist" in done.stdout
    table = pd.read_csv(tmp_path / "report.csv").set_index(["network", "execution"])
    assert table.loc[("mnist-mlp", "dense"), "multiplications [per inference]"] == 784 * 200 + 200 * 200 + 200 * 10
    rounding = table.loc["mnist-mlp-rounding"]
    assert rounding["accuracy"].nunique() == 1  # one function, three costs
    assert (rounding.loc[["sparse", "delta"], "multiplications [per inference]"] == 784).all()  # encode only
    assert rounding.loc["delta", "energy [J per inference]"] < rounding.loc["sparse", "energy [J per inference]"]


def test_a_study_file(here, tmp_path):
    (tmp_path / "study.yaml").write_text(
        "schema: 1\nname: small\ndata: digits\n"
        "rows: [{network: digits-mlp-int8, machines: [mac-array-gated]}]\n"
        "baseline: {network: digits-mlp, machine: mac-array}\n"
    )
    done = here("compare", "study.yaml", "--csv", "out.csv")
    assert done.returncode == 0, done.stderr
    assert list(pd.read_csv(tmp_path / "out.csv")["network"]) == ["digits-mlp", "digits-mlp-int8"]


def test_one_chip_for_all_rows_is_asked_for(here, tmp_path):
    (tmp_path / "study.yaml").write_text(
        "schema: 1\nname: small\ndata: digits\nframes: 20\n"
        "rows: [{network: digits-mlp-int8, machines: [mac-array]}]\n"
        "baseline:\n- {network: digits-mlp, machine: mac-array}\n- {network: digits-mlp-int8, machine: delta-mac}\n"
    )
    energies = {}
    for chip in ("own", "shared"):
        done = here("compare", "study.yaml", "--chip", chip, "--csv", "out.csv")
        assert done.returncode == 0, done.stderr
        table = pd.read_csv(tmp_path / "out.csv").set_index(["network", "machine"])
        assert len(table) == 3  # both baselines and the row
        assert set(table["chip"]) == {chip}
        assert table["advantage over digits-mlp-int8 on delta-mac"].notna().all()
        energies[chip] = table["energy [J per inference]"]["digits-mlp-int8", "mac-array"]
    assert energies["shared"] > energies["own"]  # in memories that hold the float network
    assert_one_line(here("compare", "study.yaml", "--chip", "mine"), "chip 'mine'", "write 'own'", "'shared'")


def test_simulate_and_the_lists(here):
    done = here("simulate", "digits-mlp", "--execution", "sparse")
    assert done.returncode == 0, done.stderr
    assert "94.2 % accuracy" in done.stdout
    assert "zero-skipping-mac" in done.stdout
    for command, expected in (
        (("network", "list"), "mnist-mlp-rounding"),
        (("network", "show", "mnist-mlp"), "dense3"),
        (("table", "list"), "horowitz_2014_45nm"),
        (("table", "show", "horowitz_2014_45nm"), "no price for: constant_shift"),
        (("table", "check", "default_45nm"), "valid"),
        (("--help",), "compare"),
    ):
        done = here(*command)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


def test_only_some_frames(here, tmp_path):
    done = here("simulate", "digits-mlp", "--frames", 40)
    assert done.returncode == 0, done.stderr
    assert "40 frames of digits" in done.stdout
    done = here("compare", "--frames", 40, "--csv", "out.csv")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(tmp_path / "out.csv")["inferences"]) == {40}


@pytest.mark.video
def test_a_video_in_place_of_a_data_set(here, tmp_path):
    import av

    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={})
        stream.height, stream.width, stream.pix_fmt = 16, 24, "bgr0"
        for shade in range(0, 250, 25):
            image = np.full((16, 24, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    video = ("--data", "clip.mkv", "--size", "8", "--grey", "--frames", 7)
    done = here("simulate", "digits-mlp", *video, "--execution", "delta")
    assert done.returncode == 0, done.stderr
    assert "7 frames of clip.mkv" in done.stdout
    done = here("simulate", "digits-mlp", "--data", "clip.mkv", "--size", "8x10")
    assert_one_line(done, "(1, 8, 8)", "(3, 8, 10)")


def test_the_version_is_that_of_the_package(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    done = hwsim("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hwsim {project['version']}\n", "")
    assert f"\n## {project['version']} (" in (ROOT / "CHANGELOG.md").read_text()


def test_a_folder_with_the_name_of_a_shipped_network(here, tmp_path):
    """A bare name means the shipped one: what is said of the folder is true of it, and how to name it is said."""
    made = ("convert", "int8", "digits-mlp", "--data", "digits", "--frames", 1, "--out", "digits-mlp-int8")
    done = here(*made)
    assert done.returncode == 0, done.stderr
    accuracy = yaml.safe_load((tmp_path / "digits-mlp-int8" / "network.yaml").read_text())["about"]["accuracy"]
    assert accuracy["percent"] != 94.22  # that of the shipped one, which is calibrated on all frames
    assert f"wrote digits-mlp-int8: {accuracy['percent']:g} %" in done.stdout
    assert "write ./digits-mlp-int8 for the one just written" in done.stdout


@pytest.mark.parametrize("method", ["int8", "batch-norm"])
def test_convert(method, here, tmp_path):
    done = here("convert", method, "digits-mlp", "--data", "digits", "--out", "made")
    assert done.returncode == 0, done.stderr
    assert "wrote made: 94." in done.stdout
    assert f"hwsim convert {method} digits-mlp --data digits --out made" in (tmp_path / "made/network.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("simulate", "digits-mlp", "--data", "none.mp4"), ("none.mp4", "No such file")),
        (("simulate", "digits-mlp", "--step", "8"), ("digits", "a step of their own")),
        (("simulate", "digits-mlp", "--data", "clip.mp4", "--size", "8by8"), ("8by8", "--size 144x176")),
        (
            ("convert", "int8", "digits-mlp", "--data", "digits", "--split", "none", "--out", "made"),
            ("none", "'test' or 'train'"),
        ),
        (("simulate", "mnist-mpl"), ("no network named 'mnist-mpl'", "mnist-mlp")),
        (("simulate", "digits-mlp", "--machine", "mac-aray"), ("no machine named", "mac-array")),
        (("simulate", "digits-mlp", "--table", "default_45mn"), ("no energy table named", "default_45nm")),
        (("simulate", "digits-mlp", "--data", "mnst"), ("mnst", "mnist")),
        (("simulate", "mnist-mlp", "--data", "digits"), ("(1, 28, 28)", "(1, 8, 8)")),
        (("simulate", "digits-mlp", "--execution", "fast"), ("fast", "dense, sparse or delta")),
        (
            ("simulate", "digits-mlp", "--execution", "sparse", "--machine", "mac-array"),
            ("mac-array", "dense", "sparse"),
        ),
        (("simulate", "digits-mlp", "--table", "horowitz_2014_45nm"), ("no price for", "price only the phases")),
        (("compare", "--order", "backwards"), ("backwards", "temporal")),
        (("compare", "nothing.yaml"), ("nothing.yaml", "cannot be read")),
        (("compare", "--html", "no/such/folder/x.html"), ("no/such/folder",)),
    ],
)
def test_bad_input_is_one_line(arguments, expected, here):
    assert_one_line(here(*arguments), *expected)


def test_bad_files_are_one_line(here, tmp_path):
    good = (ROOT / "energy_tables" / "horowitz_2014_45nm.yaml").read_text()
    for name, old, new, expected in (
        ("twice", "unit: pJ", "unit: pJ\nunit: pJ", ("unit", "twice")),
        ("text", "energy: 0.03", "energy: 1e-12", ("1e-12", "1.0e-12")),
        ("negative", "energy: 0.03", "energy: -0.03", ("-0.03",)),
        ("unknown", "unit: pJ", "unit: pJ\nunits: pJ", ("units", "unknown key")),
    ):
        assert old in good
        (tmp_path / f"{name}.yaml").write_text(good.replace(old, new, 1))
        assert_one_line(here("table", "check", f"{name}.yaml"), f"{name}.yaml:", *expected)


def test_a_bad_table_is_found_before_the_work(here, tmp_path):
    (tmp_path / "table.yaml").write_text("schema: 1\nname: [\n")
    # of two things that are wrong, the one that is found without data or a run
    done = here("simulate", "digits-mlp-int8", "--data", "nothing", "--table", "table.yaml")
    assert_one_line(done, "table.yaml:3: ")


def test_broken_model_folders_are_one_line(here, tmp_path):
    shipped = ROOT / "models" / "digits-mlp"
    for name in ("cut", "pickled"):
        shutil.copytree(shipped, tmp_path / name)
    whole = (shipped / "weights.npz").read_bytes()
    (tmp_path / "cut" / "weights.npz").write_bytes(whole[: len(whole) // 2])
    with np.load(shipped / "weights.npz") as arrays:
        content = {key: arrays[key] for key in arrays.files}
    content[next(iter(content))] = np.array([{"a": "pickle"}], dtype=object)
    np.savez(tmp_path / "pickled" / "weights.npz", **content)
    for name in ("cut", "pickled"):
        assert_one_line(here("simulate", f"./{name}"), "weights.npz")


def test_mnist_without_data_says_what_to_do(tmp_path):
    done = hwsim("simulate", "mnist-mlp", "--data", "mnist", cwd=tmp_path, HWSIM_DATA=str(tmp_path / "nothing"))
    assert_one_line(done, "mnist", "HWSIM_DATA")


def test_import_is_cheap():
    loaded = "import sys, hwsim; print(sorted({'numpy', 'numba', 'pandas', 'plotly', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readme_shows_what_compare_prints(tmp_path):
    shown = (ROOT / "README.md").read_text().split("<!-- compare: begin -->\n```\n")[1].split("\n...\n```")[0]
    assert len(shown.splitlines()) > 15
    assert shown in hwsim("compare", cwd=tmp_path, COLUMNS="120").stdout


INTERRUPTED = (130, "", "hwsim: interrupted\n")


@pytest.mark.parametrize("interrupt", ["raise KeyboardInterrupt", "return 130"])
def test_an_interrupt_is_one_line(interrupt):
    """Wherever it is caught, by hwsim or by what reads the command line."""
    program = f"""if True:
        import hwsim.__main__, hwsim.cli
        def stopped(**options):
            {interrupt}
        hwsim.cli.app = stopped
        hwsim.__main__.main()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == INTERRUPTED


def test_an_interrupt_while_modules_are_loaded_is_one_line():
    program = """if True:
        import sys
        import hwsim.__main__
        class Interrupt:
            def find_spec(self, name, *where):
                if name == "typer":
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Interrupt())
        hwsim.__main__.main()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == INTERRUPTED


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("simulate", "digits-mlp", "--frames", "0"), "Invalid value for '--frames': "),
        (("simulate", "digits-mlp", "--frames", "few"), "integer"),
        (("simulate", "digits-mlp", "--frame", "2"), "--frames"),
        (("simulate",), "(hwsim simulate --help says more)"),
        (("simluate",), "simulate"),
        (("table", "showw"), "(hwsim table --help says more)"),
        (("train", "lat", "--epochs", "x"), "(hwsim train METHOD --help says more)"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_one_line(here, command, expected):
    assert_one_line(here(*command), expected)


@pytest.mark.parametrize("group", [(), ("table",), ("train",)])
def test_no_command_shows_the_help(here, group):
    done = here(*group)
    assert done.returncode == 2
    assert "Commands" in done.stdout + done.stderr
    assert "hwsim:" not in done.stderr


def test_what_needs_torch_says_so():
    program = """if True:
        import sys
        sys.modules["torch"] = None
        import hwsim
        hwsim.from_torch"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ModuleNotFoundError: hwsim.from_torch needs torch; pip install 'hwsim[train]'"
