"""What an organization's own people do: register it, keep its facts, hand in evidence, answer questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from matching.messages import Message
from matching.text import detect_language
from service.accounts.memberships import add_membership
from service.accounts.models import User
from service.accounts.queries import emails_with_role, members_of
from service.db import now, writing
from service.errors import BadInput, Changed, FieldProblem, NotFound, NotNow
from service.events import advance, record
from service.jobs import promise
from service.mail import send
from service.organizations import evidence, names
from service.organizations.checks import check, remark
from service.organizations.identifiers import checked
from service.organizations.models import (
    MOST_EVIDENCE,
    ORGANIZATION,
    QUESTION,
    Evidence,
    EvidenceKind,
    Flag,
    FlagLevel,
    FlagRisk,
    Identifier,
    Organization,
    OrganizationIn,
    OrganizationStatus,
    Question,
)
from service.organizations.queries import (
    evidence_of,
    get,
    holder_of,
    identifiers,
    inside,
    near_names,
    piece_of_evidence,
)
from service.permissions import Role, require

if TYPE_CHECKING:
    from pathlib import Path

    from sqlmodel import Session

    from service.jobs import Work
    from service.permissions import Actor

_FACTS = (
    "name",
    "other_names",
    "kind",
    "description",
    "places",
    "website",
    "contact_email",
    "registered",
    "rating",
    "inspection_year",
    "inspection_passed",
    "members",
)


def register(
    session: Session, actor: Actor, given: OrganizationIn, *, synthetic: bool = False
) -> Organization:
    """Register an organization; whoever does it owns it here, and facilitators are told.

    A number that another organization has is refused, with whom to ask. A name much like another one is
    refused until `given.distinct` confirms that it is not the same.
    """
    require(actor, "organization:register")
    _refuse_wrong(session, given, None)
    organization = Organization(name=given.name, kind=given.kind, synthetic=synthetic)
    _take(organization, given)
    session.add(organization)
    session.flush()
    _keep_numbers(session, organization, given)
    if actor.user_id is not None:
        add_membership(session, actor.user_id, organization.key, Role.OWNER)
    record(session, actor, "organization.register", organization, named=organization.name)
    for email, language in emails_with_role(session, Role.FACILITATOR):
        send(
            session,
            email,
            "organization_registered",
            language,
            organization=organization.name,
            uid=organization.uid,
        )
    return organization


def edit(
    session: Session, actor: Actor, uid: str, given: OrganizationIn, *, version: int | None = None
) -> Organization:
    """Replace the facts of an organization. Raises Changed where it is no longer at `version`.

    A verified organization that takes another name or number stays verified, with an observation on the desk.
    """
    organization = get(session, actor, uid, lock=True)
    require(actor, "organization:edit", organization.key)
    if version is not None and organization.version != version:
        raise Changed
    _refuse_wrong(session, given, organization)
    before = _facts_of(session, organization)
    name = organization.name
    _take(organization, given)
    _keep_numbers(session, organization, given)
    after = _facts_of(session, organization)
    changed = sorted(fact for fact in after if after[fact] != before[fact])
    if not changed:
        return organization
    organization.version += 1
    session.add(organization)
    record(session, actor, "organization.edit", organization, fields=changed)
    if organization.status is not OrganizationStatus.REGISTERED and {"name", "identifiers"} & set(changed):
        _observe(session, actor, organization, name, after)
    return organization


def _observe(
    session: Session, actor: Actor, organization: Organization, name: str, after: dict[str, object]
) -> None:
    """Show facilitators that what they had verified has changed."""
    text = f"{name} → {organization.name}" if name != organization.name else f"{after['identifiers']}"
    flag = Flag(
        organization_id=organization.key,
        level=FlagLevel.OBSERVATION,
        risk=FlagRisk.COMPLIANCE,
        text=text,
        raised_by=actor.user_id,
    )
    session.add(flag)
    session.flush()
    record(session, actor, "flag.raise", flag, organization=organization.uid, level=str(flag.level))


def _facts_of(session: Session, organization: Organization) -> dict[str, object]:
    facts: dict[str, object] = {fact: getattr(organization, fact) for fact in _FACTS}
    facts["identifiers"] = sorted(f"{one.scheme}-{one.number}" for one in identifiers(session, organization))
    return facts


def _take(organization: Organization, given: OrganizationIn) -> None:
    for fact in _FACTS:
        setattr(organization, fact, getattr(given, fact))
    organization.name_keys = names.keys([given.name, *given.other_names])
    organization.language = detect_language(given.description or given.name)


def _keep_numbers(session: Session, organization: Organization, given: OrganizationIn) -> None:
    wanted = [checked(one.scheme, one.number) for one in given.identifiers]
    for kept in identifiers(session, organization):
        if (kept.scheme, kept.number) in wanted:
            wanted.remove((kept.scheme, kept.number))
        else:
            session.delete(kept)
    session.add_all(
        Identifier(organization_id=organization.key, scheme=scheme, number=number)
        for scheme, number in wanted
    )
    try:
        session.flush()
    except IntegrityError as error:
        raise NotNow(
            Message("number-just-taken", "Somebody else has just registered one of these numbers.")
        ) from error


def _refuse_wrong(session: Session, given: OrganizationIn, organization: Organization | None) -> None:
    """Raise BadInput for wrong facts, for numbers that others have, and for names that others nearly have."""
    problems = check(given)
    if not any(problem.field == "identifiers" for problem in problems):
        problems += _taken_numbers(session, given, organization)
    wanted = names.keys([given.name, *given.other_names])
    fresh = [key for key in wanted if organization is None or key not in organization.name_keys]
    if not problems and not given.distinct and fresh:
        near = near_names(session, fresh, None if organization is None else organization.key)
        if near:
            problems.append(
                FieldProblem(
                    "distinct",
                    Message(
                        "name-near",
                        "“{name}” is registered here already. If yours is another organization, confirm it "
                        "here and send the form again; otherwise ask its owner to invite you.",
                        name=near[0],
                    ),
                )
            )
    if problems:
        raise BadInput(problems)


def _taken_numbers(
    session: Session, given: OrganizationIn, organization: Organization | None
) -> list[FieldProblem]:
    found = []
    for one in given.identifiers:
        scheme, number = checked(one.scheme, one.number)
        holder = holder_of(session, scheme, number)
        if holder is None or (organization is not None and holder.key == organization.key):
            continue
        owners = [
            user for user, membership in members_of(session, holder.key) if membership.role is Role.OWNER
        ]
        if owners:
            message = Message(
                "number-taken",
                "The number {number} belongs to “{organization}”, which is registered here already. "
                "Ask {person} to invite you.",
                number=number,
                organization=holder.name,
                person=owners[0].name,
            )
        else:
            message = Message(
                "number-taken",
                "The number {number} belongs to “{organization}”, which is registered here already. "
                "Ask a facilitator to be let in.",
                number=number,
                organization=holder.name,
            )
        found.append(FieldProblem("identifiers", message))
    return found[:1]


# Evidence and answers ----------------------------------------------------------------------------------


def hand_in(
    session: Session,
    actor: Actor,
    uid: str,
    data_dir: Path,
    *,
    content: bytes,
    filename: str,
    kind: EvidenceKind,
) -> Evidence:
    """Keep a file that proves something; the same file is kept once. Raises BadInput for other types."""
    organization = get(session, actor, uid)
    require(actor, "organization:edit", organization.key)
    media_type = evidence.recognise(content)
    digest = evidence.keep(data_dir, content)
    already = evidence_of(session, organization)
    for one in already:
        if one.sha256 == digest and one.kind is kind:
            return one
    if len(already) >= MOST_EVIDENCE:
        raise NotNow(
            Message("evidence-full", "There are {most} files already. Remove one first.", most=MOST_EVIDENCE)
        )
    piece = Evidence(
        organization_id=organization.key,
        kind=kind,
        filename=evidence.shown_name(filename, media_type),
        media_type=media_type,
        size=len(content),
        sha256=digest,
        added_by=actor.user_id,
    )
    session.add(piece)
    session.flush()
    record(session, actor, "evidence.hand-in", piece, organization=organization.uid, sha256=digest)
    return piece


def take_back(session: Session, actor: Actor, uid: str, piece: str) -> None:
    """Remove a file from the organization; its content goes too, unless it was handed in elsewhere."""
    organization = inside(session, actor, uid)
    require(actor, "organization:edit", organization.key)
    found = piece_of_evidence(session, actor, uid, piece)
    record(session, actor, "evidence.take-back", found, organization=organization.uid, sha256=found.sha256)
    session.delete(found)
    promise(session, "clear_evidence", sha256=found.sha256)


def clear_evidence(work: Work, *, sha256: str) -> None:
    """The job behind `take_back`: delete a content that nobody refers to any more.

    Under the write lock, so that nobody hands the same content in between looking and deleting.
    """
    with writing(work.engine) as session:
        own = session.exec(select(Evidence.id).where(Evidence.sha256 == sha256)).first() is not None
        if not own and not any(holds(session, sha256) for holds in evidence.HOLDERS):
            evidence.path_of(work.settings.data_dir, sha256).unlink(missing_ok=True)


def answer(session: Session, actor: Actor, uid: str, question: str, text: str) -> Question:
    """Answer a facilitator's question and tell them."""
    organization = inside(session, actor, uid)
    require(actor, "organization:edit", organization.key)
    found = session.exec(
        select(Question)
        .where(Question.uid == question, Question.organization_id == organization.key)
        .with_for_update()
    ).first()
    if found is None:
        raise NotFound
    kept = remark(text, "answer")
    advance(session, actor, found, QUESTION, "answer", organization=organization.uid)
    found.answer, found.answered_by, found.answered = kept, actor.user_id, now()
    session.add(found)
    asker = None if found.asked_by is None else session.get(User, found.asked_by)
    if asker is not None:
        send(
            session,
            asker.email,
            "organization_answered",
            asker.language,
            organization=organization.name,
            uid=organization.uid,
            question=found.text,
            answer=kept,
        )
    return found


def apply_again(session: Session, actor: Actor, uid: str) -> Organization:
    """After a refusal, ask to be looked at once more."""
    organization = inside(session, actor, uid, lock=True)
    require(actor, "organization:edit", organization.key)
    organization.version += 1
    return advance(session, actor, organization, ORGANIZATION, "apply_again")
