"""Every way of breaking a rule of the books that other tests do not tell: refused, with its reason."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from service.funding import actions, breaches, deliveries, queries, spending
from tests.service.refusing import refused

if TYPE_CHECKING:
    from service.settings import Settings
    from tests.service.funding.conftest import Deal

DAY = timedelta(days=1)


def test_payments_and_recoveries_that_cannot_be(deal: Deal) -> None:
    uid, today = deal.tranche("t0").uid, queries.today()
    deal.do(actions.request_tranche, deal.implementer.actor, uid)
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    pay = partial(deal.do, actions.pay_tranche, deal.funder.actor, uid)
    refused("day-missing", pay, None, "Bank 1")
    refused("day-ahead", pay, today + DAY, "Bank 1")
    refused("day-long-ago", pay, today - 3_000 * DAY, "Bank 1")
    refused("payment-reference", pay, today, " ")
    refused("payment-reference", pay, today, "7" * 121)
    pay(today, "Bank 1")
    recover = partial(deal.do, actions.recover_tranche, deal.facilitator, uid)
    for amount in (None, 0, 250_001):
        refused("recover-range", recover, amount, today, "Unused.")
    refused("recover-early", recover, 100, today - DAY, "Unused.")
    refused("field-missing", recover, 100, today, " ")
    refused("too-long", recover, 100, today, "x" * 4_001)
    assert deal.tranche("t0").recovered_amount == 0


def test_gifts_that_cannot_be(deal: Deal) -> None:
    today = queries.today()
    record = partial(deal.do, deliveries.record_delivery)
    hours = deal.commitment("c3").uid
    for quantity in (None, 0, 10**15 + 1):
        refused("quantity-positive", record, deal.funder.actor, hours, quantity, today)
    refused("too-long", record, deal.funder.actor, hours, 100, today, "x" * 4_001)
    refused("cash-in-tranches", record, deal.funder.actor, deal.commitment("c1").uid, 100, today)
    made = record(deal.funder.actor, hours, 100, today)
    refused("own-delivery", deal.do, deliveries.confirm_delivery, deal.funder.actor, made.uid)
    refused("other-side", deal.do, deliveries.confirm_delivery, deal.facilitator, made.uid)
    refused("parties-record", record, deal.facilitator, hours, 100, today)
    assert [one.uid for one in deal.book().deliveries] == [made.uid]


def test_expenses_that_cannot_be(deal: Deal, settings: Settings) -> None:
    today = queries.today()
    spend = partial(deal.do, spending.record_expense, data_dir=settings.data_dir)
    line = deal.line("b1").uid
    for amount in (None, 0):
        refused("sum-needed", spend, deal.implementer.actor, line, amount, today, "Pipes")
    refused("correction-large", spend, deal.implementer.actor, line, -1, today, "Pipes")
    for text in (" ", "x" * 501):
        refused("expense-text", spend, deal.implementer.actor, line, 100, today, text)
    refused("doers-spend", spend, deal.facilitator, line, 100, today, "Pipes")
    assert deal.book().expenses == []


def test_breaches_that_cannot_be(deal: Deal, settings: Settings) -> None:
    accused, agreement = deal.implementer.organization.uid, deal.agreement.uid
    allege = partial(deal.do, breaches.allege, deal.funder.actor, agreement, data_dir=settings.data_dir)
    refused("choose-listed", allege, "nobody", "Unused.")
    refused("breach-own", allege, deal.funder.organization.uid, "Unused.")
    files = [("a.pdf", b"%PDF-1.7\n%%EOF\n")] * 6
    refused("files-many", allege, accused, "Unused.", files=files)
    uid = allege(accused, "Unused.").uid
    refused("breach-open", allege, accused, "Unused again.")
    refused("nothing-to-appeal", deal.do, breaches.appeal, deal.implementer.actor, uid, "No.")
    decide = partial(deal.do, breaches.decide_appeal, deal.facilitator, uid, "No.", overturn=False)
    refused("no-appeal", decide)
    deal.do(breaches.find, deal.facilitator, uid, "It is so.")
    refused("breach-decided", deal.do, breaches.answer, deal.implementer.actor, uid, "Late.")
    deal.do(breaches.appeal, deal.implementer.actor, uid, "No.")
    refused("appealed-once", deal.do, breaches.appeal, deal.implementer.actor, uid, "No!")
    refused("own-finding", decide)
