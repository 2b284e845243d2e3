"""Sign-ins and API tokens: begun, and ended one by one or all together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import update
from sqlmodel import col, select

from matching.messages import Message
from service.accounts.checks import clean_name, in_person, refuse
from service.accounts.models import SignIn, Token, User, UserStatus
from service.accounts.proofs import TOKEN_PREFIX, key_hash, new_key, verify_password
from service.accounts.queries import live_sign_in, own, sign_in_of, sign_ins, token_of
from service.db import now
from service.errors import BadInput, NotNow, SignInNeeded
from service.events import record
from service.permissions import Actor, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

MOST_TOKENS = 50
FRESH = timedelta(minutes=10)
"""How long after it was given a proof still counts."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That somebody has just shown again who she is, before something grave."""

    user_id: int
    at: datetime

    def holds_for(self, actor: Actor) -> bool:
        """Whether it was this person, just now."""
        return self.user_id == actor.user_id and now() - self.at < FRESH


def prove(session: Session, actor: Actor, password: str, cookie: str = "") -> Proof:
    """Check that it is still the person herself: by her password or, where she has none, a fresh sign-in.

    Slow on purpose: call it before a session writes. Raises BadInput on `password`.
    """
    user = own(session, actor)
    if user.password_hash:
        if not verify_password(password, user.password_hash):
            wrong = Message("password-wrong-here", "This is not your password. Nothing was signed.")
            raise BadInput.one("password", wrong)
        return Proof(user.key, now())
    began = live_sign_in(session, cookie)
    if began is None or began.user_id != user.key or now() - began.created > FRESH:
        raise BadInput.one(
            "password",
            Message(
                "sign-in-again",
                "To sign, sign out and in again first; you then have {minutes} minutes.",
                minutes=int(FRESH.total_seconds() // 60),
            ),
        )
    return Proof(user.key, began.created)


def sign_in(
    session: Session, user: User, *, user_agent: str = "", days: float = 30, previous: str = ""
) -> str:
    """Begin a session for somebody whose proof was checked; the key for the cookie.

    Always a new key: one that a stranger may have planted, or the one used before (`previous`), is worthless
    afterwards.
    """
    if user.status is not UserStatus.ACTIVE:
        raise SignInNeeded
    sign_out(session, previous)
    key = new_key()
    began = SignIn(
        token_hash=key_hash(key),
        user_id=user.key,
        last_seen=now(),
        user_agent=clean_name(user_agent)[:300],
        expires=now() + timedelta(days=days),
    )
    session.add(began)
    session.flush()
    record(session, Actor(uid=user.uid), "user.sign-in", user)
    return key


def sign_out(session: Session, cookie: str) -> None:
    """End the session that a cookie stands for, if it is one."""
    if (signed_in := live_sign_in(session, cookie)) is not None:
        signed_in.revoked = now()
        session.add(signed_in)


def revoke_session(session: Session, actor: Actor, uid: str) -> None:
    """End one of one's own sessions. Raises NotFound."""
    in_person(actor)
    signed_in = sign_in_of(session, actor, uid)
    signed_in.revoked = signed_in.revoked or now()
    session.add(signed_in)
    record(session, actor, "signin.revoke", signed_in)


def revoke_sessions(session: Session, actor: Actor, *, keep: str = "") -> int:
    """End all of one's own sessions but the one with the cookie `keep`; how many."""
    in_person(actor)
    others = [one for one in sign_ins(session, actor) if not keep or one.token_hash != key_hash(keep)]
    for one in others:
        one.revoked = now()
        session.add(one)
        record(session, actor, "signin.revoke", one)
    return len(others)


def end_all(session: Session, user: User, *, tokens: bool) -> None:
    """End every session (and token) of a user."""
    for kind in (SignIn, Token) if tokens else (SignIn,):
        session.execute(
            update(kind)
            .where(col(kind.user_id) == user.key, col(kind.revoked).is_(None))
            .values(revoked=now())
        )


# Tokens ------------------------------------------------------------------------------------------------


def create_token(
    session: Session, actor: Actor, *, name: str, scopes: Iterable[str], days: int | None = None
) -> tuple[Token, str]:
    """Make a key for programs, bounded by permissions; the key itself is told only now."""
    in_person(actor)
    wanted = sorted(set(scopes))
    refuse(
        name=_token_name_problem(name),
        scopes=None
        if set(wanted) <= table().keys()
        else Message("scopes-unknown", "Choose permissions from the list."),
        days=None
        if days is None or 1 <= days <= 3650
        else Message("days-outside", "Enter a number of days between 1 and 3650."),
    )
    live = session.exec(
        select(Token.id).where(col(Token.user_id) == actor.user_id, col(Token.revoked).is_(None))
    ).all()
    if len(live) >= MOST_TOKENS:
        raise NotNow(Message("tokens-many", "You have {most} tokens. Revoke one first.", most=MOST_TOKENS))
    key = new_key(TOKEN_PREFIX)
    token = Token(
        user_id=own(session, actor).key,
        name=clean_name(name),
        token_hash=key_hash(key),
        scopes=wanted,
        expires=None if days is None else now() + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    record(session, actor, "token.create", token, scopes=wanted)
    return token, key


def _token_name_problem(name: str) -> Message | None:
    if not clean_name(name):
        return Message("token-name-missing", "Say what the token is for.")
    if len(name) > 80:
        return Message("name-long", "Use at most {most} characters.", most=80)
    return None


def revoke_token(session: Session, actor: Actor, uid: str) -> None:
    """End one of one's own tokens. Raises NotFound."""
    in_person(actor)
    token = token_of(session, actor, uid)
    token.revoked = now()
    session.add(token)
    record(session, actor, "token.revoke", token)
