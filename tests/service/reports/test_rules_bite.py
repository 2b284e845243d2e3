"""The rule `reports` bites: its reports are asked for, and who owes overdue ones enters no further round."""

from __future__ import annotations

from datetime import timedelta

import pytest

from matching.profiles import Side
from matching.rules import load_preset
from service.db import reading, writing
from service.errors import BadInput, NotNow
from service.pairings import actions as matches
from service.pairings.models import MatchRun
from service.pairings.showing import result_of
from service.rounds import applying, checking, queries
from service.rounds.models import ApplicationStatus, Round, RoundStatus
from tests.service.reports.conftest import today
from tests.service.stated_rules import stating


def ruled(make_round, preset, *, with_rule=True):
    return make_round(preset, RoundStatus.OPEN, rules={} if with_rule else {"process": {"reports": []}})


@pytest.mark.parametrize("preset", stating("reports"))
def test_reports_of_the_preset_are_planned_whatever_the_agreement_says(preset, project, make_round):
    asked = set(load_preset(preset).process.reports)
    for with_rule, kinds in ((True, asked), (False, set())):
        made = project(quarterly=False, final=False)
        one = ruled(make_round, preset, with_rule=with_rule)
        with writing(made.jobs.engine) as session:
            kept = session.get_one(type(made.agreement), made.agreement.key)
            kept.round_id = one.key
            session.add(kept)
        assert {report.kind.value for report in made.plan()} == kinds


@pytest.mark.parametrize("preset", stating("reports"))
def test_reports_that_are_overdue_keep_an_organization_out_of_the_next_round(
    preset, project, make_round, make_listing
):
    made = project(days_ago=130)
    listing = make_listing(made.ngo, "Another project")

    def refused(one):
        with reading(made.jobs.engine) as session:
            findings = checking.check(session, one, listing, made.ngo.organization)
        return {found.reason.code for found in findings if found.rule == "reports" and found.refuses}

    assert refused(ruled(make_round, preset)) == {"overdue-reports"}
    assert refused(ruled(make_round, preset, with_rule=False)) == set()
    made.accept(made.submit(made.report()))
    assert refused(ruled(make_round, preset)) == set()


def test_application_with_overdue_reports_cannot_be_submitted_until_they_are_in(
    project, make_round, make_listing
):
    made = project(days_ago=130)
    listing = make_listing(made.ngo, "Another project")
    one = make_round("venture-call", RoundStatus.OPEN)
    with writing(made.jobs.engine) as session:
        application = applying.begin(
            session, made.ngo.actor, queries.get(session, made.ngo.actor, one.uid), listing
        )
    with writing(made.jobs.engine) as session, pytest.raises(BadInput) as raised:
        applying.submit(session, made.ngo.actor, one, application, although=True)
    said = {problem.field: problem.message.code for problem in raised.value.problems}
    assert said["rule-reports"] == "overdue-reports", "no facilitator can let it pass"


def test_reports_that_fall_overdue_after_admission_keep_out_of_match_and_release(
    project, make_round, make_party, make_listing, enter, jobs
):
    made = project(days_ago=130)
    report = made.change(made.report(), due=today() + timedelta(days=3))
    money = [{"kind": "money", "amount": "30000 CNY"}]
    need = make_listing(made.ngo, "Trees for the school yard", lines=money)
    offer = make_listing(
        make_party("Nursery", kind="business"), "We pay for trees in school yards", Side.OFFER, lines=money
    )
    one = make_round("venture-call", RoundStatus.MATCHING)
    enter(one, need, ApplicationStatus.SHORTLISTED)
    enter(one, offer, ApplicationStatus.ELIGIBLE)

    def asked(session):
        return matches.request_match(session, made.facilitator, session.get_one(Round, one.key))

    with writing(made.jobs.engine) as session:
        run = asked(session)
    jobs.run_all()
    made.change(report, due=today() - timedelta(days=2))
    with (
        writing(made.jobs.engine) as session,
        pytest.raises(NotNow, match="owes reports that are overdue: 1"),
    ):
        matches.release(session, made.facilitator, session.get_one(MatchRun, run.key), confirmed=True)
    with writing(made.jobs.engine) as session:
        run = asked(session)
    jobs.run_all()
    with reading(made.jobs.engine) as session:
        found = result_of(session, session.get_one(MatchRun, run.key))
    assert found.refused[need.uid].reason.code == "overdue-reports"
    assert found.pairings == ()
