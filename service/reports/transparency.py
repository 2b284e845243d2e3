"""How open an organization is: the facts that it has filled in, and the reports that it has handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from service.agreements.models import Agreement
from service.organizations import queries as organizations
from service.reports.models import Report
from service.reports.queries import OPEN, owed, today_at

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.organizations.models import Organization
    from service.organizations.queries import Completeness


@dataclass(frozen=True, slots=True)
class Transparency:
    """Facts that are filled in, and of the reports due until yesterday those that are there."""

    facts: Completeness
    handed_in: int
    due: int

    @property
    def score(self) -> float:
        """In [0, 1]: half for the facts, half for the reports; the facts alone where no report was due."""
        return (self.facts.share + self.handed_in / self.due) / 2 if self.due else self.facts.share


def of_organization(session: Session, organization: Organization) -> Transparency:
    """How open it is today, where it is."""
    due = session.exec(
        select(col(Report.status), func.count())
        .join(Agreement, col(Agreement.id) == col(Report.agreement_id))
        .where(
            owed(),
            col(Report.organization_id) == organization.key,
            col(Report.due) < today_at(session, organization.key),
        )
        .group_by(col(Report.status))
    ).all()
    return Transparency(
        facts=organizations.completeness(organization, organizations.identifiers(session, organization)),
        handed_in=sum(count for status, count in due if status not in OPEN),
        due=sum(count for _, count in due),
    )
