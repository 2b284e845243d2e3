"""Every lifecycle of the service: each step is taken, and each that does not lead from a status is refused.

First as the tables say, then through the actions of what is signed: for every status and every use case.
"""

from __future__ import annotations

import importlib
import pkgutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

import service
from service.agreements import actions as agreements
from service.agreements import signing
from service.agreements.models import AGREEMENT, Agreement, AgreementStatus
from service.db import now
from service.errors import BadInput, NotNow
from service.funding import actions, breaches, queries
from service.funding.models import (
    BREACH,
    DISBURSEMENT,
    MILESTONE,
    Breach,
    BreachStatus,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
)
from service.lifecycle import Lifecycle
from service.reports import actions as reporting
from service.reports.models import REPORT, Report, ReportKind, ReportStatus
from tests.service.funding.conftest import deal, make_deal
from tests.service.reports.conftest import ANSWERS, project

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

    from service.settings import Settings
    from tests.service.funding.conftest import Deal

__all__ = ["deal", "make_deal", "project"]

WHY = "Because of the flood."
LIFECYCLES: dict[str, Lifecycle[Any]] = {
    one.noun: one
    for module in pkgutil.walk_packages(service.__path__, "service.")
    if module.name.endswith(".models")
    for one in vars(importlib.import_module(module.name)).values()
    if isinstance(one, Lifecycle)
}


def statuses(lifecycle: Lifecycle[Any]) -> type[StrEnum]:
    return type(lifecycle.steps[0].target)


def test_all_lifecycles_are_found() -> None:
    assert {"round", "application", "pairing", "agreement", "disbursement", "report"} <= LIFECYCLES.keys()
    assert len(LIFECYCLES) >= 15


@pytest.mark.parametrize("noun", sorted(LIFECYCLES))
def test_each_step_leads_where_it_says_and_every_other_is_refused(noun: str) -> None:
    lifecycle = LIFECYCLES[noun]
    leads = {(source, one.name): one for one in lifecycle.steps for source in one.sources}
    assert len(leads) == sum(len(one.sources) for one in lifecycle.steps), "no name leads to two statuses"
    for status in statuses(lifecycle):
        for name in {one.name for one in lifecycle.steps}:
            step = leads.get((status, name))
            if step is None:
                with pytest.raises(NotNow):
                    lifecycle.after(status, name, WHY)
                continue
            assert lifecycle.after(status, name, WHY) is step.target
            if step.needs_reason:
                with pytest.raises(BadInput):
                    lifecycle.after(status, name, " ")
        assert set(lifecycle.possible(status)) == {name for source, name in leads if source is status}


def check_every_pair(
    session: Session, row: Any, lifecycle: Lifecycle[Any], acts: dict[str, Callable[[], object]]
) -> None:
    """In every status exactly those use cases go through whose step leads from it; the rest say not now."""
    for status in statuses(lifecycle):
        taken = set()
        for name, act in acts.items():
            point = session.begin_nested()
            row.status = status
            session.add(row)
            session.flush()
            try:
                act()
                taken.add(name)
                assert row.status == lifecycle.after(status, name, WHY)
            except BadInput:
                taken.add(name)  # it could be done but for what is missing in the text
            except NotNow:
                pass  # as the lifecycle says, which is looked at below
            point.rollback()
            session.expire_all()
        assert taken == set(lifecycle.possible(status)) & acts.keys(), status


def test_tranches_move_only_as_their_lifecycle_says(deal: Deal) -> None:
    payee, giver, steering = deal.implementer.actor, deal.funder.actor, deal.facilitator
    day = queries.today()
    uid = deal.tranche("t0").uid
    with Session(deal.engine) as session:
        row = session.get_one(Disbursement, deal.tranche("t0").key)
        acts: dict[str, Callable[[], object]] = {
            "request": lambda: actions.request_tranche(session, payee, uid),
            "refuse": lambda: actions.refuse_tranche(session, giver, uid, WHY),
            "approve": lambda: actions.approve_tranche(session, giver, uid),
            "hold": lambda: actions.hold_tranche(session, steering, uid, WHY),
            "release": lambda: actions.release_tranche(session, giver, uid),
            "pay": lambda: actions.pay_tranche(session, giver, uid, day, "Bank 7"),
            "recover": lambda: actions.recover_tranche(session, steering, uid, 100, day, WHY),
        }
        assert acts.keys() == {one.name for one in DISBURSEMENT.steps} - {"replan"}, "amendments replan"
        check_every_pair(session, row, DISBURSEMENT, acts)
    assert {*DisbursementStatus} == {*statuses(DISBURSEMENT)}


def test_milestones_move_only_as_their_lifecycle_says(deal: Deal) -> None:
    uid = deal.milestone("m1").uid
    with Session(deal.engine) as session:
        row = session.get_one(Milestone, deal.milestone("m1").key)
        acts: dict[str, Callable[[], object]] = {
            "report": lambda: actions.report_milestone(session, deal.implementer.actor, uid, "Dug."),
            "accept": lambda: actions.accept_milestone(session, deal.funder.actor, uid),
            "return": lambda: actions.return_milestone(session, deal.funder.actor, uid, WHY),
        }
        assert acts.keys() == {one.name for one in MILESTONE.steps}
        check_every_pair(session, row, MILESTONE, acts)
    assert {*MilestoneStatus} == {*statuses(MILESTONE)}


def test_breaches_move_only_as_their_lifecycle_says(deal: Deal, settings: Settings) -> None:
    accused = deal.implementer.organization.uid
    allege = {"data_dir": settings.data_dir}
    uid = deal.do(breaches.allege, deal.funder.actor, deal.agreement.uid, accused, "Unused.", **allege).uid
    steering = deal.facilitator
    with Session(deal.engine) as session:
        row = session.exec(queries.select(Breach).where(Breach.uid == uid)).one()
        row.appealed = now()
        session.add(row)
        session.flush()
        acts: dict[str, Callable[[], object]] = {
            "find": lambda: breaches.find(session, steering, uid, WHY),
            "dismiss": lambda: breaches.dismiss(session, steering, uid, WHY),
            "uphold": lambda: breaches.decide_appeal(session, steering, uid, WHY, overturn=False),
            "overturn": lambda: breaches.decide_appeal(session, steering, uid, WHY, overturn=True),
        }
        assert acts.keys() == {one.name for one in BREACH.steps}
        check_every_pair(session, row, BREACH, acts)
    assert {*BreachStatus} == {*statuses(BREACH)}


def test_reports_move_only_as_their_lifecycle_says(project: Callable[..., Any]) -> None:
    made = project(days_ago=100)
    key = made.report(ReportKind.QUARTERLY).key
    with Session(made.jobs.engine) as session:
        row = session.get_one(Report, key)
        acts: dict[str, Callable[[], object]] = {
            "submit": lambda: reporting.submit(session, made.ngo.actor, row, ANSWERS),
            "accept": lambda: reporting.accept(session, made.company.actor, row),
            "return": lambda: reporting.return_(session, made.company.actor, row, WHY),
        }
        assert acts.keys() == {one.name for one in REPORT.steps}
        check_every_pair(session, row, REPORT, acts)
    assert {*ReportStatus} == {*statuses(REPORT)}


def test_agreements_move_only_as_their_lifecycle_says(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What must be settled before an agreement is completed has tests of its own."""
    monkeypatch.setattr(agreements, "BEFORE_COMPLETING", [])
    steering = deal.facilitator
    with Session(deal.engine) as session:
        row = session.get_one(Agreement, deal.agreement.key)
        row.text_hash = "0" * 64  # that nobody has signed
        row.ends = queries.today() + timedelta(days=30)
        session.add(row)
        session.flush()
        acts: dict[str, Callable[[], object]] = {
            "open_signing": lambda: signing.open_signing(session, steering, row),
            "revise": lambda: signing.take_back(session, steering, row, WHY),
            "enter_force": lambda: signing.record_on_stage(session, steering, row),
            "suspend": lambda: agreements.suspend(session, steering, row, WHY),
            "resume": lambda: agreements.resume(session, steering, row),
            "complete": lambda: agreements.complete(session, steering, row),
            "terminate": lambda: agreements.terminate(session, steering, row, WHY),
            "abandon": lambda: agreements.abandon(session, steering, row, WHY),
        }
        assert acts.keys() == {one.name for one in AGREEMENT.steps}
        check_every_pair(session, row, AGREEMENT, acts)
    assert {*AgreementStatus} == {*statuses(AGREEMENT)}
