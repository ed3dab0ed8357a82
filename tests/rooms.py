"""The rooms of the house and the imports between them: ``python tests/rooms.py``.

A room is whatever stands at the top of ``hwsim/``. An import counts wherever it stands, at the top of a file or in a
function. ``if TYPE_CHECKING`` is no exception: who names a type knows its room.
"""

import ast
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "hwsim"

ORDER = (
    "__main__",
    "cli",
    "commands",
    "report",
    "study",
    "train",
    "convert",
    "training_cost",
    "pricing",
    "counting",
    "timing",
    "simulation",
    "traffic",
    "machine",
    "activity",
    "datasets",
    "network_file",
    "onnx_file",
    "network",
    "solvers",
    "kernels",
    "files",
    "errors",
)
"""From the top down: imports point down the list."""


def rooms():
    """Names of what stands at the top of the package and can be imported."""
    folders = (path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
    files = (path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
    return sorted([*folders, *files])


def arrows():
    """How many imports of one room stand in another: Counter of (importing, imported)."""
    found = Counter()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue  # the public names, each imported when it is asked for
        for name in imported(path):
            target = name.split(".")[1]
            if target != room:
                found[room, target] += 1
    return found


def imported(path):
    """Modules of the package that a file imports, as hwsim.room..."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names] if node.module == "hwsim" else [node.module]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "hwsim" and name not in PUBLIC)


PUBLIC = ("hwsim", "hwsim.__version__")
"""What is of no room."""


def upward(found):
    """The arrows that point up."""
    return [arrow for arrow in found if ORDER.index(arrow[0]) > ORDER.index(arrow[1])]


def main():
    """Print the rooms, and who imports whom how often."""
    found = arrows()
    for room in ORDER:
        down = ", ".join(f"{to} {n}" for (of, to), n in sorted(found.items()) if of == room)
        sys.stdout.write(f"{room:14}{down}\n")
    sys.stdout.write(f"{len(rooms())} rooms, {len(found)} arrows, {len(upward(found))} of them up\n")


if __name__ == "__main__":
    main()
