"""What lets a phone in: an organization's code (in its QR code), and the pass that a phone gets for it.

Both are signed words, kept nowhere. A code names the round (by its salt), the organization and the number of
its code; it is good until the facilitator revokes it, which makes the number grow and turns away every phone
that came in with it. A pass says the same and when it was given; it lies in a cookie of this round's pages
alone and is good for half a day. Whoever holds one may answer and rank for this organization in this round,
and nothing else: the actor made of it has the one permission `choice:make`, and no account.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from itsdangerous import BadData, Signer, TimestampSigner
from sqlalchemy import and_, bindparam
from sqlmodel import Session, col, select

from service.choices.models import Attendance
from service.organizations.models import Organization
from service.permissions import Actor, Role

if TYPE_CHECKING:
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
    return _holder(session, one, content)


def make_pass(secret: str, one: Round, organization: Organization, number: int) -> str:
    """What a phone keeps after its code was good."""
    return (
        TimestampSigner(secret, salt=f"choices.pass.{one.uid}").sign(f"{organization.uid}-{number}").decode()
    )


def holder_of(session: Session, secret: str, one: Round, word: str, language: str, zone: str) -> Actor | None:
    """Who holds a pass: a phone that acts for one organization in this round."""
    try:
        signer = TimestampSigner(secret, salt=f"choices.pass.{one.uid}")
        content = signer.unsign(word, max_age=PASS_HOURS * 3600).decode()
    except BadData:
        return None
    organization = _holder(session, one, content)
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
    select(Organization, Attendance)
    .outerjoin(
        Attendance,
        and_(
            col(Attendance.organization_id) == col(Organization.id),
            col(Attendance.round_id) == bindparam("round"),
        ),
    )
    .where(Organization.uid == bindparam("uid"))
)


def _holder(session: Session, one: Round, content: str) -> Organization | None:
    uid, _, number = content.partition("-")
    found = session.exec(_HOLDER, params={"uid": uid, "round": one.key}).first()
    if found is None:
        return None
    organization, there = found
    return organization if str(there.code if there else 0) == number else None
