"""The table of who may import whom, held against the code."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "pillarbox"

MAY_IMPORT = {
    "edge": "api wire consumer upstream sending delivery events resources store kit",
    "dashboard": "operate stats events resources store kit",
    "operate": "upstream consumer sending delivery destinations pubsub stats events resources store kit",
    "upkeep": "delivery stats events resources store kit",
    "upstream": "consumer delivery events resources store kit",
    "consumer": "",
    "api": "wire sending resources pubsub stats store kit",
    "wire": "kit",
    "sending": "resources events store kit",
    "delivery": "resources events store kit",
    "stats": "events store kit",
    "destinations": "sending pubsub resources events store kit",
    "pubsub": "store kit",
    "resources": "store kit",
    "events": "store kit",
    "store": "kit",
    "settings": "kit",
    "kit": "",
}
# They put the rooms together; nobody imports them.
EVERYTHING = {"app", "commands", "__main__"}


def _imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pillarbox"):
            below = (node.module or "").split(".")[1:]
            found += [(node.lineno, below[0])] if below else [(node.lineno, name.name) for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names if name.name.startswith("pillarbox.")]
            found += [(node.lineno, name.split(".")[1]) for name in names]
    return found


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_imports_follow_the_arrows(path: Path) -> None:
    here = path.relative_to(SRC).parts[0].removesuffix(".py")
    if here == "__init__":
        assert not _imports(path)
        return
    for line, there in _imports(path):
        if here in EVERYTHING:
            assert there != "__main__", f"{path}:{line}"
            continue
        allowed = [*MAY_IMPORT[here].split(), here]
        assert there in allowed, f"{path}:{line}: {here} may not import {there}"


def test_relative_imports_are_not_used() -> None:
    relative = [
        f"{path}:{node.lineno}"
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []
