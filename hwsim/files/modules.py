"""Modules by name, imported when they are wanted."""

import importlib
from collections.abc import Sequence
from typing import Any


def named(function: str) -> Any:
    """A function by its name, "module:function"."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def import_files(package: str, folders: Sequence[str]) -> None:
    """Import every file of a package, so that what they declare is registered."""
    import pkgutil  # which the command line would load in vain

    for file in pkgutil.iter_modules(folders):
        importlib.import_module(f"{package}.{file.name}")
