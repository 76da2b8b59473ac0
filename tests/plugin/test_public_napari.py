"""The plugin uses what napari offers to all: private names go away without notice, and its proxy refuses them."""

import ast
from pathlib import Path

import napari_smi_inr.plugin

FILES = sorted(Path(napari_smi_inr.plugin.__file__).parent.rglob("*.py"))


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def private_uses(tree):
    """Lines of private modules and names of napari, and of private attributes of all but self, cls and os."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules, names = [alias.name for alias in node.names], []
        elif isinstance(node, ast.ImportFrom):
            modules, names = [node.module or ""], [alias.name for alias in node.names]
        else:
            modules = names = []
        for module in modules:
            if module.split(".")[0] == "napari" and any(map(is_private, [*module.split("."), *names])):
                yield node.lineno
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "os")  # os._exit is documented
            if not own:
                yield node.lineno
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "setattr", "hasattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(name.value):
                yield node.lineno


def test_private_uses_are_found():
    bad = ["import napari._qt", "from napari._qt import x", "from napari import _x", "x._y", "getattr(x, '_y')"]
    good = ["import napari.layers", "from ._qt import form", "self._x", "viewer.__wrapped__", "getattr(obj, '__x__')"]
    assert all(list(private_uses(ast.parse(text))) for text in bad)
    assert not any(list(private_uses(ast.parse(text))) for text in good)


def test_nothing_private_of_napari_is_used():
    found = [f"{path.name}:{line}" for path in FILES for line in private_uses(ast.parse(path.read_text("utf-8")))]
    assert found == []
