"""From names to files: the networks, machines and energy tables that ship with hwsim.

A path works everywhere a name does. Names are looked up in the installed package, else (in a checkout) beside it;
names of energy tables also in one folder of the user's, which the environment variable ``HWSIM_TABLES`` names.
"""

import os
from pathlib import Path

from hwsim.errors import FileError, UnknownNameError

PACKAGE = Path(__file__).parents[1]
OWN_TABLES = "HWSIM_TABLES"
"""Environment variable with the user's folder of energy tables."""


def _folder(name: str) -> Path:
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def table_names() -> list[str]:
    """Names of the energy tables, those in the user's folder among them.

    Raises
    ------
    FileError
        When the folder that ``HWSIM_TABLES`` names is none, or holds a table of a name that ships.
    """
    return sorted(_tables())


def _tables() -> dict[str, Path]:
    shipped = {path.stem: path for path in _folder("energy_tables").glob("*.yaml")}
    named = os.environ.get(OWN_TABLES)
    if not named:
        return shipped
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise FileError(f"{OWN_TABLES}: {named} is not a folder; name the folder that holds your energy tables")
    own = {path.stem: path for path in folder.glob("*.yaml")}
    for name in sorted(own.keys() & shipped.keys()):
        if os.path.realpath(own[name]) != os.path.realpath(shipped[name]):
            raise FileError(f"{own[name]}: a table of the name {name} ships with hwsim; give yours another name")
    return {**own, **shipped}


def machine_names() -> list[str]:
    """Names of the preset machines."""
    return sorted(path.stem for path in (PACKAGE / "machine" / "presets").glob("*.yaml"))


def network_names() -> list[str]:
    """Names of the trained networks."""
    return sorted(path.parent.name for path in _folder("models").glob("*/network.yaml"))


def table_path(name: str | Path) -> Path:
    """File of an energy table, by name or path; UnknownNameError where there is none."""
    tables = _tables()
    return _path(name, tables.get(str(name), Path()), "energy table", sorted(tables))


def machine_path(name: str | Path) -> Path:
    """File of a machine, by name or path; UnknownNameError where there is none."""
    return _path(name, (PACKAGE / "machine" / "presets") / f"{name}.yaml", "machine", machine_names())


def network_path(name: str | Path) -> Path:
    """Folder of a network, by name or path; UnknownNameError where there is none."""
    return _path(name, _folder("models") / str(name), "network", network_names())


def _path(name: str | Path, shipped: Path, kind: str, known: list[str]) -> Path:
    if str(name) in known:
        return shipped
    path = Path(name)
    try:
        found = path.exists() and (path.suffix or len(path.parts) > 1 or path.is_dir())
    except OSError:  # a name too long to be one
        found = False
    if found:
        return path
    raise UnknownNameError(kind, str(name)[:200], known)
