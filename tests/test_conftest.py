"""The suite's own rules, on small suites: what is skipped where an extra is missing, what is slow, how many workers."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
WITHOUT_EXTRAS = """
import sys
sys.modules.update(torch=None, PIL=None, av=None, onnx=None)  # to import one of them is as if it were not there
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.fixture
def suite(tmp_path):
    """A suite under these rules, of files by name: run with arguments, its exit code and what it prints."""
    shutil.copy(HERE.parent / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "number_of_examples.py"):
        shutil.copy(HERE / name, tmp_path / "tests")

    def run(files, *arguments, **environment):
        for name, text in files.items():
            (tmp_path / "tests" / name).write_text(text)
        kept = {name: each for name, each in os.environ.items() if not name.startswith(("HWSIM_", "PYTEST_"))}
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_EXTRAS, *arguments],
            cwd=tmp_path, env={**kept, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


IMPORTS_TORCH = "import pytest\nimport torch\npytestmark = pytest.mark.torch\ndef test_it(): pass\n"
PASSES = "def test_it(): pass\n"


def test_a_marked_file_whose_import_is_missing_is_skipped_with_what_to_install(suite):
    code, text = suite({"test_a.py": IMPORTS_TORCH, "test_b.py": PASSES})
    assert code == 0, text
    assert "1 passed, 1 skipped" in text
    assert "needs torch: pip install -c constraints.txt -e '.[train]'" in text


def test_a_file_that_imports_what_imports_torch_is_skipped_too(suite):
    files = {"between.py": "import torch\n", "test_a.py": IMPORTS_TORCH.replace("import torch", "import between")}
    code, text = suite({**files, "test_b.py": PASSES})
    assert code == 0, text
    assert "1 passed, 1 skipped" in text


@pytest.mark.parametrize(
    ("content", "environment"),
    [
        (IMPORTS_TORCH, {"HWSIM_REQUIRE_TORCH": "1"}),
        (IMPORTS_TORCH.replace("mark.torch", "mark.plain"), {}),
        (IMPORTS_TORCH.replace("import torch", "import no_such_module"), {}),
    ],
    ids=["required", "unmarked", "no extra"],
)
def test_any_other_missing_import_is_an_error(suite, content, environment):
    code, text = suite({"test_a.py": content}, **environment)
    assert code == 2, text
    assert "ModuleNotFoundError" in text


def test_single_tests_are_skipped_by_their_markers(suite):
    names = {"torch": "train", "images": "images", "video": "video", "onnx": "onnx"}
    tests = "".join(f"@pytest.mark.{name}\ndef test_{name}(): assert False\n" for name in names)
    code, text = suite({"test_a.py": f"import pytest\n{tests}{PASSES}"})
    assert code == 0, text
    assert "1 passed, 4 skipped" in text
    assert set(re.findall(r"-e '\.\[(\w+)\]'", text)) == set(names.values())
    code, text = suite({}, HWSIM_REQUIRE_VIDEO="1")
    assert "1 failed, 1 passed, 3 skipped" in text


SLOW = "import pytest\n@pytest.mark.slow\n@pytest.mark.plain\ndef test_long(): pass\ndef test_short(): pass\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "1 passed, 1 deselected"),
        (("--slow",), "2 passed"),
        (("-m", "slow"), "1 passed, 1 deselected"),
        (("-m", "plain", "--slow"), "1 passed, 1 deselected"),
        (("tests/test_a.py::test_long",), "1 passed in"),
    ],
)
def test_what_is_slow_runs_when_asked_for(suite, arguments, expected):
    code, text = suite({"test_a.py": SLOW}, *arguments)
    assert code == 0, text
    assert expected in text


COUNTS = "import os\ndef test_it(): print('workers', os.environ.get('PYTEST_XDIST_WORKER_COUNT', '0'))\n"
MANY = {f"test_{letter}.py": COUNTS for letter in "abcd"}


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        ((), 2),
        (("tests",), 2),
        (("tests/test_a.py",), 0),
        (("tests/test_a.py::test_it", "tests/test_b.py::test_it"), 0),
        (("-k", "test_it"), 0),
        (("-n", "0"), 0),
        (("-n", "1"), 1),
        (("tests/test_a.py", "-n", "2"), 2),
        (("-s",), 0),
    ],
)
def test_two_workers_but_for_a_handful(suite, arguments, workers):
    code, text = suite(MANY, "-rP", *arguments)
    assert code == 0, text
    assert set(re.findall(r"workers (\d)", text)) == {str(workers)}
