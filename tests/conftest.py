"""Set up before anything is imported: a compilation cache that an edited kernel cannot outlive, and the markers."""

import hashlib
import os
import pathlib

import pytest

KERNELS = pathlib.Path(__file__).parents[1] / "hwsim" / "kernels"
SOURCE = b"".join(path.read_bytes() for path in sorted(KERNELS.glob("*.py")))
VARIANT = "checked-" if os.environ.get("NUMBA_BOUNDSCHECK") == "1" else ""
# numba neither notices an edited helper in another file, nor that bounds are to be checked, in what it has cached
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(KERNELS.parents[1] / ".numba" / (VARIANT + hashlib.sha256(SOURCE).hexdigest()[:12]))
)


def pytest_configure(config):
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "hwsim",
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    settings.load_profile("hwsim")


EXTRAS = {"torch": ("torch", "train"), "images": ("PIL", "images"), "video": ("av", "video"), "onnx": ("onnx", "onnx")}
"""By marker: the module that is needed, and the extra that brings it."""


def pytest_collection_modifyitems(items):
    for item in items:
        for marker, (module, extra) in EXTRAS.items():
            if marker in item.keywords and not _has(marker, module):
                reason = f"needs {module}: pip install -c constraints.txt -e '.[{extra}]'"
                item.add_marker(pytest.mark.skip(reason=reason))
        if "data" in item.keywords and not _has_data():
            item.add_marker(pytest.mark.skip(reason="needs data: set HWSIM_DATA to a folder that holds them"))
        if "bench" in item.keywords and "bench" not in (item.config.getoption("-m") or ""):
            item.add_marker(pytest.mark.skip(reason="measures time: pytest tests/bench -m bench -s"))


def _has(marker, module):
    import importlib.util

    if os.environ.get(f"HWSIM_REQUIRE_{marker.upper()}") == "1":
        return True  # a test that needs it then fails rather than skips
    return importlib.util.find_spec(module) is not None


def _has_data():
    return os.environ.get("HWSIM_REQUIRE_DATA") == "1" or bool(os.environ.get("HWSIM_DATA"))
