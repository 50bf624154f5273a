"""Which of the languages that a page is written in its reader would like best.

Pure. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4
"""

from collections.abc import Collection

# More than anybody's browser sends.
_MOST_READ = 20


def best_language(accepted: str, available: Collection[str], usual: str) -> str:
    """Return the language to answer in: the best that an Accept-Language header asks for, or the usual one.

    A wish for `de-CH` is met by `de`, and a wish for `zh` by `zh-CN`.
    """
    wishes = [_wish(part) for part in accepted.split(",")[:_MOST_READ]]
    for tag, quality in sorted(wishes, key=lambda wish: -wish[1]):
        if quality > 0 and (found := _match(tag, available)):
            return found
    return usual


def _wish(part: str) -> tuple[str, float]:
    tag, _, parameters = part.partition(";")
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return tag.strip().lower(), 1.0
    try:
        return tag.strip().lower(), float(value)
    except ValueError:
        return tag.strip().lower(), 0.0


def _match(tag: str, available: Collection[str]) -> str | None:
    by_name = {name.lower(): name for name in available}
    pieces = tag.split("-")
    for length in range(len(pieces), 0, -1):
        if found := by_name.get("-".join(pieces[:length])):
            return found
    main = pieces[0]
    return next((name for lower, name in by_name.items() if main and lower.partition("-")[0] == main), None)
