"""Pages of money, as each of those around an agreement sees and uses them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from service.agreements.models import AgreementStatus
from service.agreements.terms import BudgetTerms
from service.funding import actions, queries
from service.funding.models import BreachStatus, DisbursementStatus, MilestoneStatus
from tests.service.conftest import words
from tests.service.funding.test_breaches import allege, found, now, second
from tests.service.funding.test_giving import PAPER, deliver, spend

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient

    from service.jobs import Jobs
    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.conftest import MakeParty, MakeUser, SignInAs
    from tests.service.funding.conftest import Deal, MakeDeal

__all__ = ["second"]


@pytest.fixture
def facilitator(deal: Deal, rows: Callable[[Any], list[Any]]) -> Any:
    """The facilitator of the deal as a person."""
    from sqlmodel import select

    from service.accounts.models import User

    return rows(select(User).where(User.id == deal.facilitator.user_id))[0]


@pytest.fixture
def home(deal: Deal) -> str:
    return f"/agreements/{deal.agreement.uid}/money"


def test_tranche_goes_from_request_to_payment_by_forms(
    deal: Deal, home: str, client: TestClient, sign_in: SignInAs, facilitator: Any
) -> None:
    uid = deal.tranche("t0").uid
    page = words(sign_in(client, deal.implementer.user).get(home))
    assert "Request tranche 1, CN¥2,500: its conditions are met." in page
    assert client.post(f"/tranches/{uid}/request").headers["location"].startswith(f"{home}?done=")
    assert "Turn of Blue Bank" in words(client.get(home))
    assert client.post(f"/tranches/{uid}/approve").status_code == 403

    sign_in(client, facilitator)
    assert "Approve it" in words(client.get(home))
    client.post(f"/tranches/{uid}/approve")
    sign_in(client, deal.funder.user)
    wrong = client.post(
        f"/tranches/{uid}/pay", data={f"on-{uid}": "2026-02-30", f"reference-{uid}": "Bank 42"}
    )
    assert wrong.status_code == 422
    assert "Write the date as year-month-day" in words(wrong)
    assert 'value="Bank 42"' in wrong.text, "what was typed stays"
    today = queries.today().isoformat()
    client.post(f"/tranches/{uid}/pay", data={f"on-{uid}": today, f"reference-{uid}": "Bank 42"})
    assert deal.tranche("t0").status is DisbursementStatus.PAID
    assert "reference Bank 42" in words(client.get(home))
    for amount, code in (("99 999", 422), ("100 USD", 422), ("", 422), ("1,000.50", 303)):
        typed = {f"amount-{uid}": amount, f"on-{uid}": today, f"reason-{uid}": "A refund."}
        assert client.post(f"/tranches/{uid}/recover", data=typed).status_code == code, amount
    assert deal.tranche("t0").recovered_amount == 100_050


def test_refusing_and_holding_by_forms_needs_a_reason(
    deal: Deal, home: str, client: TestClient, sign_in: SignInAs
) -> None:
    uid = deal.tranche("t0").uid
    for step, status in (("refuse", DisbursementStatus.PLANNED), ("hold", DisbursementStatus.HELD)):
        deal.do(actions.request_tranche, deal.implementer.actor, uid)
        sign_in(client, deal.funder.user)
        assert client.post(f"/tranches/{uid}/{step}", data={}).status_code == 422
        client.post(f"/tranches/{uid}/{step}", data={f"reason-{uid}": "No account is named."})
        assert deal.tranche("t0").status is status
        assert "No account is named." in words(client.get(home))
    client.post(f"/tranches/{uid}/release")
    assert deal.tranche("t0").status is DisbursementStatus.REQUESTED
    assert client.post(f"/tranches/{uid}/burn").status_code == 404


def test_page_says_which_condition_is_missing(deal: Deal, home: str, as_user: Callable[[Any], Any]) -> None:
    page = words(as_user(deal.implementer.user).get(home))
    assert "Milestone “Milestone 1” is not reached yet. Report it and have it accepted first." in page
    assert "Tranche 1 comes first and is not paid yet." in page


def test_milestone_is_reported_returned_and_accepted_by_forms(
    deal: Deal, home: str, client: TestClient, sign_in: SignInAs
) -> None:
    uid = deal.milestone("m1").uid
    sign_in(client, deal.implementer.user)
    assert client.post(f"/milestones/{uid}/report", data={f"statement-{uid}": " "}).status_code == 422
    client.post(f"/milestones/{uid}/report", data={f"statement-{uid}": "Two wells are dug."})
    sign_in(client, deal.funder.user)
    assert "Two wells are dug." in words(client.get(home))
    client.post(f"/milestones/{uid}/return", data={f"reason-{uid}": "Where are the photographs?"})
    sign_in(client, deal.implementer.user)
    assert "Returned because: Where are the photographs?" in words(client.get(home))
    client.post(f"/milestones/{uid}/report", data={f"statement-{uid}": "Here they are."})
    sign_in(client, deal.funder.user)
    client.post(f"/milestones/{uid}/accept")
    assert deal.milestone("m1").status is MilestoneStatus.ACCEPTED


def test_gift_is_recorded_and_confirmed_by_forms(
    deal: Deal, home: str, client: TestClient, sign_in: SignInAs
) -> None:
    uid, today = deal.commitment("c3").uid, queries.today().isoformat()
    sign_in(client, deal.funder.user)
    typed = {f"quantity-{uid}": "24 hours", f"on-{uid}": today, f"text-{uid}": "Three assistants."}
    assert (
        client.post(f"/commitments/{uid}/deliveries", data={**typed, f"quantity-{uid}": "x"}).status_code
        == 422
    )
    other = client.post(f"/commitments/{uid}/deliveries", data={**typed, f"quantity-{uid}": "24 kg"})
    assert other.status_code == 422
    assert "This is counted in hour here, and in nothing else." in words(other), "other-unit"
    assert 'value="24 kg"' in other.text
    assert deal.book().deliveries == []
    client.post(f"/commitments/{uid}/deliveries", data=typed)
    made = deal.book().deliveries[0]
    assert made.quantity == 2_400
    sign_in(client, deal.implementer.user)
    assert "24 hours waits to be confirmed" in words(client.get(home))
    client.post(f"/deliveries/{made.uid}/confirm")
    assert "24 hours of 120 hours came, as both sides say" in words(client.get(home))
    again = deliver(deal, deal.implementer.actor)
    client.post(f"/deliveries/{again.uid}/take-back")
    assert len(deal.book().deliveries) == 1


def test_spending_is_recorded_with_its_voucher_by_form(
    deal: Deal, home: str, client: TestClient, sign_in: SignInAs
) -> None:
    uid, today = deal.line("b1").uid, queries.today().isoformat()
    sign_in(client, deal.implementer.user)
    typed = {f"amount-{uid}": "4,100.25", f"on-{uid}": today, f"text-{uid}": "Filters"}
    wrong = client.post(
        f"/budget-lines/{uid}/expenses", data=typed, files={"file": ("a.exe", b"MZ", "application/pdf")}
    )
    assert wrong.status_code == 422
    assert 'value="4,100.25"' in wrong.text
    client.post(f"/budget-lines/{uid}/expenses", data=typed, files={"file": ("bill.pdf", PAPER)})
    expense = deal.book().expenses[0]
    assert expense.amount == 410_025
    sign_in(client, deal.funder.user)
    page = words(client.get(home))
    assert "CN¥100.25 over the budget" in page
    assert "Record" not in page
    kept = client.get(f"/expenses/{expense.uid}/voucher")
    assert (kept.content, kept.headers["content-disposition"]) == (PAPER, 'attachment; filename="bill.pdf"')


def test_typed_words_survive_the_end_of_a_session(
    deal: Deal, home: str, client: TestClient, sign_in: SignInAs
) -> None:
    uid = deal.milestone("m1").uid
    lost = client.post(
        f"/milestones/{uid}/report",
        data={f"statement-{uid}": "Two wells are dug."},
        headers={"Referer": f"http://localhost:8000{home}"},
    )
    assert lost.headers["location"].startswith("/accounts/sign-in?next=")
    sign_in(client, deal.implementer.user)
    assert "Two wells are dug." in client.get(f"{home}?held=1").text


def test_pages_are_for_the_parties_and_facilitators(
    deal: Deal, home: str, settings: Settings, client: TestClient, sign_in: SignInAs, make_party: MakeParty
) -> None:
    made = allege(deal, settings)
    paths = [home, f"/agreements/{deal.agreement.uid}/breach", f"/breaches/{made.uid}"]
    for path in paths:
        assert client.get(path).headers["location"].startswith("/accounts/sign-in")
    sign_in(client, make_party("Elsewhere").user)
    assert [client.get(path).status_code for path in paths] == [404] * 3
    sign_in(client, deal.funder.user)
    assert [client.get(path).status_code for path in paths] == [200] * 3


@pytest.mark.parametrize("status", [AgreementStatus.DRAFT, AgreementStatus.SIGNING])
def test_what_is_not_signed_has_no_money(
    make_deal: MakeDeal, status: AgreementStatus, as_user: Callable[[Any], Any]
) -> None:
    deal = make_deal(status)
    assert as_user(deal.funder.user).get(f"/agreements/{deal.agreement.uid}/money").status_code == 404


def test_all_that_waits_is_one_list(deal: Deal, client: TestClient, sign_in: SignInAs) -> None:
    sign_in(client, deal.implementer.user)
    page = words(client.get("/money"))
    assert page.index("Your turn") < page.index("Request tranche 1") < page.index("Go there")
    assert "Request tranche 1" in words(client.get("/")), "and on the home page"
    sign_in(client, deal.funder.user)
    page = words(client.get("/money"))
    assert page.index("Nothing waits for you") < page.index("Turn of Green Home")


def test_several_currencies_stand_side_by_side(make_deal: MakeDeal, as_user: Callable[[Any], Any]) -> None:
    roubles = BudgetTerms(item="b9", purpose="programme", label="Hall", amount=900_000, currency="RUB")
    deal = make_deal(budget=(roubles,))
    page = words(as_user(deal.funder.user).get(f"/agreements/{deal.agreement.uid}/money"))
    assert "Project · CNY" in page
    assert "Project · RUB" in page
    assert "No money in RUB is given for the project itself" in page


# Breaches -----------------------------------------------------------------------------------------------


def test_breach_runs_from_word_to_appeal_by_forms(
    deal: Deal,
    home: str,
    client: TestClient,
    sign_in: SignInAs,
    facilitator: Any,
    make_user: MakeUser,
    rows: Callable[[Any], list[Any]],
) -> None:
    from service.permissions import Role

    deal.pay("t0")
    sign_in(client, deal.funder.user)
    form = f"/agreements/{deal.agreement.uid}/breach"
    assert "Blue Bank" not in words(client.get(form)).partition("Which party?")[2][:60]
    typed = {"organization": deal.implementer.organization.uid, "text": "The wells were never dug."}
    assert client.post(form, data={**typed, "text": ""}).status_code == 422
    there = client.post(form, data=typed, files={"file": ("site.pdf", PAPER)}).headers["location"]
    address = there.partition("?")[0]
    assert client.get(f"{address}/evidence/1").content == PAPER

    sign_in(client, deal.implementer.user)
    assert "Answer: Green Home is said to have broken the agreement." in words(client.get("/money"))
    assert client.post(f"{address}/answer", data={"answer": ""}).status_code == 422
    client.post(f"{address}/answer", data={"answer": "It was the rain."})
    assert "It was the rain." in words(client.get(address))

    sign_in(client, facilitator)
    page = words(client.get(address))
    assert "unused money has to come back: CN¥2,500." in page
    wrong = client.post(f"{address}/find", data={"reason": "Nobody was at the site."})
    assert wrong.status_code == 422
    assert "Tick that you have read what follows from it." in words(wrong), "breach-confirm"
    assert "Nobody was at the site." in words(wrong)
    assert deal.book().breaches[0].status is not BreachStatus.FOUND
    client.post(f"{address}/find", data={"reason": "Nobody was at the site.", "confirmed": "yes"})
    made = deal.book().breaches[0]
    assert made.status is BreachStatus.FOUND

    sign_in(client, deal.implementer.user)
    own = words(client.get(f"/organizations/{deal.implementer.organization.uid}"))
    assert "Nobody was at the site." in own
    assert "See it, or appeal" in own
    page = words(client.get(address))
    assert "can neither publish, apply nor sign" in page
    assert "still missing: CN¥2,500" in page
    client.post(f"{address}/appeal", data={"appeal": "Here are the photographs."})
    sign_in(client, facilitator)
    assert "Another facilitator has to decide on the appeal." in words(client.get(address))
    assert client.post(f"{address}/overturn", data={"reason": "No."}).status_code == 403
    sign_in(client, make_user(roles=[Role.FACILITATOR]))
    assert "Decide on the appeal of Green Home." in words(client.get("/money"))
    client.post(f"{address}/overturn", data={"reason": "The photographs show it."})
    assert now(deal, made).status is BreachStatus.OVERTURNED
    assert "The photographs show it." in words(client.get(address))


def test_bar_is_told_to_insiders_only(
    deal: Deal, settings: Settings, client: TestClient, sign_in: SignInAs, make_party: MakeParty
) -> None:
    found(deal, settings)
    path = f"/organizations/{deal.implementer.organization.uid}"
    sign_in(client, make_party("Elsewhere").user)
    assert client.get(path).status_code == 404, "nobody else sees a barred organization"
    sign_in(client, deal.implementer.user)
    until = queries.today() + timedelta(days=365)
    assert f"{until:%b} {until.day}, {until.year}" in words(client.get(path))


def test_recovery_waits_until_all_is_back(
    deal: Deal, settings: Settings, second: Actor, client: TestClient, sign_in: SignInAs
) -> None:
    deal.pay("t0")
    spend(deal, settings, 200_000)
    found(deal, settings)
    sign_in(client, deal.funder.user)
    assert "Write down what comes back of tranche 1" in words(client.get("/money"))
    deal.do(
        actions.recover_tranche,
        deal.facilitator,
        deal.tranche("t0").uid,
        50_000,
        queries.today(),
        "After the breach.",
    )
    assert "Write down what comes back" not in words(client.get("/money"))


# Reminders ----------------------------------------------------------------------------------------------


def test_reminders_go_to_whose_turn_it_is_once_a_stage(
    make_deal: MakeDeal, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.funding.reminding import remind_money
    from service.jobs import Work
    from tests.service.funding.test_tranches import letters

    deal = make_deal()
    work = Work(deal.engine, jobs.settings, jobs.site, "job")
    due = deal.tranche("t0").due
    assert due is not None
    told = []
    for days in (-8, -7, -6, 0, 1, 2):
        monkeypatch.setattr(queries, "today", lambda days=days: due + timedelta(days=days))
        remind_money(work)
        told.append(len([one for one in letters(deal) if one["template"] == "money-reminder"]))
    assert told == [0, 1, 1, 1, 2, 2]
    last = letters(deal)[-1]
    assert last["to"] == deal.implementer.user.email
    assert last["values"]["lines"][0]["what"].startswith("Request tranche 1")
    assert last["values"]["lines"][0]["late"]
