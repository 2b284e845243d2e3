"""An agreement is completed only once all is paid and nothing is left over that nobody has accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service import worker
from service.agreements import actions as agreements
from service.agreements.models import Agreement, AgreementStatus
from service.errors import NotNow
from service.funding import actions, queries
from service.funding.spending import record_expense

if TYPE_CHECKING:
    from service.settings import Settings
    from tests.service.funding.conftest import Deal, MakeDeal


def _complete(deal: Deal) -> Agreement:
    assert agreements.BEFORE_COMPLETING, worker.__name__
    with deal.writing() as session:
        kept = session.get_one(Agreement, deal.agreement.key)
        return agreements.complete(session, deal.facilitator, kept)


def _refused(deal: Deal, code: str = "") -> str:
    with pytest.raises(NotNow) as refused:
        _complete(deal)
    assert code in ("", refused.value.message.code)
    assert deal.book().agreement.status is AgreementStatus.IN_FORCE
    return str(refused.value)


def _spend(deal: Deal, amount: int, settings: Settings) -> None:
    line, day = deal.line("b1").uid, queries.today()
    deal.do(record_expense, deal.implementer.actor, line, amount, day, "Filters", data_dir=settings.data_dir)


def test_until_every_tranche_is_paid_and_all_money_is_accounted_for(deal: Deal, settings: Settings) -> None:
    assert "Tranche 1 of" in _refused(deal, "tranche-unpaid")
    deal.pay("t0")
    assert "Tranche 2 of" in _refused(deal)
    deal.accept("m1")
    second = deal.pay("t1")
    assert "Green Home was paid 5,000 CNY" in _refused(deal, "money-unsettled")
    _spend(deal, 400_000, settings)
    assert "paid 1,000 CNY" in _refused(deal)
    deal.do(actions.recover_tranche, deal.facilitator, second.uid, 100_000, queries.today(), "Not needed.")
    assert _complete(deal).status is AgreementStatus.COMPLETED


def test_what_an_amendment_took_out_need_not_be_paid(deal: Deal, settings: Settings) -> None:
    deal.pay("t0")
    _spend(deal, deal.tranche("t0").amount, settings)
    assert "Tranche 2" in _refused(deal)
    signed = deal.amend()
    deal.amend(tranches=signed.tranches[:1])
    assert _complete(deal).status is AgreementStatus.COMPLETED


def test_where_there_is_no_budget_nobody_is_asked_what_was_spent(make_deal: MakeDeal) -> None:
    deal = make_deal(budget=())
    deal.pay("t0")
    deal.accept("m1")
    deal.pay("t1")
    assert _complete(deal).status is AgreementStatus.COMPLETED
