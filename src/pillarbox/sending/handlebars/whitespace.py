"""Whitespace around tags: `~`, and tags that stand alone on a line.

Changes the texts of a parsed tree in place, once, in the order and with the
exceptions of Handlebars.js, so that the same template gives the same bytes.
Called by compiler.
"""

from pillarbox.sending.handlebars.lexer import WHITESPACE
from pillarbox.sending.handlebars.tree import Block, Comment, Content, Mustache, PartialCall, Program, Statement, Strip


def settle_whitespace(program: Program, is_root: bool = True) -> None:
    body = program.body
    for at, statement in enumerate(body):
        if isinstance(statement, Content):
            continue
        if isinstance(statement, Block):
            _settle_inside(statement)
        strip = _outer_strip(statement)
        begins_line = _begins_line(body, at, is_root)
        ends_line = _ends_line(body, at, is_root)
        if strip.right:
            _cut_after(body, at + 1, all_of_it=True)
        if strip.left:
            _cut_before(body, at - 1, all_of_it=True)
        if isinstance(statement, Block):
            _settle_lines_of_block(statement, body, at, begins_line, ends_line)
        elif isinstance(statement, (PartialCall, Comment)) and begins_line and ends_line:
            _cut_after(body, at + 1)
            if _cut_before(body, at - 1) and isinstance(statement, PartialCall):
                statement.indent = _indent_of(body[at - 1])


def _outer_strip(statement: Mustache | PartialCall | Comment | Block) -> Strip:
    if isinstance(statement, Block):
        return Strip(statement.opening.left, statement.closing.right)
    return statement.strip


def _settle_inside(block: Block) -> None:
    """Settle the two programs of a block and the tag between them."""
    for program in (block.main, block.inverse):
        if program is not None:
            settle_whitespace(program, is_root=False)
    first = block.first
    if block.opening.right:
        _cut_after(first.body, 0, all_of_it=True)
    inverse = block.inverse if block.main is not None else None
    if inverse is None:
        if block.closing.left:
            _cut_before(first.body, len(first.body) - 1, all_of_it=True)
        return
    after_else, last = _ends_of_chain(inverse)
    if block.middle.left:
        _cut_before(first.body, len(first.body) - 1, all_of_it=True)
    if block.middle.right:
        _cut_after(after_else.body, 0, all_of_it=True)
    if block.closing.left:
        _cut_before(last.body, len(last.body) - 1, all_of_it=True)
    if _begins_line(first.body, len(first.body)) and _ends_line(after_else.body, -1):
        _cut_before(first.body, len(first.body) - 1)
        _cut_after(after_else.body, 0)


def _settle_lines_of_block(block: Block, body: list[Statement], at: int, begins_line: bool, ends_line: bool) -> None:
    """Remove the lines that the opening and the closing tag have for themselves."""
    first = block.first
    last = block.inverse if block.main is not None and block.inverse is not None else first
    before_close = _ends_of_chain(last)[0] if last is not first else first
    opening_is_alone = begins_line and _ends_line(first.body, -1)
    closing_is_alone = ends_line and _begins_line(before_close.body, len(before_close.body))
    if opening_is_alone:
        _cut_after(first.body, 0)
        _cut_before(body, at - 1)
    if closing_is_alone:
        _cut_after(body, at + 1)
        program = block.inverse or block.first
        _cut_before(program.body, len(program.body) - 1)


def _ends_of_chain(inverse: Program) -> tuple[Program, Program]:
    """Return the first and the last program of a chain of `else if`; they are one when there is none."""
    first = last = inverse
    if inverse.is_chain:
        first = _main_of(inverse)
    while last.is_chain:
        last = _main_of(last)
    return first, last


def _main_of(chain: Program) -> Program:
    block = chain.body[-1]
    assert isinstance(block, Block)
    return block.first


def _begins_line(body: list[Statement], at: int, is_root: bool = False) -> bool:
    """Whether only whitespace stands between the start of a line and the statement `at`."""
    if at == 0:
        return is_root
    before = body[at - 1]
    if not isinstance(before, Content):
        return False
    blank = before.original[len(before.original.rstrip(WHITESPACE)) :]
    return "\n" in blank or (is_root and at == 1 and blank == before.original)


def _ends_line(body: list[Statement], at: int, is_root: bool = False) -> bool:
    """Whether only whitespace stands between the statement `at` and the end of its line."""
    if at + 1 == len(body):
        return is_root
    after = body[at + 1]
    if not isinstance(after, Content):
        return False
    blank = after.original[: len(after.original) - len(after.original.lstrip(WHITESPACE))]
    return "\n" in blank or (is_root and at + 2 == len(body) and blank == after.original)


def _cut_after(body: list[Statement], at: int, all_of_it: bool = False) -> None:
    """Cut whitespace where the text `at` begins: to the end of the line, or all of it."""
    content = body[at] if at < len(body) else None
    if not isinstance(content, Content) or (content.was_cut_left and not all_of_it):
        return
    cut = content.text.lstrip(WHITESPACE) if all_of_it else _without_rest_of_line(content.text)
    content.was_cut_left = cut != content.text
    content.text = cut


def _without_rest_of_line(text: str) -> str:
    return text.lstrip(" \t").removeprefix("\r").removeprefix("\n")


def _cut_before(body: list[Statement], at: int, all_of_it: bool = False) -> bool:
    """Cut whitespace where the text `at` ends: the indent, or all of it. Say whether there was any."""
    content = body[at] if 0 <= at < len(body) else None
    if not isinstance(content, Content) or (content.was_cut_right and not all_of_it):
        return False
    cut = content.text.rstrip(WHITESPACE if all_of_it else " \t")
    content.was_cut_right = cut != content.text
    content.text = cut
    return content.was_cut_right


def _indent_of(before: Statement) -> str:
    assert isinstance(before, Content)
    return before.original[len(before.original.rstrip(" \t")) :]
