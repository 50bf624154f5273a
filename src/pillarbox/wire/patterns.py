"""Translate the models' regular expressions, which are Java's, into Python's.

Pure. Differences that occur in the models: \\w and \\d are ASCII in Java,
\\p{L} and its like do not exist in Python, and Java matches the whole value.
Called by rules.py. A pattern that does not compile raises re.error.
https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
"""

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import cache

# A value longer than any ARN or URL is refused unmatched: some patterns backtrack quadratically.
LONGEST_UNBOUNDED = 2_048

_PROPERTY = re.compile(r"\\p\{(\w)\}")


@cache
def matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that tells whether the whole of a string matches `pattern`."""
    translated = _PROPERTY.sub(lambda found: _category(found[1]), pattern)
    return re.compile(translated, re.ASCII).fullmatch


@cache
def _category(initial: str) -> str:
    """Return the characters of a Unicode category as ranges for use inside brackets."""
    ranges, start, previous = [], -1, -2
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point))[0] != initial:
            continue
        if point != previous + 1:
            if start >= 0:
                ranges.append((start, previous))
            start = point
        previous = point
    ranges.append((start, previous))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
