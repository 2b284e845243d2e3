"""What lets a phone in: an organization's code (in its QR code), and the pass that a phone gets for it.

Both are signed words, kept nowhere. A code names the round (by its salt), the organization and the number of
its code; it is good until the facilitator revokes it, which makes the number grow and turns away every phone
that came in with it. A pass says the same and when it was given; it lies in a cookie of this round's pages
alone and is good for half a day. Whoever holds one may answer and rank for this organization in this round,
and nothing else: the actor made of it has the one permission `choice:make`, and no account.
"""

from __future__ import annotations

from types import MappingProxyType

from itsdangerous import BadData, Signer, TimestampSigner
from sqlalchemy import and_, bindparam
from sqlmodel import Session, col, select

from service.choices.models import Attendance
from service.organizations.models import Organization
from service.permissions import Actor, Role
from service.rounds.models import Round

PASS_HOURS = 12
PHONE = "phone"
"""How the log names a phone: this word and the organization's id."""


def make_code(secret: str, one: Round, organization: Organization, number: int) -> str:
    """The code that lets phones in for an organization."""
    return Signer(secret, salt=f"choices.code.{one.uid}").sign(f"{organization.uid}-{number}").decode()


def read_code(session: Session, secret: str, one: Round, code: str) -> Organization | None:
    """Whose code it is; None where it is not ours, of another round, or revoked."""
    try:
        content = Signer(secret, salt=f"choices.code.{one.uid}").unsign(code).decode()
    except BadData:
        return None
    organization, _ = _holder(session, one.uid, content)
    return organization


def make_pass(secret: str, one: Round, organization: Organization, number: int) -> str:
    """What a phone keeps after its code was good."""
    return (
        TimestampSigner(secret, salt=f"choices.pass.{one.uid}").sign(f"{organization.uid}-{number}").decode()
    )


def holder_of(session: Session, secret: str, uid: str, word: str, language: str) -> Actor | None:
    """Who holds a pass for the round `uid`: a phone that acts for one organization in it, in its zone."""
    try:
        signer = TimestampSigner(secret, salt=f"choices.pass.{uid}")
        content = signer.unsign(word, max_age=PASS_HOURS * 3600).decode()
    except BadData:
        return None
    organization, zone = _holder(session, uid, content)
    if organization is None:
        return None
    return Actor(
        uid=f"{PHONE}:{organization.uid}",
        name=organization.name,
        memberships=MappingProxyType({organization.key: Role.EDITOR}),
        scopes=frozenset({"choice:make"}),
        language=language,
        time_zone=zone,
    )


_HOLDER = (
    select(Organization, Attendance.code, Round.time_zone)
    .select_from(Organization)
    .join(Round, col(Round.uid) == bindparam("round"))
    .outerjoin(
        Attendance,
        and_(
            col(Attendance.organization_id) == col(Organization.id),
            col(Attendance.round_id) == col(Round.id),
        ),
    )
    .where(Organization.uid == bindparam("uid"))
)


def _holder(session: Session, round_uid: str, content: str) -> tuple[Organization | None, str]:
    """Whose code has this content, and the round's time zone."""
    uid, _, number = content.partition("-")
    found = session.exec(_HOLDER, params={"uid": uid, "round": round_uid}).first()
    if found is None:
        return None, ""
    organization, code, zone = found
    return organization if str(code or 0) == number else None, zone
