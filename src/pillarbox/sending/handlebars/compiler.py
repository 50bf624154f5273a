"""A template, compiled to closures over its parsed tree.

Pure. `compile_template` refuses what cannot be read, names a helper or a
partial that does not exist, or is too large; a Template renders any data
within the allowances of runtime. Called by sending/render.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from pillarbox.sending.handlebars.blocks import BUILT_IN, Part, block_node
from pillarbox.sending.handlebars.errors import MissingPartial, RenderingLimit, TemplateError
from pillarbox.sending.handlebars.expressions import Getter, Names, Node, getter, lookup, printed
from pillarbox.sending.handlebars.extent import Extent, extent_of
from pillarbox.sending.handlebars.parser import parse
from pillarbox.sending.handlebars.runtime import Body, Frame, Level, Run, Scope, level_of
from pillarbox.sending.handlebars.tree import (
    Block,
    Call,
    Comment,
    Content,
    Literal,
    Mustache,
    PartialCall,
    Path,
    Program,
)
from pillarbox.sending.handlebars.values import is_nothing, own_properties, text_of
from pillarbox.sending.handlebars.whitespace import settle_whitespace

# https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-api.html
LARGEST_SOURCE = 512 * 1024
# https://docs.aws.amazon.com/ses/latest/dg/faqs-metrics.html#sending-metric-faqs
OPEN_TRACKER = "ses:openTracker"
# https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html
UNSUBSCRIBE_URL = "amazonSESUnsubscribeUrl"
_LEFT_ALONE = frozenset({OPEN_TRACKER, UNSUBSCRIBE_URL})


@dataclass(slots=True, frozen=True)
class Template:
    """One text with variables. Rendering is pure and changes nothing of it.

    `extent` tells how long it can become; None when that cannot be told before.
    """

    body: Body
    open_trackers: int
    extent: Extent | None

    def render(self, data: Mapping[str, object]) -> str:
        """Return the text, or raise a RenderingError. `data` is what JSON can say, an object."""
        root = dict(data)
        run = Run()
        try:
            self.body(run, Scope(root, Level(root, None), Frame(root), None), None)
        except RecursionError:
            raise RenderingLimit("The data is nested too deep") from None
        return _well_formed("".join(run.out))


def compile_template(source: str) -> Template:
    """Return the template that `source` spells, or raise TemplateError."""
    if len(source.encode(errors="surrogatepass")) > LARGEST_SOURCE:
        raise TemplateError(f"A template is at most {LARGEST_SOURCE} bytes long", 1)
    program = parse(source)
    settle_whitespace(program)
    compiler = _Compiler()
    body = compiler.body(program, ())
    compiler.check_partials()
    return Template(body, compiler.open_trackers, extent_of(program))


class _Compiler:
    def __init__(self) -> None:
        self.open_trackers = 0
        self._defined: set[str] = set()
        self._called: dict[str, int] = {}

    def body(self, program: Program, names: Names) -> Body:
        """Return what runs a program: first it defines its partials, wherever they stand, then it writes."""
        if program.parameters:
            names = (*names, program.parameters)
        nodes: list[str | Node] = []
        definitions: dict[str, Body] = {}
        steps = 1
        for statement in program.body:
            if isinstance(statement, Block) and statement.is_inline:
                definitions[self._inline_name(statement)] = self.body(statement.first, ())
            elif not isinstance(statement, Comment):
                node, weight = self._node(statement, names)
                steps += weight
                nodes.append(node)
        characters = sum(len(node) for node in nodes if isinstance(node, str))
        plain = _plain_body(_merged(nodes), steps, characters)
        return _defining_body(plain, definitions) if definitions else plain

    def check_partials(self) -> None:
        for name, line in self._called.items():
            if name not in self._defined:
                raise TemplateError(str(MissingPartial(name)), line)

    def _node(self, statement: Content | Mustache | PartialCall | Block, names: Names) -> tuple[str | Node, int]:
        if isinstance(statement, Content):
            return statement.text, 0
        if isinstance(statement, Mustache):
            return self._mustache(statement.call, names), statement.weight
        if isinstance(statement, PartialCall):
            return self._partial(statement, names), statement.weight
        return self._block(statement, names), statement.weight

    def _mustache(self, call: Call, names: Names) -> str | Node:
        name = call.path.name
        if name in _LEFT_ALONE and not call.has_arguments:
            self.open_trackers += name == OPEN_TRACKER
            return f"{{{{{name}}}}}"
        if name == "lookup" or call.has_arguments:
            return _printed_lookup(lookup(call, names))
        if name in BUILT_IN and not any(name in parameters for parameters in names):
            raise TemplateError(f"{name} is a helper and needs a block", call.line)
        return printed(call.path, names)

    def _block(self, block: Block, names: Names) -> Node:
        return block_node(block.call, self._part(block.main, names), self._part(block.inverse, names), names)

    def _part(self, program: Program | None, names: Names) -> Part:
        if program is None:
            return Part(None, False)
        return Part(self.body(program, names), bool(program.parameters))

    def _inline_name(self, block: Block) -> str:
        call = block.call
        if call.path.written != "inline":
            raise TemplateError(f'Unknown decorator: "{call.path.written}"', call.line)
        name = call.arguments[0] if len(call.arguments) == 1 else None
        if not isinstance(name, Literal) or call.named:
            raise TemplateError('An inline partial needs a name, as in {{#* inline "name"}}', call.line)
        self._defined.add(text_of(name.value))
        return text_of(name.value)

    def _partial(self, partial: PartialCall, names: Names) -> Node:
        here = Path(".", (), 0, is_data=False)
        context = getter(partial.context or here, names)
        if partial.named:
            context = _extended(context, [(key, getter(value, names)) for key, value in partial.named])
        if isinstance(partial.name, str):
            self._called.setdefault(partial.name, partial.line)
            name = getter(Literal(partial.name), names)
        else:
            name = lookup(partial.name, names)
        call = _partial_call(name, context)
        return _indented(call, partial.indent) if partial.indent else call


def _merged(nodes: list[str | Node]) -> list[str | Node]:
    """Make texts that come together one."""
    merged: list[str | Node] = []
    for are_texts, together in groupby(nodes, lambda node: isinstance(node, str)):
        if are_texts:
            merged.append("".join(cast(Iterable[str], together)))
        else:
            merged.extend(together)
    return merged


def _plain_body(nodes: list[str | Node], steps: int, characters: int) -> Body:
    def body(run: Run, scope: Scope, _defined_at: Level | None) -> None:
        run.enter(steps, characters)
        for node in nodes:
            if isinstance(node, str):
                run.out.append(node)
            else:
                node(run, scope)
        run.depth -= 1

    return body


def _defining_body(plain: Body, definitions: dict[str, Body]) -> Body:
    def body(run: Run, scope: Scope, defined_at: Level | None) -> None:
        outer = run.partials
        run.spend(len(outer) + len(definitions))
        run.partials = outer | {name: (partial, defined_at) for name, partial in definitions.items()}
        plain(run, scope, defined_at)
        run.partials = outer

    return body


def _partial_call(name: Getter, context: Getter) -> Node:
    def call(run: Run, scope: Scope) -> None:
        called = text_of(name(run, scope), run.spend)
        partial = run.partials.get(called)
        if partial is None:
            raise MissingPartial(called)
        body, defined_at = partial
        inner = context(run, scope)
        body(run, Scope(inner, level_of(inner, defined_at), scope.frame, None), defined_at)

    return call


def _extended(context: Getter, named: list[tuple[str, Getter]]) -> Getter:
    """Return the context of a partial with `key=value`: a copy, so that nobody else sees the additions."""

    def get(run: Run, scope: Scope) -> object:
        copy = own_properties(context(run, scope))
        run.spend(len(copy))
        for key, value in named:
            copy[key] = value(run, scope)
        return copy

    return get


def _indented(call: Node, indent: str) -> Node:
    """Begin every line that a partial writes with the indent of the line it is called on."""

    def write(run: Run, scope: Scope) -> None:
        outer, run.out = run.out, []
        call(run, scope)
        lines = "".join(run.out).split("\n")
        run.out = outer
        last = lines.pop()
        run.write("".join(f"{indent}{line}\n" for line in lines))
        run.write(indent + last if last else "")

    return write


def _printed_lookup(get: Getter) -> Node:
    """A lookup that finds nothing prints nothing, as it may be asked for what is optional."""

    def write(run: Run, scope: Scope) -> None:
        value = get(run, scope)
        if not is_nothing(value):
            run.write(text_of(value, run.spend))

    return write


def _well_formed(text: str) -> str:
    """Join the halves of characters that the data kept apart, and replace those that have no other half."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
