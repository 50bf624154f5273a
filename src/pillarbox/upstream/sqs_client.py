"""Speaks with the SQS queue through which an upstream's events come.

Touches the network, with the credentials of the upstream. Signatures are made by the SDK's own signer. Used by
upstream/poller.py.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
"""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pillarbox.delivery.transport.ses_credentials import CredentialSource, NoCredentials

WAIT_SECONDS = 20
_AT_ONCE = 10
_SLACK_SECONDS = 10.0

_read = msgspec.json.Decoder(dict[str, Any]).decode


class QueueError(Exception):
    """The queue could not be asked, or has refused; the text says which and why."""


class Queue(NamedTuple):
    """A queue: the region is the one that requests are signed for."""

    url: str
    region: str
    ca_file: str = ""


class Received(NamedTuple):
    """A message of the queue: `receipt` is what deletes it."""

    message_id: str
    receipt: str
    body: str


class SqsClient:
    """Asks one queue. Raises QueueError and nothing else."""

    def __init__(self, queue: Queue, credentials: CredentialSource) -> None:
        """Raise OSError when the authorities to trust cannot be read."""
        self._queue = queue
        self._credentials = credentials
        parts = urlsplit(queue.url)
        self._endpoint = f"{parts.scheme}://{parts.netloc}/"
        self._tls = ssl.create_default_context(cafile=queue.ca_file or None)
        self._session: aiohttp.ClientSession | None = None

    async def receive(self) -> list[Received]:
        """Return at most ten messages, or none when none has come within twenty seconds."""
        asked = {"MaxNumberOfMessages": _AT_ONCE, "WaitTimeSeconds": WAIT_SECONDS}
        answer = await self._ask("ReceiveMessage", asked)
        try:
            return [Received(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in answer.get("Messages", ())]
        except (KeyError, TypeError):
            raise QueueError("the queue answered with messages that are none") from None

    async def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages that are taken in (at most ten)."""
        entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)]
        answer = await self._ask("DeleteMessageBatch", {"Entries": entries})
        if failed := answer.get("Failed"):
            raise QueueError(f"{len(failed)} messages could not be deleted, and come again: {failed[0]}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        body = msgspec.json.encode({"QueueUrl": self._queue.url, **members})
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        signed = await self._signed(AWSRequest("POST", self._endpoint, data=body, headers=headers))
        try:
            async with self._open().post(self._endpoint, data=body, headers=signed, allow_redirects=False) as response:
                status, answer = response.status, await response.read()
        except TimeoutError:
            raise QueueError("the queue did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise QueueError(f"the queue cannot be asked: {error or type(error).__name__}") from error
        if status != 200:
            if status in (401, 403):
                self._credentials.forget()  # found credentials end before their time: find them anew
            raise QueueError(f"{operation} was answered {status}: {answer[:300].decode(errors='replace')}")
        try:
            return _read(answer) if answer else {}
        except msgspec.DecodeError:
            raise QueueError(f"{operation} was answered with what is no JSON") from None

    async def _signed(self, request: AWSRequest) -> dict[str, str]:
        try:
            found = await self._credentials.get()
        except NoCredentials as error:
            raise QueueError(str(error)) from error
        SigV4Auth(found, "sqs", self._queue.region).add_auth(request)
        return dict(request.headers.items())

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=WAIT_SECONDS + _SLACK_SECONDS, connect=_SLACK_SECONDS)
            connector = aiohttp.TCPConnector(ssl=self._tls)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session
