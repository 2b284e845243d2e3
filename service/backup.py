"""Everything that an installation holds, in one file, and back again.

The file is a zip: `manifest.json` (the revision of the database, how many rows, a SHA-256 of every entry),
`tables/<name>.jsonl` (the names of the columns, then a line for each row) and `files/…` (what was handed in,
and the secret that signs links). Nothing in it belongs to one kind of database: what was kept in SQLite can
be restored into PostgreSQL, and the other way round. Older revisions are brought up to date after restoring.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, func, insert, select, text
from sqlalchemy.types import Date, DateTime, LargeBinary
from sqlmodel import Session

from matching.messages import Message
from service.db import now
from service.errors import BadInput, NotNow
from service.events import broken_links
from service.migrations import downgrade, upgrade
from service.organizations.evidence import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import Column, Connection, Engine, Table

    from service.settings import Settings

FORMAT = 1
SECRET = "secret"  # noqa: S105 — the name of a file
CHUNK = 500
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup holds: rows by table, and how many files."""

    revision: str
    rows: Mapping[str, int]
    files: int


def backup(engine: Engine, settings: Settings, path: Path) -> Kept:
    """Write everything to the file `path`, as it is at one moment, while others go on working.

    Raises BadInput where the file cannot be written; an older file of that name is kept until all is done.
    """
    try:
        return _write(engine, settings, path)
    except OSError as error:
        raise BadInput.one(
            "file",
            Message(
                "backup-unwritable",
                "{file} cannot be written: {reason}. Choose another place.",
                file=str(path),
                reason=error.strerror or type(error).__name__,
            ),
        ) from error


def _write(engine: Engine, settings: Settings, path: Path) -> Kept:
    unfinished = path.with_name(f"{path.name}.unfinished")
    digests: dict[str, str] = {}
    rows: dict[str, int] = {}
    snapshot = "REPEATABLE READ" if engine.dialect.name == "postgresql" else "SERIALIZABLE"
    with (
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive,
        engine.connect().execution_options(isolation_level=snapshot) as connection,
        connection.begin(),
    ):
        revision = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
        for table in _tables(connection):
            rows[table.name] = 0
            name = f"tables/{table.name}.jsonl"
            with archive.open(name, "w", force_zip64=True) as file:
                digest = hashlib.sha256()
                for line in _lines(connection, table):
                    digest.update(line)
                    file.write(line)
                    rows[table.name] += 1
            rows[table.name] -= 1
            digests[name] = digest.hexdigest()
        for place in _files(settings.data_dir):
            name = f"files/{place.relative_to(settings.data_dir).as_posix()}"
            content = place.read_bytes()
            archive.writestr(name, content)
            digests[name] = hashlib.sha256(content).hexdigest()
        manifest = {
            "format": FORMAT,
            "revision": revision,
            "made": now().isoformat(),
            "rows": rows,
            "sha256": digests,
        }
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    os.replace(unfinished, path)  # noqa: PTH105 — replaces what is there, on every system
    return Kept(revision, rows, len(digests) - len(rows))


def restore(engine: Engine, settings: Settings, path: Path) -> Kept:
    """Bring back what a backup holds, into an installation that holds nothing yet.

    Raises NotNow where it holds something, BadInput for a file that is none of ours or was damaged; the
    database is then as empty as before.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive)
            _require_empty(engine, manifest["revision"])
            for name in manifest["sha256"]:
                if name.startswith("files/"):
                    _put_back(settings.data_dir, name, _checked(archive, manifest, name))
            with engine.execution_options(writing=True).begin() as connection:
                for table in _tables(connection):
                    name = f"tables/{table.name}.jsonl"
                    if name in manifest["sha256"]:
                        _fill(connection, table, _checked(archive, manifest, name).splitlines())
                        _continue_numbers(connection, table)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _damaged() from error
    upgrade(engine)
    with Session(engine) as session:
        if next(broken_links(session), None) is not None:
            raise BadInput.one(
                "file",
                Message("backup-chain", "Everything was restored, but the log of events in it was altered."),
            )
    files = sum(name.startswith("files/") for name in manifest["sha256"])
    return Kept(manifest["revision"], manifest["rows"], files)


# The database -----------------------------------------------------------------------------------------


def _tables(connection: Connection) -> Iterable[Table]:
    """Our tables as they are now, those that others refer to first; the queue's own are not ours."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if not table.name.startswith(("alembic_", "huey_"))]


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    yield _line([column.name for column in table.columns])
    ordered = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=CHUNK).execute(ordered):
        yield _line([_written(value) for value in row])


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case bytes() | memoryview():
            return base64.b64encode(value).decode()
        case _:
            return value


def _read(value: Any, column: Column[Any], *, naive: bool) -> Any:
    if value is None:
        return None
    if isinstance(column.type, DateTime):
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=None) if naive else moment
    if isinstance(column.type, Date):
        return date.fromisoformat(value)
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    return value


def _fill(connection: Connection, table: Table, lines: list[bytes]) -> None:
    columns = [table.columns[name] for name in json.loads(lines[0])]
    naive = connection.dialect.name == "sqlite"
    for begin in range(1, len(lines), CHUNK):
        rows = [
            {
                column.name: _read(value, column, naive=naive)
                for column, value in zip(columns, json.loads(line), strict=True)
            }
            for line in lines[begin : begin + CHUNK]
        ]
        connection.execute(insert(table), rows)


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL counts on from what was put in; SQLite does so by itself."""
    if connection.dialect.name != "postgresql" or "id" not in table.columns:
        return
    largest = connection.execute(select(func.max(table.columns.id))).scalar()
    if largest:
        name = connection.dialect.identifier_preparer.quote(table.name)
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :largest)"),
            {"name": name, "largest": largest},
        )


def _require_empty(engine: Engine, revision: str) -> None:
    """Make the tables of the backup's revision; nothing may be in them."""
    with engine.connect() as connection:
        held = [
            table.name
            for table in _tables(connection)
            if connection.execute(select(func.count()).select_from(table)).scalar()
        ]
    if held:
        raise NotNow(
            Message(
                "restore-not-empty",
                "This installation holds data already ({tables}). Restore into an empty one: name another "
                "QIAO_DATA_DIR or QIAO_DATABASE_URL.",
                tables=", ".join(held[:5]),
            )
        )
    _make_tables(engine, revision)


def _make_tables(engine: Engine, revision: str) -> None:
    from alembic.util import CommandError

    try:
        downgrade(engine, "base")
        upgrade(engine, revision)
    except CommandError as error:
        raise BadInput.one(
            "file",
            Message(
                "backup-newer", "This backup was made by a newer version of Qiao. Bring this one up to date."
            ),
        ) from error


# The files --------------------------------------------------------------------------------------------


def _files(data_dir: Path) -> Iterator[Path]:
    if (secret := data_dir / SECRET).is_file():
        yield secret
    yield from sorted(place for place in (data_dir / FOLDER).rglob("*") if place.is_file())


def _put_back(data_dir: Path, name: str, content: bytes) -> None:
    """Write one file where it was; names that lead elsewhere are refused."""
    inside = PurePosixPath(name).relative_to("files")
    if inside.is_absolute() or ".." in inside.parts or inside.parts[0] not in (SECRET, FOLDER):
        raise _damaged()
    place = data_dir.joinpath(*inside.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    if inside.parts[0] == SECRET:
        place.chmod(0o600)


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    manifest = json.loads(archive.read(_MANIFEST))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _damaged()
    return manifest


def _checked(archive: zipfile.ZipFile, manifest: Mapping[str, Any], name: str) -> bytes:
    content = archive.read(name)
    if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
        raise _damaged()
    return content


def _damaged() -> BadInput:
    return BadInput.one(
        "file", Message("backup-damaged", "This is not a backup of Qiao, or it was damaged. Use another one.")
    )
