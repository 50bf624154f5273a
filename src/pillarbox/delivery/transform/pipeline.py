"""What becomes of a promised message on its way out: the list, in order.

Pure; what the sender gave stays in the store as given, and each attempt starts
from it. Called by prepare.py before the worker hands an attempt to a transport.
"""

from collections.abc import Callable

from pillarbox.delivery.transform.dkim import signed
from pillarbox.delivery.transform.headers import TransformFacts, with_delivery_headers, with_trace
from pillarbox.delivery.transform.list_headers import with_list_headers
from pillarbox.delivery.transform.recipient_headers import with_only_recipient
from pillarbox.delivery.transform.tracking import with_tracking
from pillarbox.kit.mime import in_crlf_lines

Transform = Callable[[bytes, TransformFacts], bytes]

# Line ends come first, because all others rely on them; DKIM comes last, because it covers all others; and the trace
# stands on top of the message without being covered.
TRANSFORMS: tuple[tuple[str, Transform], ...] = (
    ("line ends", lambda raw, _: in_crlf_lines(raw)),
    ("tracking", lambda raw, facts: with_tracking(raw, facts.message_id, facts.tracking) if facts.tracking else raw),
    ("headers", with_delivery_headers),
    ("only recipient", with_only_recipient),
    ("list", lambda raw, facts: with_list_headers(raw, facts.unsubscribe_url) if facts.unsubscribe_url else raw),
    ("trace", with_trace),
    ("dkim", lambda raw, facts: signed(raw, facts.keys, facts.accepted_at)),
)


def transform(raw: bytes, facts: TransformFacts) -> bytes:
    """Return the message as it leaves, or raise Undeliverable; the same message and facts give the same bytes."""
    for _, step in TRANSFORMS:
        raw = step(raw, facts)
    return raw
