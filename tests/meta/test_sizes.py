"""Modules and functions stay small enough to read at once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "pillarbox"
LONGEST_MODULE = 450
LONGEST_FUNCTION = 60


def _exceptions() -> dict[str, str]:
    """Read `name: reason` lines; a name without a reason is an error."""
    lines = (ROOT / "tests" / "meta" / "exceptions.txt").read_text().splitlines()
    pairs = [line.partition(": ") for line in lines if line.strip() and not line.startswith("#")]
    assert all(reason for _, _, reason in pairs)
    return {name: reason for name, _, reason in pairs}


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_modules_and_functions_are_short(path: Path) -> None:
    excepted = _exceptions()
    name = str(path.relative_to(SRC))
    text = path.read_text()
    assert text.count("\n") <= LONGEST_MODULE or name in excepted, f"{name} is too long"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= LONGEST_FUNCTION or f"{name}:{node.name}" in excepted, f"{name}:{node.name}: {size} lines"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text().strip():
        return
    assert ast.get_docstring(ast.parse(path.read_text())), path
