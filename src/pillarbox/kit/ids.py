"""Identifiers: made here, and taken apart here.

Pure but for the random bytes. A MessageId has the form that SES uses
(`RRRRTTTTTTTTTTTT-uuid-NNNNNN`), so it carries its region, its time and, in
fixed bits of the uuid, the shard of its account: whatever arrives with an id
alone (a tracking hit, a DSN, an SNS post) can be led to the right place.
"""

import os
import random
import re
import zlib
from typing import NamedTuple

from pillarbox.kit.clock import Millis

EVENT_SHARDS = 64
ACCOUNT_SHARDS = 256

# Owns the mail that this server writes itself; no customer can have it, since theirs are twelve digits.
SERVICE_ACCOUNT = "service"


class Scope(NamedTuple):
    """The unit of isolation: an account in one region."""

    account: str
    region: str


# The first seven were seen in MessageIds of the real service; the rest are ours.
_REGION_CODES = {
    "us-east-1": 0x0100,
    "us-west-2": 0x0101,
    "eu-west-1": 0x0102,
    "ap-northeast-1": 0x0106,
    "eu-central-1": 0x0107,
    "ap-southeast-2": 0x0108,
    "ap-south-1": 0x0109,
    "us-east-2": 0x010A,
    "us-west-1": 0x010B,
    "ca-central-1": 0x010C,
    "eu-west-2": 0x010D,
    "eu-west-3": 0x010E,
    "eu-north-1": 0x010F,
    "eu-south-1": 0x0110,
    "ap-northeast-2": 0x0111,
    "ap-northeast-3": 0x0112,
    "ap-southeast-1": 0x0113,
    "ap-southeast-3": 0x0114,
    "sa-east-1": 0x0115,
    "me-south-1": 0x0116,
    "me-central-1": 0x0117,
    "af-south-1": 0x0118,
    "il-central-1": 0x0119,
    "us-gov-west-1": 0x011A,
    "us-gov-east-1": 0x011B,
}
REGIONS = tuple(_REGION_CODES)
_REGIONS = {code: region for region, code in _REGION_CODES.items()}
_MESSAGE_ID = re.compile(
    r"([0-9a-f]{4})([0-9a-f]{12})-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{2})[0-9a-f]{10}-\d{6}"
)


# Names, not secrets: asking the system for each would let go of the interpreter, and wait for it, twice a send.
_random = random.Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


class MessageIdParts(NamedTuple):
    """What a MessageId tells without a look in the store."""

    region: str | None  # None when the region has no name of its own in the table above
    at: Millis
    account_shard: int


def new_message_id(scope: Scope, at: Millis) -> str:
    """Make a MessageId (also used for a feedbackId) of 60 characters."""
    shape = new_uuid()
    shard = shard_of_account(scope.account)
    return f"{region_code(scope.region):04x}{at:012x}-{shape[:24]}{shard:02x}{shape[26:]}-000000"


def part_message_id(first: str, number: int) -> str:
    """Return the MessageId of the part `number` of a send whose first part is `first`; the last six digits differ."""
    return f"{first[:-6]}{number:06d}"


def read_message_id(message_id: str) -> MessageIdParts | None:
    """Take a MessageId apart, or return None when it is not one of ours."""
    found = _MESSAGE_ID.fullmatch(message_id)
    if not found:
        return None
    code, at, shard = found.groups()
    return MessageIdParts(_REGIONS.get(int(code, 16)), int(at, 16), int(shard, 16))


def packed_message_id(message_id: str) -> bytes:
    """Return a MessageId in 27 octets: region, time and uuid as they are, and the six digits."""
    if read_message_id(message_id) is None:
        raise ValueError(f"{message_id!r} is no MessageId of ours")
    digits, _, number = message_id.rpartition("-")
    return bytes.fromhex(digits.replace("-", "")) + int(number).to_bytes(3)


def unpacked_message_id(octets: bytes) -> str:
    digits, number = octets[:-3].hex(), int.from_bytes(octets[-3:])
    uuid = f"{digits[16:24]}-{digits[24:28]}-{digits[28:32]}-{digits[32:36]}-{digits[36:]}"
    return f"{digits[:16]}-{uuid}-{number:06d}"


def region_code(region: str) -> int:
    """Return the 16 bits that stand for a region; names of the owner's own get a stable one."""
    return _REGION_CODES.get(region) or 0x4000 | (zlib.crc32(region.encode()) & 0x3FFF)


def shard_of_account(account: str) -> int:
    return zlib.crc32(account.encode()) % ACCOUNT_SHARDS


def shard_of_message(message_id: str) -> int:
    """Return the event shard (0 to 63) that every fact about this message goes through."""
    return zlib.crc32(message_id.encode()) % EVENT_SHARDS


def new_uuid() -> str:
    """Make a random (version 4) UUID."""
    # https://www.rfc-editor.org/rfc/rfc9562#section-5.4
    bits = f"{_random.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{_VARIANT[bits[16]]}{bits[17:20]}-{bits[20:]}"


def new_token() -> str:
    """Return 128 random bits in hex, for leases and confirmations."""
    return os.urandom(16).hex()


def message_id_header(message_id: str, region: str, service_domain: str) -> str:
    """Return the Message-ID under which a message leaves: `<id@email.domain>`, or `<id@region.domain>`."""
    # https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
    host = "email" if region == "us-east-1" else region
    return f"<{message_id}@{host}.{service_domain}>"
