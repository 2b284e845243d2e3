"""Agreements as the API gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from service.agreements import actions, comparing, queries
from service.agreements.models import Agreement
from service.agreements.shapes import (
    AgreementDetailOut,
    AgreementOut,
    ChangeOut,
    CommentOut,
    PartyOut,
    PassageOut,
    ProblemOut,
    RevisionOut,
    SignatureOut,
)
from service.listings.models import Listing
from service.rounds.models import Round
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.agreements.queries import Bound
    from service.agreements.terms import Terms


def out(session: Session, agreements: Sequence[Agreement]) -> list[AgreementOut]:
    """Agreements as lists show them."""
    bound = queries.parties_of(session, agreements)
    rounds = _uids(session, Round, [one.round_id for one in agreements])
    needs = _uids(session, Listing, [one.need_id for one in agreements])
    amended = _uids(session, Agreement, [one.amends_id for one in agreements])
    return [
        AgreementOut(
            id=one.uid,
            round=rounds.get(one.round_id or 0),
            need=needs.get(one.need_id or 0),
            amends=amended.get(one.amends_id or 0),
            parties=[_party(one, each) for each in bound[one.key]],
            **one.model_dump(
                include=set(AgreementOut.model_fields) - {"id", "round", "need", "amends", "parties"}
            ),
        )
        for one in agreements
    ]


def detail(session: Session, agreement: Agreement, language: str) -> AgreementDetailOut:
    """One agreement with what it says; problems in the reader's language."""
    shown = out(session, [agreement])[0]
    problems = actions.problems(session, agreement) if agreement.status == "draft" else []
    return AgreementDetailOut(
        **dict(shown),
        terms=queries.terms_of(agreement),
        problems=[
            ProblemOut(field=one.field, code=one.message.code, detail=say(one.message, language))
            for one in problems
        ],
        amendments=[one.uid for one in queries.amendments(session, agreement)],
    )


def revisions(session: Session, agreement: Agreement) -> list[RevisionOut]:
    """Its versions, the newest first."""
    return [
        RevisionOut(number=one.number, at=one.created, author=user.name if user else "", note=one.note)
        for one, user in queries.revisions(session, agreement)
    ]


def comments(session: Session, agreement: Agreement) -> list[CommentOut]:
    """What was remarked, oldest first."""
    return [
        CommentOut(
            id=one.uid,
            author=user.name if user else "",
            organization=organization.uid if organization else None,
            at=one.created,
            **one.model_dump(include={"clause", "revision", "text", "language", "resolved"}),
        )
        for one, user, organization in queries.comments(session, agreement)
    ]


def compared(before: Terms, after: Terms) -> list[PassageOut]:
    """Every passage in which two versions differ."""
    return [
        PassageOut(
            place=one.place,
            language=one.language,
            changes=[ChangeOut(op=op, text=text) for op, text in one.pieces],
        )
        for one in comparing.passages(before, after)
    ]


def _party(agreement: Agreement, bound: Bound) -> PartyOut:
    signature = bound.signature
    return PartyOut(
        organization=bound.organization.uid,
        name=bound.organization.name,
        role=bound.party.role,
        signature=SignatureOut(
            at=signature.created,
            scan=f"/api/v1/agreements/{agreement.uid}/scans/{signature.uid}" if signature.scan else None,
            **signature.model_dump(include={"name", "position", "method", "text_hash"}),
        )
        if signature
        else None,
    )


def _uids(
    session: Session, table: type[Round | Listing | Agreement], keys: Sequence[int | None]
) -> dict[int, str]:
    wanted = [key for key in keys if key is not None]
    found = session.exec(select(table.id, table.uid).where(col(table.id).in_(wanted))) if wanted else ()
    return {key: uid for key, uid in found if key is not None}
