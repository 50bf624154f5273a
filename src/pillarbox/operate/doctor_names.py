"""What the doctor finds out about names: the service domain, the hosts that mail leaves from, and the identities.

Touches the network and the store. Called by operate/doctor.py. What an identity
asks for is decided in resources/identity_dns.py, and what the service domain is
to say in operate/dns_zone.py.
"""

import asyncio
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from pillarbox.kit.dns import Address, LookupFailed, Names, NotThere
from pillarbox.kit.errors import Refusal
from pillarbox.operate import dns_zone, identities
from pillarbox.operate.desk import Desk, Host
from pillarbox.operate.dns_zone import ZoneRecord
from pillarbox.operate.finding import OK, UNKNOWN, WARNING, WRONG, Finding
from pillarbox.operate.identities import Sender
from pillarbox.resources.identity_dns import DKIM, SPF, Wanted, verdict_on
from pillarbox.resources.identity_lookup import look_up
from pillarbox.resources.identity_names import is_domain
from pillarbox.resources.verification import Seen

# A part of an examination answers within a minute, however silent name servers are.
_PATIENCE_SECONDS = 40.0
_AT_ONCE = 20
_DMARC = "v=DMARC1"
_POLICY = 'publish _dmarc.{} TXT "v=DMARC1; p=none", and a stricter policy once all of your mail passes'


async def service_domain(desk: Desk) -> list[Finding]:
    """Does the operator's own zone say what it should?"""
    about = f"service domain {desk.service_domain}"
    try:
        zone = await dns_zone.zone(desk)
    except Refusal as none:
        if desk.dev:
            return [Finding(about, OK, "never in the DNS, as it should be in dev mode")]
        return [Finding(about, WARNING, str(none), "set `service_domain` to a domain of yours")]
    # The keys of identities are looked at with them.
    own = [record for record in zone.records if not record.name.endswith(f".dkim.{zone.domain}")]
    return [Finding(about, OK, f"asks for {len(own)} records"), *await _of_zone(desk.names, own)]


async def _of_zone(names: Names, records: Sequence[ZoneRecord]) -> list[Finding]:
    of_hosts = [record for record in records if record.type in ("A", "AAAA")]
    wanted = {_wanted(record): record for record in records if record not in of_hosts}
    answers = await look_up(names, wanted)
    found = []
    for one, answer in answers.items():
        seen = verdict_on(one, answer).seen
        if seen is Seen.MISSING and one.purpose == SPF:
            seen = Seen.FOUND if _allows(one.value, answer.values) else seen
        found.append(_of_record(wanted[one], seen, ", ".join(answer.values) or answer.why))
    return found + list(await asyncio.gather(*(_of_host_record(names, one) for one in of_hosts)))


def _wanted(record: ZoneRecord) -> Wanted:
    """Return a record as it is looked up; an SPF policy may say more than it has to, a key be written otherwise."""
    purpose = SPF if record.value.startswith("v=spf1") else DKIM if "_domainkey." in record.name else record.about
    return Wanted(purpose, record.name, record.type, record.value)


def _allows(wanted: str, values: Iterable[str]) -> bool:
    """Say whether one policy allows everything that the wanted one does; how it ends is the operator's choice."""
    policies = [value.lower().split() for value in values if value.lower().startswith("v=spf1")]
    return len(policies) == 1 and set(wanted.lower().split()[:-1]) <= set(policies[0])


async def _of_host_record(names: Names, record: ZoneRecord) -> Finding:
    try:
        there = [str(one) for one in await names.addresses(record.name)]
    except NotThere as missing:
        return _of_record(record, Seen.MISSING, str(missing))
    except LookupFailed as failed:
        return _of_record(record, Seen.UNANSWERED, str(failed))
    wanted = str(ip_address(record.value)) if record.value else ""
    return _of_record(record, Seen.FOUND if not wanted or wanted in there else Seen.MISSING, ", ".join(there))


def _of_record(record: ZoneRecord, seen: Seen, there: str) -> Finding:
    about, remedy = f"{record.name} {record.type}", f"publish {record.name} {record.type} {record.value or 'ADDRESS'}"
    match seen:
        case Seen.FOUND:
            return Finding(about, OK, there)
        case Seen.UNANSWERED:
            return Finding(about, UNKNOWN, there, "see whether your name servers answer")
        case Seen.MISSING:
            return Finding(about, WRONG, f"{there} ({record.about})", f"{remedy} (`pillarbox dns zone` prints it)")


async def egress(desk: Desk) -> list[Finding]:
    """Do the addresses that mail leaves from have the names that it greets with?"""
    if desk.premises is None or not desk.premises.sends_itself:
        return [Finding("egress", OK, "mail leaves through others or stays here: no address of ours is judged")]
    found = await asyncio.gather(*(_of_host(desk.names, host) for host in desk.hosts))
    return [finding for of_host in found for finding in of_host]


async def _of_host(names: Names, host: Host) -> list[Finding]:
    about = f"EHLO {host.name}"
    try:
        there = await names.addresses(host.name)
    except (NotThere, LookupFailed) as failure:
        state = WRONG if isinstance(failure, NotThere) else UNKNOWN
        return [Finding(about, state, str(failure), f"publish the address of {host.name}, or set another `helo`")]
    own = [ip_address(one) for one in host.addresses] or there
    found = [Finding(about, OK, f"is {', '.join(map(str, there))}")]
    if missing := [one for one in own if one not in there]:
        why = f"{', '.join(map(str, missing))} is not among its addresses"
        found = [Finding(about, WRONG, why, f"publish it under {host.name}: receivers look the greeting up")]
    return [*found, *await asyncio.gather(*(_pointer(names, one, host.name) for one in own))]


async def _pointer(names: Names, address: Address, expected: str) -> Finding:
    """Look at the name of an address, by which receivers tell mail servers from broken-into machines."""
    about, remedy = f"PTR of {address}", f"let whoever gave you {address} name it {expected}"
    if address.is_private:
        return Finding(about, UNKNOWN, "the world sees another address than this one", "look at that one's name")
    try:
        name = await names.pointer(address)
    except NotThere as missing:
        return Finding(about, WRONG, str(missing), remedy)
    except LookupFailed as failed:
        return Finding(about, UNKNOWN, str(failed), "ask again later")
    if name != expected:
        return Finding(about, WRONG, f"is {name}, and mail greets with {expected}", remedy)
    return Finding(about, OK, name)


async def of_identities(desk: Desk) -> list[Finding]:
    """Does every identity have the records that it asks for, and a policy for what others send in its name?"""
    known = await identities.list_all(desk)
    if not known:
        return [Finding("identities", WARNING, "there is none", "add the domain that mail is sent from")]
    gate = asyncio.Semaphore(_AT_ONCE)
    looks = [asyncio.create_task(_of_identity(desk, one, gate)) for one in known]
    done, late = await asyncio.wait(looks, timeout=_PATIENCE_SECONDS)
    for one in late:
        one.cancel()
    found = [finding for look in looks if look in done for finding in look.result()]
    if late:
        why = f"{len(late)} of {len(known)} could not be looked at in time"
        found.append(Finding("identities", UNKNOWN, why, "see whether your name servers answer"))
    return found


async def _of_identity(desk: Desk, one: Sender, gate: asyncio.Semaphore) -> list[Finding]:
    async with gate:
        if not is_domain(one.name):
            if one.status == "Success":
                return [Finding(one.name, OK, f"verified by {one.verified_by}", account=one.account)]
            return [Finding(one.name, WARNING, "its owner was asked and has not answered", account=one.account)]
        if desk.dev and one.status == "Success":
            found = f"verified by {one.verified_by}; dev mode asks for no records"
            return [Finding(one.name, OK, found, account=one.account)]
        report, policy = await asyncio.gather(
            identities.check(desk, one.name, one.account, one.region), _dmarc(desk.names, one)
        )
        return [*(_of_report(record, one) for record in report[0].records if _matters(record, one)), policy]


def _matters(record: identities.Record, one: Sender) -> bool:
    """A token proves nothing more where the operator's word has done so already."""
    return record.is_needed and not (one.status == "Success" and record.purpose == "ownership")


def _of_report(record: identities.Record, one: Sender) -> Finding:
    about = f"{one.name}: {record.purpose}"
    if record.state == "found":
        return Finding(about, OK, record.name, account=one.account)
    remedy = f"publish {record.name} {record.type} {record.value}"
    if record.state == "unknown":
        return Finding(about, UNKNOWN, record.why, "see whether its name servers answer", one.account)
    return Finding(about, WRONG, record.why or f"{record.name} says {', '.join(record.there)}", remedy, one.account)


async def _dmarc(names: Names, one: Sender) -> Finding:
    """Look for the policy of a domain, or of one above it.

    https://www.rfc-editor.org/rfc/rfc7489#section-6.6.3
    """
    about, labels = f"{one.name}: DMARC", one.name.split(".")
    for start in range(max(1, len(labels) - 1)):
        domain = ".".join(labels[start:])
        try:
            policies = [text for text in await names.texts(f"_dmarc.{domain}") if text.startswith(_DMARC)]
        except NotThere:
            continue
        except LookupFailed as failed:
            return Finding(about, UNKNOWN, str(failed), "see whether its name servers answer", one.account)
        if len(policies) == 1:
            return Finding(about, OK, policies[0], account=one.account)
    return Finding(about, WARNING, "there is no policy", _POLICY.format(one.name), one.account)
