"""A cooperation with everything that one can have, public or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.agreements.models import Agreement, AgreementStatus
from service.agreements.terms import Terms
from service.db import now, writing
from service.funding.models import (
    Commitment,
    CommitmentKind,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
    Valuation,
)
from service.organizations.models import Organization
from service.reports.models import Report, ReportKind, ReportStatus
from service.rounds.models import RoundStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.listings.models import Listing
    from service.rounds.models import Round
    from tests.service.conftest import MakeAgreement, MakeListing, MakeParty, MakeRound, Party

Settle = Callable[..., None]


@dataclass
class Story:
    """From a need to a final report."""

    company: Party
    ngo: Party
    need: Listing
    round: Round
    agreement: Agreement


@pytest.fixture
def settle(engine: Engine) -> Settle:
    """Writes the ledger of an agreement, as if all had gone by plan: `settle(agreement, paid=1)`.

    `paid`: so many of its tranches; `report`: with an accepted final report.
    """

    def make(agreement: Agreement, *, paid: int = 0, report: bool = False, **answers: Any) -> None:
        terms = Terms.model_validate(agreement.terms)
        with writing(engine) as session:
            keys = {one.uid: one.key for one in session.exec(select(Organization))}
            kept: dict[str, Commitment] = {}
            for promise in terms.commitments:
                kept[promise.item] = Commitment(
                    agreement_id=agreement.key,
                    organization_id=keys[promise.organization],
                    item=promise.item,
                    kind=CommitmentKind(promise.kind),
                    description=promise.description,
                    quantity=promise.quantity,
                    unit=promise.unit,
                    value=promise.value,
                    currency=promise.currency,
                    valuation=Valuation(promise.valuation),
                )
                session.add(kept[promise.item])
            session.flush()
            for milestone in terms.milestones:
                session.add(
                    Milestone(
                        agreement_id=agreement.key,
                        item=milestone.item,
                        title=milestone.title,
                        due=milestone.due,
                        status=MilestoneStatus.ACCEPTED if paid > 1 else MilestoneStatus.PLANNED,
                        accepted=now() if paid > 1 else None,
                    )
                )
            for number, tranche in enumerate(terms.tranches):
                done = number < paid
                session.add(
                    Disbursement(
                        agreement_id=agreement.key,
                        commitment_id=kept[tranche.commitment].key,
                        payee_id=keys[tranche.payee],
                        item=tranche.item,
                        amount=tranche.amount,
                        currency=kept[tranche.commitment].unit,
                        due=tranche.due,
                        status=DisbursementStatus.PAID if done else DisbursementStatus.PLANNED,
                        paid=tranche.due if done else None,
                    )
                )
            if report:
                implementer = next(p.organization for p in terms.parties if p.role == "implementer")
                session.add(
                    Report(
                        number=1,
                        agreement_id=agreement.key,
                        organization_id=keys[implementer],
                        kind=ReportKind.FINAL,
                        status=ReportStatus.ACCEPTED,
                        period_start=date(2026, 1, 1),
                        period_end=date(2026, 12, 31),
                        due=date(2027, 1, 15),
                        answers={
                            "results": "Two schools drink clean water.",
                            "beneficiaries": "1,200",
                            **answers,
                        },
                        language="en",
                        decided=datetime(2027, 1, 20, tzinfo=UTC),
                    )
                )

    return make


@pytest.fixture
def story(
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    make_agreement: MakeAgreement,
    settle: Settle,
) -> Story:
    """A company pays for clean water in two schools; two tranches, a final report, completed."""
    company = make_party("Blue River Ltd", kind="business")
    ngo = make_party("Green Home")
    need = make_listing(ngo, "Clean water for mountain schools", themes="water-sanitation", places="cn")
    held = make_round(status=RoundStatus.CLOSED, title="Spring forum")
    agreement = make_agreement(
        company,
        ngo,
        AgreementStatus.COMPLETED,
        tranches=2,
        need=need,
        round_id=held.key,
        ended=datetime(2027, 2, 1, tzinfo=UTC),
    )
    settle(agreement, paid=2, report=True)
    return Story(company, ngo, need, held, agreement)
