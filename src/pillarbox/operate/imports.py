"""Files of addresses, put on a list or taken from it in the background while somebody looks on.

Touches the store. Called by the dashboard. The file is kept with the job before
this is answered; the job is done by upkeep/import_jobs.py.
"""

import msgspec

from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.operate import audit
from pillarbox.operate.desk import Desk
from pillarbox.resources import import_jobs
from pillarbox.resources.import_jobs import Action, Destination, ImportJob
from pillarbox.store.plan import Plan

_JSON = (".json", ".jsonl", ".ndjson")
_MOST_SHOWN = 5


async def begin(
    desk: Desk, scope: Scope, contact_list: str, action: Action, file_name: str, content: bytes
) -> ImportJob:
    """Keep a file and begin its import (without a contact list: into the suppression list); return the job.

    Invalid for what is no text, or more than one job may do.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(f"{file_name} is no text in UTF-8.") from None
    as_json = file_name.lower().endswith(_JSON) or (not file_name.lower().endswith(".csv") and text[:1] == "{")
    destination = Destination.CONTACT_LIST if contact_list else Destination.SUPPRESSION_LIST
    now = desk.clock.now()
    total = sum(1 for line in text.splitlines() if line.strip())
    if not total:
        raise Invalid(f"There is nothing in {file_name}.")
    job = import_jobs.new(destination, action, "", contact_list, now, as_json=as_json)
    job = msgspec.structs.replace(job, total=total)
    if job.total > job.most + 1:  # one line may name the columns
        raise Invalid(f"{file_name} has {job.total} lines, and a job takes {job.most}.")
    subject = f"{contact_list or 'suppression list'} {action.lower()} {file_name}"
    args = (scope, job, content, now)
    return await audit.write(desk, "imports.create", subject, scope, import_jobs.create_with_file, *args)


async def newest(desk: Desk, scope: Scope, contact_list: str) -> list[ImportJob]:
    """Return the newest jobs of a contact list (or of the suppression list), the newest first."""
    return await desk.store.read(_newest, scope, contact_list)


def _newest(scope: Scope, contact_list: str) -> Plan[list[ImportJob]]:
    destination = Destination.CONTACT_LIST if contact_list else Destination.SUPPRESSION_LIST
    found: list[ImportJob] = []
    token: str | None = None
    while True:
        page = yield from import_jobs.list_page(scope, destination, token, None)
        found += [job for job in page.jobs if job.contact_list == contact_list]
        token = page.next_token
        if token is None:
            return found[: -_MOST_SHOWN - 1 : -1]
