"""Tranches: who may take which step when, and every way of breaking a rule."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, col, select

from service.accounts.models import Membership, User
from service.accounts.queries import actor_of
from service.agreements.models import AgreementStatus
from service.db import writing
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.events import history
from service.funding import actions, conditions, queries
from service.funding.models import DisbursementStatus, MilestoneStatus
from service.jobs import Job
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import Actor, Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.service.conftest import MakeParty, MakeUser
    from tests.service.funding.conftest import Deal, MakeDeal


def letters(deal: Deal) -> list[dict[str, Any]]:
    """The mails that were promised, the first one first."""
    with Session(deal.engine) as session:
        jobs = session.exec(select(Job).where(Job.name == "send_mail").order_by(col(Job.id))).all()
    return [job.payload for job in jobs]


def mails(deal: Deal) -> list[tuple[str, str]]:
    """To whom which step was told."""
    return [(one["to"], one["values"].get("step", "")) for one in letters(deal)]


def requested(deal: Deal, item: str = "t0") -> str:
    uid = deal.tranche(item).uid
    deal.do(actions.request_tranche, deal.implementer.actor, uid)
    return uid


def approved(deal: Deal) -> str:
    uid = requested(deal)
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    return uid


def pay(deal: Deal, uid: str, actor: Actor | None = None) -> Any:
    return deal.do(actions.pay_tranche, actor or deal.funder.actor, uid, queries.today(), "Bank 42")


def test_requested_approved_and_paid_by_different_people(deal: Deal) -> None:
    uid = requested(deal)
    assert deal.tranche("t0").requested_by == deal.implementer.user.key
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    pay(deal, uid)
    tranche = deal.tranche("t0")
    assert (tranche.status, tranche.reference) == (DisbursementStatus.PAID, "Bank 42")
    assert (tranche.approved_by, tranche.paid_by) == (deal.facilitator.user_id, deal.funder.user.key)
    with Session(deal.engine) as session:
        told = history(session, uid)
    assert [one.name for one in told] == [f"disbursement.{step}" for step in ("request", "approve", "pay")]
    assert {one.details["agreement"] for one in told} == {deal.agreement.uid}
    assert mails(deal) == [
        (deal.funder.user.email, "tranche-requested"),
        (deal.implementer.user.email, "tranche-approved"),
        (deal.implementer.user.email, "tranche-paid"),
    ]


def test_funders_owner_approves_and_its_editor_only_pays(
    deal: Deal, make_user: MakeUser, actor: Callable[[User], Actor]
) -> None:
    editor = actor(make_user(member_of={deal.funder.organization.key: Role.EDITOR}))
    uid = requested(deal)
    with pytest.raises(NotAllowed):
        deal.do(actions.approve_tranche, editor, uid)
    deal.do(actions.approve_tranche, deal.funder.actor, uid)
    assert pay(deal, uid, editor).status is DisbursementStatus.PAID


def test_who_gets_the_money_never_decides_about_it(
    deal: Deal, make_user: MakeUser, actor: Callable[[User], Actor]
) -> None:
    """Not even as an owner of the giver, or as a facilitator."""
    both = {deal.implementer.organization.key: Role.VIEWER, deal.funder.organization.key: Role.OWNER}
    people = [
        actor(make_user(member_of=both)),
        actor(make_user(roles=[Role.FACILITATOR], member_of={deal.implementer.organization.key: Role.OWNER})),
    ]
    uid = requested(deal)
    for person in people:
        for action in (actions.approve_tranche, actions.release_tranche):
            with pytest.raises(NotAllowed) as refused:
                deal.do(action, person, uid)
            assert refused.value.message.code == "receiver-decides"
    assert deal.tranche("t0").status is DisbursementStatus.REQUESTED


def test_who_requested_does_not_decide_after_changing_sides(
    deal: Deal, actor: Callable[[User], Actor]
) -> None:
    """The same person is known again, for whichever organization she acts."""
    uid = requested(deal)
    user = deal.implementer.user
    with writing(deal.engine) as session:
        place = session.exec(select(Membership).where(Membership.user_id == user.key)).one()
        session.delete(place)
        session.add(
            Membership(user_id=user.key, organization_id=deal.funder.organization.key, role=Role.OWNER)
        )
    with Session(deal.engine) as session:
        moved = actor_of(session, session.get_one(User, user.key))
    with pytest.raises(NotAllowed) as refused:
        deal.do(actions.approve_tranche, moved, uid)
    assert refused.value.message.code == "second-person"


def test_only_who_gets_it_requests(deal: Deal, make_party: MakeParty) -> None:
    uid = deal.tranche("t0").uid
    for person in (deal.funder.actor, deal.facilitator):
        with pytest.raises(NotAllowed):
            deal.do(actions.request_tranche, person, uid)
    with pytest.raises(NotFound):
        deal.do(actions.request_tranche, make_party("Elsewhere").actor, uid)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (AgreementStatus.SUSPENDED, "agreement-suspended"),
        (AgreementStatus.TERMINATED, "agreement-terminated"),
        (AgreementStatus.COMPLETED, "agreement-over"),
    ],
)
def test_nothing_moves_unless_the_agreement_is_in_force(
    deal: Deal, status: AgreementStatus, code: str
) -> None:
    uid = approved(deal)
    deal.set_status(status)
    with pytest.raises(NotNow) as refused:
        pay(deal, uid)
    assert refused.value.message.code == code
    with pytest.raises(NotNow) as refused:
        deal.do(actions.request_tranche, deal.implementer.actor, deal.tranche("t1").uid)
    assert refused.value.message.code == code
    deal.set_status(AgreementStatus.IN_FORCE)
    assert pay(deal, uid).status is DisbursementStatus.PAID


def test_milestone_comes_before_its_tranche(deal: Deal) -> None:
    deal.pay("t0")
    uid, milestone = deal.tranche("t1").uid, deal.milestone("m1").uid
    with pytest.raises(NotNow) as refused:
        deal.do(actions.request_tranche, deal.implementer.actor, uid)
    assert refused.value.message.code == "milestone-first"
    with Session(deal.engine) as session:
        told = conditions.conditions(session, deal.book(), deal.tranche("t1"))
    assert [one.missing.code for one in told if one.missing] == ["milestone-ahead"]
    deal.do(actions.report_milestone, deal.implementer.actor, milestone, "Two wells are dug.")
    deal.do(actions.request_tranche, deal.implementer.actor, uid)
    with pytest.raises(NotNow) as refused:
        deal.do(actions.approve_tranche, deal.facilitator, uid)
    assert refused.value.message.code == "milestone-waits"
    deal.do(actions.accept_milestone, deal.funder.actor, milestone)
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    assert pay(deal, uid).status is DisbursementStatus.PAID


def test_tranches_are_paid_in_order(deal: Deal) -> None:
    deal.accept("m1")
    uid = requested(deal, "t1")
    with pytest.raises(NotNow) as refused:
        deal.do(actions.approve_tranche, deal.facilitator, uid)
    assert refused.value.message.code == "earlier-first"
    assert refused.value.message.params["number"] == 1
    deal.pay("t0")
    assert deal.do(actions.approve_tranche, deal.facilitator, uid).status is DisbursementStatus.APPROVED


def test_reports_may_stand_before_a_payment(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What later slices ask is asked at the approval and again at the payment."""
    from matching.messages import Message

    missing = [Message("reports-first", "The report on the second quarter is due.")]
    monkeypatch.setattr(conditions, "BEFORE_PAYING", [lambda *_: next(iter(missing), None)])
    uid = requested(deal)
    with pytest.raises(NotNow) as refused:
        deal.do(actions.approve_tranche, deal.facilitator, uid)
    assert refused.value.message.code == "reports-first"
    message = missing.pop()
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    missing.append(message)
    with pytest.raises(NotNow):
        pay(deal, uid)
    missing.clear()
    assert pay(deal, uid).status is DisbursementStatus.PAID


@pytest.mark.parametrize("status", [OrganizationStatus.SUSPENDED, OrganizationStatus.BARRED])
def test_receiver_must_be_allowed_to_act(deal: Deal, status: OrganizationStatus) -> None:
    uid = approved(deal)
    with deal.writing() as session:
        payee = session.get_one(Organization, deal.implementer.organization.key)
        payee.status, payee.barred_until = status, queries.today() + timedelta(days=30)
        session.add(payee)
    with pytest.raises(NotNow) as refused:
        pay(deal, uid)
    assert refused.value.message.code == "receiver-may-not-act"


def test_refused_with_a_reason_and_requested_again(deal: Deal) -> None:
    uid = requested(deal)
    with pytest.raises(BadInput):
        deal.do(actions.refuse_tranche, deal.funder.actor, uid, " ")
    deal.do(actions.refuse_tranche, deal.funder.actor, uid, "The account is not named.")
    tranche = deal.tranche("t0")
    assert (tranche.status, tranche.reason) == (DisbursementStatus.PLANNED, "The account is not named.")
    assert tranche.requested_by is None
    requested(deal)
    assert deal.tranche("t0").reason == ""


def test_held_tranche_is_approved_anew(deal: Deal) -> None:
    uid = approved(deal)
    deal.do(actions.hold_tranche, deal.facilitator, uid, "A newspaper reports a fire.")
    with pytest.raises(NotNow):
        pay(deal, uid)
    deal.do(actions.release_tranche, deal.funder.actor, uid)
    tranche = deal.tranche("t0")
    assert (tranche.status, tranche.approved_by, tranche.reason) == (DisbursementStatus.REQUESTED, None, "")
    with pytest.raises(NotNow):
        pay(deal, uid)


def test_steps_are_taken_in_order(deal: Deal) -> None:
    uid = deal.tranche("t0").uid
    for action, given in (
        (actions.approve_tranche, ()),
        (actions.pay_tranche, (queries.today(), "Bank")),
        (actions.refuse_tranche, ("No.",)),
        (actions.hold_tranche, ("No.",)),
        (actions.release_tranche, ()),
        (actions.recover_tranche, (100, queries.today(), "Unused.")),
    ):
        with pytest.raises(NotNow):
            deal.do(action, deal.facilitator, uid, *given)
    requested(deal)
    with pytest.raises(NotNow):
        requested(deal)
    deal.do(actions.approve_tranche, deal.facilitator, uid)
    pay(deal, uid)
    with pytest.raises(NotNow):
        pay(deal, uid)


def test_payment_needs_a_day_that_has_come_and_a_reference(deal: Deal) -> None:
    uid = approved(deal)
    ahead = queries.today() + timedelta(days=1)
    for on, reference, field in (
        (None, "Bank", "on"),
        (ahead, "Bank", "on"),
        (queries.today() - timedelta(days=4_000), "Bank", "on"),
        (queries.today(), " ", "reference"),
        (queries.today(), "x" * 121, "reference"),
    ):
        with pytest.raises(BadInput) as refused:
            deal.do(actions.pay_tranche, deal.funder.actor, uid, on, reference)
        assert refused.value.problems[0].field == field
    assert deal.tranche("t0").status is DisbursementStatus.APPROVED


def test_money_comes_back_in_parts_and_never_more_than_was_paid(deal: Deal) -> None:
    deal.pay("t0")
    uid = deal.tranche("t0").uid
    recover = actions.recover_tranche
    deal.do(recover, deal.facilitator, uid, 100_000, queries.today(), "The pump was not bought.")
    assert deal.tranche("t0").status is DisbursementStatus.RECOVERED
    deal.do(recover, deal.facilitator, uid, 50_000, queries.today(), "Nor the pipes.")
    assert deal.tranche("t0").recovered_amount == 150_000
    for amount in (100_001, 0, -1, None):
        with pytest.raises(BadInput) as refused:
            deal.do(recover, deal.facilitator, uid, amount, queries.today(), "All.")
        assert refused.value.problems[0].field == "amount"
    with pytest.raises(BadInput):
        deal.do(recover, deal.facilitator, uid, 1, queries.today(), "")
    with pytest.raises(BadInput) as refused:
        deal.do(recover, deal.facilitator, uid, 1, queries.today() - timedelta(days=1), "Early.")
    assert refused.value.problems[0].field == "on"
    with pytest.raises(NotAllowed):
        deal.do(recover, deal.implementer.actor, uid, 1, queries.today(), "Ours.")
    account = deal.book().accounts()[0]
    assert (account.paid.amount, account.recovered.amount, account.unspent.amount) == (
        250_000,
        150_000,
        100_000,
    )


def test_tranche_that_was_taken_out_is_left_alone(deal: Deal) -> None:
    deal.amend(tranches=())
    with pytest.raises(NotNow) as refused:
        requested(deal)
    assert refused.value.message.code == "line-ended"


@pytest.mark.parametrize("step", ["approve", "pay"])
def test_two_at_once_approve_or_pay_only_once(database_url: str, make_deal: MakeDeal, step: str) -> None:
    deal = make_deal()
    uid = requested(deal) if step == "approve" else approved(deal)
    begin, outcomes = threading.Barrier(2), []

    def go(person: Actor, reference: str) -> None:
        begin.wait()
        try:
            if step == "approve":
                deal.do(actions.approve_tranche, person, uid)
            else:
                deal.do(actions.pay_tranche, person, uid, queries.today(), reference)
            outcomes.append("done")
        except NotNow:
            outcomes.append("late")

    threads = [
        threading.Thread(target=go, args=given)
        for given in ((deal.funder.actor, "Bank 1"), (deal.facilitator, "Bank 2"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "late"]
    with Session(deal.engine) as session:
        assert sum(one.name == f"disbursement.{step}" for one in history(session, uid)) == 1


# Milestones ---------------------------------------------------------------------------------------------


def test_milestone_is_returned_with_a_reason_and_reported_again(deal: Deal) -> None:
    uid = deal.milestone("m1").uid
    deal.do(actions.report_milestone, deal.implementer.actor, uid, "Half is done.")
    with pytest.raises(BadInput):
        deal.do(actions.return_milestone, deal.funder.actor, uid, "")
    deal.do(actions.return_milestone, deal.facilitator, uid, "Where are the photographs?")
    milestone = deal.milestone("m1")
    assert (milestone.status, milestone.reason) == (MilestoneStatus.RETURNED, "Where are the photographs?")
    deal.do(actions.report_milestone, deal.implementer.actor, uid, "All is done, see the photographs.")
    deal.do(actions.accept_milestone, deal.funder.actor, uid)
    milestone = deal.milestone("m1")
    assert (milestone.status, milestone.reason) == (MilestoneStatus.ACCEPTED, "")
    assert [step for _, step in mails(deal)] == [
        "milestone-reported",
        "milestone-returned",
        "milestone-reported",
        "milestone-accepted",
    ]


def test_milestone_is_not_judged_by_the_side_that_reported_it(
    deal: Deal, make_user: MakeUser, actor: Callable[[User], Actor]
) -> None:
    uid = deal.milestone("m1").uid
    deal.do(actions.report_milestone, deal.implementer.actor, uid, "Done.")
    insider = make_user(roles=[Role.FACILITATOR], member_of={deal.implementer.organization.key: Role.VIEWER})
    with pytest.raises(NotAllowed) as refused:
        deal.do(actions.accept_milestone, actor(insider), uid)
    assert refused.value.message.code == "own-milestone"
    with pytest.raises(NotAllowed):
        deal.do(actions.accept_milestone, deal.implementer.actor, uid)


def test_milestone_is_reported_by_who_carries_it_out_with_words(deal: Deal) -> None:
    uid = deal.milestone("m1").uid
    with pytest.raises(NotAllowed):
        deal.do(actions.report_milestone, deal.funder.actor, uid, "Done.")
    for text in (" ", "x" * 4_001):
        with pytest.raises(BadInput) as refused:
            deal.do(actions.report_milestone, deal.implementer.actor, uid, text)
        assert refused.value.problems[0].field == "statement"
    with pytest.raises(NotNow):
        deal.do(actions.accept_milestone, deal.funder.actor, uid)
    deal.set_status(AgreementStatus.SUSPENDED)
    with pytest.raises(NotNow):
        deal.do(actions.report_milestone, deal.implementer.actor, uid, "Done.")
