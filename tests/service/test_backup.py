"""Everything an installation holds is written, destroyed, and brought back as it was."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text
from sqlmodel import Session, SQLModel, col

from service.backup import backup, restore
from service.db import make_engine, writing
from service.errors import BadInput, NotNow
from service.events import broken_links, record
from service.jobs import Job, promise
from service.listings.models import Listing
from service.migrations import downgrade, is_current, upgrade
from service.organizations import evidence
from service.permissions import SYSTEM_ACTOR
from service.search.models import Embedding
from service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from tests.service.conftest import MakeListing, MakeParty


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """The database as migrations make it, which is what is backed up."""
    engine = make_engine(settings.database_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def lived_in(engine: Engine, settings: Settings, make_party: MakeParty, make_listing: MakeListing) -> Listing:
    """An installation with a bit of everything: texts, days, moments, JSON, bytes, files, events."""
    listing = make_listing(make_party("绿色家园 «Дом» 𠮷"), "Agua potable 🙂 'quoted'")
    with writing(engine) as session:
        record(session, SYSTEM_ACTOR, "listing.seen", listing, share=0.1, words=["水", None])
        promise(session, "embed_listings", listings=[listing.uid])
        session.add(
            Embedding(listing_id=listing.key, model="m", revision=1, language="es", vector=bytes(range(256)))
        )
    evidence.keep(settings.data_dir, b"%PDF-1.4 a file %%EOF")
    (settings.data_dir / "secret").write_text("the secret", encoding="ascii")
    return listing


def _content(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table as Python sees it."""
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in SQLModel.metadata.sorted_tables
        }


def _elsewhere(tmp_path: Path, url: str = "") -> tuple[Engine, Settings]:
    folder = tmp_path / "elsewhere"
    there = Settings(data_dir=folder, database_url=url or f"sqlite:///{folder / 'qiao.db'}")
    folder.mkdir()
    return make_engine(there.database_url), there


@pytest.mark.usefixtures("database_url")
def test_what_was_destroyed_comes_back_as_it_was(
    lived_in: Listing, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    before = _content(engine)
    kept = backup(engine, settings, tmp_path / "kept.zip")
    downgrade(engine, "base")
    digest = next(one for one in settings.data_dir.rglob("evidence/*/*")).name
    for file in [one for one in settings.data_dir.joinpath("evidence").rglob("*") if one.is_file()]:
        file.unlink()
    assert restore(engine, settings, tmp_path / "kept.zip") == kept
    assert is_current(engine)
    assert _content(engine) == before
    assert evidence.path_of(settings.data_dir, digest).read_bytes() == b"%PDF-1.4 a file %%EOF"
    assert kept.rows["listing"] == 1
    assert kept.files == 2
    with writing(engine) as session:
        assert list(broken_links(session)) == []
        record(session, SYSTEM_ACTOR, "listing.seen", lived_in)
        assert promise(session, "embed_listings").id not in {one[0] for one in before["job"]}


@pytest.mark.usefixtures("database_url")
def test_backup_moves_from_one_kind_of_database_to_another(
    lived_in: Listing, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    backup(engine, settings, tmp_path / "kept.zip")
    there, elsewhere = _elsewhere(tmp_path)
    restore(there, elsewhere, tmp_path / "kept.zip")
    assert _content(there) == _content(engine)
    assert (elsewhere.data_dir / "secret").read_text(encoding="ascii") == "the secret"
    with Session(there) as session:
        found = session.get_one(Listing, lived_in.key)
        assert (found.title, found.expires) == (lived_in.title, lived_in.expires)
    there.dispose()


@pytest.mark.usefixtures("lived_in")
def test_backup_of_an_older_version_is_brought_up_to_date(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    downgrade(engine, "0005")
    backup(engine, settings, tmp_path / "old.zip")
    there, elsewhere = _elsewhere(tmp_path)
    upgrade(there)
    assert restore(there, elsewhere, tmp_path / "old.zip").revision == "0005"
    assert is_current(there)
    with Session(there) as session:
        assert session.exec(select(col(Listing.title))).scalar() == "Agua potable 🙂 'quoted'"
    there.dispose()


def test_restoring_over_data_is_refused_and_changes_nothing(
    lived_in: Listing, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    backup(engine, settings, tmp_path / "kept.zip")
    with writing(engine) as session:
        session.get_one(Listing, lived_in.key).title = "Changed since"
    before = _content(engine)
    with pytest.raises(NotNow) as refused:
        restore(engine, settings, tmp_path / "kept.zip")
    assert "QIAO_DATA_DIR" in str(refused.value)
    assert _content(engine) == before


def _altered(path: Path, to: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
        if name not in old.namelist():
            new.writestr(name, content)
    return to


@pytest.mark.usefixtures("lived_in")
@pytest.mark.parametrize("damage", ["row", "cut", "not-ours", "path", "newer"])
def test_damaged_backup_is_refused_and_leaves_nothing(
    damage: str, engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    kept, broken = tmp_path / "kept.zip", tmp_path / "broken.zip"
    backup(engine, settings, kept)
    with zipfile.ZipFile(kept) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        rows = archive.read("tables/listing.jsonl")
    if damage == "row":
        _altered(kept, broken, "tables/listing.jsonl", rows.replace(b"Agua", b"Aqua"))
    elif damage == "cut":
        broken.write_bytes(kept.read_bytes()[:-200])
    elif damage == "not-ours":
        broken.write_bytes(b"something else")
    elif damage == "path":
        manifest["sha256"]["files/../outside"] = manifest["sha256"]["files/secret"]
        _altered(kept, tmp_path / "step.zip", "files/../outside", b"the secret")
        _altered(tmp_path / "step.zip", broken, "manifest.json", json.dumps(manifest).encode())
    else:
        manifest["revision"] = "9999"
        _altered(kept, broken, "manifest.json", json.dumps(manifest).encode())
    there, elsewhere = _elsewhere(tmp_path)
    with pytest.raises(BadInput):
        restore(there, elsewhere, broken)
    if damage == "row":
        assert all(not rows for rows in _content(there).values())
    assert not (tmp_path / "outside").exists()
    there.dispose()


@pytest.mark.usefixtures("lived_in")
def test_altered_log_is_told(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE event SET reason = 'another' WHERE id = 1"))
    backup(engine, settings, tmp_path / "kept.zip")
    there, elsewhere = _elsewhere(tmp_path)
    with pytest.raises(BadInput) as told:
        restore(there, elsewhere, tmp_path / "kept.zip")
    assert told.value.problems[0].message.code == "backup-chain"
    there.dispose()


@pytest.mark.usefixtures("lived_in")
def test_backup_that_cannot_be_written_keeps_the_older_one(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BadInput):
        backup(engine, settings, tmp_path / "nowhere" / "kept.zip")
    with Session(engine) as session:
        assert session.exec(select(col(Job.name))).first() is not None
