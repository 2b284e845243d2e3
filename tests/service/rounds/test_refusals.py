"""Every way of breaking a rule of rounds that other tests do not tell: refused, with its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from sqlmodel import select

from service.db import now, writing
from service.errors import NotNow
from service.events import Event
from service.listings import actions as listings
from service.listings.models import Listing
from service.permissions import Role
from service.rounds import actions, applying, forms, phases, queries, screening, showcase
from service.rounds.models import Appeal, Application, ApplicationStatus, Round, RoundPhase, RoundStatus
from service.web import Typed
from tests.service.refusing import codes, refused

SOUND = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}
ANSWERS = {"plan": "Lunches from May on.", "facilities": "A kitchen.", "professionals": "A cook."}
DAY = timedelta(days=1)


@pytest.fixture
def staff(make_user, actor):
    """Somebody who runs rounds."""
    return actor(make_user("runs@example.org", roles=[Role.FACILITATOR]))


@pytest.fixture
def party(make_party):
    return make_party(**SOUND)


def log(session):
    """What has happened so far."""
    return session.exec(select(Event.name).order_by(Event.id)).all()


# The round --------------------------------------------------------------------------------------------


def test_drafts_that_cannot_be_opened(session, staff, make_round):
    broken = make_round(status=RoundStatus.DRAFT, rules={"min_beneficiaries": "many"})
    late = make_round("venture-call", RoundStatus.DRAFT, ends={"open": now() - DAY})
    before = log(session)
    for made, code in ((broken, "rules-invalid"), (late, "end-passed")):
        one = queries.get(session, staff, made.uid, lock=True)
        refused(code, actions.advance_phase, session, staff, one)
        assert (one.status, one.version) == (RoundStatus.DRAFT, 1)
        assert queries.plan_of(session, one)["open"].began is None
    assert log(session) == before


def test_rules_are_not_changed_without_a_word_once_matching_has_begun(session, staff, make_round):
    one = make_round("venture-call", RoundStatus.MATCHING)
    given = queries.as_given(session, queries.get(session, staff, one.uid))
    changed = given.model_copy(update={"title": "Other", "rules": {"most_overhead": 10}, "reason": " \u200b"})
    before = log(session)
    refused("rules-reason", actions.edit, session, staff, one.uid, changed)
    kept = queries.get(session, staff, one.uid)
    assert (kept.title, kept.rules, kept.version) == (one.title, {}, 1)
    assert log(session) == before
    actions.edit(session, staff, one.uid, changed.model_copy(update={"rules": {}}))
    assert kept.title == "Other", "facts need none"


def test_ways_back_that_cannot_be(session, staff, make_round):
    made = make_round("venture-call", RoundStatus.SCREENING, ends={"open": now() - DAY})
    one = queries.get(session, staff, made.uid, lock=True)
    before = log(session)
    back = partial(actions.step_back, session, staff, one, "A road was closed.")
    refused("end-needed-again", back)
    refused("end-past", back, ends=now() - timedelta(seconds=1))
    refused("end-past", back, ends=datetime(1, 1, 1))  # noqa: DTZ001 — as a form gives it
    refused("moment-far", back, ends=datetime(9999, 12, 31, 23, tzinfo=UTC))
    ends = {"ends": now() + DAY}
    refused("too-long", actions.step_back, session, staff, one, "x" * 2_001, **ends)
    refused("too-long", actions.cancel, session, staff, one, "x" * 2_001)
    refused("reason-needed", actions.cancel, session, staff, one, " \u200b")
    session.expire_all()
    assert (one.status, one.version) == (RoundStatus.SCREENING, 1)
    assert queries.plan_of(session, one)["open"].ends < now()
    assert log(session) == before
    assert back(**ends).status is RoundStatus.OPEN


def test_moments_that_cannot_be_read(facilitator, make_round, rows):
    typed = "2027-02-30T10:00"
    for text in (typed, "soon", "10:00", "2027-13-01T10:00", "٣"):
        refused("moment-malformed", forms.moment_of, Typed({"ends": [text]}, {}), "ends", "Asia/Shanghai")
    one = make_round("venture-call", RoundStatus.SCREENING)
    page = facilitator.post(f"/rounds/{one.uid}/back", data={"back-reason": "A storm.", "ends": typed})
    assert page.status_code == 422
    assert "Write day and time as in 2027-03-31 18:00." in page.text
    assert f'value="{typed}"' in page.text
    sent = {"phases": one.phases, "ends-notice": typed}
    page = facilitator.post(f"/rounds/{one.uid}/settings?part=phases", data=sent)
    assert page.status_code == 422
    assert 'id="problem-ends-notice"' in page.text
    assert rows(select(Round.status)) == [RoundStatus.SCREENING]
    assert {phase.ends for phase in rows(select(RoundPhase))} == {None}


def test_refusal_names_every_phase_in_which_it_could_be_done(make_round):
    call = make_round("venture-call", RoundStatus.NOTICE)
    with pytest.raises(NotNow) as why:
        phases.require_phase(call, screening.DECLINED_IN)
    assert str(why.value).endswith("This can be done in these phases: Applying, Screening, Matching.")
    with pytest.raises(NotNow) as why:
        phases.require_phase(make_round("monthly-talk", RoundStatus.MATCHING), screening.SCREENED_IN)
    assert str(why.value).endswith("This can be done in the phase “Applying” only.")


def test_showcase_shows_who_takes_part_only(
    session, staff, party, make_party, make_listing, make_round, enter
):
    talk, other = make_round(), make_party("Elsewhere")
    enter(talk, make_listing(party))
    enter(talk, make_listing(other), ApplicationStatus.DRAFT)
    one, uid = queries.get(session, staff, talk.uid), other.organization.uid
    refused("not-in-showcase", showcase.arrange, session, staff, one, [uid, party.organization.uid])
    assert "showcase.arrange" not in log(session)
    assert set(session.exec(select(Application.showing))) == {None}


# Applying ---------------------------------------------------------------------------------------------


def test_applications_that_cannot_be_submitted(session, party, make_listing, make_round, enter):
    strict = make_round("venture-call", rules={"process": {"resubmission": False}})
    call = make_round("venture-call")
    need, over = make_listing(party, beneficiaries="60"), make_listing(party, beneficiaries="60")
    small = make_listing(party, beneficiaries="30")
    made = {
        "no-resubmission": (strict, enter(strict, need, ApplicationStatus.INELIGIBLE, answers=ANSWERS)),
        "application-submitted": (call, enter(call, need, ApplicationStatus.SUBMITTED, answers=ANSWERS)),
        "listing-over": (call, enter(call, over, ApplicationStatus.DRAFT, answers=ANSWERS)),
        "although-needed": (call, enter(call, small, ApplicationStatus.DRAFT, answers=ANSWERS)),
    }
    listings.fulfil(session, party.actor, session.get_one(Listing, over.key))
    before = log(session)
    for code, (one, entered) in made.items():
        application = session.get_one(Application, entered.key)
        refused(code, applying.submit, session, party.actor, one, application)
        assert (application.status, application.version) == (entered.status, 1)
    again = session.get_one(Application, made["listing-over"][1].key)
    refused("listing-over", applying.submit, session, party.actor, call, again, although=True)
    told = session.get_one(Application, made["application-submitted"][1].key)
    answer = partial(applying.answer, session, party.actor, call, told)
    refused("application-submitted", answer, {"answer-plan": ["Another."]}, "en")
    assert told.answers == ANSWERS
    assert log(session) == before


def test_what_is_fulfilled_leaves_the_rounds_and_says_why(
    session, jobs, party, make_listing, make_round, enter
):
    need = make_listing(party)
    entered = enter(make_round("venture-call"), need, ApplicationStatus.SUBMITTED)
    with writing(jobs.engine) as writer:
        listings.fulfil(writer, party.actor, writer.get_one(Listing, need.key))
    jobs.run_all()
    kept = session.get_one(Application, entered.key)
    assert (kept.status, kept.reason) == (ApplicationStatus.WITHDRAWN, "It is marked as fulfilled.")


def test_appeals_that_cannot_be(session, staff, party, make_listing, make_round, enter):
    call = make_round("venture-call")
    entered = enter(call, make_listing(party), ApplicationStatus.SUBMITTED)
    application = session.get_one(Application, entered.key)
    appeal = partial(applying.appeal, session, party.actor, call, application)
    refused("nothing-to-appeal", appeal, "No!")
    screening.return_(session, staff, call, application, "Outside the city.")
    refused("field-missing", appeal, " \u200b")
    refused("too-long", appeal, "x" * 2_001)
    appeal("Our hall lies inside the city.")
    before = log(session)
    refused("appealed-already", appeal, "Again.")
    assert session.exec(select(Appeal.text)).all() == ["Our hall lies inside the city."]
    assert log(session) == before


def test_text_that_is_too_long_is_not_kept_and_what_was_kept_stays(
    session, party, make_listing, make_round, enter, as_new, rows
):
    entered = enter(make_round("venture-call"), make_listing(party), ApplicationStatus.DRAFT)
    here, mine = f"/applications/{entered.uid}", as_new(party.user)
    mine.post(f"{here}/draft", data={"answer-plan": "Half a plan"})
    page = mine.post(f"{here}/draft", data={"answer-plan": "x" * 100_000})
    assert page.status_code == 413
    assert "This is more text than a form can keep." in page.text
    assert "Half a plan</textarea>" in mine.get(here).text


def test_words_not_saved_yet_outlive_a_refusal_beside_them(
    session, staff, party, make_listing, make_round, enter, as_new
):
    call = make_round("venture-call")
    entered = enter(call, make_listing(party), ApplicationStatus.SUBMITTED)
    here, mine = f"/applications/{entered.uid}", as_new(party.user)
    screening.return_(session, staff, call, session.get_one(Application, entered.key), "No plan.")
    session.commit()
    mine.post(f"{here}/draft", data={"answer-plan": "Half a plan"})
    page = mine.post(f"{here}/appeal", data={"appeal": ""})
    assert page.status_code == 422
    assert "Half a plan</textarea>" in page.text


# Screening --------------------------------------------------------------------------------------------


def test_unmet_rule_is_not_let_pass_without_a_word(session, staff, party, make_listing, make_round, enter):
    call = make_round("venture-call")
    entered = enter(call, make_listing(party, beneficiaries="30"), ApplicationStatus.SUBMITTED)
    application = session.get_one(Application, entered.key)
    before = log(session)
    accept = partial(screening.accept, session, staff, call, application)
    for reason in ("", " \u200b"):
        refused("accept-although", accept, reason)
    refused("too-long", accept, "x" * 2_001)
    assert (application.status, application.version) == (ApplicationStatus.SUBMITTED, 1)
    assert log(session) == before
    assert accept("A pilot.\u202e").reason == "A pilot."


def test_nobody_decides_about_their_own_organization_while_somebody_else_can(
    session, staff, party, make_user, actor, make_listing, make_round, enter
):
    involved = actor(make_user(roles=[Role.FACILITATOR], member_of={party.organization.key: Role.OWNER}))
    make_user(roles=[Role.FACILITATOR])
    call = make_round("venture-call")
    entered = enter(call, make_listing(party, beneficiaries="60"), ApplicationStatus.SUBMITTED)
    returned = enter(call, make_listing(party), ApplicationStatus.SUBMITTED)
    application = session.get_one(Application, entered.key)
    other = session.get_one(Application, returned.key)
    screening.return_(session, staff, call, other, "No plan.")
    appeal = applying.appeal(session, party.actor, call, other, "There is one.")
    before = log(session)
    for decide in (screening.accept, screening.return_, screening.decline):
        refused("own-application", decide, session, involved, call, application, "Ours.")
    decide = partial(screening.decide_appeal, session, involved, call, other, appeal, reason="Ours.")
    for uphold in (True, False):
        refused("own-application", decide, uphold=uphold)
    assert (application.status, appeal.status.value) == (ApplicationStatus.SUBMITTED, "raised")
    assert log(session) == before
    for one in (application, other):
        steps, why = screening.steps_open_to(session, involved, call, one)
        assert not steps & {"accept", "decide"}
        assert why is not None
        assert why.code == "own-application"
    assert "accept" in screening.steps_open_to(session, staff, call, application)[0]
    steps, why = screening.steps_open_to(session, staff, call, other)
    assert "decide" not in steps
    assert why is not None
    assert why.code == "appeal-own-decision"


def test_own_organization_is_decided_about_where_only_its_people_could(
    session, party, make_user, actor, make_listing, make_round, enter
):
    inside = {"roles": [Role.FACILITATOR], "member_of": {party.organization.key: Role.VIEWER}}
    one, _ = actor(make_user(**inside)), make_user(**inside)
    call = make_round("venture-call")
    entered = enter(call, make_listing(party, beneficiaries="60"), ApplicationStatus.SUBMITTED)
    application = session.get_one(Application, entered.key)
    assert screening.return_(session, one, call, application, "No plan.").reason == "No plan."
    appeal = applying.appeal(session, party.actor, call, application, "There is one.")
    assert "decide" in screening.steps_open_to(session, one, call, application)[0]
    upheld = screening.decide_appeal(session, one, call, application, appeal, uphold=True, reason="So it is.")
    assert (upheld.status.value, application.status) == ("upheld", ApplicationStatus.ELIGIBLE)


def test_page_says_that_somebody_else_decides(
    staff, party, make_user, make_listing, make_round, enter, as_new, rows
):
    assert staff
    involved = make_user(roles=[Role.FACILITATOR], member_of={party.organization.key: Role.VIEWER})
    entered = enter(make_round("venture-call"), make_listing(party), ApplicationStatus.SUBMITTED)
    browser, here = as_new(involved), f"/applications/{entered.uid}"
    page = browser.get(here).text
    assert "Another facilitator decides about it." in page
    assert f'action="{here}/accept"' not in page
    api = f"/api/v1/rounds/{rows(select(Round.uid))[0]}/applications/{entered.uid}/decision"
    answer = browser.post(api, json={"step": "return", "reason": "Ours."})
    assert (answer.status_code, codes(answer)) == (403, ["own-application"])
    assert rows(select(Application.status)) == [ApplicationStatus.SUBMITTED]
