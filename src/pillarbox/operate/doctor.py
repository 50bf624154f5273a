"""The doctor: looks at everything that mail and its events need, and says what is wrong and how it is repaired.

Touches the system, the network and the store. A part of an examination answers
within a minute. Commands ask for the parts in turn; the dashboard asks for the
whole, which the server does in the background and keeps in the store.
"""

import socket
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, Refusal
from pillarbox.kit.ids import Scope
from pillarbox.operate import doctor_events, doctor_machine, doctor_names
from pillarbox.operate.desk import Desk
from pillarbox.operate.finding import UNKNOWN, Finding
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

Look = Callable[[Desk], Awaitable[list[Finding]]]

PARTS: Mapping[str, Look] = {
    "clock": doctor_machine.clock,
    "disk": doctor_machine.disk,
    "bodies": doctor_machine.bodies,
    "ports": doctor_machine.ports,
    "certificate": doctor_machine.certificate,
    "service domain": doctor_names.service_domain,
    "egress": doctor_names.egress,
    "identities": doctor_names.of_identities,
    "events": doctor_events.destinations,
    "upstreams": doctor_events.upstreams,
}
# The newest examination, of which there is one in a store.
_PLACE = (Scope("", ""), "examination", "newest")


class Examination(msgspec.Struct, frozen=True):
    """How far an examination is: `parts` are those that were looked at, `host` the machine that they are about."""

    asked_at: Millis
    host: str = ""
    parts: list[str] = []
    findings: list[Finding] = []
    ended_at: Millis | None = None

    @property
    def next_part(self) -> str | None:
        return next((part for part in PARTS if part not in self.parts), None)


_read = msgspec.json.Decoder(Examination).decode


async def examine(desk: Desk, part: str) -> list[Finding]:
    """Return what one of PARTS is like now; what cannot be looked at is a finding, too."""
    if part not in PARTS:
        raise Invalid(f"the doctor looks at {', '.join(PARTS)}, and not at {part!r}")
    try:
        return await PARTS[part](desk)
    except Refusal as refusal:
        return [Finding(part, UNKNOWN, str(refusal))]


async def ask(desk: Desk) -> Examination:
    """Begin an examination in the background, unless one is going on, and return it."""
    return await desk.store.write(_begin, desk.clock.now())


async def newest(desk: Desk) -> Examination | None:
    """Return the newest examination, as far as it is."""
    return await desk.store.read(_newest)


class Examinations:
    """Does what `ask` has begun, a part at a time; a duty of upkeep/runner.py."""

    name = "doctor"
    topic = "nouns"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def due_at(self) -> Millis | None:
        found = await newest(self._desk)
        return None if found is None or found.ended_at is not None else 0

    async def work(self, _now: Millis) -> None:
        """Look at the next part."""
        found = await newest(self._desk)
        if found is not None and (part := found.next_part):
            await self._desk.store.write(_note, part, await examine(self._desk, part), self._desk.clock.now())


def _begin(now: Millis) -> Plan[Examination]:
    found = yield from _newest()
    if found is not None and found.ended_at is None:
        return found
    made = Examination(now)
    yield from nouns.delete(*_PLACE)
    yield from nouns.create(*_PLACE, _write(made), now)
    return made


def _note(part: str, findings: list[Finding], now: Millis) -> Plan[None]:
    """Add what a part is like; the last one ends the examination."""

    def edit(document: str) -> str:
        found = _read(document)
        if part in found.parts:  # another server has looked at the same time
            return document
        parts = [*found.parts, part]
        ended_at = now if all(one in parts for one in PARTS) else None
        told = [*found.findings, *findings]
        return _write(Examination(found.asked_at, socket.gethostname(), parts, told, ended_at))

    yield from nouns.change(*_PLACE, edit, now)


def _newest() -> Plan[Examination | None]:
    noun = yield from nouns.get(*_PLACE)
    return _read(noun.document) if noun else None


def _write(one: Examination) -> str:
    return msgspec.json.encode(one).decode()
