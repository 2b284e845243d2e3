"""Reading the log: by subject, kind, person and period, with the names of what it speaks of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, cast, false, or_
from sqlalchemy import select as any_select
from sqlmodel import col, select
from sqlmodel.main import default_registry

from matching.messages import Message
from service.accounts.models import User
from service.accounts.queries import fold_email
from service.audit.words import NOBODY, SERVICE, happening, label
from service.events import FIRST, Event, links
from service.paging import Piece, piece
from service.permissions import SYSTEM, may, require

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

MOST_BROKEN = 100
MOST_PEOPLE = 200
UID_CHARACTERS = 32
_TITLES = ("title", "name", "filename")
"""The columns that may hold what a thing is called."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_LISTED = {"pairings": "pairing", "left_with_nothing": "organization", "order": "organization"}
"""Details that are lists of ids, and of what."""
_BEFORE_OWN = (("pairing_id",),)
_ABOUT = (
    *_BEFORE_OWN,
    ("need_id", "offer_id"),
    *((name,) for name in ("listing_id", "application_id", "user_id", "organization_id", "round_id")),
)
"""The columns that lead to what a thing without a name is about; an objection's name is that of a person."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: about a thing or naming it, of a kind (`listing`, `listing.publish`), by somebody, when.

    `actor` is an id, an address, part of a name, or `system`; `until` is the first moment no longer meant.
    """

    subject: str = ""
    kind: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that an entry tells: its label, its value and, where that is an id, what it stands for."""

    key: str
    label: Message
    value: Any
    title: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as people read it."""

    event: Event
    said: Message
    who: Message | str
    title: str
    """What the subject is called, where it has a name."""
    details: tuple[Detail, ...]
    sound: bool
    """Whether it is what it was, and follows an entry that is still there."""

    @property
    def before(self) -> Any:
        """The status or value before, where the entry tells of a change."""
        return self.event.details.get("before")

    @property
    def after(self) -> Any:
        """The status or value after."""
        return self.event.details.get("after")


@dataclass(frozen=True, slots=True)
class Chain:
    """The whole log: how many entries, the hash of the last, and those that are not what they were."""

    entries: int
    last: str
    broken: tuple[Event, ...]


def visible_to(actor: Actor) -> SelectOfScalar[Event]:
    """The entries that somebody may read: all of them, or none."""
    return select(Event) if may(actor, "audit:read") else select(Event).where(false())


def trail(
    session: Session, actor: Actor, wanted: Wanted, *, cursor: str | None = None, limit: int = 50
) -> Piece[Event]:
    """The entries that are asked for, the newest first."""
    require(actor, "audit:read")
    return piece(session, _chosen(session, actor, wanted), col(Event.id), cursor=cursor, limit=limit)


def _chosen(session: Session, actor: Actor, wanted: Wanted) -> SelectOfScalar[Event]:
    chosen = visible_to(actor)
    if wanted.subject:
        chosen = chosen.where(_about(wanted.subject))
    if wanted.kind:
        exact = col(Event.name) == wanted.kind
        chosen = chosen.where(exact | col(Event.name).startswith(f"{wanted.kind}.", autoescape=True))
    if wanted.actor:
        chosen = chosen.where(col(Event.actor).in_(_people(session, wanted.actor)))
    if wanted.since:
        chosen = chosen.where(col(Event.at) >= wanted.since)
    if wanted.until:
        chosen = chosen.where(col(Event.at) < wanted.until)
    return chosen


def _about(uid: str) -> Any:
    """About the thing itself, or about something that names it in its details, such as a flag on it."""
    named = cast(col(Event.details), String).contains(uid, autoescape=True)
    return or_(col(Event.subject) == uid, named) if len(uid) == UID_CHARACTERS else col(Event.subject) == uid


def _people(session: Session, wanted: str) -> list[str]:
    """Ids of the people who are meant: an id as it is, an address, or part of a name."""
    text = wanted.strip()
    meant = (
        (col(User.uid) == text)
        | (col(User.email) == fold_email(text))
        | col(User.name).icontains(text, autoescape=True)
    )
    return [text, *session.exec(select(User.uid).where(meant).limit(MOST_PEOPLE))]


def names(session: Session, actor: Actor) -> list[str]:
    """The names of all events that there have been."""
    require(actor, "audit:read")
    return sorted(session.exec(select(Event.name).distinct()))


def entries(session: Session, events: Sequence[Event]) -> list[Entry]:
    """Entries as people read them, with the names of what they speak of."""
    people = dict(
        session.exec(
            select(User.uid, User.name).where(col(User.uid).in_({event.actor for event in events}))
        ).all()
    )
    mentioned = {(event.subject_kind, event.subject, "") for event in events}
    mentioned |= {
        (key, value, event.subject_kind)
        for event in events
        for key, value in event.details.items()
        if isinstance(value, str)
    }
    mentioned |= {("organization", uid, "") for event in events if (uid := _on_a_phone(event.actor))}
    mentioned |= {
        (kind, uid, "") for event in events for key, kind in _LISTED.items() for uid in _uids(event, key)
    }
    titles = titles_of(session, mentioned)
    before = {event.previous_hash for event in events}
    there = {FIRST, *session.exec(select(Event.hash).where(col(Event.hash).in_(before)))}
    return [
        Entry(
            event,
            happening(event.name),
            _who(event.actor, titles | people),
            titles.get(event.subject, ""),
            tuple(
                Detail(key, label(key), _read(value), titles.get(value, "") if isinstance(value, str) else "")
                for key, value in (event.details | _listed(event, titles)).items()
                if key not in ("before", "after")
                and value not in ("", None, [], {}, titles.get(event.subject))
            ),
            event.hash == event.digest() and event.previous_hash in there,
        )
        for event in events
    ]


def _read(value: Any) -> Any:
    """A value as people read it: a moment that was written down as text is a moment again."""
    return datetime.fromisoformat(value) if isinstance(value, str) and _MOMENT.match(value) else value


def _uids(event: Event, key: str) -> list[str]:
    value = event.details.get(key)
    return value if isinstance(value, list) else []


def _listed(event: Event, titles: Mapping[str, str]) -> dict[str, list[str]]:
    """What an entry lists by id, by the names of it all."""
    return {key: [titles.get(uid, uid) for uid in uids] for key in _LISTED if (uids := _uids(event, key))}


def _who(uid: str, people: Mapping[str, str]) -> Message | str:
    if uid == SYSTEM:
        return SERVICE
    if organization := _on_a_phone(uid):
        name = people.get(organization, organization)
        return Message("audit-phone", "{organization}, on a phone", organization=name)
    return people.get(uid, uid) or NOBODY


def _on_a_phone(uid: str) -> str:
    """The id of the organization for which a phone acts that came in with its code; empty for others."""
    kind, _, organization = uid.partition(":")
    return organization if kind == "phone" else ""


def titles_of(session: Session, things: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """By id: what things are called, given as (kind, id, kind otherwise); the nameless are left out.

    Whatever table there is can be named in the log, also one of a slice that knows of this one. What has no
    name of its own is called by what it is about: a review by its application, that by its listing.
    """
    tables = {mapper.class_.__name__.lower(): mapper.class_ for mapper in default_registry.mappers}
    wanted: dict[str, set[str]] = {}
    for kind, uid, otherwise in things:
        if (known := kind if kind in tables else otherwise) in tables and len(uid) == UID_CHARACTERS:
            wanted.setdefault(known, set()).add(uid)
    found: dict[str, str] = {}
    for kind, uids in wanted.items():
        if "uid" in tables[kind].__table__.columns:
            found.update(_called(session, tables[kind], "uid", uids))
    return found


def _called(session: Session, table: Any, key: str, values: Collection[Any]) -> dict[Any, str]:
    """By the value of a column: what the rows are called, or what they are about."""
    columns = table.__table__.columns
    own = [name for name in _TITLES if name in columns]
    leads = next((names for names in _ABOUT if all(name in columns for name in names)), ())
    shown = own[:1] if own and leads not in _BEFORE_OWN else list(leads)
    if not shown or not values:
        return {}
    fields = [getattr(table, name) for name in (key, *shown)]
    rows = session.execute(any_select(*fields).where(fields[0].in_(values))).all()
    if shown == own[:1]:
        return {value: title for value, title in rows if title}
    parts = [
        _called(session, _led_to(columns[name]), "id", {row[place] for row in rows if row[place] is not None})
        for place, name in enumerate(shown, 1)
    ]
    joined = {row[0]: [part.get(lead, "") for part, lead in zip(parts, row[1:], strict=True)] for row in rows}
    return {value: " – ".join(filter(None, titles)) for value, titles in joined.items() if any(titles)}


def _led_to(column: Any) -> Any:
    """The class whose table a column leads to."""
    [key] = column.foreign_keys
    return next(
        mapper.class_ for mapper in default_registry.mappers if mapper.local_table is key.column.table
    )


def holds(session: Session, fingerprint: str) -> bool:
    """Whether an entry with this hash is in the log."""
    return session.exec(select(Event.id).where(Event.hash == fingerprint)).first() is not None


def thing(session: Session, actor: Actor, uid: str) -> tuple[str, str]:
    """Of what has this id: its kind and what it is called, both empty where the log knows nothing of it."""
    event = session.exec(visible_to(actor).where(Event.subject == uid).limit(1)).first()
    kind = event.subject_kind if event else ""
    return kind, titles_of(session, [(kind, uid, "")]).get(uid, "")


def chain(session: Session, actor: Actor) -> Chain:
    """Look at every entry of the log, from the first to the last."""
    require(actor, "audit:read")
    count, last = 0, FIRST
    broken: list[Event] = []
    for event, sound in links(session):
        count, last = count + 1, event.hash
        if not sound and len(broken) < MOST_BROKEN:
            broken.append(event)
    return Chain(count, last, tuple(broken))
