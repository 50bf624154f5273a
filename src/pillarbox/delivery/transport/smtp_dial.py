"""Opens the connections on which SMTP conversations are held.

Touches the network. Called by smtp.py, which looks its one host up as the
system does, and by mx.py, which connects to addresses that were checked before.
"""

import asyncio
import os
import socket
from typing import Any, NamedTuple


class Broken(Exception):
    """The conversation is over: `why` in our words, `reply` what the far side said to it, if it spoke.

    `ours` says that the fault lies with this server, `in_doubt` that the message may have been taken all the same.
    """

    def __init__(self, why: str, reply: str | None = None, *, ours: bool = False, in_doubt: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.reply = reply
        self.ours = ours
        self.in_doubt = in_doubt
        self.remote_ip: str | None = None
        self.said: list[tuple[float, str, str]] = []  # what was said before, when nobody else has it


class Line(NamedTuple):
    """A socket that is connected, and to whom; whoever has it closes it."""

    socket: socket.socket
    remote_ip: str


async def dial_name(host: str, port: int, *, within_seconds: float) -> Line:
    """Connect to the first address of `host` that answers, each within the time; Broken when none does."""
    loop = asyncio.get_running_loop()
    try:
        looking = loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        async with asyncio.timeout(within_seconds):
            addresses = await looking
    except TimeoutError:
        raise Broken(f"cannot resolve {host} within {within_seconds:g} seconds") from None
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        raise Broken(f"cannot resolve {host}: {getattr(error, 'strerror', error)}") from None
    failures = []
    for family, _, _, _, address in addresses:
        try:
            return await _connected(family, address, within_seconds, "")
        except Broken as broken:
            failures.append(f"{address[0]}: {broken.why}")
    raise Broken(f"cannot connect to port {port} of {'; '.join(failures)}")


async def dial_address(address: str, port: int, *, within_seconds: float, source: str = "") -> Line:
    """Connect to this address and no other, from `source` where one is given; Broken when it does not answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return await _connected(family, (address, port), within_seconds, source)
    except Broken as broken:
        broken.remote_ip = address
        raise


async def _connected(family: int, address: tuple[Any, ...], within_seconds: float, source: str) -> Line:
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _leave_from(plain, source)
        async with asyncio.timeout(within_seconds):
            await asyncio.get_running_loop().sock_connect(plain, address)
        return Line(plain, str(address[0]))
    except TimeoutError:
        plain.close()
        raise Broken(f"no answer within {within_seconds:g} seconds") from None
    except OSError as error:
        plain.close()
        raise Broken(os.strerror(error.errno) if error.errno else str(error)) from None
    except BaseException:
        plain.close()
        raise


def _leave_from(plain: socket.socket, source: str) -> None:
    if not source:
        return
    try:
        plain.bind((source, 0))
    except OSError as error:
        raise Broken(f"cannot send from {source}: {error.strerror}", ours=True) from None
