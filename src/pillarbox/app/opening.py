"""Opens what the settings name: the keyring, and the store with bodies where they say.

Touches the data folder and the store. Called by app/server.py, by app/worker.py and by commands
that work while no server runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pillarbox.kit.errors import Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.settings import S3Setting, Settings
from pillarbox.store.elsewhere import ElsewhereStore
from pillarbox.store.engine import Store, open_store
from pillarbox.store.places import BucketPlace, FolderPlace, Place
from pillarbox.store.reading import DATABASE

if TYPE_CHECKING:  # the AWS SDK: most commands do without
    from pillarbox.kit.s3 import Objects


def open_keyring(settings: Settings) -> Keyring:
    """Open the keyring, or make the first one; Unavailable where a store was made with one that is gone."""
    path = settings.keyring_path
    if not path.exists() and settings.database == "sqlite:" and (settings.folder / DATABASE).exists():
        raise Unavailable(
            f"{path} is missing, and a new one opens nothing that the store in {settings.folder} has sealed: put back"
            " the one that it was made with, or name it in the setting `keyring`"
        )
    return Keyring.open_file(path)


async def open_as_set(settings: Settings, *, moving: bool = False) -> Store:
    """Open the store; `moving` as in store/engine.py."""
    store = await open_store(
        settings.database, settings.folder, moving=moving, connections=settings.database_connections
    )
    return with_bodies(settings, store)


def with_bodies(settings: Settings, store: Store) -> Store:
    """Return a store that keeps bodies where the settings say."""
    place = _place(settings)
    return store if place is None else ElsewhereStore(store, place)


def _place(settings: Settings) -> Place | None:
    kind, _, where = settings.bodies.partition(":")
    if kind == "folder":
        return FolderPlace(Path(where))
    if kind == "s3" and settings.s3 is not None:
        bucket, _, prefix = where.lstrip("/").partition("/")
        return BucketPlace(objects(settings.s3), bucket, prefix)
    return None


def objects(given: S3Setting) -> "Objects":
    """Return the service that the table `[s3]` names."""
    from pillarbox.kit.s3 import Objects

    return Objects(given.endpoint, given.region, given.access_key_id, given.secret_access_key)
