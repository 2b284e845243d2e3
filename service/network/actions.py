"""Introducing two organizations that should know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from matching.messages import Message
from service.accounts.consents import allows
from service.accounts.models import ConsentPurpose
from service.accounts.queries import editors_of
from service.agreements.models import Party
from service.disclosure.queries import ROW, public
from service.errors import BadInput, NotFound, NotNow
from service.events import record
from service.mail import send
from service.network import queries
from service.organizations import queries as organizations
from service.permissions import require
from service.texts import tidy

if TYPE_CHECKING:
    from service.network.models import IntroductionIn
    from service.organizations.models import Organization
    from service.permissions import Actor


def introduce(session: Session, actor: Actor, given: IntroductionIn) -> tuple[Organization, Organization]:
    """Tell the editors of both about each other, once. Raises NotNow where they know each other already."""
    require(actor, "network:introduce")
    one, other = _both(session, actor, given.organizations)
    if frozenset((one.uid, other.uid)) in queries.introduced(session):
        raise NotNow(Message("introduced-before", "These two have been introduced already."))
    if _partners(session, one, other):
        raise NotNow(Message("partners-already", "These two have signed something together already."))
    note = tidy(given.note)
    for receiver, met in ((one, other), (other, one)):
        for user in editors_of(session, receiver.key):
            if not allows(session, user.key, ConsentPurpose.INTRODUCTIONS):
                continue
            send(
                session,
                user.email,
                "introduction",
                user.language,
                own=receiver.name,
                other=met.name,
                other_uid=met.uid,
                note=note,
            )
    record(session, actor, queries.INTRODUCED, one, reason=note, organization=other.uid)
    return one, other


def _both(session: Session, actor: Actor, uids: list[str]) -> tuple[Organization, Organization]:
    """The two, in the order of their numbers, locked so that nobody introduces them at the same time."""
    if len(set(uids)) != 2:
        raise BadInput.one("organizations", Message("two-organizations", "Choose two organizations."))
    found = [organizations.get(session, actor, uid, lock=True) for uid in sorted(uids)]
    day = organizations.today()
    if not all(organizations.may_act(one, day) for one in found):
        raise NotFound
    one, other = sorted(found, key=lambda organization: organization.key)
    return one, other


def _partners(session: Session, one: Organization, other: Organization) -> bool:
    parties = [
        select(Party.agreement_id).where(Party.organization_id == organization.key)
        for organization in (one, other)
    ]
    shared = public().where(*(ROW.in_(own) for own in parties))
    return session.exec(shared.limit(1)).first() is not None
