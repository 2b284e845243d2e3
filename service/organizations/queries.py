"""Reading organizations. Every path starts at `visible_to`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, or_, true
from sqlmodel import Session, col, select

from matching import profiles
from matching.messages import Message
from matching.vocabulary import default_vocabulary
from service.db import now
from service.errors import NotFound
from service.events import Event
from service.organizations import names
from service.organizations.models import (
    ORGANIZATION,
    Evidence,
    Flag,
    FlagLevel,
    FlagStatus,
    Identifier,
    IdentifierIn,
    IdentifierOut,
    Organization,
    OrganizationIn,
    OrganizationOut,
    OrganizationStatus,
    Question,
    QuestionStatus,
)
from service.permissions import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor


def today() -> date:
    """The day by which bars are counted (UTC)."""
    return now().date()


def may_act(organization: Organization, day: date) -> bool:
    """Whether it may publish, apply and sign on that day: verified, or a bar on it is over."""
    if organization.status is OrganizationStatus.BARRED:
        return organization.barred_until is not None and organization.barred_until < day
    return organization.status is OrganizationStatus.VERIFIED


def standing(organization: Organization, day: date) -> OrganizationStatus:
    """The status that counts on that day: a bar that is over leaves an organization verified."""
    return OrganizationStatus.VERIFIED if may_act(organization, day) else organization.status


@lru_cache(2)
def acting(day: date) -> ColumnElement[bool]:
    """`may_act` as a condition on `organization`, to join with; kept for the day, for all pages ask it."""
    return or_(
        col(Organization.status) == OrganizationStatus.VERIFIED,
        and_(
            col(Organization.status) == OrganizationStatus.BARRED,
            col(Organization.barred_until) < day,
        ),
    )


def visible_to(actor: Actor) -> SelectOfScalar[Organization]:
    """The organizations an actor may see: those that may act, one's own, all of them for staff."""
    return select(Organization).where(seen_by(actor))


ROW = col(Organization.id)
"""What lists of organizations are ordered by."""


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`."""
    if actor.is_staff:
        return true()
    if not actor.memberships:
        return acting(today())
    return or_(acting(today()), col(Organization.id).in_(list(actor.memberships)))


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Organization:
    """One organization; raises NotFound where there is none, or none that the actor may see.

    `lock`: nobody else may change it until this transaction ends.
    """
    wanted = visible_to(actor).where(Organization.uid == uid)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = session.exec(wanted).first()
    if found is None:
        raise NotFound
    return found


def mine(session: Session, actor: Actor) -> list[Organization]:
    """The organizations that the actor is a member of, by name."""
    if not actor.memberships:
        return []
    own = visible_to(actor).where(col(Organization.id).in_(list(actor.memberships)))
    return list(session.exec(own.order_by(col(Organization.name), col(Organization.id))))


def by_ids(session: Session, actor: Actor, ids: Iterable[int]) -> dict[int, Organization]:
    """By number: those of the organizations that the actor may see."""
    found = session.exec(visible_to(actor).where(col(Organization.id).in_(list(ids))))
    return {organization.key: organization for organization in found}


def by_uids(session: Session, actor: Actor, uids: Iterable[str]) -> list[Organization]:
    """Those of the organizations that the actor may see, by number."""
    found = visible_to(actor).where(col(Organization.uid).in_(list(uids)))
    return list(session.exec(found.order_by(col(Organization.id))))


def is_insider(actor: Actor, organization: Organization) -> bool:
    """Whether the actor sees what only members and facilitators see."""
    return actor.is_staff or organization.key in actor.memberships


def identifiers(session: Session, organization: Organization) -> list[Identifier]:
    """The organization's numbers in public registers."""
    own = select(Identifier).where(Identifier.organization_id == organization.key)
    return list(session.exec(own.order_by(col(Identifier.id))))


def facts(session: Session, organization: Organization) -> profiles.Organization:
    """What the library needs to know of an organization."""
    return facts_of(session, [organization])[organization.key]


def facts_of(session: Session, organizations: Iterable[Organization]) -> dict[int, profiles.Organization]:
    """By number: what the library needs to know of each, with one statement for all."""
    chosen = list(organizations)
    day = today()
    confirmed = select(Flag.organization_id).where(
        col(Flag.organization_id).in_([organization.key for organization in chosen]), _is_bad_record()
    )
    bad = set(session.exec(confirmed))
    return {
        organization.key: profiles.Organization(
            id=organization.uid,
            name=organization.name,
            kind=organization.kind,
            places=frozenset(organization.places),
            registered=organization.registered,
            inspection_passed=organization.inspection_passed,
            rating=organization.rating,
            verified=may_act(organization, day),
            bad_record=organization.key in bad,
            barred_until=organization.barred_until,
        )
        for organization in chosen
    }


def _is_bad_record() -> ColumnElement[bool]:
    return and_(col(Flag.level) == FlagLevel.RED, col(Flag.status) == FlagStatus.CONFIRMED)


def bad_record(session: Session, organization: Organization) -> bool:
    """Whether a red flag against it was confirmed."""
    confirmed = select(Flag.id).where(Flag.organization_id == organization.key, _is_bad_record())
    return session.exec(confirmed.limit(1)).first() is not None


def as_given(session: Session, organization: Organization) -> OrganizationIn:
    """The facts of an organization as somebody would have to type them."""
    kept = organization.model_dump(include=set(OrganizationIn.model_fields) - {"identifiers", "distinct"})
    numbers = [
        IdentifierIn(scheme=one.scheme, number=one.number) for one in identifiers(session, organization)
    ]
    return OrganizationIn(**kept, identifiers=numbers)


# Lists ------------------------------------------------------------------------------------------------


def directory(
    actor: Actor, *, q: str = "", kind: str = "", status: OrganizationStatus | None = None
) -> SelectOfScalar[Organization]:
    """What the actor may see, as far as it is asked for: words of a name, a kind, a status."""
    wanted = visible_to(actor)
    if words := names.key(q):
        kept = cast(col(Organization.name_keys), String)
        wanted = wanted.where(kept.contains(_as_json(words), autoescape=True))
    if kind:
        wanted = wanted.where(Organization.kind == kind)
    if status is not None:
        wanted = wanted.where(_counts_as() == status.value)
    return wanted


def called(session: Session, actor: Actor, name: str) -> Organization | None:
    """The one organization that is called so; else the only one whose name these words are part of."""
    wanted = name.strip()
    if not wanted:
        return None
    whole = session.exec(visible_to(actor).where(col(Organization.name) == wanted).limit(2)).all()
    found = whole or session.exec(directory(actor, q=wanted).limit(2)).all()
    return found[0] if len(found) == 1 else None


def _counts_as() -> ColumnElement[str]:
    """`standing` as an expression on `organization`."""
    return case(
        (acting(today()), OrganizationStatus.VERIFIED.value), else_=cast(col(Organization.status), String)
    )


def _as_json(words: str) -> str:
    """Words as they stand inside a JSON column."""
    return json.dumps(words)[1:-1]


def counts(session: Session, actor: Actor) -> dict[OrganizationStatus, int]:
    """How many organizations the actor sees in each status."""
    status = _counts_as()
    found = session.exec(select(status, func.count()).where(seen_by(actor)).group_by(status)).all()
    return {OrganizationStatus(status): count for status, count in found}


def out(session: Session, actor: Actor, organizations: Sequence[Organization]) -> list[OrganizationOut]:
    """Organizations as the API gives them."""
    ids = [organization.key for organization in organizations]
    numbers: dict[int, list[Identifier]] = {number: [] for number in ids}
    for one in session.exec(
        select(Identifier).where(col(Identifier.organization_id).in_(ids)).order_by(col(Identifier.id))
    ):
        numbers[one.organization_id].append(one)
    return [_out(actor, organization, numbers[organization.key]) for organization in organizations]


def _out(actor: Actor, organization: Organization, numbers: Sequence[Identifier]) -> OrganizationOut:
    day = today()
    return OrganizationOut(
        **organization.model_dump(exclude={"id", "uid", "status", "contact_email", "screening", "name_keys"}),
        id=organization.uid,
        sector=sector_of(organization.kind),
        identifiers=[
            IdentifierOut(id=f"{one.scheme}-{one.number}", scheme=one.scheme, number=one.number)
            for one in numbers
        ],
        status=standing(organization, day),
        may_act=may_act(organization, day),
        completeness=completeness(organization, numbers).share,
        contact_email=organization.contact_email if is_insider(actor, organization) else None,
    )


def sector_of(kind: str) -> str:
    """The sector of a kind of organization: government, enterprise, finance, society."""
    return default_vocabulary().attribute("organization_kinds", kind, "sector")


# What only members and facilitators see ----------------------------------------------------------------


def evidence_of(session: Session, organization: Organization) -> list[Evidence]:
    """The files it has handed in, oldest first."""
    own = select(Evidence).where(Evidence.organization_id == organization.key)
    return list(session.exec(own.order_by(col(Evidence.id))))


def piece_of_evidence(session: Session, actor: Actor, uid: str, evidence: str) -> Evidence:
    """One file. Raises NotFound for all but members and facilitators."""
    organization = inside(session, actor, uid)
    found = session.exec(
        select(Evidence).where(Evidence.uid == evidence, Evidence.organization_id == organization.key)
    ).first()
    if found is None:
        raise NotFound
    return found


def inside(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Organization:
    """As `get`, but NotFound also for those who only see what is public."""
    organization = get(session, actor, uid, lock=lock)
    if not is_insider(actor, organization):
        raise NotFound
    return organization


def questions_of(session: Session, organization: Organization) -> list[Question]:
    """What facilitators have asked it, oldest first."""
    own = select(Question).where(Question.organization_id == organization.key)
    return list(session.exec(own.order_by(col(Question.id))))


def flags(session: Session, actor: Actor, uid: str) -> list[Flag]:
    """The flags on an organization, newest first. Raises NotAllowed for all but facilitators."""
    organization = get(session, actor, uid)
    require(actor, "organization:flag", organization.key)
    return flags_of(session, organization)


def screening(session: Session, actor: Actor, uid: str) -> dict[str, Any]:
    """What was written down when it was screened; empty where it was not. For facilitators."""
    organization = get(session, actor, uid)
    require(actor, "organization:verify", organization.key)
    return organization.screening


def flags_of(session: Session, organization: Organization) -> list[Flag]:
    """The flags on it, newest first; for facilitators."""
    own = select(Flag).where(Flag.organization_id == organization.key)
    return list(session.exec(own.order_by(col(Flag.id).desc())))


def last_reason(session: Session, organization: Organization) -> str:
    """The reason that was given for the status it has, if that step needed one."""
    told = (
        select(Event.reason)
        .where(Event.subject == organization.uid)
        .where(col(Event.name).in_([f"{ORGANIZATION.noun}.{step.name}" for step in ORGANIZATION.steps]))
        .order_by(col(Event.id).desc())
    )
    return session.exec(told.limit(1)).first() or ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An organization on the desk: what has been handed in and what is open."""

    organization: Organization
    evidence: int
    unanswered: int
    flags: int


def desk(session: Session, actor: Actor, status: OrganizationStatus, limit: int = 200) -> list[Waiting]:
    """The organizations in a status, those that wait longest first."""
    require(actor, "organization:verify")
    chosen = list(
        session.exec(
            visible_to(actor).where(_counts_as() == status.value).order_by(col(Organization.id)).limit(limit)
        )
    )
    ids = [organization.key for organization in chosen]
    evidence = _counted(session, col(Evidence.organization_id), ids)
    unanswered = _counted(
        session, col(Question.organization_id), ids, col(Question.status) == QuestionStatus.OPEN
    )
    flags = _counted(session, col(Flag.organization_id), ids, _is_open())
    return [
        Waiting(one, evidence.get(one.key, 0), unanswered.get(one.key, 0), flags.get(one.key, 0))
        for one in chosen
    ]


def _counted(
    session: Session, owner: Any, ids: list[int], *conditions: ColumnElement[bool]
) -> dict[int, int]:
    found = session.exec(select(owner, func.count()).where(owner.in_(ids), *conditions).group_by(owner)).all()
    return dict(found)


def _is_open() -> ColumnElement[bool]:
    return col(Flag.status).in_([FlagStatus.OPEN, FlagStatus.ESCALATED])


def open_flags(session: Session, actor: Actor, limit: int = 100) -> list[tuple[Flag, Organization]]:
    """Flags that nobody has decided yet, escalated and red ones first."""
    require(actor, "organization:verify")
    waiting = (
        select(Flag, Organization)
        .join(Organization, col(Organization.id) == col(Flag.organization_id))
        .where(_is_open())
        .order_by(col(Flag.id))
        .limit(limit)
    )
    gravity = (FlagLevel.RED, FlagLevel.YELLOW, FlagLevel.OBSERVATION)
    return sorted(
        session.exec(waiting),
        key=lambda found: (found[0].status is not FlagStatus.ESCALATED, gravity.index(found[0].level)),
    )


# Doubles: looked for among all organizations, whoever asks ---------------------------------------------


def holder_of(session: Session, scheme: str, number: str) -> Organization | None:
    """Which organization has this number."""
    return session.exec(
        select(Organization)
        .join(Identifier, col(Identifier.organization_id) == col(Organization.id))
        .where(Identifier.scheme == scheme, Identifier.number == number)
    ).first()


def near_names(session: Session, wanted: Sequence[str], besides: int | None = None) -> list[str]:
    """Names of organizations so much like one of the `wanted` keys that they may be the same."""
    found = session.exec(select(Organization.id, Organization.name, Organization.name_keys))
    near = []
    for number, name, keys in found:
        if number == besides:
            continue
        best = max((names.likeness(one, other) for one in wanted for other in keys), default=0.0)
        if best >= names.NEAR:
            near.append((-best, name))
    return [name for _, name in sorted(near)]


# How much is known -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of what others ask for is filled in: share in [0, 1], and what is missing by field."""

    share: float
    missing: tuple[tuple[str, Message], ...]


def completeness(organization: Organization, numbers: Sequence[Identifier]) -> Completeness:
    """What is known of an organization, and what to add."""
    asked = (
        ("description", bool(organization.description), Message("add-description", "Describe what you do")),
        ("identifiers", bool(numbers), Message("add-number", "Add a registration number")),
        ("places", bool(organization.places), Message("add-places", "Say where you work")),
        (
            "registered",
            organization.registered is not None,
            Message("add-registered", "Add the date of registration"),
        ),
        ("website", bool(organization.website), Message("add-website", "Add your website")),
        (
            "contact_email",
            bool(organization.contact_email),
            Message("add-contact", "Add an e-mail address for contacts"),
        ),
        (
            "inspection_year",
            organization.inspection_passed is not None,
            Message("add-inspection", "Say whether you passed the last annual inspection"),
        ),
        (
            "members",
            organization.members is not None,
            Message("add-members", "Say how many people belong to you"),
        ),
    )
    missing = tuple((field, message) for field, there, message in asked if not there)
    return Completeness(1 - len(missing) / len(asked), missing)
