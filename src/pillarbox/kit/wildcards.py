"""Patterns of policy documents: `*`, `?` and variables such as `${aws:username}`.

Pure, and never slower than the length of the pattern times that of the text,
so that a pattern from a stranger cannot hold anybody up. Called by policy.py
and policy_conditions.py.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache

_VARIABLE = re.compile(r"\$\{(?P<name>[^},]*)(?:,\s*'(?P<otherwise>[^']*)')?\s*\}")
_ESCAPED = frozenset("*?$")

Context = Mapping[str, tuple[str, ...]]
"""What is known of a request: values by key, in lower case."""


class Wild(Enum):
    """What stands for other characters: any number of them, or one."""

    ANY = "*"
    ONE = "?"


Token = str | Wild


def tokens(pattern: str, context: Context | None, *, wild: bool = True) -> tuple[Token, ...] | None:
    """Return a pattern's characters and wildcards; None when a variable in it has no value, so that nothing fits.

    Variables are text of the request: a `*` in one is that character. `context` None leaves `${` as it stands.
    """
    if context is None or "${" not in pattern:
        return _plain(pattern, wild)
    found: list[Token] = []
    end = 0
    for variable in _VARIABLE.finditer(pattern):
        found += _plain(pattern[end : variable.start()], wild)
        value = _value(variable["name"].strip(), variable["otherwise"], context)
        if value is None:
            return None
        found += value
        end = variable.end()
    return (*found, *_plain(pattern[end:], wild))


def fits(pattern: Sequence[Token] | None, text: str) -> bool:
    """Say whether the whole text is what the pattern describes."""
    if pattern is None:
        return False
    at = seen = 0
    last_any, seen_at_any = -1, 0
    while seen < len(text):
        if at < len(pattern) and pattern[at] is Wild.ANY:
            last_any, seen_at_any = at, seen
            at += 1
        elif at < len(pattern) and (pattern[at] is Wild.ONE or pattern[at] == text[seen]):
            at, seen = at + 1, seen + 1
        elif last_any >= 0:
            # The star before takes one character more: no earlier one needs to be tried again.
            seen_at_any += 1
            at, seen = last_any + 1, seen_at_any
        else:
            return False
    return all(token is Wild.ANY for token in pattern[at:])


@lru_cache(maxsize=4096)
def _plain(text: str, wild: bool) -> tuple[Token, ...]:
    if not wild:
        return tuple(text)
    return tuple(Wild(mark) if mark in "*?" else mark for mark in text)


def _value(name: str, otherwise: str | None, context: Context) -> str | None:
    if name in _ESCAPED:
        return name
    values = context.get(name.lower(), ())
    return values[0] if len(values) == 1 else otherwise
