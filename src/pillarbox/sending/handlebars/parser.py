"""Handlebars source to a tree, by recursive descent.

Pure. What Handlebars.js refuses is refused here; what it can do and SES mail
has no use for (raw blocks, partial blocks, decorators other than inline) is
refused by name. Called by compiler, which has whitespace settled first.
"""

import re

from pillarbox.sending.handlebars.errors import TemplateError
from pillarbox.sending.handlebars.lexer import Token, tokens
from pillarbox.sending.handlebars.tree import (
    UNDEFINED,
    Block,
    Call,
    Comment,
    Content,
    Expression,
    Literal,
    Mustache,
    PartialCall,
    Path,
    Program,
    Statement,
    Strip,
)
from pillarbox.sending.handlebars.values import text_of

DEEPEST = 100
_WORDS = frozenset({"NAME", "WORD", "BRACKETED"})
_VALUES = _WORDS | {"DATA", "STRING", "NUMBER", "LITERAL"}
_KEYWORDS: dict[str, object] = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
_ESCAPED_IN_BRACKETS = re.compile(r"\\([\\\]])")
_REFUSED = {
    "OPEN_RAW_BLOCK": "Raw blocks are not supported",
    "OPEN_PARTIAL_BLOCK": "Partial blocks are not supported",
}


def parse(source: str) -> Program:
    parser = _Parser(source)
    program = parser.program()
    parser.take("END")
    return program


def strip_of(opening: str, closing: str) -> Strip:
    return Strip(opening[2:3] == "~", closing[-3:-2] == "~")


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = tokens(source)
        self._next = 0
        self._depth = 0

    def program(self) -> Program:
        body: list[Statement] = []
        while True:
            kind = self._kind()
            if kind == "CONTENT":
                text = self._advance().text
                body.append(Content(text, text))
            elif kind == "COMMENT":
                text = self._advance().text
                body.append(Comment(strip_of(text, text)))
            elif kind == "OPEN" or kind == "OPEN_TRIPLE":
                body.append(self._mustache())
            elif kind == "OPEN_BLOCK" or kind == "OPEN_INVERSE":
                body.append(self._block())
            elif kind == "OPEN_PARTIAL":
                body.append(self._partial())
            elif kind in _REFUSED:
                raise self._error(_REFUSED[kind])
            else:
                return Program(body)

    def take(self, kind: str) -> Token:
        if self._kind() != kind:
            raise self._error(self._unexpected())
        return self._advance()

    def _mustache(self) -> Mustache:
        start = self._next
        opening = self._advance()
        call = self._call()
        closing = self.take("CLOSE_TRIPLE" if opening.kind == "OPEN_TRIPLE" else "CLOSE")
        if opening.text.endswith("*"):
            raise self._error(f'Unknown decorator: "{call.path.written}"', opening)
        return Mustache(call, strip_of(opening.text, closing.text), self._next - start)

    def _partial(self) -> PartialCall:
        start = self._next
        opening = self._advance()
        is_dynamic = self._kind() == "OPEN_EXPRESSION"
        name = self._parenthesized() if is_dynamic else _path_from(self._value()).written
        arguments, named = self._arguments()
        if len(arguments) > 1:
            raise self._error(f"Unsupported number of partial arguments: {len(arguments)}", opening)
        closing = self.take("CLOSE")
        context = arguments[0] if arguments else None
        strip = strip_of(opening.text, closing.text)
        return PartialCall(name, context, named, strip, self._next - start, opening.line)

    def _block(self) -> Block:
        start = self._next
        opening = self._advance()
        is_inline = opening.text.endswith("*")
        call, parameters, strip = self._rest_of_opening(opening)
        weight = self._next - start
        self._descend()
        main = self.program()
        main.parameters = parameters
        inverse, middle = self._inverse(opening)
        self._depth -= 1
        if is_inline and inverse is not None:
            raise self._error("Unexpected inverse block on decorator")
        closing = self._closing(call)
        _close_chain(inverse, closing)
        if opening.kind == "OPEN_INVERSE":
            return Block(call, inverse, main, strip, middle, closing, is_inline, weight)
        return Block(call, main, inverse, strip, middle, closing, is_inline, weight)

    def _rest_of_opening(self, opening: Token) -> tuple[Call, tuple[str, ...], Strip]:
        call = self._call()
        parameters: list[str] = []
        if self._kind() == "OPEN_PARAMETERS":
            self._advance()
            while self._kind() in _WORDS:
                parameters.append(_unbracketed(self._advance().text))
            if not parameters:
                raise self._error(self._unexpected())
            self.take("CLOSE_PARAMETERS")
        closing = self.take("CLOSE")
        return call, tuple(parameters), strip_of(opening.text, closing.text)

    def _inverse(self, opening: Token) -> tuple[Program | None, Strip]:
        """Return what follows `else`, and the strip of the tag that says it."""
        if self._kind() == "ELSE":
            text = self._advance().text
            return self.program(), strip_of(text, text)
        if self._kind() == "OPEN_ELSE" and opening.kind != "OPEN_INVERSE":
            return self._chained()
        return None, Strip(False, False)

    def _chained(self) -> tuple[Program, Strip]:
        start = self._next
        opening = self._advance()
        call, parameters, strip = self._rest_of_opening(opening)
        weight = self._next - start
        self._descend()
        main = self.program()
        main.parameters = parameters
        inverse, middle = self._inverse(opening)
        self._depth -= 1
        _close_chain(inverse, middle)
        # Of the tag that closes the whole chain, the enclosing block tells it with _close_chain.
        block = Block(call, main, inverse, strip, middle, middle, is_inline=False, weight=weight)
        return Program([block], is_chain=True), strip

    def _closing(self, call: Call) -> Strip:
        opening = self.take("OPEN_END")
        name = _path_from(self._value()).written
        closing = self.take("CLOSE")
        if name != call.path.written:
            raise self._error(f"{call.path.written} doesn't match {name}", opening)
        return strip_of(opening.text, closing.text)

    def _call(self) -> Call:
        line = self._tokens[self._next].line
        path = _path_from(self._value())
        arguments, named = self._arguments()
        return Call(path, arguments, named, line)

    def _parenthesized(self) -> Call:
        self._advance()
        self._descend()
        call = self._call()
        self._depth -= 1
        self.take("CLOSE_EXPRESSION")
        return call

    def _arguments(self) -> tuple[tuple[Expression, ...], tuple[tuple[str, Expression], ...]]:
        arguments: list[Expression] = []
        named: list[tuple[str, Expression]] = []
        while (kind := self._kind()) in _VALUES or kind == "OPEN_EXPRESSION":
            if kind in _WORDS and self._tokens[self._next + 1].kind == "EQUALS":
                key = _unbracketed(self._advance().text)
                self._advance()
                named.append((key, self._argument()))
            elif named:
                raise self._error(self._unexpected())
            else:
                arguments.append(self._argument())
        return tuple(arguments), tuple(named)

    def _argument(self) -> Expression:
        return self._parenthesized() if self._kind() == "OPEN_EXPRESSION" else self._value()

    def _value(self) -> Path | Literal:
        token = self._tokens[self._next]
        if token.kind == "STRING":
            quote = token.text[0]
            value: object = token.text[1:-1].replace("\\" + quote, quote)
        elif token.kind == "NUMBER":
            value = float(token.text)
        elif token.kind == "LITERAL":
            value = _KEYWORDS[token.text]
        else:
            return self._path()
        self._advance()
        return Literal(value)

    def _path(self) -> Path:
        is_data = self._kind() == "DATA"
        written = self._advance().text if is_data else ""
        parts: list[str] = []
        up = 0
        while True:
            if self._kind() not in _WORDS:
                raise self._error(self._unexpected())
            token = self._advance()
            part = _unbracketed(token.text)
            written += part
            if part == token.text and part in ("..", ".", "this"):
                if parts:
                    raise self._error(f"Invalid path: {written}", token)
                up += part == ".."
            else:
                parts.append(part)
            if self._kind() != "SEPARATOR":
                return Path(written, tuple(parts), up, is_data)
            written += self._advance().text

    def _kind(self) -> str:
        return self._tokens[self._next].kind

    def _advance(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(f"Blocks are nested more than {DEEPEST} deep")

    def _unexpected(self) -> str:
        token = self._tokens[self._next]
        return f"Unexpected {token.text[:40]!r}" if token.kind != "END" else "Unexpected end of the template"

    def _error(self, message: str, token: Token | None = None) -> TemplateError:
        return TemplateError(message, (token or self._tokens[self._next]).line)


def _close_chain(inverse: Program | None, closing: Strip) -> None:
    """Tell a chained block, which has no closing tag of its own, the strip of the one that ends it."""
    if inverse is not None and inverse.is_chain:
        block = inverse.body[0]
        assert isinstance(block, Block)
        block.closing = closing


def _unbracketed(word: str) -> str:
    if word.startswith("[") and "\n" not in word:
        return _ESCAPED_IN_BRACKETS.sub(r"\1", word)[1:-1]
    return word


def _path_from(value: Path | Literal) -> Path:
    """Read a literal where a name belongs: it names the field that is spelled like it."""
    if isinstance(value, Path):
        return value
    spelled = "null" if value.value is None else text_of(value.value)
    return Path(spelled, (spelled,), 0, is_data=False)
