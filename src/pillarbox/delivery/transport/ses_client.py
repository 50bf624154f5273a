"""Speaks the SES v2 API with another SES: signed requests, and what comes back as values.

Touches the network, with the credentials of ses_credentials.py. Used by the
transport `ses`, and by whoever reads the far side's quota and suppression list.
Signatures are made by the SDK's own signer.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from yarl import URL

from pillarbox.delivery.transport.ses_credentials import CredentialSource, NoCredentials, Pair

_SIGNING_NAME = "ses"
_LARGE = 128 * 1024
_KEPT_IDLE_SECONDS = 15.0  # a connection that the far side closes just as we write makes a send ambiguous

_read = msgspec.json.Decoder(dict[str, Any]).decode


class NotAsked(Exception):
    """The request cannot have arrived: no credentials, no connection, or no trust in whoever answers."""


class NotAnswered(Exception):
    """The request may have been carried out, and nobody can tell: it broke off, or took too long."""


class Answer(msgspec.Struct, frozen=True):
    """What the far side said. `code` names its exception, `message` is its text; both are empty when all went well."""

    status: int
    code: str
    message: str
    content: dict[str, Any]

    @property
    def is_good(self) -> bool:
        return self.status == 200

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.status), self.code, self.message)))


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another SES as the settings `[[upstreams]]` describe it, where each field is explained.

    `is_compatible` says that it is not Amazon's, `tracks_here` that links and pixel are ours; `topics` and `queue_url`
    are how its events come in. `keeps_list`: its suppression list is kept in step here; `is_sent_to`: mail goes there.
    """

    name: str
    region: str
    endpoint_url: str
    account: str
    fallback: str
    configuration_set: str
    configuration_sets: Mapping[str, str]
    turns_tracking_off: bool
    max_send_rate: float
    max_connections: int
    connect_seconds: float
    answer_seconds: float
    profile: str = ""
    ca_file: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    is_compatible: bool = False
    tracks_here: bool = False
    topics: tuple[str, ...] = ()
    queue_url: str = ""

    keeps_list: bool = False
    is_sent_to: bool = True

    @property
    def given(self) -> Pair | None:
        """The credentials that the settings give."""
        return Pair(self.access_key_id, self.secret_access_key, self.session_token) if self.access_key_id else None

    def __repr__(self) -> str:
        return f"Upstream({self.name} at {self.endpoint_url})"  # never the secret


class SesClient:
    """Asks one upstream, over at most as many connections as are set."""

    def __init__(self, upstream: Upstream, credentials: CredentialSource | None = None) -> None:
        """Raise OSError when the authorities to trust cannot be read."""
        self.upstream = upstream
        self.credentials = credentials or CredentialSource(upstream.name, upstream.given, upstream.profile)
        self._tls = ssl.create_default_context(cafile=upstream.ca_file or None)
        self._places = asyncio.Semaphore(upstream.max_connections)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, **query: str) -> Answer:
        """Ask for something; NotAsked or NotAnswered with a reason when there is no answer."""
        asked = f"?{urlencode(query, quote_via=quote, safe='')}" if query else ""
        return await self._request("GET", path + asked, b"", {})

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Ask for something to be done; NotAsked when it certainly was not, NotAnswered when it may have been."""
        return await self._request("POST", path, body, {"Content-Type": "application/json", **headers})

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        url = self.upstream.endpoint_url + target
        async with self._places:
            signed = await self._signed(AWSRequest(method, url, data=body, headers=headers))
            try:
                async with self._open().request(
                    method, URL(url, encoded=True), data=body or None, headers=signed, allow_redirects=False
                ) as response:
                    return _answer(response, await response.read())
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                raise NotAsked(f"no connection to {self.upstream.endpoint_url}: {error}") from error
            except TimeoutError:
                raise NotAnswered(f"no answer within {self.upstream.answer_seconds:g} seconds") from None
            except (aiohttp.ClientError, OSError, msgspec.DecodeError) as error:
                raise NotAnswered(f"the request broke off: {error or type(error).__name__}") from error

    async def _signed(self, request: AWSRequest) -> dict[str, str]:
        """Return the headers of a request with its signature; the hash of a large body is made in a thread."""
        try:
            found = await self.credentials.get()
        except NoCredentials as error:
            raise NotAsked(str(error)) from error

        def sign() -> dict[str, str]:
            SigV4Auth(found, _SIGNING_NAME, self.upstream.region).add_auth(request)
            return dict(request.headers.items())

        return await asyncio.to_thread(sign) if len(request.data) > _LARGE else sign()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls, keepalive_timeout=_KEPT_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept-Encoding", "User-Agent"),
                timeout=aiohttp.ClientTimeout(
                    total=self.upstream.connect_seconds + self.upstream.answer_seconds,
                    sock_connect=self.upstream.connect_seconds,
                    sock_read=self.upstream.answer_seconds,
                ),
            )
        return self._session


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    """Read an answer; an error's code may bear a namespace and a URL, and its text is spelled in two ways."""
    if response.status == 200:
        return Answer(200, "", "", _read(body))
    try:
        content = _read(body)
    except msgspec.DecodeError:
        content = {}
    named = response.headers.get("x-amzn-errortype") or str(content.get("__type") or content.get("code") or "")
    code = named.partition(":")[0].rpartition("#")[2]
    return Answer(response.status, code, str(content.get("message") or content.get("Message") or ""), content)
