"""Digests of what is no larger than most mail, made without letting go of the interpreter.

Pure. For more than 2,047 octets `hashlib` lets other threads run meanwhile. The
digest of a few thousand takes some microseconds, and getting the interpreter
back from the thread that writes the store takes ten times as long. Called where
there is one for each message.
https://docs.python.org/3/library/hashlib.html#hashlib.hash.update
"""

import hashlib
from typing import Any

_AT_ONCE = 2047
# A digest of this size takes tens of microseconds: beyond it, others may as well run.
_SMALL = 64 * 1024


def sha256(content: bytes) -> bytes:
    return _fed(hashlib.sha256(), content)


def blake2b(content: bytes, octets: int) -> bytes:
    return _fed(hashlib.blake2b(digest_size=octets), content)


def _fed(digest: Any, content: bytes) -> bytes:
    if len(content) > _SMALL:
        digest.update(content)
    else:
        with memoryview(content) as view:
            for at in range(0, len(content), _AT_ONCE):
                digest.update(view[at : at + _AT_ONCE])
    made: bytes = digest.digest()
    return made
