"""An agreement in force with its ledger: who gives, who gets, who looks on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session, col, select

from service.agreements.models import Agreement, AgreementStatus
from service.agreements.terms import BudgetTerms, CommitmentTerms, Terms
from service.db import now, writing
from service.funding import actions, ledger, queries
from service.funding.models import BudgetLine, Commitment, Disbursement, Milestone
from service.permissions import Actor, Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sqlalchemy import Engine

    from tests.service.conftest import MakeAgreement, MakeParty, MakeUser, Party

FEE = CommitmentTerms(
    item="c2",
    organization="-",
    kind="cash",
    purpose="management",
    quantity=50_000,
    unit="CNY",
    value=50_000,
    currency="CNY",
)
HOURS = CommitmentTerms(
    item="c3",
    organization="-",
    kind="volunteers",
    purpose="labour",
    description="Teaching assistants",
    quantity=12_000,
    unit="hour",
    value=360_000,
    currency="CNY",
    valuation="time",
)
BUDGET = (
    BudgetTerms(item="b1", purpose="programme", label="Filters", amount=400_000, currency="CNY"),
    BudgetTerms(item="b2", purpose="labour", label="Technician", amount=60_000, currency="CNY"),
    BudgetTerms(item="b3", purpose="management", label="Audit", amount=40_000, currency="CNY"),
)


@dataclass
class Deal:
    """One agreement and everybody around it."""

    engine: Engine
    agreement: Agreement
    funder: Party
    implementer: Party
    facilitator: Actor

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose work is kept."""
        with writing(self.engine) as session:
            yield session

    def book(self) -> queries.Book:
        """The book as it is now."""
        with Session(self.engine, expire_on_commit=False) as session:
            return queries.open_book(session, self.facilitator, self.agreement.uid)

    def row(self, table: type[Any], item: str) -> Any:
        """A line of the ledger by its item."""
        with Session(self.engine, expire_on_commit=False) as session:
            found = select(table).where(table.agreement_id == self.agreement.key, table.item == item)
            return session.exec(found).one()

    def tranche(self, item: str) -> Disbursement:
        found: Disbursement = self.row(Disbursement, item)
        return found

    def milestone(self, item: str) -> Milestone:
        found: Milestone = self.row(Milestone, item)
        return found

    def line(self, item: str) -> BudgetLine:
        found: BudgetLine = self.row(BudgetLine, item)
        return found

    def commitment(self, item: str) -> Commitment:
        found: Commitment = self.row(Commitment, item)
        return found

    def do(self, action: Callable[..., Any], actor: Actor, *given: Any, **more: Any) -> Any:
        """One use case in a transaction of its own."""
        with self.writing() as session:
            return action(session, actor, *given, **more)

    def accept(self, item: str) -> None:
        """Report a milestone and accept it."""
        uid = self.milestone(item).uid
        self.do(actions.report_milestone, self.implementer.actor, uid, "The wells are dug.")
        self.do(actions.accept_milestone, self.funder.actor, uid)

    def pay(self, item: str, on: date | None = None) -> Disbursement:
        """Request a tranche, approve it and pay it."""
        uid = self.tranche(item).uid
        self.do(actions.request_tranche, self.implementer.actor, uid)
        self.do(actions.approve_tranche, self.facilitator, uid)
        self.do(actions.pay_tranche, self.funder.actor, uid, on or queries.today(), f"Bank {item}")
        return self.tranche(item)

    def set_status(self, status: AgreementStatus) -> None:
        """Put the agreement into a status, as `agreements` would."""
        with self.writing() as session:
            kept = session.get_one(Agreement, self.agreement.key)
            kept.status = status
            session.add(kept)

    def amend(self, **changes: Any) -> Terms:
        """Sign an amendment with these changes of the terms, and bring the ledger up to date."""
        with self.writing() as session:
            terms = ledger.in_force(session, session.get_one(Agreement, self.agreement.key)).model_copy(
                update=changes
            )
            count = len(
                session.exec(select(Agreement.id).where(col(Agreement.amends_id) == self.agreement.key)).all()
            )
            amendment = Agreement(
                number=f"{self.agreement.number}-{count + 1}"[-20:],
                kind=self.agreement.kind,
                status=AgreementStatus.IN_FORCE,
                title=self.agreement.title,
                terms=terms.model_dump(mode="json"),
                amends_id=self.agreement.key,
                in_force=now(),
            )
            session.add(amendment)
            session.flush()
            ledger.bring_up_to_date(session, amendment)
        return terms


MakeDeal = Callable[..., Deal]


@pytest.fixture
def make_deal(
    engine: Engine,
    make_party: MakeParty,
    make_user: MakeUser,
    make_agreement: MakeAgreement,
    actor: Callable[[Any], Actor],
) -> MakeDeal:
    """Makes an agreement with tranches, a fee, volunteers' hours and a budget: `make_deal(tranches=3)`."""

    def make(
        status: AgreementStatus = AgreementStatus.IN_FORCE,
        *,
        tranches: int = 2,
        more: tuple[CommitmentTerms, ...] = (FEE, HOURS),
        budget: tuple[BudgetTerms, ...] = BUDGET,
        **values: Any,
    ) -> Deal:
        funder = make_party("Blue Bank", Role.OWNER, kind="finance")
        implementer = make_party("Green Home", Role.EDITOR)
        agreement = make_agreement(funder, implementer, status, tranches=tranches, **values)
        with writing(engine) as session:
            kept = session.get_one(Agreement, agreement.key)
            terms = Terms.model_validate(kept.terms)
            given = tuple(one.model_copy(update={"organization": funder.organization.uid}) for one in more)
            terms = terms.model_copy(update={"commitments": (*terms.commitments, *given), "budget": budget})
            kept.terms = terms.model_dump(mode="json")
            session.add(kept)
            session.flush()
            ledger.bring_up_to_date(session, kept)
        facilitator = actor(make_user(roles=[Role.FACILITATOR]))
        return Deal(engine, agreement, funder, implementer, facilitator)

    return make


@pytest.fixture
def deal(make_deal: MakeDeal) -> Deal:
    """500,000 of minor units in two tranches, the second after a milestone."""
    return make_deal()
