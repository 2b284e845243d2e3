"""The ledger: rows made from the terms that were signed, and from those of every amendment.

Lines are told apart by their `item`. What an amendment takes out is `ended`, never deleted; what was paid is
never touched, and an amendment that would lose it cannot be signed (`keeps_what_was_paid`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.messages import Message, Quantity
from service.agreements.models import SIGNED, Agreement
from service.agreements.terms import Terms
from service.db import now, writing
from service.events import advance, record
from service.funding.models import (
    DISBURSEMENT,
    BudgetLine,
    Commitment,
    CommitmentKind,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
    Purpose,
    Valuation,
)
from service.funding.reckoning import PAID
from service.organizations.models import Organization
from service.permissions import SYSTEM_ACTOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.jobs import Work

UNDER_WAY = (DisbursementStatus.REQUESTED, DisbursementStatus.APPROVED, DisbursementStatus.HELD)
Line = Commitment | Milestone | Disbursement | BudgetLine


def open_ledger(work: Work, *, agreement: str) -> None:
    """The job after the last signature under an agreement or an amendment; twice changes nothing."""
    with writing(work.engine) as session:
        signed = session.exec(select(Agreement).where(Agreement.uid == agreement)).one()
        bring_up_to_date(session, signed)


def bring_up_to_date(session: Session, signed: Agreement) -> Agreement:
    """Make the rows of the agreement (of the one that is amended) say what was signed last."""
    number = signed.amends_id or signed.key
    locked = select(Agreement).where(Agreement.id == number).with_for_update()
    agreement = session.exec(locked.execution_options(populate_existing=True)).one()
    if agreement.status in SIGNED:
        _Keeping(session, agreement, in_force(session, agreement)).run()
    return agreement


def in_force(session: Session, agreement: Agreement) -> Terms:
    """The terms that count: those of the amendment that was signed last, else the agreement's own."""
    amendments = (
        select(Agreement)
        .where(Agreement.amends_id == agreement.key, col(Agreement.status).in_(SIGNED))
        .order_by(col(Agreement.in_force).desc(), col(Agreement.id).desc())
    )
    last = session.exec(amendments).first()
    return Terms.model_validate((last or agreement).terms)


class _Keeping:
    """One pass over the lines of an agreement. `changed`: items that were made, changed or ended."""

    def __init__(self, session: Session, agreement: Agreement, terms: Terms) -> None:
        self.session, self.agreement, self.terms = session, agreement, terms
        self.changed: dict[str, list[str]] = {"made": [], "changed": [], "ended": []}
        uids = {one.organization for one in terms.parties}
        uids |= {one.organization for one in terms.commitments} | {one.payee for one in terms.tranches}
        found = session.exec(select(Organization).where(col(Organization.uid).in_(uids)))
        self.organizations = {one.uid: one.key for one in found}

    def run(self) -> None:
        commitments = self._lines(Commitment, [self._commitment(one) for one in self.terms.commitments])
        milestones = self._lines(
            Milestone, [one.model_dump(include=set(_MILESTONE)) for one in self.terms.milestones]
        )
        self._lines(
            Disbursement,
            [
                {
                    "item": one.item,
                    "commitment_id": commitments[one.commitment].key,
                    "milestone_id": milestones[one.milestone].key if one.milestone else None,
                    "payee_id": self.organizations[one.payee],
                    "amount": one.amount,
                    "currency": commitments[one.commitment].currency,
                    "due": one.due,
                }
                for one in self.terms.tranches
            ],
        )
        self._lines(
            BudgetLine,
            [
                {
                    "item": one.item,
                    "purpose": Purpose(one.purpose),
                    "label": one.label,
                    "planned": one.amount,
                    "currency": one.currency,
                }
                for one in self.terms.budget
            ],
        )
        if any(self.changed.values()):
            details: dict[str, Any] = {**self._where(), **self.changed}
            record(self.session, SYSTEM_ACTOR, "ledger.keep", self.agreement, **details)

    def _commitment(self, one: Any) -> dict[str, Any]:
        kind = CommitmentKind(one.kind)
        return {
            "item": one.item,
            "organization_id": self.organizations[one.organization],
            "kind": kind,
            "purpose": Purpose(one.purpose),
            "description": one.description,
            "quantity": one.quantity,
            "unit": one.unit,
            "value": one.quantity if kind is CommitmentKind.CASH else one.value,
            "currency": one.currency or (one.unit if kind is CommitmentKind.CASH else ""),
            "valuation": Valuation(one.valuation),
        }

    def _lines(self, table: type[Any], wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The rows of one table as the terms have them, by item."""
        own = self.session.exec(select(table).where(table.agreement_id == self.agreement.key))
        rows: dict[str, Any] = {row.item: row for row in own}
        for position, values in enumerate(wanted):
            row = rows.get(values["item"])
            if row is None:
                row = table(agreement_id=self.agreement.key, position=position, **values)
                rows[row.item] = row
                self.changed["made"].append(row.item)
            elif not _is_settled(row):
                self._change(row, {**values, "position": position, "ended": None})
            self.session.add(row)
        items = {values["item"] for values in wanted}
        for row in rows.values():
            if row.item not in items and row.ended is None and not _is_settled(row):
                self._change(row, {"ended": now()})
                self.session.add(row)
        self.session.flush()
        return rows

    def _change(self, row: Any, values: Mapping[str, Any]) -> None:
        """Write what is different. A tranche under way is planned again: what was approved is no more."""
        different = {name for name, value in values.items() if getattr(row, name) != value}
        if not different:
            return
        if isinstance(row, Disbursement) and row.status in UNDER_WAY and different - {"position", "due"}:
            why = f"The terms were amended: {', '.join(sorted(different))}."
            advance(self.session, SYSTEM_ACTOR, row, DISBURSEMENT, "replan", reason=why, **self._where())
            row.requested_by = row.requested = row.approved_by = row.approved = None
            row.reason = ""
        for name in different:
            setattr(row, name, values[name])
        if different != {"position"}:
            row.version += 1
            self.changed["ended" if "ended" in different and row.ended else "changed"].append(row.item)

    def _where(self) -> dict[str, str]:
        return {"agreement": self.agreement.uid}


_MILESTONE = ("item", "title", "condition", "due")


def _is_settled(row: Line) -> bool:
    """Whether it is history: paid, or accepted. Amendments leave it as it is."""
    if isinstance(row, Disbursement):
        return row.status in PAID
    return isinstance(row, Milestone) and row.status is MilestoneStatus.ACCEPTED


# What an amendment must not do --------------------------------------------------------------------------


def keeps_what_was_paid(session: Session, agreement: Agreement, terms: Terms) -> Message | None:
    """Why an agreement cannot be amended to these terms: a tranche that was paid would vanish or change."""
    wanted = {one.item: one for one in terms.tranches}
    givers = {one.item: one for one in terms.commitments}
    payees = {
        one.key: one.uid
        for one in session.exec(
            select(Organization)
            .join(Disbursement, col(Disbursement.payee_id) == col(Organization.id))
            .where(Disbursement.agreement_id == agreement.key)
        )
    }
    paid = (
        select(Disbursement, Commitment)
        .join(Commitment, col(Commitment.id) == col(Disbursement.commitment_id))
        .where(Disbursement.agreement_id == agreement.key, col(Disbursement.status).in_(PAID))
        .order_by(col(Disbursement.position), col(Disbursement.id))
    )
    for tranche, commitment in session.exec(paid):
        line = wanted.get(tranche.item)
        giver = givers.get(line.commitment) if line else None
        if line is None or giver is None:
            return Message(
                "paid-vanishes",
                "The tranche of {amount} was paid on {day} and cannot be left out. Put it back.",
                amount=Quantity(tranche.amount, tranche.currency),
                day=tranche.paid or agreement.created.date(),
            )
        same = (line.amount, giver.item, line.payee, giver.currency or giver.unit, giver.purpose) == (
            tranche.amount,
            commitment.item,
            payees[tranche.payee_id],
            tranche.currency,
            commitment.purpose.value,
        )
        if not same:
            return Message(
                "paid-changes",
                "The tranche of {amount} was paid on {day}: its sum, giver and receiver stay as they are.",
                amount=Quantity(tranche.amount, tranche.currency),
                day=tranche.paid or agreement.created.date(),
            )
    return None
