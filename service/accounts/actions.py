"""What people do with their accounts. Passwords are hashed before the first statement: no lock waits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from matching.messages import Message
from matching.text import LANGUAGES
from service.accounts.checks import clean_name, email_problem, in_person, known, name_problem, refuse
from service.accounts.memberships import (
    accept_invitation,
    add_membership,
    close_account,
    invite,
    leave,
    remove_member,
    reopen_account,
    service_roles,
    set_role,
    set_service_roles,
    withdraw_invitation,
)
from service.accounts.models import USER, HeldForm, SignIn, User, UserStatus
from service.accounts.proofs import (
    hash_password,
    key_hash,
    new_key,
    password_problem,
    sign,
    spent_link,
    unsign,
    verify_password,
)
from service.accounts.queries import (
    fold_email,
    own,
    user_by_email,
)
from service.accounts.sessions import (
    create_token,
    end_all,
    revoke_session,
    revoke_sessions,
    revoke_token,
    sign_in,
    sign_out,
)
from service.db import now, writing
from service.errors import BadInput, NotNow
from service.events import advance, record
from service.mail import send
from service.permissions import Actor, Role, require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

    from service.jobs import Work

__all__ = [
    "accept_invitation",
    "add_membership",
    "add_user",
    "change_email",
    "change_password",
    "change_profile",
    "check_confirmation",
    "check_email",
    "check_reset",
    "clear_expired",
    "close_account",
    "confirm",
    "confirmation_missing",
    "create_token",
    "hold",
    "invite",
    "leave",
    "remove_member",
    "reopen_account",
    "request_email",
    "request_reset",
    "reset",
    "revoke_session",
    "revoke_sessions",
    "revoke_token",
    "set_role",
    "set_service_roles",
    "sign_in",
    "sign_in_with",
    "sign_out",
    "sign_up",
    "withdraw_invitation",
]

CONFIRM_LASTS = timedelta(days=3)
RESET_LASTS = timedelta(hours=2)
HELD_LASTS = timedelta(days=1)
KEPT_AFTER_END = timedelta(days=30)
"""How long ended sign-ins are kept."""
MOST_HELD = 200_000
"""Characters of a form that are kept."""


# Signing up and confirming -----------------------------------------------------------------------------


def sign_up(
    session: Session, secret: str, *, email: str, name: str, password: str, language: str, time_zone: str = ""
) -> None:
    """Take in a new person and send the link that confirms the address.

    Who asks never learns whether the address was known: an active user gets a mail that says so instead,
    one who has not confirmed yet gets a new link, and a closed one gets nothing.
    """
    name = clean_name(name)
    refuse(
        name=name_problem(name), email=email_problem(email), password=password_problem(password, email, name)
    )
    password_hash = hash_password(password)
    language, time_zone = known(language, time_zone)
    user = user_by_email(session, email)
    if user is not None and user.status is not UserStatus.REGISTERED:
        if user.status is UserStatus.ACTIVE:
            send(session, user.email, "known", user.language, name=user.name)
        return
    user = user or User(email=fold_email(email), name=name)
    user.name, user.password_hash, user.language, user.time_zone = name, password_hash, language, time_zone
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        return  # the same form sent twice at once: the other one has done it
    record(session, Actor(uid=user.uid), "user.sign-up", user)
    _send_confirmation(session, secret, user)


def _send_confirmation(session: Session, secret: str, user: User) -> None:
    token = sign(secret, "confirm", user.uid, _state_of(user))
    send(session, user.email, "confirm", user.language, name=user.name, token=token)


def _state_of(user: User) -> str:
    """A mark that changes with the password, the address and the status: links made before are then spent."""
    return key_hash("\n".join((user.password_hash, user.email, user.status)))[:20]


def _linked_user(session: Session, secret: str, purpose: str, token: str, lasts: timedelta) -> User:
    """The user for whom a link was made. Raises NotNow where it is spent."""
    content = unsign(secret, purpose, token, lasts)
    user = session.exec(select(User).where(col(User.uid) == content[0])).one_or_none()
    if user is None or _state_of(user) != content[1]:
        raise spent_link()
    return user


def check_confirmation(session: Session, secret: str, token: str) -> User:
    """The user whom a link would confirm. Raises NotNow where it is spent."""
    return _linked_user(session, secret, "confirm", token, CONFIRM_LASTS)


def confirm(session: Session, secret: str, token: str) -> User:
    """Confirm the address that a link was sent to. Raises NotNow where it is spent."""
    user = check_confirmation(session, secret, token)
    _confirm(session, user)
    return user


def _confirm(session: Session, user: User) -> None:
    user.confirmed = now()
    advance(session, Actor(uid=user.uid), user, USER, "confirm")


def add_user(
    session: Session,
    actor: Actor,
    *,
    email: str,
    name: str,
    password: str,
    roles: Iterable[Role] = (),
    language: str = "en",
    time_zone: str = "UTC",
) -> User:
    """Add an active user straight away: the command line's and the demonstration's way."""
    require(actor, "user:administer")
    name = clean_name(name)
    refuse(
        name=name_problem(name), email=email_problem(email), password=password_problem(password, email, name)
    )
    password_hash = hash_password(password)
    if user_by_email(session, email) is not None:
        raise BadInput.one("email", Message("email-taken", "There is an account with this address already."))
    language, time_zone = known(language, time_zone)
    user = User(
        email=fold_email(email),
        name=name,
        password_hash=password_hash,
        confirmed=now(),
        language=language,
        time_zone=time_zone,
        roles=service_roles(roles),
        status=UserStatus.ACTIVE,
    )
    session.add(user)
    session.flush()
    record(session, actor, "user.add", user, roles=user.roles)
    return user


# Signing in and out ------------------------------------------------------------------------------------


def confirmation_missing(session: Session, secret: str, user: User) -> None:
    """Send the link again to somebody who knows the password but has not confirmed the address."""
    _send_confirmation(session, secret, user)


def sign_in_with(
    session: Session, *, openid: str, email: str, name: str, language: str, time_zone: str = ""
) -> User:
    """The user whom an OpenID provider vouches for: known by `openid`, else by the address it has verified.

    An account that was never confirmed loses its password: somebody else may have set it. Raises NotNow for
    closed accounts.
    """
    user = session.exec(select(User).where(col(User.openid) == openid)).one_or_none()
    user = user or user_by_email(session, email)
    if user is None:
        language, time_zone = known(language, time_zone)
        shown = clean_name(name)[:120] or email.partition("@")[0]
        user = User(email=fold_email(email), name=shown, language=language, time_zone=time_zone)
        session.add(user)
        session.flush()
        record(session, Actor(uid=user.uid), "user.sign-up", user)
    if user.status is UserStatus.CLOSED:
        raise NotNow(Message("account-closed", "This account has been closed."))
    if user.status is UserStatus.REGISTERED:
        user.password_hash = ""
        _confirm(session, user)
    if user.openid is None:
        user.openid = openid
        record(session, Actor(uid=user.uid), "user.link-openid", user)
    session.add(user)
    return user


# Passwords ---------------------------------------------------------------------------------------------


def request_reset(session: Session, secret: str, email: str) -> None:
    """Send a link with which a new password can be set, if somebody active has this address."""
    refuse(email=email_problem(email))
    user = user_by_email(session, email)
    if user is None or user.status is UserStatus.CLOSED:
        return
    if user.status is UserStatus.REGISTERED:
        _send_confirmation(session, secret, user)
        return
    token = sign(secret, "reset", user.uid, _state_of(user))
    send(session, user.email, "reset", user.language, name=user.name, token=token)


def check_reset(session: Session, secret: str, token: str) -> User:
    """The user who may set a new password with a link. Raises NotNow where it is spent."""
    return _linked_user(session, secret, "reset", token, RESET_LASTS)


def reset(session: Session, secret: str, token: str, password: str) -> User:
    """Set a new password and end every session."""
    refuse(password=password_problem(password))
    password_hash = hash_password(password)
    user = check_reset(session, secret, token)
    refuse(password=password_problem(password, user.email, user.name))
    _set_password(session, user, password_hash)
    end_all(session, user, tokens=False)
    return user


def change_password(
    session: Session, actor: Actor, *, kept_hash: str, current: str, password: str, keep: str
) -> None:
    """Set a new password in place of the current one and end every session but `keep`.

    `kept_hash` is the hash the caller read before, so that no lock is held while it is checked.
    """
    in_person(actor)
    wrong = Message("password-wrong", "This is not your current password.")
    right = verify_password(current, kept_hash) or not kept_hash
    refuse(current=None if right else wrong, password=password_problem(password, actor.name))
    password_hash = hash_password(password)
    user = own(session, actor)
    if user.password_hash != kept_hash:
        raise BadInput.one("current", wrong)
    refuse(password=password_problem(password, user.email, user.name))
    _set_password(session, user, password_hash)
    revoke_sessions(session, actor, keep=keep)


def give_password(session: Session, actor: Actor, user: User, password: str) -> None:
    """Set somebody else's password and end all their sessions: the command line's way."""
    require(actor, "user:administer")
    refuse(password=password_problem(password, user.email, user.name))
    _set_password(session, user, hash_password(password))
    end_all(session, user, tokens=False)


def _set_password(session: Session, user: User, password_hash: str) -> None:
    user.password_hash = password_hash
    session.add(user)
    record(session, Actor(uid=user.uid), "user.set-password", user)
    send(session, user.email, "password-changed", user.language, name=user.name)


# The person --------------------------------------------------------------------------------------------


def change_profile(
    session: Session,
    actor: Actor,
    *,
    name: str | None = None,
    language: str | None = None,
    time_zone: str | None = None,
) -> User:
    """Change what somebody is called and how things are shown to them; what is None stays."""
    in_person(actor)
    refuse(
        name=None if name is None else name_problem(name),
        language=None
        if language is None or language in LANGUAGES
        else Message("language-unknown", "Choose one of the languages in the list."),
        time_zone=None
        if time_zone is None or time_zone in available_timezones()
        else Message("time-zone-unknown", "Choose one of the time zones in the list."),
    )
    user = own(session, actor)
    user.name = user.name if name is None else clean_name(name)
    user.language = language or user.language
    user.time_zone = time_zone or user.time_zone
    user.version += 1
    session.add(user)
    return user


def request_email(session: Session, secret: str, actor: Actor, email: str) -> None:
    """Send a link to a new address; it becomes theirs when the link is opened."""
    in_person(actor)
    refuse(email=email_problem(email))
    user = own(session, actor)
    token = sign(secret, "email", user.uid, _state_of(user), fold_email(email))
    if user_by_email(session, email) is None:
        send(session, fold_email(email), "new-address", user.language, name=user.name, token=token)


def check_email(session: Session, secret: str, token: str) -> tuple[User, str]:
    """The user and the new address that a link is for. Raises NotNow where it is spent."""
    user = _linked_user(session, secret, "email", token, CONFIRM_LASTS)
    email = unsign(secret, "email", token, CONFIRM_LASTS)[2]
    if user.status is not UserStatus.ACTIVE or user_by_email(session, email) is not None:
        raise spent_link()
    return user, email


def change_email(session: Session, secret: str, token: str) -> User:
    """Take the address that a link was sent to. Raises NotNow where the link is spent."""
    user, email = check_email(session, secret, token)
    before, user.email = user.email, email
    user.version += 1
    session.add(user)
    record(session, Actor(uid=user.uid), "user.change-email", user)
    send(session, before, "address-changed", user.language, name=user.name)
    return user


# Forms kept while somebody signs in again --------------------------------------------------------------


def hold(session: Session, path: str, fields: Mapping[str, list[str]]) -> str:
    """Keep what was typed into the form at `path` for a day; the key for a cookie, or "" if it is too much.

    Passwords are never kept.
    """
    kept = {name: values for name, values in fields.items() if "password" not in name and name != "current"}
    if len(path) > 500 or len(str(kept)) > MOST_HELD:
        return ""
    key = new_key()
    session.add(HeldForm(token_hash=key_hash(key), path=path, fields=kept, expires=now() + HELD_LASTS))
    return key


def clear_expired(work: Work) -> None:
    """The daily job: forget held forms, and sign-ins that ended a while ago."""
    with writing(work.engine) as session:
        session.execute(delete(HeldForm).where(col(HeldForm.expires) < now()))
        session.execute(delete(SignIn).where(col(SignIn.expires) < now() - KEPT_AFTER_END))
