"""`pillarbox contacts`: many people put on a contact list, or taken from it."""

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pillarbox.commands.importing import import_file, is_json
from pillarbox.commands.reach import HERE, Place, ask
from pillarbox.operate.keys import FIRST_ACCOUNT
from pillarbox.operate.list_requests import PutContacts, RemoveContacts
from pillarbox.resources.import_files import BadRecord, read_contacts


def import_(
    file: Path,
    /,
    *,
    list_name: Annotated[str, Parameter(name="--list", help="The contact list.")],
    remove: Annotated[bool, Parameter(negative="")] = False,
    skip: int = 0,
    account: Annotated[str, Parameter(help="The account, of 12 digits.")] = FIRST_ACCOUNT,
    region: Annotated[str, Parameter(help="The region of the list.")] = "us-east-1",
    place: Place = HERE,
) -> None:
    """Put the contacts of a file on a list, or replace what is known of them: again is no harm.

    Parameters
    ----------
    file
        CSV whose first line names its columns (emailAddress, unsubscribeAll, attributesData, topicPreferences.NAME),
        or lines of JSON with members of these names.
    remove
        Take them from the list instead; only their addresses are needed then.
    skip
        Leave out so many lines, which were done before.
    """
    asking = RemoveContacts if remove else PutContacts
    import_file(
        file,
        partial(read_contacts, as_json=is_json(file)),
        lambda records: ask(place, asking(account, region, list_name, list(records)), list[BadRecord]),
        skip,
    )
