"""Sends, receives and deletes messages of an SQS queue, each request signed for itself as SDKs sign it."""

import hashlib
import hmac
import json
import re
import time
from typing import Any

from bench.support.kept_connection import KeptConnection

REGION = "us-east-1"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_SIGNED = "content-type;host;x-amz-date;x-amz-target"


def whole_answer(buffer: bytes) -> int | None:
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = _LENGTH.search(buffer, 0, end)
    length = end + 4 + (int(found[1]) if found else 0)
    return length if len(buffer) >= length else None


class QueueClient:
    """One connection of one client; `life` is a message's whole life, or that of as many as go into a batch."""

    def __init__(self, connection: KeptConnection, port: int, key_id: str, secret: str, queue_url: str) -> None:
        self._connection = connection
        self._host = f"127.0.0.1:{port}"
        self._key_id = key_id
        self._secret = secret
        self._url = queue_url
        self._day, self._key = "", b""

    async def life(self, bodies: list[str]) -> int:
        """Send messages, receive as many (those of others may come) and delete what came; return how many."""
        if len(bodies) == 1:
            await self._ask("SendMessage", MessageBody=bodies[0])
        else:
            await self._ask("SendMessageBatch", Entries=[_entry(n, MessageBody=body) for n, body in enumerate(bodies)])
        got = (await self._ask("ReceiveMessage", MaxNumberOfMessages=len(bodies), WaitTimeSeconds=5))["Messages"]
        if len(got) == 1:
            await self._ask("DeleteMessage", ReceiptHandle=got[0]["ReceiptHandle"])
        else:
            entries = [_entry(n, ReceiptHandle=one["ReceiptHandle"]) for n, one in enumerate(got)]
            await self._ask("DeleteMessageBatch", Entries=entries)
        return len(got)

    async def _ask(self, operation: str, **params: Any) -> Any:
        body = json.dumps({"QueueUrl": self._url, **params}).encode()
        answer = await self._connection.ask(self._signed(operation, body))
        assert answer.startswith(b"HTTP/1.1 200"), answer[-400:]
        told = answer[answer.index(b"\r\n\r\n") + 4 :]
        return json.loads(told) if told else {}

    def _signed(self, operation: str, body: bytes) -> bytes:
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        target = f"AmazonSQS.{operation}"
        digest = hashlib.sha256(body).hexdigest()
        headers = (
            f"content-type:application/x-amz-json-1.0\nhost:{self._host}\nx-amz-date:{now}\nx-amz-target:{target}\n"
        )
        canonical = f"POST\n/\n\n{headers}\n{_SIGNED}\n{digest}"
        scope = f"{now[:8]}/{REGION}/sqs/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(now[:8]), text.encode(), "sha256").hex()
        return (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"X-Amz-Date: {now}\r\nX-Amz-Target: {target}\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self._key_id}/{scope}, SignedHeaders={_SIGNED},"
            f" Signature={signature}\r\n\r\n"
        ).encode() + body

    def _signing_key(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self._secret}".encode()
            for part in (day, REGION, "sqs", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return self._key


def _entry(number: int, **members: str) -> dict[str, str]:
    return {"Id": str(number), **members}
