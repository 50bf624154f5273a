"""A store as a folder of files that belongs to no engine: how `pillarbox export` writes and `import` reads it.

Touches that folder. Called by operate/moving.py. Each table is a row of parts,
gzipped MessagePack, with the bodies that its rows refer to; a part is there
whole or not at all. `export.json` is written last and says what must be there.
https://msgpack.org/
"""

import gzip
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.store.tables import Table

_MANIFEST, _BEGUN = "export.json", "unfinished.json"
_COMPRESSION = 1  # more saves little of mail, and takes several times as long
_MODULUS = 1 << 128


class Part(msgspec.Struct, frozen=True):
    """Rows of a table, numbered from `first`; `last` is where the next part goes on, in the terms of its source.

    `hashes` has every body that the rows refer to and that is there, `bodies` those that no earlier part has.
    """

    first: int
    rows: list[list[Any]]
    hashes: dict[str, bytes]
    bodies: dict[str, bytes]
    last: list[Any]


class Sum(msgspec.Struct, frozen=True):
    """How many rows a table has, and the sum of their hashes: the same in whatever order an engine reads them."""

    rows: int
    checksum: str


class Export(msgspec.Struct, frozen=True):
    """What `export.json` says. `numbers` are the last that serial columns gave."""

    version: int
    schema: int
    taken_at: Millis
    tables: dict[str, Sum]
    numbers: dict[str, int]


def hash_of(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


class Summing:
    """Adds up a table; the hash of a body stands for what an engine calls it."""

    def __init__(self, table: Table) -> None:
        self._refers_at = table.place(table.reference) if table.reference else None
        self._rows = self._hashes = 0

    def add(self, rows: Sequence[list[Any]], bodies: Mapping[str, bytes]) -> None:
        at = self._refers_at
        for row in rows:
            summed = row if at is None else [*row[:at], bodies.get(row[at]), *row[at + 1 :]]
            self._rows += 1
            self._hashes += int.from_bytes(hash_of(msgspec.msgpack.encode(summed)))

    def sum(self) -> Sum:
        return Sum(self._rows, f"{self._hashes % _MODULUS:032x}")


class Folder:
    """The files of one export; Invalid when the folder holds something else, Unavailable when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, schema: int) -> None:
        """Make the folder, or find it as an export that was interrupted left it."""
        begun, manifest = self._path / _BEGUN, self._path / _MANIFEST
        if begun.exists():
            if msgspec.json.decode(begun.read_bytes()) != schema:
                raise Invalid(f"{self._path} was begun by another release; remove it, or name another folder")
            manifest.unlink(missing_ok=True)
            return
        if manifest.exists():
            raise Invalid(f"{self._path} holds an export that is whole; name another folder")
        if self._path.exists() and any(not file.name.endswith(".partial") for file in self._path.iterdir()):
            raise Invalid(f"{self._path} holds something that is no export; name another folder")
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(begun, msgspec.json.encode(schema))

    def finish(self, export: Export) -> None:
        self._write(self._path / _MANIFEST, msgspec.json.format(msgspec.json.encode(export)))
        (self._path / _BEGUN).unlink()

    def manifest(self) -> Export:
        try:
            return msgspec.json.decode((self._path / _MANIFEST).read_bytes(), type=Export)
        except (FileNotFoundError, NotADirectoryError):
            raise Invalid(
                f"{self._path} holds no export, or one that was not finished: there is no {_MANIFEST}"
            ) from None
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise Invalid(f"{self._path / _MANIFEST} cannot be read: {error}") from None

    def names(self, table: Table) -> list[str]:
        """Return the names of a table's parts, in order."""
        return sorted(file.name.removesuffix(".gz") for file in self._path.glob(f"{table.name}-*.msgpack.gz"))

    def add(self, table: Table, place: int, part: Part) -> None:
        name = f"{table.name}-{place:09}.msgpack.gz"
        self._write(self._path / name, gzip.compress(msgspec.msgpack.encode(part), _COMPRESSION, mtime=0))

    def read(self, name: str) -> Part:
        try:
            packed = gzip.decompress((self._path / f"{name}.gz").read_bytes())
            return msgspec.msgpack.decode(packed, type=Part)
        except (OSError, EOFError, msgspec.MsgspecError, ValueError) as error:
            raise Unavailable(f"{self._path / name}.gz cannot be read: {error}") from None

    def parts(self, table: Table) -> Iterator[tuple[str, Part]]:
        for name in self.names(table):
            yield name, self.read(name)

    def _write(self, path: Path, content: bytes) -> None:
        """Put a file there whole, or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(self._path, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
