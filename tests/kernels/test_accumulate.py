"""The addition of events on processors of every kind, in convolutions of every kind."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from images_with_events import geometry_of
from test_convolution import EXTREME, check_integer, check_real

from hwsim.kernels import accumulate
from hwsim.kernels.tiles import WIDTHS

SETTINGS = {
    "avx2": ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+avx,+sse4.2,+sse4.1,+ssse3,+sse3,+sse2"}, 16),
    "generic": ({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, 0),
}
CHECK = """\
import test_accumulate
from hwsim.kernels import accumulate
test_accumulate.check_all()
print(accumulate.PAIRED)
"""


def check_all():
    """Every way in which products are added, in every width; run by the subprocesses below."""
    generator = np.random.default_rng(6)
    geometry = geometry_of(5, 6, 7, (3, 3), padding=(1, 1, 1, 1))
    reset = np.array([True, False, False])
    for width in WIDTHS:
        for dtypes, codes, weights in EXTREME[::2]:
            assert check_integer(generator, geometry, 1, 72, codes, weights, dtypes, reset, width=width) > 0
        assert check_real(generator, geometry, 1, 72, np.float32, reset, width=width) > 0
    assert check_real(generator, geometry, 7, 7, np.float32, reset) > 0


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("name", SETTINGS)
def test_processors_without_wide_vectors(name, tmp_path):
    settings, paired = SETTINGS[name]
    here = pathlib.Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **settings, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == paired


def test_pairs_follow_the_features():
    assert ("+avx512bw" in accumulate.FEATURES) == (accumulate.PAIRED == 32)
