"""Who acts for which organization: invitations, roles, leaving; and roles in the whole service."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import column, table
from sqlalchemy import select as select_of
from sqlmodel import col, select

from matching.messages import Message
from service.accounts.checks import clean_name, email_problem, in_person, known, name_problem, refuse
from service.accounts.models import (
    INVITATION,
    ORGANIZATION_ROLES,
    SERVICE_ROLES,
    USER,
    Invitation,
    InvitationStatus,
    Membership,
    User,
    UserStatus,
)
from service.accounts.proofs import hash_password, password_problem, sign, spent_link, unsign
from service.accounts.queries import fold_email, get, members_of, own, pending_invitations, user_by_email
from service.accounts.sessions import end_all
from service.db import now
from service.errors import BadInput, NotFound, NotNow, SignInNeeded
from service.events import advance, record
from service.mail import send
from service.permissions import Actor, Role, require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

INVITATION_LASTS = timedelta(days=14)
MOST_INVITATIONS = 50
MOST_A_DAY = 100


def organization_role(role: str) -> Role:
    """One of the roles in an organization. Raises BadInput."""
    if role not in ORGANIZATION_ROLES:
        raise BadInput.one("role", Message("role-unknown", "Choose one of the roles in the list."))
    return Role(role)


def service_roles(roles: Iterable[str]) -> list[str]:
    """Roles in the whole service, as they are kept. Raises BadInput."""
    chosen = set(roles)
    if not chosen <= set(SERVICE_ROLES):
        raise BadInput.one("roles", Message("role-unknown", "Choose one of the roles in the list."))
    return [role.value for role in SERVICE_ROLES if role in chosen]


# Invitations -------------------------------------------------------------------------------------------


def invite(
    session: Session,
    secret: str,
    actor: Actor,
    organization_id: int,
    organization_name: str,
    *,
    email: str,
    role: str,
) -> Invitation:
    """Ask somebody by mail to join an organization in a role. One asked again gets a new link."""
    require(actor, "organization:invite", organization_id)
    refuse(email=email_problem(email))
    chosen = organization_role(role)
    folded = fold_email(email)
    members = members_of(session, organization_id)
    if any(user.email == folded for user, _ in members):
        raise BadInput.one("email", Message("member-already", "This person is a member already."))
    pending = pending_invitations(session, organization_id)
    earlier = [one for one in pending if one.email == folded]
    named = _named(session, organization_id)
    for one in earlier:
        advance(session, actor, one, INVITATION, "withdraw", organization=named)
    if len(pending) - len(earlier) >= MOST_INVITATIONS:
        raise NotNow(
            Message(
                "invitations-many",
                "{most} invitations have not been answered yet. Withdraw some of them first.",
                most=MOST_INVITATIONS,
            )
        )
    today = session.exec(
        select(Invitation.id).where(
            col(Invitation.organization_id) == organization_id,
            col(Invitation.created) > now() - timedelta(days=1),
        )
    ).all()
    if len(today) >= MOST_A_DAY:
        raise NotNow(
            Message(
                "invitations-today", "{most} invitations were sent today. Go on tomorrow.", most=MOST_A_DAY
            )
        )
    invitation = Invitation(
        organization_id=organization_id,
        organization_name=organization_name[:300],
        email=folded,
        role=chosen,
        invited_by=own(session, actor).key,
        expires=now() + INVITATION_LASTS,
    )
    session.add(invitation)
    session.flush()
    record(session, actor, "invitation.send", invitation, role=chosen.value, organization=named)
    invited = user_by_email(session, folded)
    send(
        session,
        folded,
        "invitation",
        invited.language if invited else actor.language,
        inviter=actor.name,
        organization=invitation.organization_name,
        token=sign(secret, "invitation", invitation.uid),
    )
    return invitation


def withdraw_invitation(session: Session, actor: Actor, organization_id: int, uid: str) -> None:
    """Take an invitation back. Raises NotFound, or NotNow where it was taken up already."""
    require(actor, "organization:invite", organization_id)
    found = session.exec(
        select(Invitation).where(
            col(Invitation.organization_id) == organization_id, col(Invitation.uid) == uid
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    named = _named(session, organization_id)
    advance(session, actor, found, INVITATION, "withdraw", organization=named)


def check_invitation(session: Session, secret: str, token: str) -> Invitation:
    """The invitation that a link is for. Raises NotNow where it is spent."""
    uid = unsign(secret, "invitation", token, INVITATION_LASTS)[0]
    found = session.exec(select(Invitation).where(col(Invitation.uid) == uid)).one_or_none()
    if found is None or found.status is not InvitationStatus.PENDING or found.expires <= now():
        raise spent_link()
    return found


def accept_invitation(
    session: Session,
    secret: str,
    actor: Actor,
    token: str,
    *,
    name: str = "",
    password: str = "",
    language: str = "en",
    time_zone: str = "",
) -> User:
    """Join the organization that a link invites to: as who is signed in, or as a new person.

    The link came to the address, so a new person's address is confirmed by it. Raises SignInNeeded where the
    address has an account and nobody is signed in.
    """
    password_hash = ""
    if actor.signed_in:
        in_person(actor)
    else:
        refuse(name=name_problem(name), password=password_problem(password, name))
        password_hash = hash_password(password)
    invitation = check_invitation(session, secret, token)
    if actor.signed_in:
        user = own(session, actor)
    else:
        refuse(password=password_problem(password, invitation.email, name))
        user = _newcomer(session, invitation, clean_name(name), password_hash, known(language, time_zone))
    person = Actor(uid=user.uid, user_id=user.key)
    named = _named(session, invitation.organization_id)
    advance(session, person, invitation, INVITATION, "accept", organization=named)
    if _membership(session, user.key, invitation.organization_id) is None:
        add_membership(session, user.key, invitation.organization_id, invitation.role)
    return user


def _newcomer(
    session: Session, invitation: Invitation, name: str, password_hash: str, shown: tuple[str, str]
) -> User:
    user = user_by_email(session, invitation.email)
    if user is not None and user.status is not UserStatus.REGISTERED:
        raise SignInNeeded
    user = user or User(email=invitation.email, name=name)
    user.name, user.password_hash, user.confirmed = name, password_hash, now()
    user.language, user.time_zone = shown
    session.add(user)
    session.flush()
    advance(session, Actor(uid=user.uid), user, USER, "confirm")
    return user


# Memberships -------------------------------------------------------------------------------------------


def add_membership(session: Session, user_id: int, organization_id: int, role: Role) -> Membership:
    """Make somebody a member of an organization. Who may is for the caller to have checked."""
    membership = Membership(user_id=user_id, organization_id=organization_id, role=role)
    session.add(membership)
    session.flush()
    user = session.get_one(User, user_id)
    record(
        session,
        Actor(uid=user.uid),
        "membership.add",
        membership,
        role=str(role),
        user=user.uid,
        organization=_named(session, organization_id),
    )
    return membership


def _named(session: Session, organization_id: int) -> str:
    """The organization's uid for the log, so that what happens to its members stands in its trail."""
    organizations = table("organization", column("id"), column("uid"))
    query = select_of(organizations.c.uid).where(organizations.c.id == organization_id)
    return str(session.execute(query).scalar_one())


def _membership(session: Session, user_id: int, organization_id: int) -> Membership | None:
    return session.exec(
        select(Membership).where(
            col(Membership.user_id) == user_id, col(Membership.organization_id) == organization_id
        )
    ).one_or_none()


def _member(session: Session, organization_id: int, user_uid: str) -> Membership:
    """The membership of a user in an organization, its owners locked. Raises NotFound."""
    session.exec(
        select(Membership.id)
        .where(col(Membership.organization_id) == organization_id, col(Membership.role) == Role.OWNER)
        .with_for_update()
    ).all()
    found = session.exec(
        select(Membership)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(Membership.organization_id) == organization_id, col(User.uid) == user_uid)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def _keep_an_owner(session: Session, membership: Membership) -> None:
    """Raise NotNow if nobody else owns the organization."""
    others = session.exec(
        select(Membership.id)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(Membership.organization_id) == membership.organization_id)
        .where(col(Membership.role) == Role.OWNER, col(Membership.id) != membership.id)
        .where(col(User.status) == UserStatus.ACTIVE)
    ).first()
    if membership.role is Role.OWNER and others is None:
        raise NotNow(
            Message("last-owner", "Nobody else owns this organization. Make another member an owner first.")
        )


def set_role(session: Session, actor: Actor, organization_id: int, user_uid: str, role: str) -> Membership:
    """Give a member another role. Raises NotNow for the last owner."""
    require(actor, "organization:invite", organization_id)
    chosen = organization_role(role)
    membership = _member(session, organization_id, user_uid)
    if chosen is not Role.OWNER:
        _keep_an_owner(session, membership)
    before, membership.role = membership.role, chosen
    session.add(membership)
    record(
        session,
        actor,
        "membership.set-role",
        membership,
        user=user_uid,
        organization=_named(session, organization_id),
        before=before.value,
        after=chosen.value,
    )
    return membership


def remove_member(session: Session, actor: Actor, organization_id: int, user_uid: str) -> None:
    """End somebody's membership. Raises NotNow for the last owner."""
    require(actor, "organization:invite", organization_id)
    _end(session, actor, _member(session, organization_id, user_uid), user_uid)


def leave(session: Session, actor: Actor, organization_id: int) -> None:
    """End one's own membership. Raises NotNow for the last owner."""
    in_person(actor)
    _end(session, actor, _member(session, organization_id, actor.uid), actor.uid)


def _end(session: Session, actor: Actor, membership: Membership, user_uid: str) -> None:
    _keep_an_owner(session, membership)
    record(
        session,
        actor,
        "membership.end",
        membership,
        user=user_uid,
        role=membership.role.value,
        organization=_named(session, membership.organization_id),
        organization_number=membership.organization_id,
    )
    session.delete(membership)


# The whole service -------------------------------------------------------------------------------------


def set_service_roles(session: Session, actor: Actor, uid: str, roles: Iterable[str]) -> User:
    """Make somebody a reviewer, facilitator or administrator, or none of these."""
    require(actor, "user:administer")
    chosen = service_roles(roles)
    user = get(session, actor, uid)
    if Role.ADMINISTRATOR not in chosen:
        keep_an_administrator(session, user)
    before, user.roles = user.roles, chosen
    user.version += 1
    session.add(user)
    record(session, actor, "user.set-roles", user, before=before, after=chosen)
    return user


def keep_an_administrator(session: Session, user: User) -> None:
    """Raise NotNow if nobody else administers the service."""
    active = session.exec(select(User).where(col(User.status) == UserStatus.ACTIVE).with_for_update())
    others = [one for one in active if Role.ADMINISTRATOR in one.roles and one.id != user.id]
    if Role.ADMINISTRATOR in user.roles and not others:
        raise NotNow(
            Message("last-administrator", "Nobody else administers this service. Name another one first.")
        )


def close_account(session: Session, actor: Actor, uid: str, *, reason: str) -> User:
    """Close an account: its sessions and tokens end at once. Raises NotNow for the last administrator."""
    require(actor, "user:administer")
    user = get(session, actor, uid)
    keep_an_administrator(session, user)
    advance(session, actor, user, USER, "close", reason=reason)
    end_all(session, user, tokens=True)
    return user


def reopen_account(session: Session, actor: Actor, uid: str, *, reason: str) -> User:
    """Let somebody in again whose account was closed."""
    require(actor, "user:administer")
    user = get(session, actor, uid)
    if user.erased is not None:
        raise NotNow(Message("account-erased", "This account was erased; nobody can be let in again."))
    user.confirmed = user.confirmed or now()
    advance(session, actor, user, USER, "reopen", reason=reason)
    return user
