"""Secrets at rest: sealed under a keyring that lives outside the store.

`Keyring.open_file` touches one file; the rest is pure. A sealed value names the
key that sealed it and is bound to its row, so that it cannot be moved to
another row and keys can be rotated by sealing again under the newest one.
"""

import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pillarbox.kit.errors import Unavailable

_NONCE_BYTES = 12


class NotOpened(Unavailable):
    """A sealed secret that this keyring cannot open, until somebody puts it right."""


class Keyring:
    """Seals and opens secrets with AES-256-GCM; the last key seals, every key opens.

    Raises Unavailable when a value was sealed under a key that is not here:
    without its keyring a store's secrets are lost for good.
    """

    def __init__(self, keys: dict[str, bytes], name: str = "the keyring") -> None:
        """`name` is what it is called where it does not open something."""
        self._name = name
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = next(reversed(keys))

    @classmethod
    def open_file(cls, path: Path) -> "Keyring":
        """Read the keyring, or make one that only its owner can read."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            first = {"1": AESGCM.generate_key(256).hex()}
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                json.dump({"keys": first}, file)
                file.flush()
                os.fsync(file.fileno())
        try:
            stored = json.loads(path.read_text())["keys"]
            return cls({key_id: bytes.fromhex(key) for key_id, key in stored.items()}, str(path))
        except (ValueError, LookupError, AttributeError, TypeError, StopIteration):
            raise Unavailable(f"{path} is no keyring: put back the one that the store was made with") from None

    def seal(self, secret: bytes, row: str) -> bytes:
        """Return `secret` sealed for the row named `row`."""
        nonce = os.urandom(_NONCE_BYTES)
        key_id = self._newest.encode()
        sealed = self._ciphers[self._newest].encrypt(nonce, secret, row.encode())
        return bytes([len(key_id)]) + key_id + nonce + sealed

    def open(self, sealed: bytes, row: str) -> bytes:
        """Return the secret that was sealed for `row`."""
        length = sealed[0]
        key_id = sealed[1 : 1 + length].decode()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise NotOpened(f"{self._name} has no key {key_id!r}: put back the one that the store was made with")
        nonce = sealed[1 + length : 1 + length + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[1 + length + _NONCE_BYTES :], row.encode())
        except InvalidTag:
            raise NotOpened(
                f"the sealed secret of {row!r} does not open with {self._name}: put back the one that the store was"
                " made with"
            ) from None
