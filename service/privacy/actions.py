"""Leaving for good: what is a person's alone goes, what she wrote for others stays and names nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, update
from sqlmodel import col, select

from matching.messages import Message
from service.accounts.checks import in_person, refuse
from service.accounts.memberships import keep_an_administrator
from service.accounts.models import USER, Invitation, Membership, User, UserStatus
from service.accounts.proofs import verify_password
from service.accounts.queries import emails_with_role, fold_email, members_of, own
from service.db import now, writing
from service.errors import NotNow
from service.events import advance, history, record
from service.mail import send
from service.organizations.models import Organization
from service.pairings.models import Objection
from service.permissions import SYSTEM_ACTOR, Actor, Role
from service.privacy.holdings import Holding, columns, held

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session

    from service.jobs import Work

NOBODY = "–"
"""What stands where somebody's name stood."""
UNCONFIRMED_KEPT = timedelta(days=30)
"""How long an account is kept whose address nobody confirmed."""
CLOSED_KEPT = timedelta(days=365)
"""How long an account is kept after it was closed."""
WRONG = Message("password-wrong", "This is not your current password.")
OTHER_ADDRESS = Message("address-other", "This is not the address of your account.")


def erase(session: Session, actor: Actor, *, kept_hash: str, password: str, email: str) -> None:
    """Erase the actor's account, for good; the address is typed once more so that nobody does it by chance.

    `kept_hash` is the hash the caller read before, so that no lock is held while it is checked. Raises
    BadInput for a wrong password or address, NotNow for the last administrator and for the only owner of an
    organization in which others are left behind.
    """
    in_person(actor)
    right = not kept_hash or verify_password(password, kept_hash)
    user = own(session, actor)
    same = user.password_hash == kept_hash
    refuse(
        password=None if right and same else WRONG,
        email=None if fold_email(email) == user.email else OTHER_ADDRESS,
    )
    keep_an_administrator(session, user)
    _leave_nobody_behind(session, user)
    address, language, name = user.email, user.language, user.name
    _take_out(session, actor, user)
    send(session, address, "account-erased", language, name=name)


def _leave_nobody_behind(session: Session, user: User) -> None:
    """Raise NotNow where others stay without an owner; tell facilitators where nobody stays at all."""
    for organization in _owned(session, user):
        others = [one for one in members_of(session, organization.key) if one[0].key != user.key]
        if any(membership.role is Role.OWNER for _, membership in others):
            continue
        if others:
            raise NotNow(
                Message(
                    "last-owner-erased",
                    "You are the only owner of “{name}”. Make somebody else an owner first.",
                    name=organization.name,
                )
            )
        for email, language in emails_with_role(session, Role.FACILITATOR):
            send(
                session,
                email,
                "organization-left-alone",
                language,
                name=organization.name,
                uid=organization.uid,
            )


def _owned(session: Session, user: User) -> list[Organization]:
    owned = (
        select(Organization)
        .join(Membership, col(Membership.organization_id) == col(Organization.id))
        .where(Membership.user_id == user.key, Membership.role == Role.OWNER)
    )
    return list(session.exec(owned.order_by(col(Organization.id))))


def _take_out(session: Session, actor: Actor, user: User) -> None:
    for table, column in columns():
        if held(table, column) is Holding.PRIVATE:
            session.execute(delete(table).where(column == user.key))
    session.execute(delete(Invitation).where(col(Invitation.email) == user.email))
    raised = update(Objection).where(col(Objection.raised_by) == user.key)
    session.execute(raised.values(name=NOBODY, email=f"{user.uid}@erased.invalid"))
    user.email, user.name = f"{user.uid}@erased.invalid", NOBODY
    user.password_hash, user.openid, user.roles = "", None, []
    user.erased = now()
    session.add(user)
    if user.status is UserStatus.CLOSED:
        record(session, actor, "user.erase", user)
    else:
        advance(session, actor, user, USER, "close", reason="erased")


def forget_people(work: Work) -> None:
    """The daily job: erase accounts nobody confirmed, and those that were closed long ago."""
    with writing(work.engine) as session:
        moment = now()
        unconfirmed = select(User).where(
            User.status == UserStatus.REGISTERED, col(User.created) < moment - UNCONFIRMED_KEPT
        )
        closed = select(User).where(User.status == UserStatus.CLOSED, col(User.erased).is_(None))
        for user in session.exec(unconfirmed).all():
            _take_out(session, SYSTEM_ACTOR, user)
        for user in session.exec(closed).all():
            if closed_at(session, user) < moment - CLOSED_KEPT:
                _take_out(session, SYSTEM_ACTOR, user)


def closed_at(session: Session, user: User) -> datetime:
    """When the account was closed last, as the log has it."""
    closings = [event.at for event in history(session, user.uid) if event.name == "user.close"]
    return closings[-1] if closings else user.created
