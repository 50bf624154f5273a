"""Paths, literals and the one helper with a value, as closures.

Pure. A Getter gives UNDEFINED for what is not there; only printing makes that
an error, so conditions and loops may ask for anything. Called by compiler.
"""

from collections.abc import Callable, Sequence

from pillarbox.sending.handlebars.errors import MissingAttribute, TemplateError
from pillarbox.sending.handlebars.runtime import Bound, Frame, Run, Scope
from pillarbox.sending.handlebars.tree import UNDEFINED, Call, Expression, Literal, Path
from pillarbox.sending.handlebars.values import is_nothing, is_true, property_of, text_of

Getter = Callable[[Run, Scope], object]
Node = Callable[[Run, Scope], None]
# The block parameters in force where an expression stands, innermost last.
Names = tuple[tuple[str, ...], ...]


def printed(path: Path, names: Names) -> Node:
    """Return what writes a variable, or raises MissingAttribute when the data does not have it."""
    if path.name is not None and _place_of(path.name, names) is None:
        return _printed_name(path.name, path.written)
    get = _strict(path, names)

    def write(run: Run, scope: Scope) -> None:
        value = get(run, scope)
        if not is_nothing(value):
            run.write(text_of(value, run.spend))
        elif value is UNDEFINED:
            raise MissingAttribute(path.written)

    return write


def _printed_name(name: str, written: str) -> Node:
    """The same for a plain name, which most variables are."""

    def write(run: Run, scope: Scope) -> None:
        value = property_of(scope.context, name)
        if isinstance(value, str):
            run.write(value)
        elif value is UNDEFINED:
            raise MissingAttribute(written)
        elif value is not None:
            run.write(text_of(value, run.spend))

    return write


def _strict(path: Path, names: Names) -> Getter:
    """Return a getter for which what a null would have is as absent as what an object has not."""
    is_one_variable = path.is_data or (_may_be_bound(path) and _place_of(path.parts[0], names) is not None)
    if len(path.parts) <= is_one_variable:
        return getter(path, names)
    owner = getter(Path(path.written, path.parts[:-1], path.up, path.is_data), names)
    last, is_data = path.parts[-1], path.is_data

    def get(run: Run, scope: Scope) -> object:
        value = owner(run, scope)
        if is_data and not (is_true(value) or is_nothing(value)):
            return value
        return property_of(value, last)

    return get


def getter(expression: Expression, names: Names) -> Getter:
    if isinstance(expression, Literal):
        value = expression.value
        return lambda _run, _scope: value
    if isinstance(expression, Call):
        return lookup(expression, names)
    if expression.is_data:
        return _data_getter(expression)
    place = _place_of(expression.parts[0], names) if _may_be_bound(expression) else None
    if place is not None:
        return _bound_getter(place, expression.parts[1:])
    return _context_getter(expression)


def lookup(call: Call, names: Names) -> Getter:
    """Return the getter of `lookup`, the only helper that gives a value."""
    if call.path.name != "lookup":
        raise TemplateError(f'Missing helper: "{call.path.written}"', call.line)
    if len(call.arguments) != 2 or call.named:
        raise TemplateError("lookup requires exactly two arguments", call.line)
    owner, key = (getter(argument, names) for argument in call.arguments)

    def get(run: Run, scope: Scope) -> object:
        value = owner(run, scope)
        return property_of(value, text_of(key(run, scope), run.spend)) if is_true(value) else value

    return get


def _may_be_bound(path: Path) -> bool:
    return bool(path.parts) and not (path.up or path.is_data or path.is_scoped)


def _place_of(name: str, names: Names) -> tuple[int, int] | None:
    """Return how many blocks out and at which place `name` is a block parameter."""
    for outward, parameters in enumerate(reversed(names)):
        if name in parameters:
            return outward, parameters.index(name)
    return None


def _context_getter(path: Path) -> Getter:
    up, parts = path.up, path.parts
    if not up and not parts:
        return lambda _run, scope: scope.context

    def get(_run: Run, scope: Scope) -> object:
        value = scope.context if not up else _context_above(scope, up)
        return _walk(value, parts)

    return get


def _context_above(scope: Scope, up: int) -> object:
    level = scope.level
    while up and level is not None:
        level = level.above
        up -= 1
    return UNDEFINED if level is None else level.context


def _bound_getter(place: tuple[int, int], parts: Sequence[str]) -> Getter:
    outward, at = place

    def get(_run: Run, scope: Scope) -> object:
        bound: Bound | None = scope.bound
        for _ in range(outward):
            bound = bound.outer if bound else None
        values = bound.values if bound else ()
        return _walk(values[at], parts) if at < len(values) else UNDEFINED

    return get


def _walk(value: object, parts: Sequence[str]) -> object:
    """Follow `parts`; a null or an absence on the way is where it ends."""
    for part in parts:
        if is_nothing(value):
            break
        value = property_of(value, part)
    return value


_VARIABLES: dict[str, Callable[[Frame], object]] = {
    "root": lambda frame: frame.root,
    "key": lambda frame: frame.key,
    "index": lambda frame: frame.index,
    "first": lambda frame: frame.first,
    "last": lambda frame: frame.last,
}


def _data_getter(path: Path) -> Getter:
    variable = _VARIABLES.get(path.parts[0]) if path.parts else None
    up, rest = path.up, path.parts[1:]

    def get(_run: Run, scope: Scope) -> object:
        frame: Frame | None = scope.frame
        for _ in range(up):
            frame = frame.parent if frame else None
        value = variable(frame) if frame and variable else UNDEFINED
        for part in rest:
            # Below an @ variable Handlebars.js stops at anything false, not only at null.
            if not is_true(value):
                break
            value = property_of(value, part)
        return value

    return get
