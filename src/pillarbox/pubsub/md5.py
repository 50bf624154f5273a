"""The MD5 sums by which SDKs check that a queue message came through whole.

Pure. Called by api/sqs/. The sums guard against accidents only.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import hashlib
from collections.abc import Mapping
from typing import Any


def of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sum over names, types and values, sorted by name."""
    digest = hashlib.md5(usedforsecurity=False)
    for name, attribute in sorted(attributes.items()):
        digest.update(_counted(name.encode()))
        digest.update(_counted(attribute["DataType"].encode()))
        binary = attribute.get("BinaryValue")
        if binary is None:
            digest.update(b"\x01" + _counted(attribute["StringValue"].encode()))
        else:
            digest.update(b"\x02" + _counted(binary))
    return digest.hexdigest()


def _counted(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
