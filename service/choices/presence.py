"""Who is there, and how far the choosing is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from matching.profiles import Side
from service.choices.models import Attendance, Choice
from service.choices.queries import HOLDING, SHOWN
from service.errors import NotFound
from service.organizations.models import Organization
from service.pairings.models import Pairing, PairingStatus
from service.rounds import queries as rounds
from service.rounds.models import Application

if TYPE_CHECKING:
    from service.rounds.models import Round


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers on the wall and for the facilitator."""

    present: int
    expected: int
    answered: int
    """Answers given to what has been released, of `to_answer`."""
    to_answer: int
    mutual: int
    agreed: int


def numbers(session: Session, one: Round) -> Numbers:
    """How far a round's choosing is; sums only, so that everybody may know."""
    counted = session.exec(
        select(Pairing.status, func.count()).where(Pairing.round_id == one.key).group_by(Pairing.status)
    ).all()
    by_status = dict(counted)
    answered = session.exec(
        select(func.count())
        .select_from(Choice)
        .join(Pairing, col(Pairing.id) == col(Choice.pairing_id))
        .where(
            Pairing.round_id == one.key,
            Pairing.status == PairingStatus.RELEASED,
            col(Choice.answer).is_not(None),
        )
    ).one()
    present = session.exec(
        select(func.count())
        .select_from(Attendance)
        .where(Attendance.round_id == one.key, col(Attendance.checked_in).is_not(None))
    ).one()
    expected = session.exec(
        select(func.count(col(Application.organization_id).distinct())).where(_belongs(one))
    ).one()
    holding = sum(by_status.get(status, 0) for status in HOLDING)
    return Numbers(
        present=present,
        expected=expected,
        answered=answered + 2 * holding,
        to_answer=2 * (by_status.get(PairingStatus.RELEASED, 0) + holding),
        mutual=holding,
        agreed=by_status.get(PairingStatus.AGREED, 0),
    )


def _belongs(one: Round) -> ColumnElement[bool]:
    """Applications whose organizations belong at the forum: in the match, or paired."""
    paired = [
        col(Application.id).in_(
            select(column).where(Pairing.round_id == one.key, col(Pairing.status).in_(SHOWN))
        )
        for column in (Pairing.need_id, Pairing.offer_id)
    ]
    return and_(col(Application.round_id) == one.key, or_(rounds.matchable(one), *paired))


@dataclass(frozen=True, slots=True)
class Guest:
    """An organization that belongs at the forum."""

    organization: Organization
    sides: tuple[Side, ...]
    attendance: Attendance | None

    @property
    def is_present(self) -> bool:
        """Whether somebody of it has checked in."""
        return self.attendance is not None and self.attendance.checked_in is not None


def guests(session: Session, one: Round) -> list[Guest]:
    """All that belong at the forum, by name."""
    sides: dict[int, set[Side]] = {}
    for organization, side in session.exec(
        select(Application.organization_id, Application.side).where(_belongs(one))
    ):
        sides.setdefault(organization, set()).add(Side(side))
    attendances = {
        row.organization_id: row
        for row in session.exec(select(Attendance).where(Attendance.round_id == one.key))
    }
    organizations = session.exec(select(Organization).where(col(Organization.id).in_(sides)))
    found = [Guest(one, tuple(sorted(sides[one.key])), attendances.get(one.key)) for one in organizations]
    return sorted(found, key=lambda guest: (guest.organization.name.casefold(), guest.organization.key))


def guest(session: Session, one: Round, uid: str) -> Guest:
    """One of them. Raises NotFound."""
    found = next((guest for guest in guests(session, one) if guest.organization.uid == uid), None)
    if found is None:
        raise NotFound
    return found


def attendance(session: Session, one: Round, organization: int) -> Attendance | None:
    """An organization's place at the forum, where it has come or its code was ever revoked."""
    return session.exec(
        select(Attendance).where(Attendance.round_id == one.key, Attendance.organization_id == organization)
    ).first()
