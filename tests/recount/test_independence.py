"""The recount stands on its own: but for the comparison it imports nothing of the package, nor of other tests."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.name != "test_recount.py")
ALLOWED = {"yaml", "numpy", "pytest", "ast", "dataclasses", "gzip", "importlib", "pathlib"}


def imported(source):
    """Names of all modules that a source imports, from anywhere in it; relative imports as a dot for each level."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_imports_numpy_and_yaml_alone(path):
    for name in imported(path.read_text()):
        if name.startswith("."):
            assert not name.startswith(".."), f"{path.name} imports from outside its folder: {name}"
        else:
            assert name.partition(".")[0] in ALLOWED, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_imports_nothing_by_name(path):
    calls = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert not calls & {"__import__", "import_module", "exec", "eval"}


def test_an_import_of_the_package_is_seen():
    assert imported("def f():\n    import hwsim.counting.counts as c") == {"hwsim.counting.counts"}
    assert imported("from hwsim import count") == {"hwsim"}
    assert imported("from ..reference import head") == {"..reference"}
