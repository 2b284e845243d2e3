"""Reading agreements: those of one's organizations, all of them for staff. Starts at `visible_to`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, true
from sqlmodel import Session, col, select

from matching.messages import Message
from service.accounts.models import User
from service.accounts.queries import members_of
from service.agreements.models import (
    SIGNED,
    Agreement,
    AgreementPairing,
    AgreementStatus,
    Comment,
    Origin,
    Party,
    Revision,
    Signature,
)
from service.agreements.terms import Terms
from service.errors import NotFound, NotNow
from service.listings.models import Listing, Request, RequestStatus
from service.organizations.models import Organization
from service.pairings import queries as pairings
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Role, may, require
from service.rounds.models import Application

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor
    from service.rounds.models import Round

ROW = col(Agreement.id)
"""What lists of agreements are ordered by."""
OPEN = (AgreementStatus.DRAFT, AgreementStatus.SIGNING)
"""Still being negotiated or signed."""
READY = (PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED)
"""Pairings that both sides want."""
LISTED = 200


@dataclass(frozen=True, slots=True)
class Bound:
    """A party, the organization that it is, and its signature under the text that counts, if there is one."""

    party: Party
    organization: Organization
    signature: Signature | None = None


def visible_to(actor: Actor) -> SelectOfScalar[Agreement]:
    """The agreements of the actor's organizations; all of them for staff."""
    return select(Agreement).where(seen_by(actor))


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`."""
    if actor.is_staff:
        return true()
    if not actor.memberships:
        return false()
    return exists().where(
        col(Party.agreement_id) == col(Agreement.id), col(Party.organization_id).in_(list(actor.memberships))
    )


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Agreement:
    """One agreement; raises NotFound where there is none, or none that the actor may see.

    `lock`: nobody else may change it until this transaction ends.
    """
    wanted = visible_to(actor).where(Agreement.uid == uid)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = session.exec(wanted).first()
    if found is None:
        raise NotFound
    return found


def parties(session: Session, agreement: Agreement) -> list[Bound]:
    """Who is bound by it, party A first, each with its signature."""
    return parties_of(session, [agreement])[agreement.key]


def parties_of(session: Session, agreements: Iterable[Agreement]) -> dict[int, list[Bound]]:
    """By number of the agreement: `parties` of each, with one statement for all."""
    chosen = {one.key: one for one in agreements}
    found: dict[int, list[Bound]] = {key: [] for key in chosen}
    for party, organization, signature in session.exec(
        select(Party, Organization, Signature)
        .join(Agreement, col(Agreement.id) == col(Party.agreement_id))
        .join(Organization, col(Organization.id) == col(Party.organization_id))
        .outerjoin(
            Signature,
            and_(
                col(Signature.party_id) == col(Party.id),
                col(Signature.text_hash) == col(Agreement.text_hash),
                col(Signature.voided).is_(None),
            ),
        )
        .where(col(Party.agreement_id).in_(list(chosen)))
        .order_by(col(Party.position), col(Party.id))
    ):
        found[party.agreement_id].append(Bound(party, organization, signature))
    return found


def terms_of(agreement: Agreement) -> Terms:
    """What the newest version says."""
    return Terms.model_validate(agreement.terms)


# Lists ------------------------------------------------------------------------------------------------


def listed(actor: Actor, *, status: AgreementStatus | None = None) -> SelectOfScalar[Agreement]:
    """What the actor may see, in one state or in all."""
    wanted = visible_to(actor)
    return wanted if status is None else wanted.where(col(Agreement.status) == status)


def cooperations() -> SelectOfScalar[Agreement]:
    """What all parties have signed, amendments left out: they have become part of what they amend."""
    return select(Agreement).where(col(Agreement.status).in_(SIGNED), col(Agreement.amends_id).is_(None))


def counts(session: Session, actor: Actor) -> dict[AgreementStatus, int]:
    """How many agreements the actor sees in each state."""
    found = select(Agreement.status, func.count()).where(seen_by(actor)).group_by(col(Agreement.status))
    return {AgreementStatus(status): count for status, count in session.exec(found)}


def of_round(session: Session, actor: Actor, one: Round) -> list[Agreement]:
    """The agreements of a round that the actor may see, amendments left out, by number."""
    wanted = visible_to(actor).where(col(Agreement.round_id) == one.key, col(Agreement.amends_id).is_(None))
    return list(session.exec(wanted.order_by(col(Agreement.number))))


def of_pairings(session: Session, actor: Actor, keys: Iterable[int]) -> dict[int, Agreement]:
    """By number of the pairing: the agreement that carries it out, where the actor may see it."""
    found = session.exec(
        select(AgreementPairing.pairing_id, Agreement)
        .join(Agreement, col(Agreement.id) == col(AgreementPairing.agreement_id))
        .where(
            col(AgreementPairing.pairing_id).in_(list(keys)),
            col(Agreement.status) != AgreementStatus.ABANDONED,
            seen_by(actor),
        )
    )
    return dict(found.all())


def next_number(session: Session, year: int) -> int:
    """The running number that the next agreement of a year gets."""
    number = col(Agreement.number)
    own = select(Agreement.number).where(number.startswith(f"{year}-"))
    last = session.exec(own.order_by(func.length(number).desc(), number.desc()).limit(1)).first()
    return int(last.removeprefix(f"{year}-")) + 1 if last else 1


def origin_of(session: Session, agreement: Agreement) -> Origin | None:
    """Where it was signed, if it was brought in from elsewhere."""
    return session.exec(select(Origin).where(Origin.agreement_id == agreement.key)).first()


def refuse_elsewhere(session: Session, agreement: Agreement) -> None:
    """Raise NotNow for one that was signed elsewhere: its text is not here."""
    if origin_of(session, agreement) is not None:
        raise NotNow(
            Message(
                "signed-elsewhere", "This was signed elsewhere and brought in; its text is not kept here."
            )
        )


def amendments(session: Session, agreement: Agreement) -> list[Agreement]:
    """Its amendments, oldest first."""
    own = select(Agreement).where(col(Agreement.amends_id) == agreement.key)
    return list(session.exec(own.order_by(col(Agreement.id))))


def pairings_of(session: Session, agreement: Agreement) -> list[Pairing]:
    """The pairings of a round that it carries out."""
    return list(
        session.exec(
            select(Pairing)
            .join(AgreementPairing, col(AgreementPairing.pairing_id) == col(Pairing.id))
            .where(col(AgreementPairing.agreement_id) == agreement.key)
            .order_by(col(Pairing.id))
        )
    )


# What can be drafted ----------------------------------------------------------------------------------


def _alive() -> ColumnElement[bool]:
    return exists().where(
        col(AgreementPairing.pairing_id) == col(Pairing.id),
        col(Agreement.id) == col(AgreementPairing.agreement_id),
        col(Agreement.status) != AgreementStatus.ABANDONED,
    )


def drafted(session: Session, chosen: Iterable[Pairing]) -> Agreement | None:
    """The agreement in which one of these pairings is already."""
    return session.exec(
        select(Agreement)
        .join(AgreementPairing, col(AgreementPairing.agreement_id) == col(Agreement.id))
        .where(
            col(AgreementPairing.pairing_id).in_([one.key for one in chosen]),
            col(Agreement.status) != AgreementStatus.ABANDONED,
        )
    ).first()


def undrafted(session: Session, actor: Actor, one: Round | None = None) -> list[Pairing]:
    """Pairings that both sides want and no agreement carries out: one's own; of a round, all for staff."""
    wanted = pairings.visible_to(actor).where(col(Pairing.status).in_(READY), ~_alive())
    if one is not None:
        wanted = wanted.where(col(Pairing.round_id) == one.key)
    if one is None or not actor.is_staff:
        own = select(Application.id).where(col(Application.organization_id).in_(_acting_for(actor)))
        wanted = wanted.where(or_(col(Pairing.need_id).in_(own), col(Pairing.offer_id).in_(own)))
    return list(session.exec(wanted.order_by(col(Pairing.id)).limit(LISTED)))


@dataclass(frozen=True, slots=True)
class Bundle:
    """Pairings that carry one need together, to be drafted as one agreement."""

    need: Listing
    funders: list[Organization]
    pairings: list[Pairing]


def bundles(session: Session, waiting: Collection[Pairing]) -> list[Bundle]:
    """Pairings put together by need, oldest first."""
    sides = pairings.sides_of(session, waiting)
    found: dict[int, Bundle] = {}
    for one in waiting:
        need, offer = sides[one.key]
        bundle = found.setdefault(one.need_id, Bundle(need.listing, [], []))
        bundle.pairings.append(one)
        if offer.organization not in bundle.funders:
            bundle.funders.append(offer.organization)
    return list(found.values())


def _acting_for(actor: Actor) -> list[int]:
    return [key for key in actor.memberships if may(actor, "agreement:draft", key)]


def drafted_from(session: Session, request: Request) -> Agreement | None:
    """The agreement that came of a request."""
    return session.exec(
        select(Agreement).where(
            col(Agreement.request_id) == request.key, col(Agreement.status) != AgreementStatus.ABANDONED
        )
    ).first()


def undrafted_requests(session: Session, actor: Actor) -> list[Request]:
    """Accepted requests of the actor's organizations of which no agreement has come."""
    own = _acting_for(actor)
    taken = exists().where(
        col(Agreement.request_id) == col(Request.id), col(Agreement.status) != AgreementStatus.ABANDONED
    )
    wanted = select(Request).where(
        col(Request.status) == RequestStatus.ACCEPTED,
        or_(col(Request.from_organization_id).in_(own), col(Request.to_organization_id).in_(own)),
        ~taken,
    )
    return list(session.exec(wanted.order_by(col(Request.id).desc()).limit(LISTED)))


# Who may do what --------------------------------------------------------------------------------------


def require_party(actor: Actor, permission: str, keys: Collection[int]) -> None:
    """Raise SignInNeeded or NotAllowed unless the actor may do it as staff or for one of these."""
    own = [key for key in keys if key in actor.memberships]
    if not any(may(actor, permission, key) for key in own):
        require(actor, permission)


def require_own(session: Session, actor: Actor, permission: str, agreement: Agreement) -> None:
    """As `require_party`, for the parties of an agreement."""
    require_party(actor, permission, [bound.organization.key for bound in parties(session, agreement)])


def own_parties(actor: Actor, bound: Iterable[Bound], permission: str) -> list[Bound]:
    """The parties for which the actor may do something as their member."""
    return [
        one
        for one in bound
        if one.organization.key in actor.memberships and may(actor, permission, one.organization.key)
    ]


def owner_name(session: Session, organization: Organization) -> str:
    """Who may sign for an organization: the name of its first owner, empty where it has none."""
    return next(
        (user.name for user, place in members_of(session, organization.key) if place.role is Role.OWNER), ""
    )


def no_overhead(session: Session, agreement: Agreement) -> set[str]:
    """uids of the organizations whose offers in this agreement pay no management fee."""
    found = session.exec(
        select(Organization.uid, Listing.strings)
        .join(Application, col(Application.organization_id) == col(Organization.id))
        .join(Listing, col(Listing.id) == col(Application.listing_id))
        .join(Pairing, col(Pairing.offer_id) == col(Application.id))
        .join(AgreementPairing, col(AgreementPairing.pairing_id) == col(Pairing.id))
        .where(col(AgreementPairing.agreement_id) == agreement.key)
    )
    return {uid for uid, strings in found if strings.get("pays_overhead") is False}


# Versions, comments, signatures -----------------------------------------------------------------------


def revisions(session: Session, agreement: Agreement) -> list[tuple[Revision, User | None]]:
    """Its versions with their authors, the newest first."""
    own = (
        select(Revision, User)
        .outerjoin(User, col(User.id) == col(Revision.user_id))
        .where(col(Revision.agreement_id) == agreement.key)
    )
    return [(one, user) for one, user in session.exec(own.order_by(col(Revision.number).desc()))]


def revision(session: Session, agreement: Agreement, number: int) -> Revision:
    """One version. Raises NotFound."""
    found = session.exec(
        select(Revision).where(col(Revision.agreement_id) == agreement.key, col(Revision.number) == number)
    ).first()
    if found is None:
        raise NotFound
    return found


def signed_terms(session: Session, agreement: Agreement) -> Terms:
    """What was signed, or is being signed; of a draft the newest version.

    An amendment in force changes the terms of an agreement; the text above its signatures stays what it was.
    """
    newest = terms_of(agreement)
    if not agreement.text_hash or newest.digest() == agreement.text_hash:
        return newest
    for one, _ in revisions(session, agreement):
        terms = Terms.model_validate(one.terms)
        if terms.digest() == agreement.text_hash:
            return terms
    return newest


def comments(
    session: Session, agreement: Agreement
) -> list[tuple[Comment, User | None, Organization | None]]:
    """What was remarked, oldest first, by whom and for whom."""
    own = (
        select(Comment, User, Organization)
        .outerjoin(User, col(User.id) == col(Comment.user_id))
        .outerjoin(Organization, col(Organization.id) == col(Comment.organization_id))
        .where(col(Comment.agreement_id) == agreement.key)
    )
    return [
        (one, user, organization) for one, user, organization in session.exec(own.order_by(col(Comment.id)))
    ]


def comment(session: Session, agreement: Agreement, uid: str) -> Comment:
    """One remark. Raises NotFound."""
    found = session.exec(
        select(Comment).where(col(Comment.agreement_id) == agreement.key, col(Comment.uid) == uid)
    ).first()
    if found is None:
        raise NotFound
    return found


def signatures(session: Session, agreement: Agreement) -> list[Signature]:
    """All signatures ever given, those that count no longer too, oldest first."""
    own = select(Signature).where(col(Signature.agreement_id) == agreement.key)
    return list(session.exec(own.order_by(col(Signature.id))))


def scan_of(session: Session, agreement: Agreement, signature: str) -> dict[str, Any]:
    """What is kept of the scan that stands for a signature. Raises NotFound."""
    for one in signatures(session, agreement):
        if one.uid == signature and one.scan:
            return one.scan
    raise NotFound


def holds_scan(session: Session, digest: str) -> bool:
    """Whether a signature refers to a content by its SHA-256."""
    found = session.exec(select(Signature.id).where(col(Signature.scan)["sha256"].as_string() == digest))
    return found.first() is not None


def need_of(session: Session, agreement: Agreement) -> Listing | None:
    """The need that it answers."""
    return session.get(Listing, agreement.need_id) if agreement.need_id else None


def amended(session: Session, agreement: Agreement) -> Agreement | None:
    """Of an amendment: what it changes."""
    return session.get(Agreement, agreement.amends_id) if agreement.amends_id else None
