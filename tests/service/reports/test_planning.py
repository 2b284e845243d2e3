"""Which reports come when: counted from the terms, moved by amendments, never lost once handed in."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import delete
from sqlmodel import select

from service.agreements.models import Agreement, AgreementStatus, Party, PartyRole
from service.agreements.terms import ReportTerms, Terms
from service.db import writing
from service.events import Event
from service.funding.models import Disbursement
from service.jobs import promise
from service.reports.models import Report, ReportKind, ReportStatus
from service.reports.planning import plan, writers

M, Q, F, E = ReportKind.MONTHLY, ReportKind.QUARTERLY, ReportKind.FINAL, ReportKind.EVALUATION


def terms(starts=date(2026, 1, 15), ends=date(2026, 7, 14), **reports):
    asked = {"monthly": False, "quarterly": False, "final": False, "days": 10, **reports}
    return Terms(title={"en": "Wells"}, starts=starts, ends=ends, reports=ReportTerms(**asked))


def test_quarters_are_counted_from_the_first_day_of_the_term():
    found = plan(terms(quarterly=True))
    assert [(one.start, one.end, one.due) for one in found] == [
        (date(2026, 1, 15), date(2026, 4, 14), date(2026, 4, 24)),
        (date(2026, 4, 15), date(2026, 7, 14), date(2026, 7, 24)),
    ]


def test_month_that_ends_with_a_quarter_is_told_in_the_quarters_report():
    found = plan(terms(monthly=True, quarterly=True))
    assert [(one.kind, one.number, one.end) for one in found] == [
        (M, 1, date(2026, 2, 14)),
        (M, 2, date(2026, 3, 14)),
        (Q, 1, date(2026, 4, 14)),
        (M, 3, date(2026, 5, 14)),
        (M, 4, date(2026, 6, 14)),
        (Q, 2, date(2026, 7, 14)),
    ]


def test_last_period_ends_with_the_term_and_short_months_lose_no_day():
    found = plan(terms(date(2026, 1, 31), date(2026, 4, 10), monthly=True))
    assert [(one.start, one.end) for one in found] == [
        (date(2026, 1, 31), date(2026, 2, 27)),
        (date(2026, 2, 28), date(2026, 3, 30)),
        (date(2026, 3, 31), date(2026, 4, 10)),
    ]


def test_evaluation_follows_the_final_report():
    final, evaluation = plan(terms(final=True, evaluation=True))
    assert (final.kind, final.due) == (F, date(2026, 7, 24))
    assert (evaluation.kind, evaluation.due) == (E, date(2026, 8, 3))
    assert (final.start, final.end) == (date(2026, 1, 15), date(2026, 7, 14))


def test_nothing_is_planned_without_a_term_or_without_reports():
    assert plan(terms(starts=None, quarterly=True)) == []
    assert plan(terms()) == []


def test_rules_of_the_round_ask_whatever_the_terms_say():
    assert {one.kind for one in plan(terms(), ["monthly", "final"])} == {M, F}


def test_implementer_reports_and_supervisor_evaluates():
    parties = [
        Party(agreement_id=1, organization_id=number, role=role)
        for number, role in enumerate(
            (PartyRole.FUNDER, PartyRole.SUPERVISOR, PartyRole.IMPLEMENTER, PartyRole.IMPLEMENTER), 1
        )
    ]
    owing = writers(parties)
    assert owing[Q] == owing[F] == [3, 4]
    assert owing[E] == [2]
    assert writers(parties[:1])[E] == [1]


def test_reports_are_there_from_the_day_the_agreement_is_in_force_and_planning_twice_changes_nothing(
    project, rows
):
    made = project()
    before = [(one.uid, one.due) for one in made.reports()]
    assert [one.kind for one in made.reports()] == [Q, Q, Q, Q, F]
    assert {one.organization_id for one in made.reports()} == {made.ngo.organization.key}
    assert [(one.uid, one.due) for one in made.plan()] == before
    [event] = rows(select(Event).where(Event.name == "report.plan"))
    assert event.details["agreement"] == made.agreement.uid


def test_last_signature_makes_books_and_reports(project, jobs, rows):
    made = project()
    with writing(jobs.engine) as session:
        session.exec(delete(Report))
        promise(session, "open_ledger", agreement=made.agreement.uid)
    jobs.run_all()
    assert [one.kind for one in made.reports()] == [Q, Q, Q, Q, F]
    assert len(rows(select(Disbursement))) == 2


def test_draft_of_an_agreement_plans_nothing(project, make_agreement):
    made = project()
    made.agreement = make_agreement(made.company, made.ngo, AgreementStatus.SIGNING)
    assert made.plan() == []


@pytest.mark.parametrize("through", ["itself", "amendment"])
def test_amendment_moves_drafts_by_their_number_and_leaves_what_was_handed_in(
    project, make_agreement, through
):
    made = project()
    first, second, *_ = made.reports()
    made.submit(first)
    later = made.agreement.ends + timedelta(days=60)
    with writing(made.jobs.engine) as session:
        kept = session.get_one(Agreement, made.agreement.key)
        kept.terms = {**kept.terms, "ends": later.isoformat(), "reports": {"monthly": False, "days": 30}}
        session.add(kept)
    if through == "amendment":
        amendment = make_agreement(made.company, made.ngo, amends_id=made.agreement.key)
        made.agreement, original = amendment, made.agreement
        made.plan()
        made.agreement = original
    else:
        made.plan()
    assert made.report(Q, 1).due == first.due, "handed in already"
    assert made.report(Q, 2).due == second.due + timedelta(days=15)
    assert made.report(Q, 2).uid == second.uid
    assert made.report(Q, 5).period_end == later
    assert made.report(F).due == later + timedelta(days=30)


def test_report_that_is_not_asked_for_any_more_ends_and_comes_back_with_what_was_typed(project):
    made = project()
    second = made.report(Q, 2)
    made.change(second, answers={"activities": "Begun."})
    with writing(made.jobs.engine) as session:
        kept = session.get_one(Agreement, made.agreement.key)
        kept.terms = {**kept.terms, "reports": {"quarterly": False, "final": True, "days": 15}}
        session.add(kept)
    made.plan()
    assert made.report(Q, 2).ended is not None
    assert made.report(F).ended is None
    with writing(made.jobs.engine) as session:
        kept = session.get_one(Agreement, made.agreement.key)
        kept.terms = {**kept.terms, "reports": {"quarterly": True, "final": True, "days": 15}}
        session.add(kept)
    made.plan()
    assert (made.report(Q, 2).ended, made.report(Q, 2).answers) == (None, {"activities": "Begun."})
    assert made.report(Q, 2).status is ReportStatus.DRAFT
