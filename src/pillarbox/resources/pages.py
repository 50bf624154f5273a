"""Lists in pages: what fits, by name, and a token for the rest.

Plans. A token is the last name of the page before, so a page costs the same
wherever it begins and rows that come and go between pages neither repeat nor
hide others. Called by the nouns.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Plan

# https://docs.aws.amazon.com/ses/latest/APIReference/API_ListIdentities.html
LONGEST_PAGE = 1_000
_BATCH = 500


T = TypeVar("T")


class Page(NamedTuple):
    rows: list[Noun]
    next_token: str | None


class Part(NamedTuple, Generic[T]):
    """A page of what is at hand."""

    rows: Sequence[T]
    next_token: str | None


class InvalidToken(Invalid):
    """The token was not given out by a list."""


def page_of(
    scope: Scope,
    kind: str,
    token: str | None,
    size: int | None,
    fits: Callable[[Noun], bool] | None = None,
    *,
    parent: str | None = None,
) -> Plan[Page]:
    """Return the next page of those that fit, below one parent or of all.

    Without a size, or with 0, a page is the longest there may be.
    """
    limit = checked_size(size)
    after = _read_token(token) if token else ""
    # Some documents are large: read no more of them than the page needs, if that is known.
    batch_size = limit + 1 if fits is None else _BATCH
    found: list[Noun] = []
    while len(found) <= limit:
        if parent is None:
            batch = yield from nouns.list_by_name(scope, kind, after, batch_size)
        else:
            batch = yield from nouns.list_children(scope, kind, parent, after, batch_size)
        found += [noun for noun in batch if fits is None or fits(noun)]
        if len(batch) < batch_size:
            break
        after = batch[-1].name
    more = len(found) > limit
    return Page(found[:limit], _write_token(found[limit - 1].name) if more else None)


def part_of(everything: Sequence[T], key: Callable[[T], str], token: str | None, size: int | None) -> Part[T]:
    """Return the next page of what is at hand, in the order of `key`."""
    limit = checked_size(size)
    after = _read_token(token) if token else ""
    found = [one for one in everything if not after or key(one) > after]
    more = len(found) > limit
    return Part(found[:limit], _write_token(key(found[limit - 1])) if more else None)


def checked_size(size: int | None) -> int:
    """Return how long a page may be, or raise Invalid for a size that AWS does not take."""
    if size is not None and not 0 <= size <= LONGEST_PAGE:
        raise Invalid(f"The page size {size} is invalid: it must be between 1 and {LONGEST_PAGE}.")
    return size or LONGEST_PAGE


def _write_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise InvalidToken(f"The pagination token {token} is invalid.") from None
