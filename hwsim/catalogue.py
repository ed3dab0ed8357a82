"""From names to files: the networks, machines and energy tables that ship with hwsim.

A path works everywhere a name does. Names are looked up in the installed package, else (in a checkout) beside it.
"""

from pathlib import Path

from hwsim.errors import UnknownNameError

PACKAGE = Path(__file__).parent


def _folder(name: str) -> Path:
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def table_names() -> list[str]:
    """Names of the energy tables."""
    return sorted(path.stem for path in _folder("energy_tables").glob("*.yaml"))


def machine_names() -> list[str]:
    """Names of the preset machines."""
    return sorted(path.stem for path in _folder("machines").glob("*.yaml"))


def network_names() -> list[str]:
    """Names of the trained networks."""
    return sorted(path.parent.name for path in _folder("models").glob("*/network.yaml"))


def table_path(name: str | Path) -> Path:
    """File of an energy table, by name or path; UnknownNameError where there is none."""
    return _path(name, _folder("energy_tables") / f"{name}.yaml", "energy table", table_names())


def machine_path(name: str | Path) -> Path:
    """File of a machine, by name or path; UnknownNameError where there is none."""
    return _path(name, _folder("machines") / f"{name}.yaml", "machine", machine_names())


def network_path(name: str | Path) -> Path:
    """Folder of a network, by name or path; UnknownNameError where there is none."""
    return _path(name, _folder("models") / str(name), "network", network_names())


def _path(name: str | Path, shipped: Path, kind: str, known: list[str]) -> Path:
    if str(name) in known:
        return shipped
    path = Path(name)
    if path.exists() and (path.suffix or len(path.parts) > 1 or path.is_dir()):
        return path
    raise UnknownNameError(kind, str(name), known)
