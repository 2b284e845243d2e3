"""Gifts that are not cash, and what is spent from the budget."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session

from service.agreements.models import AgreementStatus
from service.agreements.terms import BudgetTerms
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.funding import deliveries, queries, spending
from service.funding.models import Purpose
from service.organizations.actions import clear_evidence
from service.organizations.evidence import path_of
from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from service.jobs import Jobs
    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.conftest import MakeParty, MakeUser
    from tests.service.funding.conftest import Deal, MakeDeal

PAPER = b"%PDF-1.7\n%%EOF\n"


def deliver(deal: Deal, actor: Actor, quantity: int | None = 2_400, item: str = "c3") -> Any:
    uid = deal.commitment(item).uid
    return deal.do(deliveries.record_delivery, actor, uid, quantity, queries.today(), "Eight hours each.")


def test_giver_records_and_the_other_side_confirms(deal: Deal) -> None:
    made = deliver(deal, deal.funder.actor)
    book = deal.book()
    hours = next(one for one in book.commitments if one.item == "c3")
    assert (book.delivered_of(hours), book.delivered_of(hours, confirmed=False)) == (0, 2_400)
    with pytest.raises(NotAllowed):
        deal.do(deliveries.confirm_delivery, deal.funder.actor, made.uid)
    deal.do(deliveries.confirm_delivery, deal.implementer.actor, made.uid)
    assert deal.book().delivered_of(hours) == 2_400
    with pytest.raises(NotNow) as refused:
        deal.do(deliveries.confirm_delivery, deal.implementer.actor, made.uid)
    assert refused.value.message.code == "delivery-confirmed"


def test_receiver_records_and_the_giver_confirms(deal: Deal) -> None:
    made = deliver(deal, deal.implementer.actor)
    for other in (deal.implementer.actor, deal.facilitator):
        with pytest.raises(NotAllowed):
            deal.do(deliveries.confirm_delivery, other, made.uid)
    assert deal.do(deliveries.confirm_delivery, deal.funder.actor, made.uid).confirmed is not None


def test_same_person_does_not_confirm_for_the_other_side(
    deal: Deal, make_user: MakeUser, actor: Callable[[Any], Actor]
) -> None:
    both = actor(
        make_user(
            member_of={
                deal.funder.organization.key: Role.EDITOR,
                deal.implementer.organization.key: Role.EDITOR,
            }
        )
    )
    made = deliver(deal, both)
    with pytest.raises(NotAllowed) as refused:
        deal.do(deliveries.confirm_delivery, both, made.uid)
    assert refused.value.message.code == "own-delivery"


def test_mistake_is_taken_back_until_it_is_confirmed(deal: Deal) -> None:
    made = deliver(deal, deal.funder.actor)
    with pytest.raises(NotAllowed):
        deal.do(deliveries.take_back_delivery, deal.implementer.actor, made.uid)
    deal.do(deliveries.take_back_delivery, deal.funder.actor, made.uid)
    assert deal.book().deliveries == []
    made = deliver(deal, deal.funder.actor)
    deal.do(deliveries.confirm_delivery, deal.implementer.actor, made.uid)
    with pytest.raises(NotNow):
        deal.do(deliveries.take_back_delivery, deal.funder.actor, made.uid)


def test_delivery_is_refused_where_it_cannot_be(deal: Deal, make_party: MakeParty) -> None:
    with pytest.raises(NotNow) as refused:
        deliver(deal, deal.funder.actor, item="c1")
    assert refused.value.message.code == "cash-in-tranches"
    for quantity in (0, -1, None):
        with pytest.raises(BadInput) as wrong:
            deliver(deal, deal.funder.actor, quantity)
        assert wrong.value.problems[0].field == "quantity"
    uid = deal.commitment("c3").uid
    ahead = queries.today() + timedelta(days=1)
    with pytest.raises(BadInput) as wrong:
        deal.do(deliveries.record_delivery, deal.funder.actor, uid, 100, ahead)
    assert wrong.value.problems[0].field == "on"
    with pytest.raises(NotAllowed):
        deliver(deal, deal.facilitator)
    with pytest.raises(NotFound):
        deliver(deal, make_party("Elsewhere").actor)
    deal.set_status(AgreementStatus.SUSPENDED)
    with pytest.raises(NotNow):
        deliver(deal, deal.funder.actor)


# Spending -----------------------------------------------------------------------------------------------


def spend(
    deal: Deal,
    settings: Settings,
    amount: int | None,
    item: str = "b1",
    actor: Actor | None = None,
    content: bytes = b"",
) -> Any:
    return deal.do(
        spending.record_expense,
        actor or deal.implementer.actor,
        deal.line(item).uid,
        amount,
        queries.today(),
        "Filters",
        filename="invoice.pdf" if content else "",
        content=content,
        data_dir=settings.data_dir,
    )


def test_spending_stands_against_the_budget_by_purpose(deal: Deal, settings: Settings) -> None:
    deal.pay("t0")
    spend(deal, settings, 100_000)
    spend(deal, settings, -20_000)
    book = deal.book()
    account = next(one for one in book.accounts() if one.purpose is Purpose.PROGRAMME)
    assert (account.budgeted.amount, account.spent.amount, account.unspent.amount) == (
        400_000,
        80_000,
        170_000,
    )
    assert account.over_budget.amount == 0
    spend(deal, settings, 330_000)
    account = next(one for one in deal.book().accounts() if one.purpose is Purpose.PROGRAMME)
    assert account.over_budget.amount == 10_000, "over-spending is shown, not refused"
    with pytest.raises(BadInput) as refused:
        spend(deal, settings, -410_001)
    assert refused.value.problems[0].message.code == "correction-large"


def test_money_without_overhead_never_pays_management(make_deal: MakeDeal, settings: Settings) -> None:
    deal = make_deal(more=())
    deal.pay("t0")
    for item in ("b2", "b3"):
        with pytest.raises(NotNow) as refused:
            spend(deal, settings, 100, item)
        assert refused.value.message.code == "purpose-unfunded"
    assert {one.purpose: one.spent.amount for one in deal.book().accounts()} == {
        Purpose.PROGRAMME: 0,
        Purpose.MANAGEMENT: 0,
        Purpose.LABOUR: 0,
    }


def test_money_in_another_currency_pays_nothing(make_deal: MakeDeal, settings: Settings) -> None:
    roubles = BudgetTerms(item="b1", purpose="programme", label="Hall", amount=9_000, currency="RUB")
    deal = make_deal(more=(), budget=(roubles,))
    with pytest.raises(NotNow) as refused:
        spend(deal, settings, 100)
    assert refused.value.message.code == "purpose-unfunded"


def test_fee_pays_management(deal: Deal, settings: Settings) -> None:
    spend(deal, settings, 100, "b3")
    with pytest.raises(NotNow):
        spend(deal, settings, 100, "b2")
    account = next(one for one in deal.book().accounts() if one.purpose is Purpose.MANAGEMENT)
    assert (account.committed.amount, account.spent.amount) == (50_000, 100)


def test_spending_is_recorded_by_who_carries_it_out(deal: Deal, settings: Settings) -> None:
    for other in (deal.funder.actor, deal.facilitator):
        with pytest.raises(NotAllowed):
            spend(deal, settings, 100, actor=other)
    for amount in (0, None, 10**15 + 1):
        with pytest.raises(BadInput):
            spend(deal, settings, amount)
    deal.set_status(AgreementStatus.TERMINATED)
    with pytest.raises(NotNow) as refused:
        spend(deal, settings, 100)
    assert refused.value.message.code == "spending-closed"
    deal.set_status(AgreementStatus.COMPLETED)
    assert spend(deal, settings, 100).amount == 100


def test_voucher_is_kept_and_seen_by_the_parties(
    deal: Deal, settings: Settings, jobs: Jobs, make_party: MakeParty
) -> None:
    made = spend(deal, settings, 100, content=PAPER)
    with pytest.raises(BadInput):
        spend(deal, settings, 100, content=b"MZ this is no paper")
    with Session(deal.engine) as session:
        kept = spending.voucher_of(session, deal.funder.actor, made.uid)
        assert (kept["filename"], kept["media_type"]) == ("invoice.pdf", "application/pdf")
        with pytest.raises(NotFound):
            spending.voucher_of(session, make_party("Elsewhere").actor, made.uid)
    from service.jobs import Work

    clear_evidence(Work(deal.engine, settings, jobs.site, "job"), sha256=kept["sha256"])
    assert path_of(settings.data_dir, kept["sha256"]).read_bytes() == PAPER, "a voucher refers to it"
