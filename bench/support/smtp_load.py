"""Sends one mail again and again over kept SMTP connections, and tells how that was answered.

Run as a process of its own: `python -m bench.support.smtp_load PORT FILE SENDER CONNECTIONS SECONDS IDS [USER
PASSWORD]`. With a login the connections are under TLS from their first byte. One command is sent after another, as
most clients do it; what follows 250 in the answer to a mail is written to the file IDS.
"""

import asyncio
import base64
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import uvloop


class Answered(NamedTuple):
    """What the load saw."""

    rate: float
    p50_ms: float
    p99_ms: float
    acknowledged: int


class Load:
    """Counts for all connections."""

    def __init__(self, port: int, mail: bytes, sender: str, login: tuple[str, str] | None) -> None:
        self._port = port
        self._login = login
        # https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2
        lines = [b"." + line if line.startswith(b".") else line for line in mail.splitlines()]
        self._mail = b"\r\n".join(lines) + b"\r\n.\r\n"
        self._envelope = (f"MAIL FROM:<{sender}>\r\n".encode(), b"RCPT TO:<recipient@example.net>\r\n")
        self.latencies: list[float] = []
        self.ids: list[bytes] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = None
        if self._login:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=context)
        await _answer(reader, b"220")
        await _says(reader, writer, b"EHLO load\r\n", b"250")
        if self._login:
            plain = base64.b64encode("\0".join(("", *self._login)).encode())
            await _says(reader, writer, b"AUTH PLAIN " + plain + b"\r\n", b"235")
        return reader, writer

    async def send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: float) -> None:
        """Send one mail after another until the time is over."""
        while (begun := time.perf_counter()) < until:
            for command in self._envelope:
                await _says(reader, writer, command, b"250")
            await _says(reader, writer, b"DATA\r\n", b"354")
            told = await _says(reader, writer, self._mail, b"250")
            self.latencies.append(time.perf_counter() - begun)
            self.ids.append(told.split()[-1])
        writer.close()


async def _says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes, code: bytes) -> bytes:
    writer.write(text)
    return await _answer(reader, code)


async def _answer(reader: asyncio.StreamReader, code: bytes) -> bytes:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    assert line.startswith(code), line
    return line


async def run(load: Load, connections: int, seconds: float) -> Answered:
    streams = [await load.connect() for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(load.send(*stream, started + seconds) for stream in streams))
    took = time.perf_counter() - started
    ordered = sorted(load.latencies)
    p50, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99))
    return Answered(len(ordered) / took, p50, p99, len(ordered))


def send(
    port: int, mail: Path, sender: str, connections: int, seconds: float, ids: Path, login: tuple[str, ...] = ()
) -> Answered:
    """Run the load in a process of its own and return what it saw."""
    command = [sys.executable, "-m", "bench.support.smtp_load", str(port), str(mail), sender]
    command += [str(connections), str(seconds), str(ids), *login]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds + 60, check=True)
    return Answered(**json.loads(done.stdout))


def main() -> None:
    port, mail, sender, connections, seconds, ids, *login = sys.argv[1:]
    uvloop.install()
    load = Load(int(port), Path(mail).read_bytes(), sender, (login[0], login[1]) if login else None)
    answered = asyncio.run(run(load, int(connections), float(seconds)))
    Path(ids).write_bytes(b"\n".join(load.ids))
    print(json.dumps(answered._asdict()))


if __name__ == "__main__":
    main()
