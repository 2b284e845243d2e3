"""Reading agreements: those of one's organizations, all of them for staff. Starts at `visible_to`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, exists, false, true
from sqlmodel import Session, col, select

from service.agreements.models import Agreement, Party, Signature
from service.agreements.terms import Terms
from service.errors import NotFound
from service.organizations.models import Organization

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

ROW = col(Agreement.id)
"""What lists of agreements are ordered by."""


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
            (col(Signature.party_id) == col(Party.id))
            & (col(Signature.text_hash) == col(Agreement.text_hash)),
        )
        .where(col(Party.agreement_id).in_(list(chosen)))
        .order_by(col(Party.position), col(Party.id))
    ):
        found[party.agreement_id].append(Bound(party, organization, signature))
    return found


def terms_of(agreement: Agreement) -> Terms:
    """What the newest version says."""
    return Terms.model_validate(agreement.terms)
