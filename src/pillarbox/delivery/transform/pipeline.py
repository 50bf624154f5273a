"""What becomes of a promised message on its way out: the list, in order.

Pure; what the sender gave stays in the store as given, and each attempt starts
from it. Called by the worker before it hands an attempt to a transport.
"""

from collections.abc import Callable

from pillarbox.delivery.transform.headers import TransformFacts, with_delivery_headers

Transform = Callable[[bytes, TransformFacts], bytes]

TRANSFORMS: tuple[tuple[str, Transform], ...] = (("headers", with_delivery_headers),)


def transform(raw: bytes, facts: TransformFacts) -> bytes:
    """Return the message as it leaves; the same message and facts give the same bytes."""
    for _, step in TRANSFORMS:
        raw = step(raw, facts)
    return raw
