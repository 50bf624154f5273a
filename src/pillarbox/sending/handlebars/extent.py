"""How long a text a template can make of data, told before it is rendered.

Pure. An upper bound from the parsed tree: each piece of text and each variable,
by how many loops stand around it. Made by compiler, asked by sending/render.py.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from pillarbox.sending.handlebars.tree import Block, Comment, Content, Literal, PartialCall, Program

# A list of numbers or objects grows when it is printed: `{},` is three characters, `[object Object],` sixteen.
_PRINTED_FOR_GIVEN = 6
_LEAST_PRINTED = 32
# Helpers that run their block once; one whose name is a variable without arguments may be a loop like any other.
_NO_LOOPS = frozenset(("if", "unless", "with"))


class Turn(NamedTuple):
    """What is written in each turn of so many loops within each other: bytes of text, and variables."""

    text: int
    variables: int


Extent = tuple[Turn, ...]


def extent_of(program: Program) -> Extent | None:
    """Return by depth of loops what a template writes; None where its length depends on more than that."""
    turns: list[Turn] = []
    return tuple(turns) if _add(program, 0, turns) else None


def together(extents: Sequence[Extent | None]) -> Extent | None:
    """Return what several templates write that are given the same data."""
    told = [extent for extent in extents if extent is not None]
    if len(told) < len(extents):
        return None
    by_depth = zip_longest(*told, fillvalue=Turn(0, 0))
    return tuple(Turn(sum(turn.text for turn in one), sum(turn.variables for turn in one)) for one in by_depth)


def longest(extent: Extent, data: str) -> int:
    """Return how many bytes it can be at most with these data, which are JSON."""
    most_turns = data.count(",") + 1
    most_printed = _PRINTED_FOR_GIVEN * _bytes(data) + _LEAST_PRINTED
    return sum((turn.text + turn.variables * most_printed) * most_turns**depth for depth, turn in enumerate(extent))


def _add(program: Program | None, depth: int, turns: list[Turn]) -> bool:
    """Add what a program writes; False when that cannot be told."""
    if len(turns) <= depth:
        turns.append(Turn(0, 0))
    text = variables = 0
    for statement in program.body if program else ():
        if isinstance(statement, Content):
            text += _bytes(statement.text)
        elif isinstance(statement, Block):
            if not _add_block(statement, depth, turns):
                return False
            variables += 1  # for the work that it is, even when it is empty
        elif isinstance(statement, PartialCall):
            return False  # which may call itself
        elif not isinstance(statement, Comment):
            variables += 1
    turns[depth] = Turn(turns[depth].text + text, turns[depth].variables + variables)
    return True


def _add_block(block: Block, depth: int, turns: list[Turn]) -> bool:
    if block.is_inline or _has_literal(block.call.arguments):
        return False  # a text that stands in the tag may be printed within
    runs_once = block.call.path.name in _NO_LOOPS and block.call.has_arguments
    inner = depth if runs_once else depth + 1
    return _add(block.main, inner, turns) and _add(block.inverse, depth, turns)


def _has_literal(arguments: Sequence[object]) -> bool:
    return any(isinstance(argument, Literal) for argument in arguments)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
