"""`pillarbox backup` and `pillarbox restore`: the whole store into a folder and back, while the server runs or not."""

from pathlib import Path

from pillarbox.commands.printing import say
from pillarbox.commands.reach import HERE, Place
from pillarbox.kit.clock import SystemClock
from pillarbox.operate import backup as backups


def backup(folder: Path, /, *, place: Place = HERE) -> None:
    """Back the store up while the server goes on.

    Taken again into the same folder, only what is new of the bodies of mail is copied. Keep the keyring apart: it is
    not in the backup, and without it the secrets in the backup cannot be read.

    Parameters
    ----------
    folder
        A new folder, or that of an earlier backup.
    """
    settings = place.settings()
    taken = backups.take(settings.database, settings.folder, folder, SystemClock().now())
    counted = f": {taken.messages} messages, {taken.events} events, {taken.body_bytes} bytes of bodies"
    say(f"Backed up into {folder}{counted if taken.engine == 'sqlite' else ''}.")
    if settings.bodies != "store":
        say(f"Bodies in {settings.bodies} are not in it; copy that now, by its own means.")
    say(f"The keyring is not in it; keep {settings.keyring_path} somewhere else.")


def restore(folder: Path, /, *, place: Place = HERE) -> None:
    """Restore a backup into an empty data folder (--data) or database, and look through it.

    Parameters
    ----------
    folder
        The folder of the backup.
    """
    settings = place.settings()
    restored = backups.put_back(folder, settings.database, settings.folder)
    say(f"Restored the backup of {backups.taken(restored)}; everything that it refers to is there.")
    if settings.bodies != "store":
        say(f"Put the bodies back to {settings.bodies} before you serve, if they are not there.")
    if not settings.keyring_path.exists():
        say(f"Put the keyring back to {settings.keyring_path} before you serve: secrets cannot be read without it.")
