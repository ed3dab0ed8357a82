"""Modules of the user's own: where they are named, and how they are loaded.

What they define (layers and all that serves them, methods, schedules) registers itself when they are imported. They
are named on this computer, never by a file that came from elsewhere.
"""

import importlib
import os
from collections.abc import Iterable, Iterator

from hwsim.errors import HwsimError

PLUGINS = "HWSIM_PLUGINS"
"""Environment variable with their names, separated by commas; processes of ours inherit it."""

GROUP = "hwsim.plugins"
"""Group of entry points under which an installed package names them."""

REMEDY = f"one of your own needs its module: hwsim --plugin MODULE, or {PLUGINS}"
"""What to do when something is unknown that such a module may define."""


def name_plugins(modules: Iterable[str]) -> None:
    """Add modules to those that the environment names, for this process and those that it starts."""
    os.environ[PLUGINS] = ",".join(dict.fromkeys([*_in_environment(), *modules]))


def load_plugins() -> None:
    """Import all modules that are named; those that have been, no second time.

    Raises
    ------
    HwsimError
        When one cannot be imported; it names the module and where that is named.
    """
    for module, where in _named():
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise HwsimError(
                f"plugin {module}, which {where} names, cannot be imported ({reason}); install it or put its folder on "
                "PYTHONPATH, or name it no more"
            ) from error


def _in_environment() -> list[str]:
    return [each.strip() for each in os.environ.get(PLUGINS, "").split(",") if each.strip()]


def _named() -> Iterator[tuple[str, str]]:
    """Modules, and what names each."""
    for module in _in_environment():
        yield module, f"--plugin or {PLUGINS}"
    from importlib.metadata import entry_points  # looks through all installed packages

    for each in entry_points(group=GROUP):
        package = f" of {each.dist.name}" if each.dist else ""
        yield each.module, f"the entry point {each.name}{package}"
