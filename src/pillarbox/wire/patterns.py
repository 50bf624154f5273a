"""Translate the models' regular expressions, which are Java's, into Python's.

Pure. Differences that occur in the models: \\w and \\d are ASCII in Java,
\\p{L} and its like do not exist in Python, and Java matches the whole value.
Called by rules.py. A pattern that has no translation raises re.error.
https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
"""

import re
from collections.abc import Callable
from functools import cache

# A value longer than any ARN or URL is refused unmatched: some patterns backtrack quadratically.
LONGEST_UNBOUNDED = 2_048

_PROPERTY = re.compile(r"\\p\{(\w+)\}")
_SHORTHAND = re.compile(r"\\[wWdDsSbB]")

# Python's \w is exactly letters, numbers and the underscore; category Z is short enough to write out.
_LETTER_OR_NUMBER = r"\w"
_SEPARATOR = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_PROPERTIES = {"L": _LETTER_OR_NUMBER, "N": _LETTER_OR_NUMBER, "Z": _SEPARATOR}


@cache
def matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that tells whether the whole of a string matches `pattern`."""
    properties = set(_PROPERTY.findall(pattern))
    if not properties:
        return re.compile(pattern, re.ASCII).fullmatch
    # Letters stand for numbers and the underscore too, so all of them must be meant.
    if properties != set(_PROPERTIES) or "_" not in pattern or _SHORTHAND.search(pattern):
        raise re.error("a Unicode property without a translation", pattern)
    return re.compile(_PROPERTY.sub(lambda found: _PROPERTIES[found[1]], pattern)).fullmatch
