"""Where the library keeps what it can make again: jieba's dictionary, vectors of texts, settled models.

Nothing here is needed for a right answer; deleting the folder costs time only.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

Result = TypeVar("Result")

_KEYS_PER_QUERY = 500
_WAIT_SECONDS = 30.0


@contextmanager
def without_collection() -> Iterator[None]:
    """Make very many objects, none of them garbage: the collector would look through them again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def cache_directory() -> Path:
    """The cache folder: `QIAO_CACHE_DIR`, else the platform's own place. It need not exist yet."""
    chosen = os.environ.get("QIAO_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return Path(user_cache_path("qiao", appauthor=False))


class VectorStore:
    """Vectors of float32 by key, in one SQLite file with a write-ahead log.

    Several processes may read and write it at once, and one that is killed leaves it whole. A file that is
    no such store any more is put aside (`.damaged`) and begun anew; where it can be neither read nor
    written, nothing is found and nothing is kept, and no error is raised: it is only a cache.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The vectors of those keys that are known."""

        def rows(connection: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
            found: list[tuple[bytes, bytes]] = []
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                part = keys[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 - only marks
                found += connection.execute(query, part).fetchall()
            return found

        return {key: np.frombuffer(vector, np.dtype("<f4")) for key, vector in self._with(rows) or ()}

    def write(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep these vectors; a key that is there already keeps the vector it has."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

        self._with(insert)

    def _with(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        # Suppressed: a read-only or full disk, a file held by others for too long, a table of another shape.
        with self._lock, suppress(OSError, sqlite3.OperationalError):
            try:
                return self._attempt(work)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                self._put_aside()
                return self._attempt(work)
        return None

    def _attempt(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
            )
            return work(connection)

    def _put_aside(self) -> None:
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.replace(self.path.with_name(self.path.name + ".damaged"))
