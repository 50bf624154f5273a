"""The return path of each message: an address that tells whose bounce comes back to it, and that we made it.

Pure, but that `load` touches the store once, at the start. Made by prepare.py
for what leaves, read by whoever takes what comes back. A local part holds the
MessageId, the number of the recipient, the number of the key and a MAC, in
letters and digits whose case does not count.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Mapping
from typing import NamedTuple

from pillarbox.kit.clock import DAY, Millis
from pillarbox.kit.ids import packed_message_id, unpacked_message_id
from pillarbox.kit.secrets import Keyring
from pillarbox.store import secrets
from pillarbox.store.engine import Store

EVERYONE = 0xFFFF
_KEY_LIFE: Millis = 365 * DAY
_ID_BYTES = 27
_MAC_BYTES = 8
_KEY_BYTES = 32
# What the 38 octets make in base32, below the 64 of a local part: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1
_LENGTH = 61
_PADDING = "==="


class Returned(NamedTuple):
    """Whose mail came back; `recipient` is the place in the list of the message's recipients, or EVERYONE."""

    message_id: str
    recipient: int


class ReturnPaths:
    """Makes local parts and reads them; whoever does not have the keys can make none that is read."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys` are by their numbers (0 to 255), the one that signs last."""
        self._keys = dict(keys)
        self._newest = next(reversed(self._keys))

    @classmethod
    async def load(cls, store: Store, keyring: Keyring, now: Millis) -> "ReturnPaths":
        """Open the keys of this year, of the last and of the next one, and make those that are missing.

        A key is made a year before it signs, so that every process has it by then, however long it runs; and is
        known for a year after it. Unavailable when the keyring is not the one that sealed them.
        """
        year = now // _KEY_LIFE
        keys = {number % 256: await _key(store, keyring, number, now) for number in (year - 1, year + 1, year)}
        return cls(keys)

    def make(self, message_id: str, recipient: int) -> str:
        """Return the local part for one recipient, or for EVERYONE who shares an envelope."""
        return self._signed(packed_message_id(message_id), recipient, self._newest)

    def read(self, local_part: str) -> Returned | None:
        """Return what a local part says, in capitals or not, or None when it was not made here."""
        if len(local_part) != _LENGTH:
            return None
        try:
            octets = base64.b32decode(local_part.upper() + _PADDING)
        except (binascii.Error, ValueError):
            return None
        message, recipient, number = octets[:_ID_BYTES], octets[_ID_BYTES : _ID_BYTES + 2], octets[_ID_BYTES + 2]
        if number not in self._keys:
            return None
        returned = Returned(unpacked_message_id(message), int.from_bytes(recipient))
        made = self._signed(message, returned.recipient, number)
        return returned if hmac.compare_digest(made, local_part.lower()) else None

    def _signed(self, message: bytes, recipient: int, number: int) -> str:
        content = message + recipient.to_bytes(2) + bytes((number,))
        mac = hmac.digest(self._keys[number], content, "sha256")[:_MAC_BYTES]
        return base64.b32encode(content + mac).decode("ascii").rstrip("=").lower()


async def _key(store: Store, keyring: Keyring, number: int, now: Millis) -> bytes:
    row = f"return-path/{number}"
    sealed = await store.read(secrets.get, row)
    if sealed is None:
        sealed = await store.write(secrets.put_if_absent, row, keyring.seal(os.urandom(_KEY_BYTES), row), now)
    return keyring.open(sealed, row)
