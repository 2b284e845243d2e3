"""Who is asking, and who belongs where."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import update
from sqlmodel import col, select

from service.accounts.models import (
    HeldForm,
    Invitation,
    InvitationStatus,
    Membership,
    SignIn,
    Token,
    User,
    UserStatus,
)
from service.accounts.proofs import TOKEN_PREFIX, key_hash, verify_password
from service.db import now, writing
from service.errors import NotFound, SignInNeeded
from service.events import Event
from service.permissions import VISITOR, Actor, Role, may, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

SESSION_COOKIE = "qiao_session"
SEEN_EVERY = timedelta(minutes=10)
"""How exactly it is known when a session or token was last used."""


class Carrier(Protocol):
    """A request, as far as it says who sends it."""

    @property
    def cookies(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102


def fold_email(email: str) -> str:
    """An address as it is compared and kept."""
    return "".join(letter for letter in email if letter.isprintable()).strip().lower()


def visible_to(actor: Actor) -> SelectOfScalar[User]:
    """The users that somebody may see: administrators all, others themselves."""
    users = select(User)
    if may(actor, "user:administer"):
        return users
    return users.where(col(User.id) == (actor.user_id or 0))


def get(session: Session, actor: Actor, uid: str) -> User:
    """One user. Raises NotFound."""
    user = session.exec(visible_to(actor).where(col(User.uid) == uid)).one_or_none()
    if user is None:
        raise NotFound
    return user


def own(session: Session, actor: Actor) -> User:
    """The row of whoever asks. Raises SignInNeeded for visitors."""
    user = session.get(User, actor.user_id) if actor.signed_in else None
    if user is None:
        raise SignInNeeded
    return user


def users(
    session: Session, actor: Actor, wanted: str = "", *, limit: int = 100, offset: int = 0
) -> list[User]:
    """Users whose address or name contains `wanted`, the newest first."""
    chosen = visible_to(actor)
    if wanted:
        chosen = chosen.where(
            col(User.email).contains(fold_email(wanted), autoescape=True)
            | col(User.name).icontains(wanted.strip(), autoescape=True)
        )
    return list(session.exec(chosen.order_by(col(User.id).desc()).limit(limit).offset(offset)))


def user_by_email(session: Session, email: str) -> User | None:
    """The user with an address, however it is written."""
    return session.exec(select(User).where(col(User.email) == fold_email(email))).one_or_none()


# Who is asking -----------------------------------------------------------------------------------------


def says_who(request: Carrier) -> bool:
    """Whether a request carries anything by which `identify` could know its sender."""
    return "authorization" in request.headers or SESSION_COOKIE in request.cookies


def identify(request: Carrier, session: Session) -> Actor:
    """Who sends a request: by its bearer token, else by its session cookie, else nobody."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(session, key.strip())
    signed_in = live_sign_in(session, request.cookies.get(SESSION_COOKIE, ""))
    if signed_in is None:
        return VISITOR
    user = session.get_one(User, signed_in.user_id)
    if now() - signed_in.last_seen > SEEN_EVERY:
        _seen(session, signed_in)
    return actor_of(session, user)


def _by_token(session: Session, key: str) -> Actor:
    if not key.startswith(TOKEN_PREFIX):
        return VISITOR
    found = session.exec(
        select(Token, User)
        .where(col(Token.token_hash) == key_hash(key), col(Token.user_id) == col(User.id))
        .where(col(Token.revoked).is_(None), col(User.status) == UserStatus.ACTIVE)
        .where(col(Token.expires).is_(None) | (col(Token.expires) > now()))
    ).one_or_none()
    if found is None:
        return VISITOR
    token, user = found
    if token.last_used is None or now() - token.last_used > SEEN_EVERY:
        _seen(session, token)
    return actor_of(session, user, scopes=frozenset(token.scopes))


def _seen(session: Session, what: SignIn | Token) -> None:
    """Note that it was used: the one thing a reader writes, in a transaction of its own."""
    bind = session.get_bind()
    column = "last_seen" if isinstance(what, SignIn) else "last_used"
    with writing(bind.engine) as noting:
        noting.execute(update(type(what)).where(col(type(what).id) == what.id).values({column: now()}))


def actor_of(session: Session, user: User, *, scopes: frozenset[str] | None = None) -> Actor:
    """A user as one who asks, with all roles."""
    memberships = session.exec(select(Membership).where(col(Membership.user_id) == user.key))
    return Actor(
        uid=user.uid,
        user_id=user.key,
        name=user.name,
        roles=frozenset(Role(role) for role in user.roles),
        memberships=MappingProxyType({one.organization_id: one.role for one in memberships}),
        scopes=scopes,
        language=user.language,
        time_zone=user.time_zone,
    )


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The user with this address and password, unless closed. Takes as long for addresses that nobody has."""
    user = user_by_email(session, email)
    right = verify_password(password, user.password_hash if user else "")
    return user if right and user is not None and user.status is not UserStatus.CLOSED else None


def live_sign_in(session: Session, cookie: str) -> SignIn | None:
    """The sign-in that a cookie stands for, unless it has ended or its user is not active."""
    if not cookie:
        return None
    return session.exec(
        select(SignIn)
        .join(User, col(User.id) == col(SignIn.user_id))
        .where(col(SignIn.token_hash) == key_hash(cookie), col(SignIn.revoked).is_(None))
        .where(col(SignIn.expires) > now(), col(User.status) == UserStatus.ACTIVE)
    ).one_or_none()


def sign_ins(session: Session, actor: Actor) -> list[SignIn]:
    """Where somebody is signed in, the latest used first."""
    own_ones = select(SignIn).where(col(SignIn.user_id) == (actor.user_id or 0))
    live = own_ones.where(col(SignIn.revoked).is_(None), col(SignIn.expires) > now())
    return list(session.exec(live.order_by(col(SignIn.last_seen).desc())))


def sign_in_of(session: Session, actor: Actor, uid: str) -> SignIn:
    """One of somebody's own sign-ins. Raises NotFound."""
    found = session.exec(
        select(SignIn).where(col(SignIn.user_id) == (actor.user_id or 0), col(SignIn.uid) == uid)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def tokens(session: Session, actor: Actor) -> list[Token]:
    """Somebody's own tokens that have not been revoked, the newest first."""
    own_ones = select(Token).where(col(Token.user_id) == (actor.user_id or 0))
    return list(session.exec(own_ones.where(col(Token.revoked).is_(None)).order_by(col(Token.id).desc())))


def token_of(session: Session, actor: Actor, uid: str) -> Token:
    """One of somebody's own tokens. Raises NotFound."""
    found = session.exec(
        select(Token).where(
            col(Token.user_id) == (actor.user_id or 0), col(Token.uid) == uid, col(Token.revoked).is_(None)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def scopes_for(actor: Actor) -> list[str]:
    """The permissions that somebody has anywhere, and may give to a token."""
    roles = actor.roles_in(None) | frozenset(actor.memberships.values())
    return [permission for permission, allowed in table().items() if allowed & roles]


def device(signed_in: SignIn) -> str:
    """Browser and system of a sign-in, as far as its user agent tells; their names need no translation."""
    said = signed_in.user_agent
    browser = next((name for mark, name in _BROWSERS if mark in said), "")
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    return " · ".join(part for part in (browser, system) if part)


_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("YaBrowser", "Yandex"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


# Who belongs where -------------------------------------------------------------------------------------


def members_of(session: Session, organization_id: int) -> list[tuple[User, Membership]]:
    """Everybody in an organization, in the order in which they came."""
    return list(
        session.exec(
            select(User, Membership)
            .where(col(Membership.user_id) == col(User.id))
            .where(col(Membership.organization_id) == organization_id)
            .order_by(col(Membership.id))
        )
    )


def memberships_of(session: Session, user_ids: Iterable[int]) -> dict[int, set[int]]:
    """By user: the numbers of the organizations that they belong to."""
    found: dict[int, set[int]] = {}
    for one in session.exec(select(Membership).where(col(Membership.user_id).in_(list(user_ids)))):
        found.setdefault(one.user_id, set()).add(one.organization_id)
    return found


def memberships_ended(session: Session, users: Iterable[User]) -> dict[int, set[int]]:
    """By user: the numbers of the organizations that they have left, as far as the log knows."""
    by_uid = {user.uid: user.key for user in users}
    found: dict[int, set[int]] = {}
    for details in session.exec(select(Event.details).where(Event.name == "membership.end")):
        if details["user"] in by_uid and "organization_number" in details:
            found.setdefault(by_uid[details["user"]], set()).add(details["organization_number"])
    return found


def editors_of(session: Session, organization_id: int) -> list[User]:
    """Everybody active who may act for an organization."""
    return [
        user
        for user, membership in members_of(session, organization_id)
        if membership.role is not Role.VIEWER and user.status is UserStatus.ACTIVE
    ]


def emails_of_editors(session: Session, organization_id: int) -> list[tuple[str, str]]:
    """Address and language of everybody who may act for an organization."""
    return [(user.email, user.language) for user in editors_of(session, organization_id)]


def users_with_role(session: Session, role: Role) -> list[User]:
    """Everybody active who has a role in the whole service."""
    active = session.exec(select(User).where(col(User.status) == UserStatus.ACTIVE).order_by(col(User.id)))
    return [user for user in active if role in user.roles]


def emails_with_role(session: Session, role: Role) -> list[tuple[str, str]]:
    """Address and language of everybody who has a role in the whole service."""
    return [(user.email, user.language) for user in users_with_role(session, role)]


def pending_invitations(session: Session, organization_id: int) -> list[Invitation]:
    """Invitations of an organization that can still be taken up, the newest first."""
    return list(
        session.exec(
            select(Invitation)
            .where(col(Invitation.organization_id) == organization_id)
            .where(col(Invitation.status) == InvitationStatus.PENDING, col(Invitation.expires) > now())
            .order_by(col(Invitation.id).desc())
        )
    )


def held(session: Session, cookie: str, path: str) -> Mapping[str, list[str]] | None:
    """What was typed into the form at `path` when the session had ended, for the browser with this cookie."""
    if not cookie:
        return None
    return session.exec(
        select(HeldForm.fields).where(
            col(HeldForm.token_hash) == key_hash(cookie),
            col(HeldForm.path) == path,
            col(HeldForm.expires) > now(),
        )
    ).one_or_none()
