"""Set up before anything is imported: where compiled kernels are kept; what is run, and how.

A test that needs an extra carries its marker and is skipped where the extra is missing; a file whose every test needs
it imports it at the top, as if it were always there. HWSIM_REQUIRE_TORCH=1 (IMAGES, VIDEO, ONNX, DATA) says that it
has to be there: what needs it then fails rather than skips.
"""

import hashlib
import importlib.util
import os
import pathlib
import tempfile

import pytest

CHECKOUT = pathlib.Path(__file__).parents[1]
KERNELS = CHECKOUT / "hwsim" / "kernels"
SOURCE = b"".join(path.read_bytes() for path in sorted(KERNELS.glob("*.py")))
VARIANT = "checked-" if os.environ.get("NUMBA_BOUNDSCHECK") == "1" else ""
CACHES = CHECKOUT / ".numba" if os.access(CHECKOUT, os.W_OK) else pathlib.Path(tempfile.gettempdir(), "hwsim-numba")
# what is kept of kernels does not say whether bounds are checked
os.environ.setdefault("NUMBA_CACHE_DIR", str(CACHES / (VARIANT + hashlib.sha256(SOURCE).hexdigest()[:12])))

EXTRAS = {
    "torch": ("torch", "train"),
    "images": ("PIL", "images"),
    "video": ("av", "video"),
    "onnx": ("onnx", "onnx"),
}
"""By marker: the module that is needed, and the extra that brings it."""

WORKERS = 2
"""Processes that share the tests, unless -n says otherwise."""

WORKER = "PYTEST_XDIST_WORKER"
"""Set in a worker, which is given no number of processes either, and must not start workers of its own."""

HANDFUL = 3
"""So many files of tests are sooner done by one process."""


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run what is marked slow, and draw more examples")


def pytest_configure(config):
    from hypothesis import HealthCheck, settings
    from number_of_examples import FEWER

    if config.option.slow:
        os.environ["HWSIM_SLOW"] = "1"  # for number_of_examples, which is asked while tests are being read
    settings.register_profile(
        "hwsim",
        max_examples=100 if config.option.slow else 100 // FEWER,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    settings.load_profile("hwsim")
    draw_no_constants_of_ours()


def draw_no_constants_of_ours():
    """Hypothesis also draws numbers that stand in modules imported so far, which depends on what ran before a test.

    Without them a test draws the same examples alone, among others, and on every worker.
    """
    try:
        from hypothesis.internal.conjecture import providers
    except ImportError:  # of a version that draws none
        return
    if hasattr(providers, "_get_local_constants"):
        providers._get_local_constants = providers.Constants


# --- how many processes


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Before pytest-xdist reads its options: two workers for many files, none where -n or a debugger was asked for."""
    if hasattr(config, "workerinput"):
        return  # a worker starts no workers of its own
    option = config.option
    watched = option.usepdb or option.trace or option.capture == "no" or option.collectonly
    given = getattr(option, "numprocesses", 0) is not None or option.dist != "no" or option.tx
    if WORKER in os.environ or given or watched:
        return
    few = option.keyword or option.lf or files_asked_for(config.args) <= HANDFUL
    option.numprocesses = 0 if few else WORKERS


def files_asked_for(arguments):
    """Number of test files in folders, files and names of tests."""
    paths = {pathlib.Path(each.partition("::")[0]) for each in arguments}
    return sum(len(list(path.rglob("test_*.py"))) if path.is_dir() else 1 for path in paths)


# --- what is left out


class TestFile(pytest.Module):
    """A file of tests: skipped where what it imports is in an extra that its marker names and that is missing."""

    def collect(self):
        """Tests of the file, or a skip that says what to install."""
        try:
            return super().collect()
        except self.CollectError as error:
            reason = self.missing(error.__cause__)
            if reason is None:
                raise
        pytest.skip(reason, allow_module_level=True)

    def missing(self, cause):
        """Why the file is to be skipped, if it is."""
        module = (getattr(cause, "name", None) or "").partition(".")[0]
        text = self.path.read_text(encoding="utf-8")
        for marker, (needed, extra) in EXTRAS.items():
            if module == needed and f"pytest.mark.{marker}" in text and lacks(marker, module):
                return needs(module, extra)
        return None


def lacks(marker, module):
    """Whether a module is missing that need not be there."""
    return not required(marker) and importlib.util.find_spec(module) is None


def required(marker):
    return os.environ.get(f"HWSIM_REQUIRE_{marker.upper()}") == "1"


def needs(module, extra):
    """What is missing and how to install it."""
    return f"needs {module}: pip install -c constraints.txt -e '.[{extra}]'"


def pytest_pycollect_makemodule(module_path, parent):
    return TestFile.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(config, items):
    for item in items:
        for marker, (module, extra) in EXTRAS.items():
            if marker in item.keywords and lacks(marker, module):
                item.add_marker(pytest.mark.skip(reason=needs(module, extra)))
        if "data" in item.keywords and not required("data") and not os.environ.get("HWSIM_DATA"):
            item.add_marker(pytest.mark.skip(reason="needs data: set HWSIM_DATA to a folder that holds them"))
        if "bench" in item.keywords and "bench" not in (config.option.markexpr or ""):
            item.add_marker(pytest.mark.skip(reason="measures time: pytest tests/bench -m bench -s"))
    if not config.option.slow and "slow" not in (config.option.markexpr or ""):
        leave_out_slow_ones(config, items)


def leave_out_slow_ones(config, items):
    """All that are marked slow, but for those that are asked for by name."""
    named = [each.partition("::")[2] for each in config.args if "::" in each]
    slow = [item for item in items if "slow" in item.keywords and not any(name in item.nodeid for name in named)]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in set(slow)]
