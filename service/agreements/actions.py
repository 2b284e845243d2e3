"""Use cases of an agreement: negotiating its text, and what becomes of it once it is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.text import LANGUAGES, detect_language
from service.agreements import checking, queries
from service.agreements.clauses import followed
from service.agreements.drafting import about
from service.agreements.models import (
    AGREEMENT,
    COMMENT_CHARACTERS,
    TITLE_CHARACTERS,
    Agreement,
    AgreementStatus,
    Comment,
    Party,
    PartyRole,
    Revision,
)
from service.agreements.telling import tell
from service.db import now
from service.errors import BadInput, Changed, NotAllowed, NotFound, NotNow
from service.events import advance, record
from service.listings.models import Listing
from service.organizations import queries as organizations
from service.rounds.models import Round
from service.texts import said, tidy, too_long, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.agreements.telling import News
    from service.agreements.terms import Terms
    from service.errors import FieldProblem
    from service.organizations.models import Organization
    from service.permissions import Actor

NOTE_CHARACTERS = 1_000
BEFORE_COMPLETING: list[Callable[[Session, Agreement], Message | None]] = []
"""What must hold before an agreement is completed; slices above put here what they know."""


def details(session: Session, agreement: Agreement) -> dict[str, str]:
    """What every entry of the log about an agreement carries, so that a trail is complete."""
    found = {"agreement": agreement.uid}
    if agreement.round_id is not None:
        found["round"] = session.get_one(Round, agreement.round_id).uid
    return found


# The text ---------------------------------------------------------------------------------------------


def save(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    terms: Terms,
    *,
    note: str = "",
    second_language: str | None = None,
    version: int | None = None,
) -> Agreement:
    """Write a new version of a draft. `version`: the row's, as it was when the writer read it.

    Clauses that still read as their template follow the new plan. Raises Changed where somebody else has
    written meanwhile.
    """
    queries.require_own(session, actor, "agreement:draft", agreement)
    if agreement.status is not AgreementStatus.DRAFT:
        raise NotNow(
            Message("text-frozen", "The text is frozen. Take the agreement back to draft to change it.")
        )
    if version is not None and version != agreement.version:
        raise Changed
    before = queries.terms_of(agreement)
    if second_language is not None:
        agreement.second_language = _second(agreement, second_language)
    languages = agreement.languages
    terms = terms.model_copy(
        update={
            "title": {one: terms.title.get(one) or terms.title.get(languages[0], "") for one in languages}
        }
    )
    _bind(session, actor, agreement, terms)
    need = session.get(Listing, agreement.need_id) if agreement.need_id else None
    terms = followed(agreement.kind, before, terms, about(need), languages)
    if terms == before:
        return agreement
    kept = terms.model_dump(mode="json")
    agreement.terms, agreement.starts, agreement.ends = kept, terms.starts, terms.ends
    agreement.title = terms.title[languages[0]].strip()[:TITLE_CHARACTERS] or agreement.title
    add_revision(session, actor, agreement, note)
    record(
        session,
        actor,
        f"{AGREEMENT.noun}.save",
        agreement,
        revision=agreement.revision,
        **details(session, agreement),
    )
    return agreement


def add_revision(session: Session, actor: Actor, agreement: Agreement, note: str) -> None:
    """Keep the agreement's terms, as they stand now, as its next version."""
    if len(note) > NOTE_CHARACTERS:
        raise BadInput.one("note", too_long(NOTE_CHARACTERS))
    agreement.revision += 1
    agreement.version += 1
    own = [one for one in queries.parties(session, agreement) if one.organization.key in actor.memberships]
    session.add(agreement)
    session.add(
        Revision(
            agreement_id=agreement.key,
            number=agreement.revision,
            terms=agreement.terms,
            note=tidy(note),
            user_id=actor.user_id,
            organization_id=own[0].organization.key if own else None,
        )
    )
    session.flush()


def _second(agreement: Agreement, wanted: str) -> str:
    if wanted and (wanted not in LANGUAGES or wanted == agreement.language):
        raise BadInput.one("second_language", Message("language-second", "Choose another second language."))
    return wanted


def _bind(session: Session, actor: Actor, agreement: Agreement, terms: Terms) -> None:
    """Let the parties be those that the terms name, in their order."""
    named = [one.organization for one in terms.parties]
    if len(set(named)) != len(named):
        raise BadInput.one("parties", Message("party-once", "Each organization is a party once."))
    there = {bound.organization.uid: bound.party for bound in queries.parties(session, agreement)}
    if agreement.amends_id and set(named) != set(there):
        raise BadInput.one(
            "parties",
            Message(
                "parties-amended", "An amendment is between the parties of the agreement that it amends."
            ),
        )
    signed = {one.party_id for one in queries.signatures(session, agreement)}
    for uid in there.keys() - set(named):
        if there[uid].key in signed:
            raise BadInput.one(
                "parties", Message("party-signed", "A party that has signed before cannot be taken out.")
            )
        session.delete(there[uid])
    for position, one in enumerate(terms.parties):
        party = there.get(one.organization)
        if party is None:
            found = _organization(session, actor, one.organization)
            party = Party(agreement_id=agreement.key, organization_id=found.key, role=one.role)
        party.role, party.position = PartyRole(one.role), position
        session.add(party)
    session.flush()
    if not actor.is_staff and not any(
        bound.organization.key in actor.memberships for bound in queries.parties(session, agreement)
    ):
        raise BadInput.one(
            "parties", Message("party-own", "Your own organization cannot be taken out like this.")
        )


def _organization(session: Session, actor: Actor, uid: str) -> Organization:
    try:
        return organizations.get(session, actor, uid)
    except NotFound as error:
        raise BadInput.one(
            "parties", Message("organization-unknown", "Choose an organization from the list.")
        ) from error


def problems(session: Session, agreement: Agreement) -> list[FieldProblem]:
    """What stands in the way of signing."""
    return checking.problems(
        agreement.kind,
        queries.terms_of(agreement),
        agreement.languages,
        queries.no_overhead(session, agreement),
    )


# Remarks ----------------------------------------------------------------------------------------------


def comment(session: Session, actor: Actor, agreement: Agreement, text: str, clause: str = "") -> Comment:
    """Remark on a clause (its key), or on the whole; the other parties are told."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    if agreement.status not in queries.OPEN:
        raise NotNow(Message("negotiation-over", "This agreement is not being negotiated any more."))
    kept = written(text, "text", COMMENT_CHARACTERS)
    if clause and clause not in {one.key for one in queries.terms_of(agreement).clauses}:
        raise BadInput.one("clause", Message("clause-unknown", "There is no such clause."))
    own = [one for one in queries.parties(session, agreement) if one.organization.key in actor.memberships]
    made = Comment(
        agreement_id=agreement.key,
        clause=clause,
        revision=agreement.revision,
        text=kept,
        language=detect_language(kept),
        user_id=actor.user_id,
        organization_id=own[0].organization.key if own else None,
    )
    session.add(made)
    session.flush()
    record(session, actor, "agreement_comment.add", made, clause=clause, **details(session, agreement))
    tell(session, actor, agreement, "comment", kept)
    return made


def resolve(session: Session, actor: Actor, agreement: Agreement, uid: str) -> Comment:
    """Say that a remark is dealt with. Saying it twice says it once."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    found = queries.comment(session, agreement, uid)
    if found.resolved is None:
        found.resolved = now()
        session.add(found)
        record(session, actor, "agreement_comment.resolve", found, **details(session, agreement))
    return found


# What becomes of it -----------------------------------------------------------------------------------


def abandon(session: Session, actor: Actor, agreement: Agreement, reason: str) -> Agreement:
    """Give up a draft, or refuse to sign for good. What was matched can be drafted anew."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    return _end(session, actor, agreement, "abandon", "abandoned", reason, final=True)


def suspend(session: Session, actor: Actor, agreement: Agreement, reason: str) -> Agreement:
    """Let everything rest, for a reason that all parties read."""
    queries.require_own(session, actor, "agreement:end", agreement)
    return _end(session, actor, agreement, "suspend", "suspended", reason)


def resume(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """Go on; said by those who give or supervise, or by a facilitator."""
    _not_by_implementer(session, actor, agreement)
    return _end(session, actor, agreement, "resume", "resumed")


def complete(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """Say that all is fulfilled; never said by who had to fulfil it."""
    _not_by_implementer(session, actor, agreement)
    for check in BEFORE_COMPLETING:
        if (reason := check(session, agreement)) is not None:
            raise NotNow(reason)
    return _end(session, actor, agreement, "complete", "completed", final=True)


def terminate(session: Session, actor: Actor, agreement: Agreement, reason: str) -> Agreement:
    """End it before its time, for a reason that all parties and the public read."""
    queries.require_own(session, actor, "agreement:end", agreement)
    return _end(session, actor, agreement, "terminate", "terminated", reason, final=True)


def _not_by_implementer(session: Session, actor: Actor, agreement: Agreement) -> None:
    queries.require_own(session, actor, "agreement:end", agreement)
    own = queries.own_parties(actor, queries.parties(session, agreement), "agreement:end")
    if not actor.is_staff and all(one.party.role is PartyRole.IMPLEMENTER for one in own):
        raise NotAllowed(
            Message("not-by-implementer", "Those who give or supervise say this, not who carries it out.")
        )


def _end(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    step: str,
    news: News,
    reason: str = "",
    *,
    final: bool = False,
) -> Agreement:
    kept = said(reason, "reason", COMMENT_CHARACTERS)
    if agreement.amends_id and agreement.status not in queries.OPEN:
        raise NotNow(
            Message("amendment-part", "An amendment in force is part of the agreement that it amends.")
        )
    advance(session, actor, agreement, AGREEMENT, step, reason=kept, **details(session, agreement))
    agreement.version += 1
    if final:
        agreement.ended = now()
        for amendment in queries.amendments(session, agreement):
            if amendment.status in queries.OPEN:
                _end(session, actor, amendment, "abandon", "abandoned", kept or agreement.title, final=True)
    session.flush()
    tell(session, actor, agreement, news, kept)
    return agreement


def of_uid(session: Session, uid: str) -> Agreement:
    """An agreement for a job, whoever asked."""
    return session.exec(select(Agreement).where(col(Agreement.uid) == uid)).one()
