"""A name server of the tests: a zone in memory, on a loopback port of its own, over UDP and TCP."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from types import TracebackType
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from pillarbox.kit.dns import Names

_UDP_LIMIT = 1232
_LONGEST_CHAIN = 8


class NameServer:
    """Answers for what was added, says that nothing else exists, and does not let anybody keep an answer.

    `signed` makes it claim, as a validating resolver does, that it validated what it says. `asked` counts the
    questions by name and type.
    """

    def __init__(self, *, signed: bool = False) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.signed = signed
        self._records: dict[tuple[str, str], list[str]] = {}
        self._broken: set[str] = set()
        self._running = contextlib.AsyncExitStack()
        self._port = 0

    @property
    def address(self) -> str:
        """The address and port, as the setting `nameservers` takes them."""
        return f"127.0.0.1:{self._port}"

    def names(self, *, timeout_seconds: float = 5.0) -> Names:
        return Names([self.address], timeout_seconds=timeout_seconds, validates=self.signed)

    def add(self, name: str, kind: str, *data: str) -> None:
        """Add records; `data` is what a zone file says, such as `10 mx.example.com.`."""
        self._records.setdefault((_key(name), kind), []).extend(_quoted(one) if kind == "TXT" else one for one in data)

    def remove(self, name: str, kind: str) -> None:
        self._records.pop((_key(name), kind), None)

    def break_(self, name: str) -> None:
        """Fail every question about a name with SERVFAIL."""
        self._broken.add(_key(name))

    def mend(self, name: str) -> None:
        self._broken.discard(_key(name))

    async def __aenter__(self) -> "NameServer":
        stream, datagrams = _two_sockets()
        self._port = stream.getsockname()[1]
        server = await asyncio.start_server(self._serve_stream, sock=stream)
        self._running.push_async_callback(server.wait_closed)
        self._running.callback(server.close)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        self._running.callback(transport.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    def reply(self, wire: bytes, *, limit: int) -> bytes:
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA | dns.flags.AA | (dns.flags.AD if self.signed else 0)
        (question,) = query.question
        self._fill(response, _key(question.name.to_text()), dns.rdatatype.to_text(question.rdtype))
        with contextlib.suppress(dns.exception.TooBig):
            return response.to_wire(max_size=limit)
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.TC
        return cut.to_wire()

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        self.asked[name, kind] += 1
        for _ in range(_LONGEST_CHAIN):
            if name in self._broken:
                response.set_rcode(dns.rcode.SERVFAIL)
                return
            if found := self._records.get((name, kind)):
                response.answer.append(_records(name, kind, found))
                return
            aliases = self._records.get((name, "CNAME"))
            if not aliases:
                break
            response.answer.append(_records(name, "CNAME", aliases))
            name = _key(aliases[0])
        if not any(there == name or there.endswith("." + name) for there, _ in self._records):
            response.set_rcode(dns.rcode.NXDOMAIN)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = self.reply(await reader.readexactly(length), limit=65535)
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._server.reply(data, limit=_UDP_LIMIT), addr)


def _two_sockets() -> tuple[socket.socket, socket.socket]:
    """Return a socket for streams and one for datagrams on the same free port."""
    while True:
        stream = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(stream.getsockname())
            datagrams.setblocking(False)
            return stream, datagrams
        except OSError:  # somebody else has the port for datagrams
            stream.close()
            datagrams.close()


def _records(name: str, kind: str, data: list[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text(dns.name.from_text(name), 0, dns.rdataclass.IN, dns.rdatatype.from_text(kind), *data)


def _quoted(text: str) -> str:
    """A string of a TXT record has at most 255 octets: RFC 1035 section 3.3."""
    if text.startswith('"'):
        return text
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return " ".join(f'"{safe[start : start + 250]}"' for start in range(0, len(safe), 250)) or '""'


def _key(name: str) -> str:
    return name.rstrip(".").lower()
