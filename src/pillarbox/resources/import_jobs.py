"""Import jobs: a file of addresses that is to be put on a list, or taken from it, in the background.

Plans. Called by api/, and by upkeep/import_jobs.py, which does them. A group of
records and how far the job has come are one transaction, so that a job goes on
where it was after a crash.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateImportJob.html
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, LimitReached, NotFound
from pillarbox.kit.ids import Scope, new_token
from pillarbox.resources import contact_lists, imports, pages
from pillarbox.resources.import_files import BadRecord, ContactRecord, SuppressedRecord
from pillarbox.store import nouns
from pillarbox.store.nouns import Noun
from pillarbox.store.plan import Keep, Plan

KIND = "import-job"
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MOST_AT_ONCE = 20
_MOST_TOLD = 10
# What the URL of a file begins with that was kept here, with the reference of its body behind it.
UPLOADED = "upload:"
# Those that are not done, of every account, the oldest first.
_OPEN = (Scope("", ""), "open-import-job")


class Destination(StrEnum):
    """What kind of list a job is about."""

    SUPPRESSION_LIST = "SUPPRESSION_LIST"
    CONTACT_LIST = "CONTACT_LIST"


class Action(StrEnum):
    PUT = "PUT"
    DELETE = "DELETE"


class Status(StrEnum):
    CREATED = "CREATED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class ImportJob(msgspec.Struct, frozen=True):
    """One job; `line` is the last that was done, `contact_list` is empty for the suppression list.

    `total` is how many lines there are, where that is known, and `bad` the first records that could not be taken.
    """

    job_id: str
    destination: Destination
    action: Action
    url: str
    as_json: bool
    created_at: Millis
    contact_list: str = ""
    status: Status = Status.CREATED
    line: int = 0
    processed: int = 0
    failed: int = 0
    completed_at: Millis | None = None
    why: str = ""
    total: int = 0
    bad: list[BadRecord] = []

    @property
    def most(self) -> int:
        """Return how many records a job may have.

        https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
        """
        if self.destination is Destination.CONTACT_LIST:
            return 1_000_000
        return 100_000 if self.action is Action.PUT else 10_000


class JobMissing(NotFound):
    """The account has no such job in this region."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Import job {job_id} does not exist.")


class Page(NamedTuple):
    jobs: list[ImportJob]
    next_token: str | None


class Open(NamedTuple):
    """A job that is not done, and whose it is."""

    scope: Scope
    job: ImportJob


Records = Sequence[SuppressedRecord | ContactRecord | BadRecord]
_read = msgspec.json.Decoder(ImportJob).decode


def new(
    destination: Destination, action: Action, url: str, contact_list: str, now: Millis, *, as_json: bool
) -> ImportJob:
    return ImportJob(f"{now:014d}-{new_token()}", destination, action, url, as_json, now, contact_list)


def create(scope: Scope, job: ImportJob, now: Millis, sandbox: bool = False) -> Plan[None]:
    """Keep a job until it is done; ListMissing for a contact list that is not there."""
    if sandbox:
        raise Invalid("An account in the sandbox cannot import addresses.")
    if job.contact_list:
        yield from contact_lists.existing(scope, job.contact_list)
    yield from nouns.hold_limits()
    waiting = yield from nouns.list_by_name(*_OPEN, "", 10 * MOST_AT_ONCE)
    if sum(one.parent == "/".join(scope) for one in waiting) >= MOST_AT_ONCE:
        raise LimitReached(f"An account can have {MOST_AT_ONCE} import jobs at a time.")
    yield from nouns.create(scope, KIND, job.job_id, _write(job), now)
    yield from nouns.create(*_OPEN, job.job_id, msgspec.json.encode(scope).decode(), now, "/".join(scope))


def create_with_file(scope: Scope, job: ImportJob, file: bytes, now: Millis) -> Plan[ImportJob]:
    """Keep a file and the job that imports it."""
    (reference,) = yield Keep([file], [scope.account], now)
    made = msgspec.structs.replace(job, url=UPLOADED + reference)
    yield from create(scope, made, now)
    return made


def existing(scope: Scope, job_id: str) -> Plan[ImportJob]:
    noun = yield from nouns.get(scope, KIND, job_id)
    if noun is None:
        raise JobMissing(job_id)
    return _read(noun.document)


def list_page(scope: Scope, destination: Destination | None, token: str | None, size: int | None) -> Plan[Page]:
    """Return jobs, the oldest first."""

    def fits(noun: Noun) -> bool:
        return destination is None or _read(noun.document).destination is destination

    page = yield from pages.page_of(scope, KIND, token, size, fits)
    return Page([_read(noun.document) for noun in page.rows], page.next_token)


def first_open() -> Plan[Open | None]:
    """Return the job that has waited longest."""
    for noun in (yield from nouns.list_by_name(*_OPEN, "", 1)):
        scope = Scope(*msgspec.json.decode(noun.document, type=tuple[str, str]))
        return Open(scope, (yield from existing(scope, noun.name)))
    return None


def take_in(scope: Scope, job: ImportJob, records: Records, now: Millis) -> Plan[ImportJob]:
    """Do some records, and say how far the job has come."""
    good = [one for one in records if not isinstance(one, BadRecord)]
    bad = [one for one in records if isinstance(one, BadRecord)]
    bad += yield from _done(scope, job, good, now)
    made = msgspec.structs.replace(
        job,
        status=Status.PROCESSING,
        line=records[-1].line,
        processed=job.processed + len(records),
        failed=job.failed + len(bad),
        bad=[*job.bad, *bad][:_MOST_TOLD],
    )
    yield from _keep(scope, made, now)
    return made


def end(scope: Scope, job: ImportJob, now: Millis, why: str = "") -> Plan[None]:
    """Call a job done, or failed for a reason; what it has done stays."""
    status = Status.FAILED if why else Status.COMPLETED
    yield from _keep(scope, msgspec.structs.replace(job, status=status, completed_at=now, why=why), now)
    yield from nouns.delete(*_OPEN, job.job_id)


def _done(
    scope: Scope, job: ImportJob, good: Sequence[SuppressedRecord | ContactRecord], now: Millis
) -> Plan[list[BadRecord]]:
    suppressed = [one for one in good if isinstance(one, SuppressedRecord)]
    contacts = [one for one in good if isinstance(one, ContactRecord)]
    if job.destination is Destination.SUPPRESSION_LIST:
        if job.action is Action.PUT:
            return (yield from imports.put_suppressed(scope, suppressed, now))
        return (yield from imports.delete_suppressed(scope, suppressed))
    if job.action is Action.PUT:
        return (yield from imports.put_contacts(scope, job.contact_list, contacts, now))
    return (yield from imports.delete_contacts(scope, job.contact_list, contacts))


def _keep(scope: Scope, job: ImportJob, now: Millis) -> Plan[None]:
    yield from nouns.change(scope, KIND, job.job_id, lambda _: _write(job), now)


def _write(job: ImportJob) -> str:
    return msgspec.json.encode(job).decode()
