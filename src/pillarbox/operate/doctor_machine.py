"""What the doctor finds out about the machine: its clock, its disk, and its ports with their certificates.

Touches the system, and the ports from the side of those who use them. Called by
operate/doctor.py.
"""

import asyncio
import ctypes
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from pillarbox.kit.clock import DAY, SECOND, Millis
from pillarbox.kit.errors import Unavailable
from pillarbox.operate.chain.link import is_reachable_from_outside
from pillarbox.operate.desk import Desk, Door
from pillarbox.operate.finding import OK, UNKNOWN, WARNING, WRONG, Finding
from pillarbox.store import elsewhere, events
from pillarbox.store.plan import Plan

_PATIENCE_SECONDS = 5.0
_TLS = ("https", "smtps")
_MAIL_PORT = 25
# Long enough to find out why nothing has renewed it.
_RENEW_BEFORE: Millis = 14 * DAY
_ENOUGH_TIMES = 4
_FEW_FILES = 10_000
_AHEAD: Millis = 5 * SECOND
# https://man7.org/linux/man-pages/man2/adjtimex.2.html
_TIME_ERROR, _TIMEX_BYTES = 5, 512
_KEEP_TIME = "let chrony or systemd-timesyncd keep it: requests are refused when clocks are a quarter of an hour apart"


async def clock(desk: Desk) -> list[Finding]:
    """Does something keep the clock, and has it gone back since the newest event?"""
    kept = _is_kept()
    found = [Finding("clock", OK, "it is kept in time")]
    if kept is None:
        found = [Finding("clock", UNKNOWN, "this system does not say whether something keeps it in time", _KEEP_TIME)]
    elif not kept:
        found = [Finding("clock", WARNING, "nothing keeps it in time", _KEEP_TIME)]
    ahead = await desk.store.read(_newest) - desk.clock.now()
    if ahead > _AHEAD:
        why = f"the newest event is from {ahead // SECOND} seconds in the future: the clock has gone back"
        found.append(Finding("clock", WRONG, why, "set it right; servers that share a store need one time"))
    return found


def _is_kept() -> bool | None:
    """Return what the kernel says, or None where it cannot be asked."""
    try:
        said: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if said < 0 else said != _TIME_ERROR


def _newest() -> Plan[Millis]:
    rows = yield from events.newest(1)
    return rows[0].recorded_at if rows else 0


async def disk(desk: Desk) -> list[Finding]:
    """Is there room for what is promised?"""
    if desk.premises is None:
        return []
    folder, least = desk.premises.folder, desk.premises.least_free_bytes
    room = await asyncio.to_thread(os.statvfs, folder)
    free = room.f_bavail * room.f_frsize
    said = f"{free / 2**30:.1f} GB are free on the disk of {folder}"
    make_room = "make room, or keep bodies and history for fewer days"
    if free < least:
        return [Finding("disk", WRONG, f"{said}: new mail is refused", make_room)]
    if free < _ENOUGH_TIMES * least:
        return [Finding("disk", WARNING, f"{said}: below {least / 2**30:.2g} GB new mail is refused", make_room)]
    if room.f_files and room.f_favail < _FEW_FILES:
        return [Finding("disk", WARNING, f"only {room.f_favail} more files can be made on the disk", make_room)]
    return [Finding("disk", OK, said)]


async def bodies(desk: Desk) -> list[Finding]:
    """Is the place there where bodies are kept outside the store?"""
    found = []
    for place in elsewhere.places(desk.store):
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.to_thread(place.folders, "")
        except (Unavailable, TimeoutError) as error:
            why = f"where they are kept is away: {str(error) or 'no answer'}"
            found.append(Finding("bodies", WRONG, why, "bring it back: until then mail is refused, and mail waits"))
        else:
            found.append(Finding("bodies", OK, "where they are kept answers"))
    return found


async def ports(desk: Desk) -> list[Finding]:
    """Does every port answer as it should, here and where the world is told to come?"""
    if desk.premises is None:
        return []
    doors = [_door(door) for door in desk.premises.doors]
    return [*await asyncio.gather(*doors, _public(desk)), *await _return_path(desk)]


async def _door(door: Door) -> Finding:
    about = f"port {door.port} ({door.service})"
    try:
        async with _connected(door.host, door.port, _unverified() if door.service in _TLS else None) as (
            reader,
            writer,
        ):
            said = await _greeting(reader, writer, door.service)
    except (OSError, TimeoutError, ssl.SSLError) as error:
        why = f"nobody answers on {door.host}: {_reason(error)}"
        return Finding(about, WRONG, why, "start the server with `pillarbox serve`, and look at what it says")
    expected = b"200" if door.service.startswith("http") else b"220"
    if expected not in said[:16]:
        shown = said[:60].decode("ascii", "replace").strip()
        return Finding(about, WRONG, f"something else answers: {shown}", "see which program listens there: ss -ltnp")
    return Finding(about, OK, f"answers on {door.host}")


async def _public(desk: Desk) -> Finding:
    """Look at where SDKs, browsers and topics are told to come."""
    about, url = "public_url", urlsplit(desk.endpoint)
    if not url.hostname:
        return Finding(about, UNKNOWN, "no server runs that would say it")
    try:
        secured = ssl.create_default_context() if url.scheme == "https" else None
        port = url.port or (443 if secured else 80)
        async with _connected(url.hostname, port, secured) as (reader, writer):
            said = await _greeting(reader, writer, "http", url.hostname)
            peer = writer.get_extra_info("peercert") or {}
    except ssl.SSLCertVerificationError as error:
        why = f"{desk.endpoint} shows a certificate that nobody trusts: {error.verify_message}"
        return Finding(about, WRONG, why, "renew it, and let it name the host")
    except (OSError, TimeoutError) as error:
        why = f"{desk.endpoint} cannot be reached from here: {_reason(error)}"
        return Finding(about, WRONG, why, "set `public_url` to where others reach this server, and open the way")
    if b" 200" not in said[:16]:
        return Finding(about, WRONG, f"{desk.endpoint}/healthz is not this server", "see what your proxy leads to")
    if peer and (left := ssl.cert_time_to_seconds(str(peer["notAfter"])) * SECOND - desk.clock.now()) < _RENEW_BEFORE:
        return Finding(about, WARNING, f"the certificate of {desk.endpoint} ends in {left // DAY} days", "renew it")
    if not desk.dev and not is_reachable_from_outside(desk.endpoint):
        remedy = "set `public_url` to where SDKs, people who click links, and other servers reach this one"
        return Finding(about, WARNING, f"{desk.endpoint} answers, and only here", remedy)
    return Finding(about, OK, f"{desk.endpoint} answers")


async def _return_path(desk: Desk) -> list[Finding]:
    """Look at where bounces come back to: a port that other mail servers know without being told."""
    if desk.dev or desk.premises is None or not desk.premises.sends_itself:
        return []
    about, host = "return path", f"mta.{desk.service_domain}"
    try:
        async with _connected(host, _MAIL_PORT, None) as (reader, writer):
            said = await _greeting(reader, writer, "smtp")
    except (OSError, TimeoutError) as error:
        why = f"port 25 of {host} cannot be reached from here: {_reason(error)}"
        return [Finding(about, WARNING, why, "lead it to the `return_path_port`, or bounces that come later are lost")]
    return [Finding(about, OK, f"port 25 of {host} answers")] if said.startswith(b"220") else []


async def certificate(desk: Desk) -> list[Finding]:
    """Is the certificate that the operator has given good, for how long, and for which names?"""
    if desk.premises is None:
        return []
    about = "certificate"
    if not desk.premises.certificate:
        if desk.dev:
            return [Finding(about, OK, "dev mode shows one of its own")]
        why = "SMTP shows one of its own, which programs do not trust"
        return [Finding(about, WARNING, why, "get one for the names that programs send to, and set `tls_certificate`")]
    try:
        pem = await asyncio.to_thread(Path(desk.premises.certificate).read_bytes)
        (shown, *_) = x509.load_pem_x509_certificates(pem)
    except (OSError, ValueError) as error:
        return [Finding(about, WRONG, f"{desk.premises.certificate}: {error}", "give the file of a certificate")]
    left = int(shown.not_valid_after_utc.timestamp() * SECOND) - desk.clock.now()
    names = _names_in(shown)
    until = f"{shown.not_valid_after_utc:%Y-%m-%d}, for {', '.join(names) or 'no name'}"
    if left <= 0:
        return [Finding(about, WRONG, f"it has ended on {until}", "renew it: the server takes the new one by itself")]
    if left < _RENEW_BEFORE:
        return [Finding(about, WARNING, f"it ends on {until}", "renew it: the server takes the new one by itself")]
    url = urlsplit(desk.endpoint)
    if url.scheme == "https" and any(door.service == "https" for door in desk.premises.doors):
        host = url.hostname or ""
        if host not in names and f"*.{host.partition('.')[2]}" not in names:
            return [Finding(about, WRONG, f"it is not for {host} but until {until}", f"get one that names {host}")]
    return [Finding(about, OK, f"good until {until}")]


def _names_in(shown: x509.Certificate) -> list[str]:
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def _connected(host: str, port: int, secured: ssl.SSLContext | None) -> AsyncIterator[Streams]:
    """Connect and part again; everything together takes some seconds at the most."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(host, port, ssl=secured)
        try:
            yield reader, writer
        finally:
            writer.close()


async def _greeting(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: str, host: str = "localhost"
) -> bytes:
    if service.startswith("http"):
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))
    return await reader.readline()


def _unverified() -> ssl.SSLContext:
    """Whether a port speaks TLS is one question, and what its certificate is good for another."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "strerror", "") or str(error)
