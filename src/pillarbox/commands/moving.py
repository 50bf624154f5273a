"""`pillarbox export` and `pillarbox import`: a whole store from one engine to the other, by way of a folder."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pillarbox.app.opening import open_as_set
from pillarbox.commands.printing import say
from pillarbox.commands.reach import HERE, CommandError, Place
from pillarbox.kit.clock import Clock, SystemClock
from pillarbox.operate import moving
from pillarbox.operate.moving import Progress
from pillarbox.store.copies import is_store
from pillarbox.store.engine import Store
from pillarbox.store.parts import Export

_Move = Callable[[Store, Path, Clock, Progress], Awaitable[Export]]


def export(folder: Path, /, *, place: Place = HERE) -> None:
    """Write the whole store into a folder that either engine can be filled from, while no server runs.

    Interrupted, it goes on where it was when it is run again with the same folder. The keyring is not in it.

    Parameters
    ----------
    folder
        A new folder, or that of an export that was interrupted.
    """
    settings = place.settings()
    if settings.database == "sqlite:" and not is_store(settings.folder):
        raise CommandError(f"there is no Pillarbox data in {settings.folder}: name its folder with --data")
    done = _move(place, moving.export, folder)
    say(f"Exported into {folder}: {_counted(done)}. Everything was read again and compared.")


def import_(folder: Path, /, *, place: Place = HERE) -> None:
    """Fill an empty store from the folder of an export, whichever engine it came from.

    Interrupted, it goes on where it was when it is run again. Until it has ended, no server opens the store.

    Parameters
    ----------
    folder
        The folder of the export.
    """
    done = _move(place, moving.import_, folder)
    say(f"Imported {_counted(done)}. Everything was read again and compared.")
    settings = place.settings()
    if not settings.keyring_path.exists():
        say(f"Put the keyring to {settings.keyring_path} before you serve: secrets cannot be read without it.")


def _counted(done: Export) -> str:
    rows = sum(one.rows for one in done.tables.values())
    return f"{done.tables['messages'].rows} messages, {done.tables['events'].rows} events, {rows} rows in all"


def _move(place: Place, move: _Move, folder: Path) -> Export:
    settings = place.settings()

    async def run() -> Export:
        store = await open_as_set(settings, moving=True)
        try:
            with _progress() as progress:
                return await move(store, folder, SystemClock(), progress)
        finally:
            await store.close()

    return asyncio.run(run())


@contextmanager
def _progress() -> Iterator[Progress]:
    """Lend what moves the bars, one for each table; where nobody looks on there are none."""
    if not sys.stderr.isatty():
        yield lambda _step, _total, _more: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    tasks: dict[str, TaskID] = {}
    with Bars(console=Console(stderr=True)) as bars:

        def moved(step: str, total: int, more: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.advance(tasks[step], more)

        yield moved
