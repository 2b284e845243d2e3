"""Reading the books of agreements: what was promised, is due, paid, delivered and spent.

Every path starts at `agreements.queries.visible_to`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import String, cast, exists, or_
from sqlmodel import Session, col, select

from service.agreements import queries as agreements
from service.agreements.models import SIGNED, Agreement, AgreementStatus, PartyRole
from service.db import now
from service.errors import NotFound
from service.funding.models import (
    Breach,
    BreachStatus,
    BudgetLine,
    Commitment,
    CommitmentKind,
    Delivery,
    Disbursement,
    Expense,
    Milestone,
    MilestoneStatus,
)
from service.funding.reckoning import PAID, Account, accounts
from service.organizations import queries as organizations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from service.agreements.queries import Bound
    from service.organizations.models import Organization
    from service.permissions import Actor

DOING = (PartyRole.IMPLEMENTER, PartyRole.OPERATOR)
JUDGING = (PartyRole.FUNDER, PartyRole.SUPERVISOR)
MOST = 500
"""How many agreements the list of what waits looks through."""
LIVE = (AgreementStatus.IN_FORCE, AgreementStatus.SUSPENDED)


def today() -> date:
    """The day by which due dates are counted (UTC)."""
    return now().date()


@dataclass(frozen=True)
class Book:
    """All that is kept of one agreement in force or over, lines that an amendment took out too."""

    agreement: Agreement
    parties: Sequence[Bound]
    commitments: Sequence[Commitment]
    milestones: Sequence[Milestone]
    tranches: Sequence[Disbursement]
    lines: Sequence[BudgetLine]
    expenses: Sequence[Expense]
    deliveries: Sequence[Delivery]
    breaches: Sequence[Breach]

    def organization(self, number: int) -> Organization:
        """A party by the number of its organization."""
        return next(one.organization for one in self.parties if one.organization.key == number)

    def in_roles(self, roles: Iterable[PartyRole]) -> list[Organization]:
        """The parties in one of these roles."""
        return [one.organization for one in self.parties if one.party.role in set(roles)]

    @property
    def doers(self) -> list[Organization]:
        """Who reports milestones and spends: those who carry it out, else all partners."""
        return self.in_roles(DOING) or self.in_roles([PartyRole.PARTNER])

    @property
    def judges(self) -> list[Organization]:
        """Who accepts milestones: those who fund or supervise, else all partners."""
        return self.in_roles(JUDGING) or self.in_roles([PartyRole.PARTNER])

    def commitment(self, tranche: Disbursement | Delivery) -> Commitment:
        """What a tranche or a delivery is a part of."""
        return next(one for one in self.commitments if one.key == tranche.commitment_id)

    def milestone(self, tranche: Disbursement) -> Milestone | None:
        """What a tranche waits for, besides the signatures."""
        return next((one for one in self.milestones if one.key == tranche.milestone_id), None)

    def earlier(self, tranche: Disbursement) -> list[Disbursement]:
        """The tranches of the same commitment that come before it."""
        return [
            one
            for one in self.tranches
            if one.commitment_id == tranche.commitment_id
            and one.ended is None
            and (one.position, one.key) < (tranche.position, tranche.key)
        ]

    def accounts(self, organization: int | None = None) -> list[Account]:
        """Sums by currency and purpose; of one organization: what it was paid and spent."""
        mine = (
            (self.commitments, self.tranches, self.lines, self.expenses)
            if organization is None
            else (
                self.commitments,
                [one for one in self.tranches if one.payee_id == organization],
                self.lines,
                [one for one in self.expenses if one.organization_id == organization],
            )
        )
        return accounts(*mine)

    def spent_of(self, line: BudgetLine) -> int:
        """What was spent from a line."""
        return sum(one.amount for one in self.expenses if one.budget_line_id == line.key)

    def delivered_of(self, commitment: Commitment, *, confirmed: bool = True) -> int:
        """How much of it came, as both sides say; in hundredths of its unit."""
        return sum(
            one.quantity
            for one in self.deliveries
            if one.commitment_id == commitment.key and (one.confirmed is not None) is confirmed
        )


# Books --------------------------------------------------------------------------------------------------


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Agreement:
    """A signed agreement that the actor may see; raises NotFound, for amendments too."""
    found = agreements.get(session, actor, uid, lock=lock)
    if found.status not in SIGNED or found.amends_id is not None:
        raise NotFound
    return found


def open_book(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Book:
    """The book of one agreement. `lock`: nobody else writes into it until this transaction ends."""
    return book_of(session, get(session, actor, uid, lock=lock))


def book_of(session: Session, agreement: Agreement) -> Book:
    """The book of an agreement that was found already."""
    return books(session, [agreement])[0]


Entry = TypeVar("Entry")


def books(session: Session, chosen: Sequence[Agreement]) -> list[Book]:
    """Several books, with the same few statements however many they are."""
    keys = [one.key for one in chosen]

    def rows(table: type[Entry], owner: Any, *order: Any) -> dict[int, list[Entry]]:
        found: dict[int, list[Entry]] = defaultdict(list)
        wanted = select(table, owner).where(owner.in_(keys)).order_by(*order)
        for row, key in session.exec(wanted.execution_options(populate_existing=True)):
            found[key].append(row)
        return found

    parties = agreements.parties_of(session, chosen)
    commitments = rows(Commitment, col(Commitment.agreement_id), Commitment.position, Commitment.id)
    milestones = rows(Milestone, col(Milestone.agreement_id), Milestone.position, Milestone.id)
    tranches = rows(Disbursement, col(Disbursement.agreement_id), Disbursement.position, Disbursement.id)
    lines = rows(BudgetLine, col(BudgetLine.agreement_id), BudgetLine.position, BudgetLine.id)
    breaches = rows(Breach, col(Breach.agreement_id), Breach.id)
    by_line = {line.key: key for key, own in lines.items() for line in own}
    by_gift = {one.key: key for key, own in commitments.items() for one in own}
    expenses: dict[int, list[Expense]] = defaultdict(list)
    for expense in session.exec(
        select(Expense).where(col(Expense.budget_line_id).in_(list(by_line))).order_by(Expense.on, Expense.id)  # type: ignore[arg-type]
    ):
        expenses[by_line[expense.budget_line_id]].append(expense)
    deliveries: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in session.exec(
        select(Delivery)
        .where(col(Delivery.commitment_id).in_(list(by_gift)))
        .order_by(Delivery.on, Delivery.id)  # type: ignore[arg-type]
    ):
        deliveries[by_gift[delivery.commitment_id]].append(delivery)
    return [
        Book(
            one,
            parties[one.key],
            commitments[one.key],
            milestones[one.key],
            tranches[one.key],
            lines[one.key],
            expenses[one.key],
            deliveries[one.key],
            breaches[one.key],
        )
        for one in chosen
    ]


def unfinished(session: Session, actor: Actor, *, live: bool = False) -> list[Book]:
    """The books in which something may wait, the newest agreements first. `live`: only those in force."""
    key = col(Agreement.id)
    waits = [
        exists().where(
            col(Disbursement.agreement_id) == key,
            col(Disbursement.ended).is_(None),
            col(Disbursement.status).not_in(PAID),
        ),
        exists().where(
            col(Milestone.agreement_id) == key,
            col(Milestone.ended).is_(None),
            col(Milestone.status) != MilestoneStatus.ACCEPTED,
        ),
        exists().where(
            col(Commitment.agreement_id) == key,
            col(Commitment.id) == col(Delivery.commitment_id),
            col(Delivery.confirmed).is_(None),
        ),
    ]
    in_force = (col(Agreement.status).in_(LIVE)) & or_(*waits)
    broken = exists().where(
        col(Breach.agreement_id) == key,
        col(Breach.status).in_([BreachStatus.ALLEGED, BreachStatus.FOUND, BreachStatus.UPHELD]),
    )
    found = session.exec(
        agreements.visible_to(actor)
        .where(
            col(Agreement.status).in_(SIGNED),
            col(Agreement.amends_id).is_(None),
            in_force if live else or_(in_force, broken),
        )
        .order_by(key.desc())
        .limit(MOST)
    )
    return books(session, list(found))


# Single entries of a book -------------------------------------------------------------------------------


def entry(rows: Iterable[Any], uid: str) -> Any:
    """The row of a book with this uid; raises NotFound."""
    found = next((row for row in rows if row.uid == uid), None)
    if found is None:
        raise NotFound
    return found


def agreement_of(session: Session, actor: Actor, table: type[Any], uid: str) -> str:
    """The uid of the agreement to which an entry belongs, if the actor may see it; raises NotFound."""
    wanted = select(Agreement).where(table.uid == uid)
    if table is Expense:
        wanted = wanted.join(BudgetLine, col(BudgetLine.agreement_id) == col(Agreement.id)).join(
            Expense, col(Expense.budget_line_id) == col(BudgetLine.id)
        )
    elif table is Delivery:
        wanted = wanted.join(Commitment, col(Commitment.agreement_id) == col(Agreement.id)).join(
            Delivery, col(Delivery.commitment_id) == col(Commitment.id)
        )
    else:
        wanted = wanted.join(table, table.agreement_id == col(Agreement.id))
    found = session.exec(wanted.where(agreements.seen_by(actor))).first()
    if found is None:
        raise NotFound
    return found.uid


def is_cash(commitment: Commitment) -> bool:
    """Whether it is paid in tranches; all else is delivered."""
    return commitment.kind is CommitmentKind.CASH


def breaches_of(session: Session, organization: Organization) -> list[tuple[Breach, Agreement]]:
    """The findings against an organization that have consequences, newest first."""
    wanted = (
        select(Breach, Agreement)
        .join(Agreement, col(Agreement.id) == col(Breach.agreement_id))
        .where(
            Breach.organization_id == organization.key,
            col(Breach.status).in_([BreachStatus.FOUND, BreachStatus.UPHELD]),
        )
        .order_by(col(Breach.id).desc())
    )
    return list(session.exec(wanted))


def is_ahead(tranche: Disbursement) -> bool:
    """Whether it is still to be paid."""
    return tranche.ended is None and tranche.status not in PAID


def holds_content(session: Session, sha256: str) -> bool:
    """Whether a voucher or evidence of a breach refers to a content; for `evidence.HOLDERS`."""
    return any(
        session.exec(
            select(table.id).where(cast(column, String).contains(sha256, autoescape=True)).limit(1)
        ).first()
        is not None
        for table, column in ((Expense, col(Expense.voucher)), (Breach, col(Breach.evidence)))
    )


def may_receive(organization: Organization) -> bool:
    """Whether it may be paid now: verified, and neither suspended nor barred."""
    return organizations.may_act(organization, organizations.today())
