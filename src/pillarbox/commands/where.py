"""`pillarbox where`: leads from an AWS operation to the code that does it.

Touches nothing but source files. Prints the handler, what it calls in the
domain, and its contract tests, each with its line.
"""

import ast
import inspect
import textwrap
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from pillarbox.commands.printing import say, style
from pillarbox.commands.reach import CommandError

_ROOMS = ("resources", "pubsub", "sending", "stats")
_SOURCES = Path(__file__).parents[1]
_ROOT = _SOURCES.parents[1]


def where(operation: str, /) -> None:
    """Show where in the source an AWS operation is done, or why it is declined.

    Parameters
    ----------
    operation
        `PutSuppressedDestination`, or with its service `sesv2:SendEmail`.
    """
    from pillarbox.api import registry
    from pillarbox.api.declined import DECLINED

    handlers = registry.load()
    found = [key for key in sorted({*handlers, *DECLINED}) if _is_meant(operation, *key)]
    if not found:
        raise CommandError(f"no operation of ses, sesv2, sns, sqs or sts is called {operation!r}; see docs/coverage.md")
    for service, name in found:
        say(style(f"{service} {name}", "bold"))
        if (service, name) in handlers:
            for what, place in places_of(service, name, handlers[service, name]):
                say(f"  {what:<8} {place}")
        else:
            say(f"  declined {DECLINED[service, name]}")
            say(f"  listed   {_line_of_text(_SOURCES / 'api' / 'declined.py', name)}")


def places_of(service: str, name: str, handler: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Yield what belongs to an operation and where it stands."""
    yield "handler", _place(handler)
    for domain_function in _domain_calls(handler):
        yield "domain", f"{_place(domain_function)}  {domain_function.__qualname__}"
    family = handler.__module__.rpartition(".")[2]
    tests = list(_tests(_ROOT / "tests" / "contract" / service / f"test_{family}.py", name, handler.__name__))
    if not (_ROOT / "tests").is_dir():
        yield "tests", "not part of an installed package: look in a checkout"
    for place in tests:
        yield "test", place


def _is_meant(asked: str, service: str, name: str) -> bool:
    from botocore import xform_name

    wanted_service, _, wanted = asked.replace(".", ":").rpartition(":")
    return wanted_service in ("", service) and wanted.lower() in (name.lower(), xform_name(name))


def _domain_calls(handler: Callable[..., Any]) -> list[Any]:
    """Return what a handler, and the functions of api/ that it uses, call in the domain, in that order."""
    found: dict[str, Any] = {}
    waiting = [handler]
    seen = set()
    while waiting:
        function = inspect.unwrap(waiting.pop(0))
        if function in seen:
            continue
        seen.add(function)
        names: Mapping[str, Any] = function.__globals__
        for used in _used(function, names):
            if not isinstance(used, FunctionType) or not used.__module__.startswith("pillarbox."):
                continue
            if used.__module__.startswith("pillarbox.api.") and used.__module__ != "pillarbox.api.registry":
                waiting.append(used)
            elif used.__module__.split(".")[1] in _ROOMS:
                found.setdefault(f"{used.__module__}.{used.__qualname__}", used)
    return list(found.values())


def _used(function: Any, names: Mapping[str, Any]) -> Iterator[Any]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            if isinstance(owner, ModuleType):
                yield getattr(owner, node.attr, None)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            yield getattr(_services().get(node.value.attr), node.attr, None)
        elif isinstance(node, ast.Name):
            yield names.get(node.id)


def _services() -> Mapping[str, Any]:
    """Return the classes of the parts that operations reach as `call.services.<part>`."""
    from pillarbox.api.call import Services

    return typing.get_type_hints(Services)


def _tests(file: Path, name: str, method: str) -> Iterator[str]:
    if not file.is_file():
        return
    text = file.read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            body = ast.get_source_segment(text, node) or ""
            if f".{method}(" in body or f'"{name}"' in body:
                yield f"{_shown(file)}:{node.lineno}  {node.name}"


def _place(thing: Any) -> str:
    lines, first = inspect.getsourcelines(thing)
    definition = next(number for number, line in enumerate(lines) if "def " in line or line.startswith("class "))
    return f"{_shown(Path(inspect.getsourcefile(thing) or ''))}:{first + definition}"


def _line_of_text(file: Path, text: str) -> str:
    lines = file.read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if text in line.replace('"', " ").split())
    return f"{_shown(file)}:{number}"


def _shown(file: Path) -> str:
    return str(file.relative_to(_ROOT)) if file.is_relative_to(_ROOT) else str(file)
