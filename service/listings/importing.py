"""Importing spreadsheets: upload, mend what is wrong on screen, take the rest; and writing them out again.

The upload and every repair are stored, so nothing is lost when a session ends. Listings are made, or changed
where an export comes back, by a job, a few at a time; running it twice makes none twice.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BytesIO
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Profiles, Side
from matching.reading.writing import write_profiles
from service.accounts.models import User
from service.accounts.queries import actor_of
from service.db import now, reading, writing
from service.errors import BadInput, NotNow
from service.events import advance, record
from service.jobs import promise
from service.listings import actions, queries
from service.listings.models import IMPORT, Import, ImportStatus, Listing, ListingStatus
from service.listings.reading import CONDITIONS, expiry_problem, from_profile
from service.listings.sheets import Look, look
from service.organizations.models import Organization
from service.permissions import SYSTEM_ACTOR, Actor, require
from service.spreadsheets import read_upload, with_typed
from service.texts import tidy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matching.profiles import Profile
    from service.jobs import Work

CHUNK = 25
"""How many listings are made in one transaction, so that others can write in between."""


def upload(
    session: Session,
    actor: Actor,
    organization: Organization,
    *,
    filename: str,
    content: bytes,
    side: str,
) -> Import:
    """Take in a spreadsheet of an organization's needs or offers. Raises BadInput on `file`."""
    require(actor, "listing:import", organization.key)
    kept = Import(
        organization_id=organization.key,
        user_id=actor.user_id,
        filename=tidy(PurePosixPath(filename.replace("\\", "/")).name)[-200:] or "upload",
        side=side if side in set(Side) else "",
        tables=read_upload(filename, content),
    )
    session.add(kept)
    session.flush()
    record(session, actor, "import.upload", kept, filename=kept.filename, organization=organization.uid)
    return kept


class State(StrEnum):
    """What becomes of a need or offer out of a spreadsheet."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Compared:
    """A need or offer out of a spreadsheet beside the listing that it is, if it is here already.

    It is here where its id is the listing's, as in an export, or where a listing says the same.
    """

    profile: Profile
    values: Mapping[str, Any]
    listing: Listing | None = None
    changed: tuple[str, ...] = ()
    obstacle: Message | None = None
    """Why the listing cannot be changed."""

    @property
    def state(self) -> State:
        """What becomes of it."""
        if self.listing is None:
            return State.NEW
        if not self.changed:
            return State.UNCHANGED
        return State.STUCK if self.obstacle else State.CHANGED


def preview(session: Session, kept: Import) -> Look:
    """What the spreadsheet says with everything that was mended so far."""
    organization = session.get_one(Organization, kept.organization_id)
    return look(
        kept.tables,
        kept.repairs,
        filename=kept.filename,
        side=kept.side,
        organization=organization.uid,
        own_names=[organization.uid, organization.name, *organization.other_names],
        known_names=queries.names_of_organizations(session) if _has_vetoes(kept) else None,
    )


def _has_vetoes(kept: Import) -> bool:
    from matching.reading.columns import PROFILES, find_column

    return any(
        isinstance(cell, str) and (heading := find_column(PROFILES, cell)) and heading.code == "vetoes"
        for table in kept.tables
        for row in table["rows"][:10]
        for cell in row[1:]
    )


def mend(session: Session, actor: Actor, kept: Import, typed: Mapping[str, str]) -> Import:
    """Put what was typed in place of wrong cells, by the places that `preview` names; the rest is ignored."""
    require(actor, "listing:import", kept.organization_id)
    _still_mending(kept)
    repairs = with_typed(kept.repairs, preview(session, kept).wrong, typed)
    if repairs == kept.repairs:
        return kept
    kept.repairs = repairs
    kept.version += 1
    session.add(kept)
    return kept


def start(session: Session, actor: Actor, kept: Import, *, publish: bool) -> Import:
    """Have the rows that can be read made into listings; raises BadInput where there are none."""
    require(actor, "listing:import", kept.organization_id)
    organization = session.get_one(Organization, kept.organization_id)
    if publish:
        require(actor, "listing:publish", kept.organization_id)
        if reason := actions.standing_in_the_way(organization):
            raise NotNow(reason)
    if not preview(session, kept).profiles:
        raise BadInput.one(
            "file", Message("import-nothing", "No row can be read yet. Mend one, or upload another file.")
        )
    advance(session, actor, kept, IMPORT, "apply")
    kept.publish = publish
    kept.version += 1
    kept.job = promise(session, "import_listings", uid=kept.uid).uid
    session.add(kept)
    return kept


def discard(session: Session, actor: Actor, kept: Import) -> Import:
    """Throw an upload away that nothing has come of."""
    require(actor, "listing:import", kept.organization_id)
    advance(session, actor, kept, IMPORT, "discard")
    kept.tables, kept.repairs = [], []
    return kept


def _still_mending(kept: Import) -> None:
    if kept.status is not ImportStatus.MENDING:
        raise NotNow(Message("import-over", "This file has been imported already."))


def import_listings(work: Work, *, uid: str) -> None:
    """The job that makes the listings of an import, with progress; made ones are not made again."""
    with reading(work.engine) as session:
        kept = queries.import_(session, SYSTEM_ACTOR, uid)
        if kept.status is not ImportStatus.QUEUED:
            return
        found = preview(session, kept)
        actor = _importer(session, kept)
    for begin in range(0, len(found.profiles), CHUNK):
        with writing(work.engine) as session:
            part = replace(found, profiles=found.profiles[begin : begin + CHUNK])
            _take(session, actor, queries.import_(session, SYSTEM_ACTOR, uid, lock=True), part)
        work.progress(min(1.0, (begin + CHUNK) / len(found.profiles)))
    with writing(work.engine) as session:
        kept = queries.import_(session, SYSTEM_ACTOR, uid, lock=True)
        states = Counter(one.state for one in compare(session, kept, found))
        kept.created_count = len(queries.imported(session, kept))
        kept.left_out, kept.finished = found.wrong_rows + states[State.STUCK], now()
        kept.skipped_count = (
            len(found.profiles) - kept.created_count - kept.updated_count - states[State.STUCK]
        )
        advance(
            session,
            actor,
            kept,
            IMPORT,
            "finish",
            made=kept.created_count,
            updated=kept.updated_count,
            left_out=kept.left_out,
        )


def _importer(session: Session, kept: Import) -> Actor:
    user = session.get(User, kept.user_id) if kept.user_id else None
    return actor_of(session, user) if user else SYSTEM_ACTOR


def compare(session: Session, kept: Import, found: Look) -> list[Compared]:
    """Everything that can be taken, beside what is here already."""
    own = select(Listing).where(Listing.organization_id == kept.organization_id)
    ids, titles = {one.id for one in found.profiles}, {one.title for one in found.profiles}
    known = session.exec(own.where(col(Listing.uid).in_(ids) | col(Listing.title).in_(titles))).all()
    by_uid = {listing.uid: listing for listing in known}
    made = {listing.source: listing for listing in known if listing.source}
    alike = {
        (str(listing.side), listing.title, listing.text): listing
        for listing in known
        if listing.status in (ListingStatus.DRAFT, ListingStatus.PUBLISHED)
    }
    compared = []
    for profile in found.profiles:
        values = from_profile(profile)
        if vetoes := values["strings"].get("vetoes"):
            values["strings"]["vetoes"], _ = queries.organizations_named(session, vetoes)
        listing = by_uid.get(profile.id)
        if listing is not None and listing.side == profile.side:
            compared.append(_beside(listing, profile, values, found.given.get(profile.id, frozenset())))
            continue
        same = alike.get((str(profile.side), values["title"], values["text"]))
        if same is not None and same.lines != values["lines"]:
            same = None
        compared.append(Compared(profile, values, made.get(_source(kept, profile), same)))
    return compared


def _source(kept: Import, profile: Profile) -> str:
    return f"{kept.uid}:{profile.id}"


def _beside(listing: Listing, profile: Profile, values: Mapping[str, Any], given: frozenset[str]) -> Compared:
    """What a sheet says of a listing that is here; what it has no columns for stays as it is."""
    said = {name: value for name, value in values.items() if name in given}
    said["lines"] = [
        {**one, **{name: value for name, value in old.items() if name not in {*given, "kind", "unit"}}}
        if old is not None and old["kind"] == one["kind"]
        else one
        for one, old in zip_longest(values["lines"], listing.lines[: len(values["lines"])])
    ]
    conditions = {name.removeprefix("only_") for name in given if name.startswith(CONDITIONS)}
    kept = {name: value for name, value in listing.strings.items() if name not in conditions}
    said["strings"] = kept | {name: value for name, value in values["strings"].items() if name in conditions}
    changed = tuple(name for name, value in said.items() if getattr(listing, name) != value)
    return Compared(profile, said, listing, changed, _obstacle(listing, said, changed))


def _obstacle(listing: Listing, said: Mapping[str, Any], changed: Sequence[str]) -> Message | None:
    if listing.status is ListingStatus.FULFILLED:
        return actions.OVER
    return expiry_problem(said["expires"]) if "expires" in changed and said["expires"] else None


def _take(session: Session, actor: Actor, kept: Import, found: Look) -> None:
    """Make or change listings, as `compare` says; doing it again does nothing."""
    organization = session.get_one(Organization, kept.organization_id)
    may_publish = kept.publish and actions.standing_in_the_way(organization) is None
    for one in compare(session, kept, found):
        if one.listing is None:
            values = {**one.values, "source": _source(kept, one.profile), "preferences": []}
            listing = actions.create(session, actor, organization, one.profile.side, values)
        elif one.state is State.CHANGED:
            listing = actions.revise(session, actor, one.listing, one.values)
            kept.updated_count += 1
            session.add(kept)
        else:
            continue
        if may_publish and listing.status is ListingStatus.DRAFT and not actions.publishing_problems(listing):
            actions.publish(session, actor, listing)


def template(language: str) -> bytes:
    """The empty spreadsheet with instructions."""
    from matching.reading.template import write_template

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.xlsx"
        write_template(path, language)
        return path.read_bytes()


# Export -----------------------------------------------------------------------------------------------


def export(session: Session, listings: Iterable[Listing], ending: str) -> bytes:
    """Listings as an XLSX file, or as CSV files in a ZIP (one CSV where there is one side only).

    Cells that a spreadsheet would take for formulas are guarded with an apostrophe.
    """
    found = [queries.profile_of(session, listing) for listing in listings]
    profiles = Profiles(
        needs=tuple(one for one in found if one.side is Side.NEED),
        offers=tuple(one for one in found if one.side is Side.OFFER),
    )
    with tempfile.TemporaryDirectory() as folder:
        if ending == "xlsx":
            path = Path(folder) / "listings.xlsx"
            write_profiles(profiles, path)
            return path.read_bytes()
        path = Path(folder) / "listings"
        write_profiles(profiles, path)
        held = BytesIO()
        with ZipFile(held, "w") as archive:
            for file in sorted(path.iterdir()):
                archive.write(file, file.name)
        return held.getvalue()
