"""`pillarbox suppression`: who gets no mail from an account."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.importing import import_file, is_json
from pillarbox.commands.printing import moment, say, say_json, table
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.operate.address_lists import Listed, Page
from pillarbox.operate.keys import FIRST_ACCOUNT
from pillarbox.operate.list_requests import ListSuppressed, PutSuppressed, RemoveSuppressed
from pillarbox.resources.import_files import BadRecord, SuppressedRecord, read_suppressed
from pillarbox.resources.suppression_reasons import Reason

_Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
_Account = Annotated[str, Parameter(name="--account", help="The account, of 12 digits.")]
_Region = Annotated[str, Parameter(name="--region", help="The region of the list.")]


def list_(
    *,
    account: _Account = FIRST_ACCOUNT,
    region: _Region = "us-east-1",
    reason: str = "",
    most: int = 100,
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """List suppressed addresses, those first that have been there longest.

    Parameters
    ----------
    reason
        Only those that are there for this reason: bounce or complaint.
    most
        Show so many at the most.
    """
    found = _all(place, account, region, reason, most)
    if json:
        say_json(found)
        return
    headings = ("ADDRESS", "REASON", "SINCE (UTC)", "BY MESSAGE")
    say(table(headings, [(one.address, one.reason, moment(one.updated_at), one.message_id or "-") for one in found]))


def add(
    address: str,
    /,
    *,
    reason: str = "bounce",
    account: _Account = FIRST_ACCOUNT,
    region: _Region = "us-east-1",
    place: Place = HERE,
) -> None:
    """Put an address on the list: nothing is sent to it from now on.

    Parameters
    ----------
    address
        The address, as mail is sent to it.
    reason
        What it is there for: bounce or complaint.
    """
    record = SuppressedRecord(1, address, _reason(reason))
    _raise(ask(place, PutSuppressed(account, region, [record]), list[BadRecord]))
    say(f"{address} is suppressed in {region}")


def remove(
    address: str,
    /,
    *,
    account: _Account = FIRST_ACCOUNT,
    region: _Region = "us-east-1",
    place: Place = HERE,
) -> None:
    """Take an address from the list, so that it gets mail again.

    Parameters
    ----------
    address
        The address, as it is listed.
    """
    _raise(ask(place, RemoveSuppressed(account, region, [SuppressedRecord(1, address)]), list[BadRecord]))
    say(f"{address} is not suppressed any more in {region}")


def import_(
    file: Path,
    /,
    *,
    remove: Annotated[bool, Parameter(negative="")] = False,
    skip: int = 0,
    account: _Account = FIRST_ACCOUNT,
    region: _Region = "us-east-1",
    place: Place = HERE,
) -> None:
    """Put the addresses of a file on the list: again is no harm.

    Parameters
    ----------
    file
        Lines of CSV, `address,BOUNCE`, or of JSON, `{"emailAddress": "...", "reason": "BOUNCE"}`.
    remove
        Take them from the list instead; reasons are not needed then.
    skip
        Leave out so many lines, which were done before.
    """
    asking = RemoveSuppressed if remove else PutSuppressed
    read = partial(read_suppressed, as_json=is_json(file))
    import_file(file, read, lambda records: ask(place, asking(account, region, list(records)), list[BadRecord]), skip)


def export(
    *,
    account: _Account = FIRST_ACCOUNT,
    region: _Region = "us-east-1",
    json: _Json = False,
    place: Place = HERE,
) -> None:
    """Print the whole list in the form that `import` reads: CSV, or lines of JSON."""
    import csv

    import msgspec

    rows = csv.writer(sys.stdout, lineterminator="\n")
    token = ""
    while True:
        page = ask(place, ListSuppressed(account, region, "", token), Page)
        for one in page.addresses:
            if json:
                print(msgspec.json.encode({"emailAddress": one.address, "reason": one.reason}).decode())
            else:
                rows.writerow((one.address, one.reason))
        token = page.next_token
        if not token:
            return


def _all(place: Place, account: str, region: str, reason: str, most: int) -> list[Listed]:
    if reason:
        _reason(reason)
    found: list[Listed] = []
    token = ""
    while len(found) < most:
        page = ask(place, ListSuppressed(account, region, reason, token), Page)
        found += page.addresses
        token = page.next_token
        if not token:
            break
    return found[:most]


def _reason(text: str) -> Reason:
    try:
        return Reason(text.upper())
    except ValueError:
        raise CommandError(f"the reason {text!r} is neither bounce nor complaint") from None


def _raise(bad: list[BadRecord]) -> None:
    if bad:
        raise CommandError(bad[0].why)
