"""Links by which the recipient of a message says what mail they want.

Pure, but that `load` touches the store once, at the start. Made by prepare.py,
read by edge/unsubscribe.py. A link holds the MessageId, which tells list, topic
and recipient, the number of a key and a MAC.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping

from pillarbox.delivery import yearly_keys
from pillarbox.kit.clock import Millis
from pillarbox.kit.ids import packed_message_id, unpacked_message_id
from pillarbox.kit.secrets import Keyring
from pillarbox.store.engine import Store

PATH = "/unsubscribe/"
# People leave a list by old mail: its links are read for as long as mail is likely to be kept.
_YEARS_READ = 10
_ID_BYTES = 27
_KEY_NUMBER_BYTES = 1
_MAC_BYTES = 17  # so that nothing is left over in base64
_LENGTH = 60


class UnsubscribeLinks:
    """Makes paths and reads them; whoever does not have the keys can make none that is read."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys` are by their numbers, of which the last eight bits count, the one that signs last."""
        self._keys = {number % 256: key for number, key in keys.items()}
        self._newest = next(reversed(self._keys))

    @classmethod
    async def load(cls, store: Store, keyring: Keyring, now: Millis) -> "UnsubscribeLinks":
        """Open the keys; Unavailable when the keyring is not the one that sealed them."""
        return cls(await yearly_keys.load(store, keyring, "unsubscribe", _YEARS_READ, now))

    def path(self, message_id: str) -> str:
        """Return the path for the only recipient of a message."""
        return PATH + self._signed(packed_message_id(message_id), self._newest)

    def read(self, path: str) -> str | None:
        """Return the MessageId that a path is for, or None when it was not made here."""
        text = path.removeprefix(PATH)
        if len(text) != _LENGTH:
            return None
        try:
            octets = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        message, number = octets[:_ID_BYTES], octets[_ID_BYTES]
        if number not in self._keys or not hmac.compare_digest(self._signed(message, number), text):
            return None
        return unpacked_message_id(message)

    def _signed(self, message: bytes, number: int) -> str:
        content = message + number.to_bytes(_KEY_NUMBER_BYTES)
        mac = hmac.digest(self._keys[number], content, "sha256")[:_MAC_BYTES]
        return base64.urlsafe_b64encode(content + mac).decode("ascii")
