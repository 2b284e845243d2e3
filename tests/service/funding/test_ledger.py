"""The ledger says what was signed, and never forgets what was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from service.agreements.hooks import why_not_amended
from service.agreements.models import Agreement, AgreementStatus
from service.agreements.terms import MilestoneTerms, Terms, TrancheTerms
from service.db import writing
from service.events import Event
from service.funding import actions, ledger
from service.funding.models import (
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
from service.jobs import promise

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy import Engine

    from service.jobs import Jobs
    from tests.service.conftest import MakeAgreement, MakeParty
    from tests.service.funding.conftest import Deal, MakeDeal


def _terms(deal: Deal) -> Terms:
    with deal.writing() as session:
        return ledger.in_force(session, session.get_one(Agreement, deal.agreement.key))


def _refused(deal: Deal, terms: Terms) -> str:
    with Session(deal.engine) as session:
        agreement = session.get_one(Agreement, deal.agreement.key)
        message = why_not_amended(session, agreement, terms)
        return message.code if message else ""


def test_job_makes_rows_of_what_was_signed_once(
    database_url: str,
    engine: Engine,
    jobs: Jobs,
    make_party: MakeParty,
    make_agreement: MakeAgreement,
    rows: Callable[[Any], list[Any]],
) -> None:
    agreement = make_agreement(
        make_party("Blue Bank", kind="finance"), make_party(), tranches=3, amount=900_000
    )
    for _ in range(2):
        with writing(engine) as session:
            promise(session, "open_ledger", agreement=agreement.uid)
        jobs.run_all()
    tranches = rows(select(Disbursement).order_by(col(Disbursement.position)))
    assert [(one.item, one.amount, one.currency, one.status) for one in tranches] == [
        (f"t{n}", 300_000, "CNY", DisbursementStatus.PLANNED) for n in range(3)
    ]
    milestones = {one.key: one.item for one in rows(select(Milestone))}
    assert [milestones.get(one.milestone_id) for one in tranches] == [None, "m1", "m2"]
    assert [one.quantity for one in rows(select(Commitment))] == [900_000]
    kept = rows(select(Event).where(Event.name == "ledger.keep"))
    assert [one.details["made"] for one in kept] == [["c1", "m1", "m2", "t0", "t1", "t2"]], "and only once"


def test_every_kind_keeps_its_unit_and_valuation(deal: Deal) -> None:
    cash, fee, hours = (deal.commitment(item) for item in ("c1", "c2", "c3"))
    assert (cash.kind, cash.purpose, cash.unit) == (CommitmentKind.CASH, Purpose.PROGRAMME, "CNY")
    assert (fee.purpose, fee.quantity) == (Purpose.MANAGEMENT, 50_000)
    assert (hours.kind, hours.valuation) == (CommitmentKind.VOLUNTEERS, Valuation.TIME)
    assert (hours.quantity, hours.unit, hours.value, hours.currency) == (12_000, "hour", 360_000, "CNY")
    accounts = {one.purpose: one for one in deal.book().accounts()}
    assert accounts[Purpose.PROGRAMME].committed.amount == 500_000
    assert accounts[Purpose.MANAGEMENT].committed.amount == 50_000
    assert accounts[Purpose.LABOUR].committed.amount == 0, "hours are not money"


def test_draft_has_no_ledger(make_deal: MakeDeal, rows: Callable[[Any], list[Any]]) -> None:
    make_deal(AgreementStatus.DRAFT)
    assert rows(select(Commitment)) == []


def test_amendment_ends_lines_and_adds_others(deal: Deal) -> None:
    deal.pay("t0")
    terms = _terms(deal)
    later = terms.tranches[1].model_copy(update={"amount": 150_000})
    third = TrancheTerms(
        item="t9",
        commitment="c1",
        payee=deal.implementer.organization.uid,
        milestone="m9",
        amount=100_000,
    )
    deal.amend(
        milestones=(*terms.milestones, MilestoneTerms(item="m9", title="Handover")),
        tranches=(terms.tranches[0], later, third),
        budget=terms.budget[:2],
    )
    assert deal.tranche("t0").status is DisbursementStatus.PAID
    assert deal.tranche("t1").amount == 150_000
    assert deal.tranche("t9").milestone_id == deal.milestone("m9").key
    assert deal.row(BudgetLine, "b3").ended is not None
    assert deal.row(BudgetLine, "b1").ended is None


def test_line_that_comes_back_counts_again(deal: Deal) -> None:
    terms = _terms(deal)
    deal.amend(budget=terms.budget[1:])
    assert deal.line("b1").ended is not None
    deal.amend(budget=terms.budget)
    assert deal.line("b1").ended is None


def test_older_agreement_does_not_undo_its_amendment(deal: Deal) -> None:
    terms = _terms(deal)
    deal.amend(tranches=terms.tranches[:1])
    with deal.writing() as session:
        ledger.bring_up_to_date(session, session.get_one(Agreement, deal.agreement.key))
    assert deal.tranche("t1").ended is not None


def test_changed_sum_needs_a_new_request(deal: Deal) -> None:
    uid = deal.tranche("t0").uid
    deal.do(actions.request_tranche, deal.implementer.actor, uid)
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    terms = _terms(deal)
    more = terms.tranches[0].model_copy(update={"amount": 260_000})
    deal.amend(tranches=(more, terms.tranches[1]))
    tranche = deal.tranche("t0")
    assert (tranche.status, tranche.amount) == (DisbursementStatus.PLANNED, 260_000)
    assert (tranche.approved_by, tranche.requested_by) == (None, None)


def test_accepted_milestone_stays_as_it_was_accepted(deal: Deal) -> None:
    deal.accept("m1")
    deal.amend(milestones=())
    assert deal.milestone("m1").status is MilestoneStatus.ACCEPTED
    assert deal.milestone("m1").ended is None


def test_paid_tranche_cannot_vanish_or_change(deal: Deal) -> None:
    terms = _terms(deal)
    assert _refused(deal, terms.model_copy(update={"tranches": ()})) == "", "nothing is paid yet"
    deal.pay("t0")
    assert _refused(deal, terms) == ""
    assert _refused(deal, terms.model_copy(update={"tranches": terms.tranches[:1]})) == ""
    assert _refused(deal, terms.model_copy(update={"tranches": terms.tranches[1:]})) == "paid-vanishes"
    assert _refused(deal, terms.model_copy(update={"commitments": terms.commitments[1:]})) == "paid-vanishes"
    for change in (
        {"amount": 1},
        {"commitment": "c2"},
        {"payee": deal.funder.organization.uid},
    ):
        changed = terms.tranches[0].model_copy(update=change)
        wanted = terms.model_copy(update={"tranches": (changed, terms.tranches[1])})
        assert _refused(deal, wanted) == "paid-changes", change


def test_what_was_paid_is_not_touched_even_if_the_terms_leave_it_out(deal: Deal) -> None:
    deal.pay("t0")
    before = deal.tranche("t0")
    deal.amend(tranches=())
    after = deal.tranche("t0")
    assert (after.amount, after.status, after.ended, after.version) == (
        before.amount,
        DisbursementStatus.PAID,
        None,
        before.version,
    )
    assert deal.book().accounts()[0].paid.amount == before.amount
