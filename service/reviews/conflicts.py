"""Who must not judge whom: by membership now or before, as a sponsor, or because somebody has said so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.accounts.models import User
from service.accounts.queries import memberships_ended, memberships_of
from service.reviews.models import Conflict
from service.rounds.models import Application, ApplicationStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.rounds.models import Round


class Ground(StrEnum):
    """Why a pair of reviewer and applicant is impossible."""

    MEMBER = "member"
    FORMER = "former"
    SPONSOR = "sponsor"
    DECLARED = "declared"


SAID = {
    Ground.MEMBER: Message("conflict-member", "Belongs to the organization that applies."),
    Ground.FORMER: Message("conflict-former", "Belonged to the organization that applies."),
    Ground.SPONSOR: Message("conflict-sponsor", "Belongs to an organization that gives in this round."),
    Ground.DECLARED: Message("conflict-declared", "A conflict of interest was declared."),
}


@dataclass(frozen=True, slots=True)
class Grounds:
    """All conflicts of interest of some people in one round."""

    inside: dict[int, set[int]]
    """By user: the organizations they belong to."""
    before: dict[int, set[int]]
    declared: dict[int, set[int]]
    sponsors: set[int]
    """Organizations that give in the round."""

    def between(self, user_id: int, organization_id: int) -> Ground | None:
        """Why the person must not judge the organization; None where they may."""
        inside = self.inside.get(user_id, set())
        if organization_id in inside:
            return Ground.MEMBER
        if organization_id in self.before.get(user_id, set()):
            return Ground.FORMER
        if inside & self.sponsors:
            return Ground.SPONSOR
        return Ground.DECLARED if organization_id in self.declared.get(user_id, set()) else None


def grounds(session: Session, one: Round, user_ids: Iterable[int]) -> Grounds:
    """The conflicts of these people in a round, whether it has assigned them anything or not."""
    wanted = list(user_ids)
    declared: dict[int, set[int]] = {}
    for conflict in session.exec(select(Conflict).where(col(Conflict.user_id).in_(wanted))):
        declared.setdefault(conflict.user_id, set()).add(conflict.organization_id)
    giving = select(Application.organization_id).where(
        Application.round_id == one.key,
        Application.side == Side.OFFER,
        col(Application.status).not_in([ApplicationStatus.DRAFT, ApplicationStatus.WITHDRAWN]),
    )
    people = session.exec(select(User).where(col(User.id).in_(wanted)))
    return Grounds(
        inside=memberships_of(session, wanted),
        before=memberships_ended(session, people),
        declared=declared,
        sponsors=set(session.exec(giving)),
    )
