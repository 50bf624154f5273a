"""How commands import a file: in groups, with a bar, and told where to go on when something comes between.

Touches the file and, through commands/reach.py, a server or its store. Memory
holds one group of records, however long the file is.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from pillarbox.commands.printing import plain, say
from pillarbox.commands.reach import CommandError
from pillarbox.kit.errors import Unavailable
from pillarbox.resources.import_files import BadRecord, ContactRecord, SuppressedRecord
from pillarbox.resources.imports import AT_ONCE

Record = TypeVar("Record", SuppressedRecord, ContactRecord)

# The admin socket takes a megabyte at a time.
_MOST_BYTES = 512 * 1024
_MOST_TOLD = 20


def is_json(path: Path) -> bool:
    """Say whether a file is read as lines of JSON: by its name, else by how it begins."""
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return True
    return path.suffix.lower() != ".csv" and _begins_with_brace(path)


def import_file(
    path: Path,
    read: Callable[[Iterable[str]], Iterator[Record | BadRecord]],
    keep: Callable[[Sequence[Record]], list[BadRecord]],
    skip: int,
) -> None:
    """Keep the records of a file from line `skip + 1` on; raise CommandError when any were not kept."""
    done, bad_count, line = 0, 0, skip
    try:
        with _opened(path) as file, _progress(path) as advance:
            for group in _groups(read(_counted(file, advance)), skip):
                good = [one for one in group if not isinstance(one, BadRecord)]
                bad = [one for one in group if isinstance(one, BadRecord)] + (keep(good) if good else [])
                for one in bad[: max(0, _MOST_TOLD - bad_count)]:
                    print(f"line {one.line}: {plain(one.why)}", file=sys.stderr)
                bad_count += len(bad)
                done += len(group) - len(bad)
                line = group[-1].line
    except (Unavailable, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        raise CommandError(f"{why}; {done} done: go on with --skip {line}") from None
    say(f"{done} done")
    if bad_count:
        told = f", of which the first {_MOST_TOLD} are shown" if bad_count > _MOST_TOLD else ""
        raise CommandError(f"{bad_count} could not be done{told}")


def _groups(records: Iterator[Record | BadRecord], skip: int) -> Iterator[list[Record | BadRecord]]:
    group: list[Record | BadRecord] = []
    size = 0
    for record in records:
        if record.line <= skip:
            continue
        weight = len(msgspec.json.encode(record))
        if group and (len(group) == AT_ONCE or size + weight > _MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(record)
        size += weight
    if group:
        yield group


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no text in UTF-8") from None


def _counted(file: TextIO, advance: Callable[[int], None]) -> Iterator[str]:
    for line in file:
        advance(len(line))
        yield line


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None]]:
    """Lend what moves the bar; where nobody looks on there is none."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(path.name, total=path.stat().st_size)
        yield lambda count: bar.advance(task, count)


def _begins_with_brace(path: Path) -> bool:
    with _opened(path) as file:
        return file.read(1).lstrip() == "{"
