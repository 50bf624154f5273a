"""Receipt handles: what a receiver shows to delete or keep the message that it holds.

Pure. Called by pubsub/receive.py (makes them) and pubsub/holding.py (reads
them). A handle names the queue, the message's number and the moment of its
receipt. It is no secret: it opens nothing but a queue that its bearer may use.
"""

import base64
import binascii
import struct
import zlib
from typing import NamedTuple

from pillarbox.kit.clock import Millis
from pillarbox.pubsub.queue_errors import InvalidReceipt

_FORM = struct.Struct(">B8sqqI")
_VERSION = 1


class Receipt(NamedTuple):
    """`queue_id` is the queue's identity, which a purge does not change."""

    queue_id: str
    number: int
    received_at: Millis
    receive_count: int


def handle_of(receipt: Receipt) -> str:
    packed = _FORM.pack(
        _VERSION, bytes.fromhex(receipt.queue_id), receipt.number, receipt.received_at, receipt.receive_count
    )
    return base64.b64encode(packed + zlib.crc32(packed).to_bytes(4, "big")).decode()


def receipt_of(handle: str, queue_id: str) -> Receipt:
    """Read a handle that this queue gave; InvalidReceipt for anything else."""
    try:
        raw = base64.b64decode(handle, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidReceipt(handle) from None
    packed, check = raw[:-4], raw[-4:]
    if len(packed) != _FORM.size or zlib.crc32(packed).to_bytes(4, "big") != check:
        raise InvalidReceipt(handle)
    version, key, number, received_at, receive_count = _FORM.unpack(packed)
    if version != _VERSION or key.hex() != queue_id:
        raise InvalidReceipt(handle)
    return Receipt(queue_id, number, received_at, receive_count)
