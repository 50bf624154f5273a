"""What becomes of a promised message on its way out: the list, in order.

Pure; what the sender gave stays in the store as given, and each attempt starts
from it. Called by prepare.py before the worker hands an attempt to a transport.
"""

from collections.abc import Callable
from typing import NamedTuple

from pillarbox.delivery.tracking import UNMARKED, Marks
from pillarbox.delivery.transform.dkim import signed
from pillarbox.delivery.transform.headers import TransformFacts, with_delivery_headers, with_trace
from pillarbox.delivery.transform.list_headers import with_list_headers
from pillarbox.delivery.transform.recipient_headers import with_only_recipient
from pillarbox.delivery.transform.tracking import Shown, look_at, with_tracking
from pillarbox.kit.headers import Head, split
from pillarbox.kit.mime import in_crlf_lines

Transform = Callable[[bytes, TransformFacts], bytes]

# What follows links, pixel and the headers of delivery, in lines that end in CRLF behind a header that an empty one
# ends. DKIM comes last, because it covers all others; and the trace stands on top of the message without being covered.
TRANSFORMS: tuple[tuple[str, Transform], ...] = (
    ("only recipient", with_only_recipient),
    ("list", lambda raw, facts: with_list_headers(raw, facts.unsubscribe_url) if facts.unsubscribe_url else raw),
    ("trace", with_trace),
    ("dkim", lambda raw, facts: signed(raw, facts.keys, facts.accepted_at)),
)


class Leaving(NamedTuple):
    """A message as it leaves, and what it is tracked by."""

    data: bytes
    marks: Marks


class Begun(NamedTuple):
    """A message in lines that end in CRLF, before anything is changed; `shown` is there for one that is tracked."""

    raw: bytes
    head: Head
    shown: Shown | None

    @property
    def is_known(self) -> bool:
        """Whether what is long in it, if anything, was read lately: then the rest takes as long as its length says."""
        return self.shown is None or self.shown.known is not None


def transform(raw: bytes, facts: TransformFacts) -> Leaving:
    """Return the message as it leaves, or raise Undeliverable; the same message and facts give the same bytes."""
    return finish(begin(raw, facts), facts)


def begin(raw: bytes, facts: TransformFacts) -> Begun:
    """Look at a message."""
    raw = in_crlf_lines(raw)
    head = split(raw)
    return Begun(raw, head, look_at(raw, head, facts.tracking) if facts.tracking else None)


def finish(begun: Begun, facts: TransformFacts) -> Leaving:
    """Return what `transform` does."""
    (raw, head, shown), marks = begun, UNMARKED
    if shown and facts.tracking:
        raw, marks = with_tracking(shown, facts.message_id, facts.tracking)
        if not raw.startswith(begun.raw[: head.body]):  # its only part is encoded in another way
            head = split(raw)
    raw = with_delivery_headers(raw, head, facts)
    for _, step in TRANSFORMS:
        raw = step(raw, facts)
    return Leaving(raw, marks)
