"""Torch; where there is none, a skip that says so, unless HWSIM_REQUIRE_TORCH is 1."""

import os

import pytest

if os.environ.get("HWSIM_REQUIRE_TORCH") == "1":
    import torch
else:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'hwsim[train]'")

__all__ = ["torch"]
