"""What a template is made of, once parsed.

Values, but for two things that whitespace changes after parsing: the text of
a Content and the indent of a PartialCall. Made by parser, read by whitespace
and compiler.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Undefined:
    """What a path that leads nowhere gives: JavaScript's undefined, which JSON cannot say."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()


class Strip(NamedTuple):
    """Whether a tag has a `~` at its left and at its right."""

    left: bool
    right: bool


@dataclass(slots=True, frozen=True)
class Path:
    """A variable: `up` counts `../`, `is_data` is the `@`, `written` is how the author put it."""

    written: str
    parts: tuple[str, ...]
    up: int
    is_data: bool

    @property
    def is_scoped(self) -> bool:
        """It begins at the context, and so is neither a helper nor a block parameter."""
        return self.written.startswith(".") or self.written == "this" or self.written.startswith(("this.", "this/"))

    @property
    def name(self) -> str | None:
        """The one plain name that it is, or None when it is more than that."""
        plain = len(self.parts) == 1 and not self.up and not self.is_data and not self.is_scoped
        return self.parts[0] if plain else None


@dataclass(slots=True, frozen=True)
class Literal:
    value: object


@dataclass(slots=True, frozen=True)
class Call:
    """A path with its arguments, if any: the inside of a tag or of parentheses."""

    path: Path
    arguments: tuple["Expression", ...]
    named: tuple[tuple[str, "Expression"], ...]
    line: int

    @property
    def has_arguments(self) -> bool:
        return bool(self.arguments or self.named)


Expression = Path | Literal | Call


@dataclass(slots=True)
class Content:
    original: str
    text: str
    was_cut_left: bool = False
    was_cut_right: bool = False


@dataclass(slots=True, frozen=True)
class Comment:
    strip: Strip


@dataclass(slots=True, frozen=True)
class Mustache:
    call: Call
    strip: Strip
    weight: int


@dataclass(slots=True)
class PartialCall:
    name: str | Call
    context: Expression | None
    named: tuple[tuple[str, Expression], ...]
    strip: Strip
    weight: int
    line: int
    indent: str = ""


@dataclass(slots=True)
class Program:
    """Statements in a row. `is_chain` marks an inverse made of one `else if` block."""

    body: list["Statement"] = field(default_factory=list)
    parameters: tuple[str, ...] = ()
    is_chain: bool = False


@dataclass(slots=True)
class Block:
    """A block or, when `is_inline`, the definition of a partial. One of main and inverse is always there."""

    call: Call
    main: Program | None
    inverse: Program | None
    opening: Strip
    middle: Strip
    closing: Strip
    is_inline: bool
    weight: int

    @property
    def first(self) -> Program:
        program = self.main or self.inverse
        assert program is not None
        return program


Statement = Content | Comment | Mustache | PartialCall | Block
