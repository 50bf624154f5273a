"""`pillarbox identities`: the senders that mail may come from, and the DNS records that prove whose they are."""

from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.printing import plain, say, say_json, style, table
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.commands.zone_text import zone_line
from pillarbox.operate.identities import Published, Record, Report, Sender
from pillarbox.operate.keys import FIRST_ACCOUNT
from pillarbox.operate.requests import AddEd25519, CheckIdentity, ListIdentities, Vouch

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def list_(*, account: str = "", region: str = "", json: _Json = False, place: Place = HERE) -> None:
    """List the identities and whether they are verified.

    Parameters
    ----------
    account
        Only those of this account.
    region
        Only those in this region.
    """
    senders = ask(place, ListIdentities(account, region), list[Sender])
    if json:
        say_json(senders)
        return
    headings = ("ACCOUNT", "REGION", "STATUS", "VERIFIED BY", "IDENTITY")
    say(table(headings, [(one.account, one.region, one.status, one.verified_by or "-", one.name) for one in senders]))


def vouch(name: str, /, *, account: str = FIRST_ACCOUNT, region: str = "us-east-1", place: Place = HERE) -> None:
    """Verify a domain or an address on your word, so that mail may be sent from it.

    Parameters
    ----------
    name
        `example.com` for every address of a domain, or one address.
    account
        The account that sends.
    region
        The region that it sends in.
    """
    sender = ask(place, Vouch(name, account, region), Sender)
    say(f"{sender.name} is verified: account {sender.account} may send from it in {sender.region}")


def check(name: str, /, *, account: str = "", region: str = "", json: _Json = False, place: Place = HERE) -> None:
    """Look the DNS records of a domain up: what is there, what is missing, what to publish.

    Parameters
    ----------
    name
        The domain, or the address, as its identity is called.
    account
        Only the identity of this account.
    region
        Only the identity in this region.
    """
    reports = ask(place, CheckIdentity(name, account, region), list[Report])
    if json:
        say_json(reports)
        return
    for report in reports:
        _say_report(report)


def ed25519(name: str, /, *, account: str = FIRST_ACCOUNT, region: str = "us-east-1", place: Place = HERE) -> None:
    """Let a domain sign with a short, modern key beside the RSA key that every receiver knows.

    Parameters
    ----------
    name
        The domain, set up for DKIM.
    account
        The account that has its identity.
    region
        The region that it has it in.
    """
    record = ask(place, AddEd25519(name, account, region), Published)
    say("publish this record; the key signs once it is seen, and as long as it is there:")
    say(zone_line(record.name, "TXT", record.value))


_COLOURS = {"found": "green", "missing": "red", "different": "red", "unknown": "yellow"}


def _say_report(report: Report) -> None:
    by = f" by {report.verified_by}" if report.verified_by else ""
    say(f"{report.name}: {report.status}{by} (account {report.account}, {report.region})")
    say(f"DKIM: {report.dkim_status}" + (f"; MAIL FROM: {report.mail_from_status}" if report.mail_from_status else ""))
    for record in report.records:
        _say_record(record)
    if not report.records:
        say("  no records are asked for: an address is verified by mail, or vouched for")
        return
    wrong = [record for record in report.records if record.is_needed and record.state != "found"]
    are = "is not as it has" if len(wrong) == 1 else "are not as they have"
    say(f"{len(wrong)} of the records above {are} to be" if wrong else "all the records are there")


def _say_record(record: Record) -> None:
    state = style(f"{record.state:9}", _COLOURS[record.state])
    say(f"  {state} {record.type:5} {record.name}  ({record.purpose})")
    if record.state == "found":
        return
    for value in record.there:
        say(f"      there is   {plain(value)}")
    if record.why:
        say(f"      because    {plain(record.why)}")
    if not record.is_needed:
        say("      not needed: the DKIM records prove whose domain it is")
    else:
        zone = " (in the zone of the service domain)" if record.publisher == "operator" else ""
        say(f"      publish    {zone_line(record.name, record.type, record.value)}{zone}")
