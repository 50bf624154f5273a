"""Mail that comes back: whose it is, what it says, and what is done with it.

Touches the store. Called by return_path.py, which answers 250 only when `take`
has returned. Signed addresses are for reports about one message; postmaster
and abuse are for people, whose mail goes to the operator.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from pillarbox.delivery.feedback import NoTime, Taken, take
from pillarbox.delivery.reports.read import read
from pillarbox.delivery.reports.report import AutomaticReply, NoReport, Reading
from pillarbox.delivery.route import RouteTable
from pillarbox.delivery.verp import Returned, ReturnPaths
from pillarbox.events.types import MailFacts
from pillarbox.kit import log, metrics
from pillarbox.kit.addresses import InvalidAddress, parse_mailbox
from pillarbox.kit.clock import MINUTE, Clock, Millis
from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.resources import identities, identity_mail_from
from pillarbox.resources.identity_names import covering_names
from pillarbox.sending.notice_mail import Part, attached, daemon_address, notice_mail, text_part
from pillarbox.sending.rows import Route
from pillarbox.sending.system_mail import SystemMail, keep, prepare
from pillarbox.store.engine import Store
from pillarbox.store.messages import MessageRow
from pillarbox.store.plan import Plan

TAKEN = "250 Ok"
SLOW_DOWN = "451 4.7.1 Too much mail for this address; try again later"
NO_TIME = "554 5.6.0 The report tells no time that can be read"
_MOST_FOR_PEOPLE = 60  # mails in a minute
_MOST_LOOKED_UP = 600  # domains in a minute
_ON_THE_LOOP = 16 * 1024
# https://www.rfc-editor.org/rfc/rfc2142
_CONTACTS = frozenset({"postmaster", "abuse"})
_AUTOMATIC = "A program has answered this message for one of its recipients. The answer is attached.\n"
_REGION = "us-east-1"  # of mail to the operator, which belongs to no region

FEEDBACK = metrics.counter(
    "feedback_total",
    labels=("kind",),
    doc="""Mail taken at the return path, by what it was.

    `repeated` had been recorded before, `unread` is mail that is no report, `unkept` is about a message that is no
    longer kept, `timeless` was refused because it tells no time that can be read.""",
)

_read_mail = msgspec.json.Decoder(MailFacts).decode


class Contact(NamedTuple):
    """An address that people write to, of this server or of a domain whose bounces come back here."""

    local_part: str
    domain: str


Addressee = Returned | Contact


@dataclass(frozen=True, slots=True)
class House:
    """The names of this server, and who reads what people write to it: nobody, when `operator` is empty."""

    service_domain: str
    operator: str
    route: Route


class PerMinute:
    """Counts what came in a minute, by key; forgets all of it when the minute is over."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._minute: Millis = 0
        self._counts: Counter[str] = Counter()

    def takes(self, key: str) -> bool:
        """Count one more, and say whether it may still come."""
        minute = self._clock.now() // MINUTE
        if minute != self._minute:
            self._minute, self._counts = minute, Counter()
        self._counts[key] += 1
        return self._counts[key] <= self._most


class Returns:
    """Takes mail for the addresses that are ours. What it has taken is on disk."""

    def __init__(self, store: Store, paths: ReturnPaths, house: House, clock: Clock) -> None:
        self._store = store
        self._paths = paths
        self._house = house
        self._clock = clock
        self._for_people = PerMinute(_MOST_FOR_PEOPLE, clock)
        self._lookups = PerMinute(_MOST_LOOKED_UP, clock)
        self._log = log.named("feedback")

    async def addressee(self, path: str) -> Addressee | None:
        """Return who an address is here, or None for one that is not ours; Unavailable when that is not known now."""
        local_part, _, domain = path.rpartition("@") if "@" in path else (path, "", "")
        # The signature is the proof, whatever domain of ours, or of a sender's MAIL FROM, it came by.
        if domain and (returned := self._paths.read(local_part)) is not None:
            return returned
        name = local_part.lower()
        # https://www.rfc-editor.org/rfc/rfc5321#section-4.5.1 `postmaster` alone is taken too.
        if name not in _CONTACTS or (not domain and name != "postmaster"):
            return None
        ours = self._house.service_domain
        if not domain or f".{domain}".lower().endswith(f".{ours}".lower()):
            return Contact(name, ours)
        return Contact(name, domain.lower()) if await self._takes_bounces_of(domain.lower()) else None

    async def _takes_bounces_of(self, domain: str) -> bool:
        """Say whether a domain is the MAIL FROM domain of a sender here, so that nobody else reads its mail."""
        if not self._lookups.takes("all"):
            raise Unavailable("too many domains are asked for")
        return await self._store.read(identity_mail_from.is_used, domain)

    async def take(self, to: Sequence[Addressee], raw: bytes, peer: str) -> str:
        """Do what the mail asks for and return the reply; Unavailable when it could not be put on disk."""
        reading = read(raw) if len(raw) < _ON_THE_LOOP else await asyncio.to_thread(read, raw)
        for one in to:
            returned = one if isinstance(one, Returned) else self._named_in(reading)
            try:
                if returned is None and not self._for_people.takes("operator"):
                    return SLOW_DOWN
                if returned is None:
                    kind = await self._give_to_operator(one, raw, peer)
                else:
                    kind = await self._record(reading, returned, raw)
            except NoTime:
                self._count("timeless", one, peer)
                return NO_TIME
            self._count(kind, one, peer)
        return TAKEN

    async def _record(self, reading: Reading, returned: Returned, raw: bytes) -> str:
        taken = await self._store.write(take, reading, returned, self._clock.now())
        if taken.message is not None and isinstance(reading.report, AutomaticReply):
            await self._forward(taken.message, reading, raw)
        return _kind(reading, taken)

    async def _forward(self, message: MessageRow, reading: Reading, raw: bytes) -> None:
        """Send an automatic reply, which is no event, on to whoever gets the message's feedback by mail."""
        to = None if self._is_from_us(raw) else await self._store.read(_who_gets_mail, message)
        if to is None:
            return
        part, digest = await _enclosed(raw)
        mail = notice_mail(self._daemon, to, reading.subject or "Automatic reply", (text_part(_AUTOMATIC), part))
        try:
            key = f"reply/{message.message_id}/{digest}"
            await self._promise(SystemMail(key, message.region, to, mail), self._house.route)
        except Refusal as reason:  # no other try would go better
            self._log.error("a reply cannot be sent on", message=message.message_id, why=str(reason))

    async def _give_to_operator(self, to: Addressee, raw: bytes, peer: str) -> str:
        """Send mail for people on to the operator, or keep it where the operator finds it: among the captured mail."""
        assert isinstance(to, Contact)
        address = f"{to.local_part}@{to.domain}"
        sent_on = bool(self._house.operator) and not self._is_from_us(raw)
        recipient = self._house.operator if sent_on else address
        text = f"This mail came to {address} from {peer}. It is attached as it came.\n"
        part, digest = await _enclosed(raw)
        mail = notice_mail(self._daemon, recipient, f"Mail to {to.local_part}", (text_part(text), part))
        key = f"operator/{address}/{digest}"
        route = self._house.route if sent_on else RouteTable()  # without rules everything is captured
        await self._promise(SystemMail(key, _REGION, recipient, mail), route)
        return "operator"

    async def _promise(self, mail: SystemMail, route: Route) -> None:
        now = self._clock.now()
        await self._store.write(keep, prepare([mail], route, now), now)

    @property
    def _daemon(self) -> str:
        return daemon_address(self._house.service_domain)

    def _is_from_us(self, raw: bytes) -> bool:
        """Say whether this server wrote the mail: such mail is sent on to nobody, so that none goes round."""
        return self._daemon.lower().encode() in raw[:4096].lower()

    def _named_in(self, reading: Reading) -> Returned | None:
        """Return whose message a report is about that came to no signed address, if it names one of ours.

        Providers send complaints to an address that was registered with them; the signed one is inside.
        """
        if isinstance(reading.report, NoReport | AutomaticReply):
            return None
        local_parts = (path.rpartition("@")[0] for path in reading.return_paths)
        return next((found for one in local_parts if (found := self._paths.read(one)) is not None), None)

    def _count(self, kind: str, one: Addressee, peer: str) -> None:
        FEEDBACK.labels(kind).inc()
        message = one.message_id if isinstance(one, Returned) else None
        self._log.info("mail came back", kind=kind, message=message, peer=peer)


async def _enclosed(raw: bytes) -> tuple[Part, str]:
    """Return a mail as a part of another, and what tells it from all others."""

    def enclose() -> tuple[Part, str]:
        return attached(raw), hashlib.sha256(raw).hexdigest()

    return enclose() if len(raw) < _ON_THE_LOOP else await asyncio.to_thread(enclose)


def _kind(reading: Reading, taken: Taken) -> str:
    if taken.message is None:
        return "unkept"
    if taken.told:
        return taken.new[0].kind.value if taken.new else "repeated"
    return {NoReport: "unread", AutomaticReply: "automatic"}.get(type(reading.report), "success")


def _who_gets_mail(message: MessageRow) -> Plan[str | None]:
    """Return where feedback on a message goes by mail, or None where its identity wants none."""
    facts = _read_mail(message.mail)
    names = covering_names(facts.sender_address)[: identities.MOST_ASKED]
    found = yield from identities.asked_for(message.scope, list(names))
    identity = next((found[name] for name in names if name in found and found[name].verified), None)
    if identity is None or not identity.feedback_forwarding:
        return None
    try:
        return parse_mailbox(facts.return_path).address
    except InvalidAddress:
        return None
