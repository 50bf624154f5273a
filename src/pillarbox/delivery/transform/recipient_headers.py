"""Who receives a part of a split send, as its headers say: that recipient alone.

Pure. Called through the list in pipeline.py, after the headers have been set
in order and before the message is signed.
"""

from pillarbox.delivery.transform.headers import TransformFacts
from pillarbox.kit.recipient_headers import naming_only


def with_only_recipient(raw: bytes, facts: TransformFacts) -> bytes:
    """Name the only recipient of a part; any other message stays as it is."""
    return naming_only(raw, facts.only_to) if facts.only_to else raw
