"""Does import jobs: reads their files, and puts what is in them on lists.

Touches the store, where uploaded files are, and through kit/s3.py the service that the operator chose, if any.
A duty of upkeep/runner.py. A piece is some seconds of work; a job that was left
goes on after the last line that was kept.
"""

import asyncio
import io
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from pillarbox.kit.clock import DAY, Clock, Millis
from pillarbox.kit.errors import Refusal, Unavailable
from pillarbox.kit.s3 import NotRead, Objects
from pillarbox.resources import import_jobs
from pillarbox.resources.import_files import BadRecord, ContactRecord, SuppressedRecord, read_contacts, read_suppressed
from pillarbox.resources.import_jobs import UPLOADED, Destination, ImportJob, Open
from pillarbox.resources.imports import AT_ONCE
from pillarbox.store.engine import Store

_WORKS_SECONDS = 15.0

Record = SuppressedRecord | ContactRecord | BadRecord


class ImportJobs:
    """Does the oldest job that is not done."""

    name = "import-jobs"
    topic = "nouns"

    def __init__(self, store: Store, objects: Objects | None, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock

    async def due_at(self) -> Millis | None:
        return None if await self._store.read(import_jobs.first_open) is None else 0

    async def work(self, now: Millis) -> None:
        """Go on with a job for some seconds, or to its end."""
        found = await self._store.read(import_jobs.first_open)
        if found is None:
            return
        try:
            done = await self._go_on(found)
        except Refusal as refusal:
            await self._store.write(import_jobs.end, found.scope, await self._again(found), now, str(refusal))
            return
        if done is not None:
            await self._store.write(import_jobs.end, found.scope, done, self._clock.now())

    async def _go_on(self, found: Open) -> ImportJob | None:
        """Return the job when all of its file is done; raise Refusal for what ends it before."""
        scope, job = found
        records = self._records(job, await self._lines(job))
        until = time.monotonic() + _WORKS_SECONDS
        while time.monotonic() < until:
            group = await asyncio.to_thread(_next_group, records)
            if not group:
                return job
            if job.processed + len(group) > job.most:
                raise _TooLong(f"The file has more than {job.most} records.")
            job = await self._store.write(import_jobs.take_in, scope, job, group, self._clock.now())
        return None

    async def _again(self, found: Open) -> ImportJob:
        return await self._store.read(import_jobs.existing, found.scope, found.job.job_id)

    async def _lines(self, job: ImportJob) -> Iterable[str]:
        if job.url.startswith(UPLOADED):
            return io.StringIO((await self._uploaded(job)).decode("utf-8-sig"), newline="")
        if self._objects is None:
            raise NotRead(f"This server reads from no bucket, and so not from {job.url}.")
        return self._objects.lines(job.url)

    async def _uploaded(self, job: ImportJob) -> bytes:
        try:
            return await self._store.body(job.url.removeprefix(UPLOADED))
        except Unavailable as error:
            if self._clock.now() - job.created_at < DAY:
                raise
            raise NotRead(f"The file is not there: {error}") from None  # nor will it come back

    def _records(self, job: ImportJob, lines: Iterable[str]) -> Iterator[Record]:
        read = read_contacts if job.destination is Destination.CONTACT_LIST else read_suppressed
        records: Iterator[Record] = read(lines, as_json=job.as_json)
        return (record for record in records if record.line > job.line)


class _TooLong(Refusal):
    """The file holds more than one job may."""


def _next_group(records: Iterator[Record]) -> list[Record]:
    return list(islice(records, AT_ONCE))
