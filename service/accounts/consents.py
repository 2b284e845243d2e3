"""What people agree to, purpose by purpose. Each is on until somebody turns it off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from service.accounts.checks import in_person
from service.accounts.models import Consent, ConsentPurpose
from service.accounts.queries import own
from service.events import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.permissions import Actor


def allows(session: Session, user_id: int | None, purpose: ConsentPurpose) -> bool:
    """Whether somebody has not turned this off."""
    said = session.exec(
        select(Consent.given)
        .where(Consent.user_id == user_id, Consent.purpose == purpose)
        .order_by(col(Consent.id).desc())
        .limit(1)
    ).first()
    return said is None or said


def consents(session: Session, actor: Actor) -> Mapping[ConsentPurpose, bool]:
    """By purpose: whether the actor allows it."""
    user = own(session, actor)
    return {purpose: allows(session, user.key, purpose) for purpose in ConsentPurpose}


def decide(session: Session, actor: Actor, purpose: ConsentPurpose, *, given: bool) -> None:
    """Turn a purpose on or off; saying the same again writes nothing."""
    in_person(actor)
    user = own(session, actor)
    if allows(session, user.key, purpose) is given:
        return
    consent = Consent(user_id=user.key, purpose=purpose, given=given)
    session.add(consent)
    session.flush()
    record(session, actor, "consent.give" if given else "consent.withdraw", consent, purpose=purpose.value)
