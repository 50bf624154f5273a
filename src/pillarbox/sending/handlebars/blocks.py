"""The blocks: if, unless, each, with, and a variable used as a block.

Pure. What each takes for true, empty and the new context is that of the
helpers of Handlebars.js. Called by compiler with bodies already compiled.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from pillarbox.sending.handlebars.errors import TemplateError
from pillarbox.sending.handlebars.expressions import Getter, Names, Node, getter
from pillarbox.sending.handlebars.runtime import Body, Bound, Frame, Run, Scope, level_of
from pillarbox.sending.handlebars.tree import Call
from pillarbox.sending.handlebars.values import entries, is_empty, is_nothing, is_true


@dataclass(slots=True, frozen=True)
class Part:
    """What a block runs when it holds, or when it does not; `binds` says that it has block parameters."""

    body: Body | None
    binds: bool

    def run(self, run: Run, scope: Scope, context: object, values: tuple[object, ...] = ()) -> None:
        if self.body is not None:
            bound = Bound(values, scope.bound) if self.binds else scope.bound
            level = level_of(context, scope.level)
            self.body(run, Scope(context, level, scope.frame, bound), scope.level)

    def run_each(self, run: Run, scope: Scope, items: Collection[tuple[object, object]]) -> None:
        """Run once for every (key, value), with the `@` variables of the loop."""
        run.spend(len(items))
        frame = Frame(scope.frame.root, scope.frame)
        inside = Scope(scope.context, scope.level, frame, scope.bound)
        last = len(items) - 1
        for index, (key, value) in enumerate(items):
            frame.key, frame.index, frame.first, frame.last = key, index, index == 0, index == last
            self.run(run, inside, value, (value, key))


def block_node(call: Call, main: Part, inverse: Part, names: Names) -> Node:
    """Return what runs a block, or raise TemplateError when its helper does not exist or is called wrongly."""
    name = call.path.name
    if name in _HELPERS and not any(name in parameters for parameters in names):
        if len(call.arguments) != 1:
            raise TemplateError(f"#{name} requires exactly one argument", call.line)
        return _HELPERS[name](call, main, inverse, names)
    if call.has_arguments or name in BUILT_IN:
        raise TemplateError(f'Missing helper: "{call.path.written}"', call.line)
    return _section(getter(call.path, names), main, inverse)


def _if(call: Call, main: Part, inverse: Part, names: Names) -> Node:
    condition = getter(call.arguments[0], names)
    zero_counts = next((getter(value, names) for key, value in call.named if key == "includeZero"), None)

    def node(run: Run, scope: Scope) -> None:
        value = condition(run, scope)
        if zero_counts is not None and is_true(zero_counts(run, scope)):
            holds = not is_empty(value)
        else:
            holds = is_true(value) and not is_empty(value)
        if holds:
            main.run(run, scope, scope.this)
        else:
            inverse.run(run, scope, scope.this)

    return node


def _unless(call: Call, main: Part, inverse: Part, names: Names) -> Node:
    return _if(call, inverse, main, names)


def _with(call: Call, main: Part, inverse: Part, names: Names) -> Node:
    context = getter(call.arguments[0], names)

    def node(run: Run, scope: Scope) -> None:
        value = context(run, scope)
        if is_empty(value):
            inverse.run(run, scope, scope.this)
        else:
            main.run(run, scope, value, (value,))

    return node


def _each(call: Call, main: Part, inverse: Part, names: Names) -> Node:
    context = getter(call.arguments[0], names)

    def node(run: Run, scope: Scope) -> None:
        items = entries(context(run, scope))
        if items:
            main.run_each(run, scope, items)
        else:
            inverse.run(run, scope, scope.this)

    return node


def _section(get: Getter, main: Part, inverse: Part) -> Node:
    """A variable as a block: a loop over a list, a condition on true and false, else a new context."""

    def node(run: Run, scope: Scope) -> None:
        value = get(run, scope)
        if value is True:
            main.run(run, scope, scope.context)
        elif value is False or is_nothing(value) or value == []:
            inverse.run(run, scope, scope.context)
        elif isinstance(value, list):
            main.run_each(run, scope, entries(value))
        else:
            main.run(run, scope, value)

    return node


_HELPERS: dict[str | None, Callable[[Call, Part, Part, Names], Node]] = {
    "if": _if,
    "unless": _unless,
    "each": _each,
    "with": _with,
}
# `log` has nothing to log to here: who writes it means to see something.
BUILT_IN: frozenset[str | None] = frozenset({*_HELPERS, "lookup", "log"})
