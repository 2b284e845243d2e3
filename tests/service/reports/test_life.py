"""The life of a report: written, handed in, returned, mended, accepted; every way of breaking its rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from service.agreements.models import Agreement, AgreementStatus
from service.db import writing
from service.errors import BadInput, NotAllowed, NotFound, NotNow, SignInNeeded
from service.events import Event
from service.permissions import VISITOR, Role
from service.reports import actions, queries
from service.reports.models import Fault, ReportKind, ReportStatus
from tests.service.reports.conftest import ANSWERS, today

Q, F, E = ReportKind.QUARTERLY, ReportKind.FINAL, ReportKind.EVALUATION


def wrong(raised):
    return {problem.field: problem.message.code for problem in raised.value.problems}


def test_report_is_handed_in_returned_with_the_reason_mended_and_accepted(project, rows):
    made = project()
    report = made.submit(made.report())
    assert (report.status, report.language) == (ReportStatus.SUBMITTED, "en")
    assert report.answers["beneficiaries"] == "1 200"
    mails = {str(mail["To"]): mail.get_content() for mail in made.mails()}
    assert f"/reports/{report.uid}" in mails[made.company.user.email]
    assert made.ngo.user.email not in mails

    report = made.act(
        actions.return_,
        made.company.actor,
        report,
        "Receipts for the buses are missing.",
        ["receipts-missing"],
    )
    assert (report.status, report.reason) == (ReportStatus.RETURNED, "Receipts for the buses are missing.")
    mail = next(mail for mail in made.mails() if str(mail["To"]) == made.ngo.user.email)
    assert "Receipts for the buses are missing." in mail.get_content()
    assert "Receipts are missing" in mail.get_content()

    report = made.submit(report, money="Receipts are attached.")
    report = made.accept(report)
    assert (report.status, report.reason) == (ReportStatus.ACCEPTED, "")
    events = rows(select(Event).where(Event.subject == report.uid).order_by(Event.id))
    assert [event.name for event in events] == [
        "report.submit",
        "report.return",
        "report.submit",
        "report.accept",
    ]
    assert {event.details["agreement"] for event in events} == {made.agreement.uid}
    assert [fault.code for fault in rows(select(Fault))] == ["receipts-missing"]


def test_what_is_typed_is_kept_whatever_it_is_and_seen_by_its_writers_only(project, as_user, make_user):
    made = project()
    report = made.act(
        actions.save, made.ngo.actor, made.report(), {"activities": "Half a sen", "beneficiaries": "many"}
    )
    assert report.answers["activities"] == "Half a sen"
    assert report.answers["beneficiaries"] == "many"
    page = as_user(made.company.user).get(f"/reports/{report.uid}")
    assert page.status_code == 200
    assert "Half a sen" not in page.text
    shown = as_user(made.company.user).get(f"/api/v1/reports/{report.uid}").json()
    assert shown["answers"] == {}
    own = as_user(made.ngo.user).get(f"/api/v1/reports/{report.uid}").json()
    assert own["answers"]["activities"] == "Half a sen"


def test_all_that_is_missing_is_said_at_once(project):
    made = project()
    with pytest.raises(BadInput) as raised:
        made.submit(made.report(), activities="", beneficiaries="about forty", results="x" * 4_001)
    assert wrong(raised) == {
        "activities": "field-missing",
        "beneficiaries": "whole-number",
        "results": "too-long",
    }
    assert made.report().status is ReportStatus.DRAFT


def test_questions_fit_the_kind(project):
    made = project(days_ago=400, monthly=True, evaluation=True)
    monthly = made.submit(made.report(ReportKind.MONTHLY))
    assert set(monthly.answers) == {"activities", "problems", "next", "checked"}
    final = made.submit(made.report(F))
    assert "lasting" in final.answers
    assert "next" not in final.answers


def test_evaluation_is_the_funders_and_its_score_is_computed(project):
    made = project(days_ago=400, evaluation=True)
    evaluation = made.report(E)
    assert evaluation.organization_id == made.company.organization.key
    given = {"goals": "4", "benefit": "5", "economy": "3", "cooperation": "4", "judgement": "Good work."}
    with pytest.raises(BadInput) as raised:
        made.act(actions.submit, made.company.actor, evaluation, {**given, "goals": "6"})
    assert wrong(raised) == {"goals": "whole-number"}
    evaluation = made.act(actions.submit, made.company.actor, evaluation, given)
    assert evaluation.score == 80
    with pytest.raises(NotAllowed):
        made.act(actions.accept, made.company.actor, evaluation)
    assert made.act(actions.accept, made.ngo.actor, evaluation).status is ReportStatus.ACCEPTED


def test_nobody_decides_about_the_own_organizations_report(project, make_user, actor):
    made = project()
    report = made.submit(made.report())
    own_facilitator = actor(
        make_user(roles=["facilitator"], member_of={made.ngo.organization.key: Role.VIEWER})
    )
    both = actor(
        make_user(
            member_of={made.ngo.organization.key: Role.EDITOR, made.company.organization.key: Role.OWNER}
        )
    )
    for one in (made.ngo.actor, own_facilitator, both):
        with pytest.raises(NotAllowed):
            made.act(actions.accept, one, report)
        with pytest.raises(NotAllowed):
            made.act(actions.return_, one, report, "No.")
    viewer = actor(make_user(member_of={made.company.organization.key: Role.VIEWER}))
    with pytest.raises(NotAllowed):
        made.act(actions.accept, viewer, report)
    assert made.act(actions.accept, made.facilitator, report).status is ReportStatus.ACCEPTED


def test_others_do_not_know_of_it_and_nobody_else_writes_it(project, make_party):
    made = project()
    report = made.report()
    stranger = make_party("Elsewhere")
    for nobody in (stranger.actor, VISITOR):
        with pytest.raises(NotFound):
            made.act(actions.save, nobody, report, ANSWERS)
    for one in (made.company.actor, made.facilitator):
        with pytest.raises(NotAllowed):
            made.act(actions.submit, one, report, ANSWERS)
    with writing(made.jobs.engine) as session, pytest.raises(SignInNeeded):
        actions.accept(session, VISITOR, report)


def test_step_that_does_not_fit_is_refused(project):
    made = project()
    report = made.report()
    for action, given in ((actions.accept, ()), (actions.return_, ("Why?",))):
        with pytest.raises(NotNow):
            made.act(action, made.company.actor, report, *given)
    report = made.submit(report)
    with pytest.raises(NotNow):
        made.act(actions.save, made.ngo.actor, report, ANSWERS)
    with pytest.raises(BadInput) as raised:
        made.act(actions.return_, made.company.actor, report, "  ")
    assert wrong(raised) == {"reason": "reason-needed"}
    with pytest.raises(BadInput):
        made.act(actions.return_, made.company.actor, report, "Hm.", ["no-such-fault"])
    report = made.accept(report)
    with pytest.raises(NotNow):
        made.submit(report)


def test_report_is_handed_in_once_its_time_is_over_and_not_written_before_it_begins(project):
    made = project(days_ago=30)
    with pytest.raises(NotNow) as raised:
        made.submit(made.report(Q, 1))
    assert raised.value.message.code == "report-not-due"
    with pytest.raises(NotNow) as raised:
        made.act(actions.save, made.ngo.actor, made.report(Q, 2), ANSWERS)
    assert raised.value.message.code == "report-early"


def test_terminated_agreement_asks_for_the_final_report_only(project):
    made = project(days_ago=100)
    first, final = made.report(Q, 1), made.report(F)
    for status, may_first, may_final in (
        (AgreementStatus.SUSPENDED, False, False),
        (AgreementStatus.TERMINATED, False, True),
    ):
        with writing(made.jobs.engine) as session:
            kept = session.get_one(Agreement, made.agreement.key)
            kept.status = status
            session.add(kept)
        for report, allowed in ((first, may_first), (final, may_final)):
            if allowed:
                assert made.submit(report).status is ReportStatus.SUBMITTED
            else:
                with pytest.raises(NotNow):
                    made.submit(report)


def test_returned_report_has_ten_days_to_be_mended(project):
    made = project(days_ago=130)
    report = made.report()
    assert report.due < today()
    report = made.submit(report)
    report = made.act(actions.return_, made.company.actor, report, "Sums differ.")
    assert report.due == today() + timedelta(days=10)
    assert report.reminder == 0


def test_form_begins_with_last_times_next_steps_and_what_plan_and_ledger_know(
    project, make_listing, make_party
):
    need = make_listing(make_party("Village"), "Wells", beneficiaries="300")
    made = project(days_ago=230, need=need)
    made.submit(made.report(Q, 1))
    second = made.report(Q, 2)
    assert made.see(queries.prefilled, second)["activities"] == ANSWERS["next"]
    assert made.see(queries.facts, second)["people"] == 300
    made.accept(made.report(Q, 1))
    made.accept(made.submit(second, beneficiaries="300"))
    assert made.see(queries.prefilled, made.report(F))["beneficiaries"] == "1500"
    third = made.act(actions.save, made.ngo.actor, made.report(Q, 3), {"activities": "Mine."})
    assert made.see(queries.prefilled, third)["activities"] == "Mine."


def test_final_count_of_people_stands_for_the_whole_time(project):
    made = project(days_ago=400)
    for number in (1, 2):
        made.accept(made.submit(made.report(Q, number)))
    assert queries.reached(made.see(queries.accepted, made.agreement.key)) == 2_400
    made.accept(made.submit(made.report(F), beneficiaries="2000"))
    assert queries.reached(made.see(queries.accepted, made.agreement.key)) == 2_000
