"""Handlebars source to tokens.

Pure. Outside tags there is only CONTENT; inside a tag the alternatives of
`_IN_TAG` are tried in order, as the lexer of Handlebars.js does, because
several of them overlap. Called by parser.
"""

import re
from typing import NamedTuple

from pillarbox.sending.handlebars.errors import TemplateError

# https://tc39.es/ecma262/#sec-white-space : not the set that Python calls \s.
WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)

_S = f"[{WHITESPACE}]"
_NAME_ENDS = rf"(?=[=~}}/.)|{WHITESPACE}])"
_LITERAL_ENDS = rf"(?=[~}}){WHITESPACE}])"
_ALTERNATIVES = (
    ("OPEN_EXPRESSION", r"\("),
    ("CLOSE_EXPRESSION", r"\)"),
    ("OPEN_RAW_BLOCK", r"\{\{\{\{"),
    ("CLOSE_RAW_BLOCK", r"\}\}\}\}"),
    ("OPEN_PARTIAL", r"\{\{~?>"),
    ("OPEN_PARTIAL_BLOCK", r"\{\{~?#>"),
    ("OPEN_BLOCK", r"\{\{~?#\*?"),
    ("OPEN_END", r"\{\{~?/"),
    ("ELSE", rf"\{{\{{~?(?:\^|{_S}*else){_S}*~?\}}\}}"),
    ("OPEN_INVERSE", r"\{\{~?\^"),
    ("OPEN_ELSE", rf"\{{\{{~?{_S}*else(?![A-Za-z0-9_])"),
    ("OPEN_TRIPLE", r"\{\{~?\{"),
    ("LONG_COMMENT", r"\{\{~?!--"),
    ("COMMENT", r"\{\{~?!"),
    ("OPEN", r"\{\{~?[&*]?"),
    ("EQUALS", r"="),
    ("NAME", rf"\.\.|\.{_NAME_ENDS}"),
    ("SEPARATOR", r"[/.]"),
    ("SPACE", rf"{_S}+"),
    ("CLOSE_TRIPLE", r"\}~?\}\}"),
    ("CLOSE", r"~?\}\}"),
    ("STRING", r"\"(?:\\\"|[^\"])*\"|'(?:\\'|[^'])*'"),
    ("DATA", r"@"),
    ("LITERAL", rf"(?:true|false|undefined|null){_LITERAL_ENDS}"),
    ("NUMBER", rf"-?[0-9]+(?:\.[0-9]+)?{_LITERAL_ENDS}"),
    ("OPEN_PARAMETERS", rf"as{_S}+\|"),
    ("CLOSE_PARAMETERS", r"\|"),
    ("WORD", rf"[^!\"#%-,./;->@\[-\^`{{-~{WHITESPACE}]+{_NAME_ENDS}"),
    ("BRACKETED", r"\[(?:\\\]|[^\]])*\]"),
)
_IN_TAG = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _ALTERNATIVES))
_LONG_COMMENT_ENDS = re.compile(r"--~?\}\}")
_ENDS_OF_TAG = frozenset({"ELSE", "CLOSE", "CLOSE_TRIPLE"})


class Token(NamedTuple):
    kind: str
    text: str
    line: int


def tokens(source: str) -> list[Token]:
    """Return all tokens, an END last, or raise TemplateError."""
    return _Lexer(source).tokens()


class _Lexer:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._line = 1
        self._found: list[Token] = []

    def tokens(self) -> list[Token]:
        source = self._source
        if (zero := source.find("\0")) >= 0:
            raise TemplateError("A template cannot contain the character NUL", source.count("\n", 0, zero) + 1)
        while (tag := source.find("{{", self._at)) >= 0:
            # Two backslashes before a tag stand for one; a single one makes the tag a text.
            text = source[self._at : tag]
            is_escaped = text.endswith("\\") and not text.endswith("\\\\")
            self._take("CONTENT", tag, text.removesuffix("\\"))
            if is_escaped:
                self._take("CONTENT", self._end_of_escaped())
            else:
                self._tag()
        self._take("CONTENT", len(source))
        self._found.append(Token("END", "", self._line))
        return self._found

    def _take(self, kind: str, end: int, text: str | None = None) -> None:
        """Go on to `end`, and add what is passed as a token unless there is nothing to it."""
        passed = self._source[self._at : end]
        if text is None:
            text = passed
        if text:
            self._found.append(Token(kind, text, self._line))
        self._line += passed.count("\n")
        self._at = end

    def _end_of_escaped(self) -> int:
        """Return where the text that begins with an escaped `{{` ends: at the next tag, with its backslashes."""
        earliest = self._at + 2
        end = self._source.find("{{", earliest)
        if end < 0:
            return len(self._source)
        for backslashes in (2, 1):
            if end - backslashes >= earliest and self._source[end - backslashes : end] == "\\" * backslashes:
                return end - backslashes
        return end

    def _tag(self) -> None:
        """Take the tokens of the tag that opens here; an unclosed one leaves it to the parser to complain."""
        while self._at < len(self._source):
            match = _IN_TAG.match(self._source, self._at)
            if match is None:
                raise TemplateError(f"Unexpected {self._source[self._at]!r}", self._line)
            kind = match.lastgroup or ""
            if kind == "LONG_COMMENT" or kind == "COMMENT":
                self._take("COMMENT", self._end_of_comment(match.end(), kind))
                return
            self._take(kind, match.end(), "" if kind == "SPACE" else match.group())
            if kind in _ENDS_OF_TAG:
                return

    def _end_of_comment(self, after_open: int, kind: str) -> int:
        if kind == "LONG_COMMENT":
            # The dashes that open the comment may also be the ones that close it: {{!--}}.
            match = _LONG_COMMENT_ENDS.search(self._source, after_open - 2)
            end = match.end() if match else -1
        else:
            end = self._source.find("}}", after_open) + 2
        if end < after_open:
            raise TemplateError("Unclosed comment", self._line)
        return end
