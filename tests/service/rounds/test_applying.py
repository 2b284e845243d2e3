"""Entering a round: what is asked, what is refused, what is kept, what the log and the mails say."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.db import now, writing
from service.errors import BadInput, Changed, NotAllowed, NotNow
from service.events import history
from service.jobs import Job
from service.listings import actions as listings
from service.listings.models import Listing, ListingStatus
from service.listings.reading import Draft
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import Role
from service.rounds import applying
from service.rounds.applications import behind
from service.rounds.models import Application, ApplicationStatus, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.permissions import Actor
    from service.rounds.models import Round
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Party

SOUND = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}
ANSWERS = {
    "answer-plan": ["Lunches from May on."],
    "answer-facilities": ["A kitchen."],
    "answer-professionals": ["A cook."],
}
TOMORROW = timedelta(days=1)


@pytest.fixture
def party(make_party: MakeParty) -> Party:
    return make_party(**SOUND)


@pytest.fixture
def call(make_round: MakeRound) -> Round:
    return make_round("venture-call")


def mails(session: Session) -> list[dict[str, Any]]:
    return [job.payload for job in session.exec(select(Job).where(Job.name == "send_mail"))]


def fields_of(error: pytest.ExceptionInfo[BadInput]) -> list[str]:
    return [problem.field for problem in error.value.problems]


# Beginning ----------------------------------------------------------------------------------------------


def test_listing_is_entered_once_and_by_its_own_people_only(
    session: Session, party: Party, make_party: MakeParty, make_listing: MakeListing, call: Round
) -> None:
    need, other, viewer = make_listing(party), make_party("Other"), make_party("Viewer", Role.VIEWER)
    first = applying.begin(session, party.actor, call, need)
    assert applying.begin(session, party.actor, call, need).id == first.id
    assert (first.status, first.side) == (ApplicationStatus.DRAFT, Side.NEED)
    with pytest.raises(NotAllowed):
        applying.begin(session, other.actor, call, need)
    with pytest.raises(NotAllowed):
        applying.begin(session, viewer.actor, call, need)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (RoundStatus.SCREENING, "applying-over"),
        (RoundStatus.MATCHING, "applying-over"),
        (RoundStatus.DRAFT, "round-not-open"),
    ],
)
def test_phase_other_than_open_takes_nothing_in(
    session: Session,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    status: RoundStatus,
    code: str,
) -> None:
    with pytest.raises(NotNow) as error:
        applying.begin(session, party.actor, make_round("venture-call", status), make_listing(party))
    assert error.value.message.code == code


def test_deadline_that_has_passed_takes_nothing_in_although_nobody_moved_the_round_on(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound, enter: Enter
) -> None:
    late = make_round("flood-relief", ends={"open": now() - timedelta(seconds=1)})
    need, draft = make_listing(party), enter(late, make_listing(party), ApplicationStatus.DRAFT)
    with pytest.raises(NotNow) as error:
        applying.begin(session, party.actor, late, need)
    assert error.value.message.code == "deadline-passed"
    with pytest.raises(NotNow):
        applying.submit(session, party.actor, late, session.get_one(Application, draft.key))


# Answering ----------------------------------------------------------------------------------------------


def test_missing_facts_are_written_where_they_belong(
    session: Session, make_party: MakeParty, make_listing: MakeListing, call: Round
) -> None:
    party = make_party()
    need = make_listing(party, groups="elderly")
    application = applying.begin(session, party.actor, call, need)
    typed = {
        "beneficiaries": ["120人"],
        "registered": ["2015-04-01"],
        "inspection_passed": ["yes"],
        "inspection_year": ["2024"],
        "answer-plan": ["Lunches from May on."],
    }
    applying.answer(session, party.actor, call, application, typed, "en")
    session.commit()
    listing = session.get_one(Listing, need.key)
    organization = session.get_one(Organization, party.organization.key)
    session.refresh(listing)
    session.refresh(organization)
    assert listing.beneficiaries == 120
    assert listing.groups == ["elderly"]
    assert organization.registered == date(2015, 4, 1)
    assert (organization.inspection_passed, organization.inspection_year) == (True, 2024)
    assert application.answers == {"plan": "Lunches from May on."}
    assert [event.name for event in history(session, need.uid)][-1] == "listing.change"
    assert [event.name for event in history(session, party.organization.uid)][-1] == "organization.edit"


def test_facts_that_are_stated_are_not_asked_and_cannot_be_slipped_in(
    session: Session, party: Party, make_listing: MakeListing, call: Round
) -> None:
    need = make_listing(party, beneficiaries="60", groups="elderly")
    application = applying.begin(session, party.actor, call, need)
    typed = {"beneficiaries": ["9000"], "rating": ["5"], "title": ["Mine"], "answer-nothing": ["x"]}
    applying.answer(session, party.actor, call, application, typed, "en")
    assert session.get_one(Listing, need.key).beneficiaries == 60
    assert session.get_one(Organization, party.organization.key).rating is None
    assert application.answers == {}


def test_what_cannot_be_read_is_told_and_the_rest_is_kept(
    session: Session, make_party: MakeParty, make_listing: MakeListing, call: Round
) -> None:
    party = make_party()
    need = make_listing(party)
    application = applying.begin(session, party.actor, call, need)
    typed = {
        "beneficiaries": ["many"],
        "registered": ["2999-01-01"],
        "inspection_passed": ["yes"],
        "inspection_year": ["2024"],
        "answer-plan": ["Lunches."],
        "answer-facilities": ["x" * 5001],
    }
    with pytest.raises(BadInput) as error:
        applying.answer(session, party.actor, call, application, typed, "en")
    assert sorted(fields_of(error)) == ["answer-facilities", "beneficiaries", "registered"]
    assert session.get_one(Organization, party.organization.key).inspection_passed is True


def test_somebody_elses_answers_are_not_overwritten(
    session: Session, party: Party, make_listing: MakeListing, call: Round
) -> None:
    application = applying.begin(session, party.actor, call, make_listing(party))
    seen = application.version
    applying.answer(session, party.actor, call, application, ANSWERS, "en", version=seen)
    with pytest.raises(Changed):
        applying.answer(
            session, party.actor, call, application, {"answer-plan": ["Mine."]}, "en", version=seen
        )
    assert application.answers["plan"] == "Lunches from May on."


def test_own_question_of_a_round_is_asked_and_needed(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    asked = "Who cooks on Sundays?"
    call = make_round("venture-call", rules={"process": {"questions": [asked]}})
    application = applying.begin(session, party.actor, call, make_listing(party, beneficiaries="60"))
    with pytest.raises(BadInput) as error:
        applying.submit(session, party.actor, call, application)
    [name] = fields_of(error)
    applying.answer(session, party.actor, call, application, {name: ["Old Li\u202e."]}, "en")
    assert application.answers == {asked: "Old Li."}
    assert applying.submit(session, party.actor, call, application).status is ApplicationStatus.SUBMITTED


# Submitting ---------------------------------------------------------------------------------------------


def test_submission_freezes_what_was_checked_and_shows_later_edits(
    session: Session, party: Party, make_listing: MakeListing, call: Round
) -> None:
    need = make_listing(party, beneficiaries="60", groups="elderly")
    application = applying.begin(session, party.actor, call, need)
    applying.answer(session, party.actor, call, application, ANSWERS, "en")
    applying.submit(session, party.actor, call, application)
    listing = session.get_one(Listing, need.key)
    assert application.status is ApplicationStatus.SUBMITTED
    assert application.revision == listing.revision > 0
    assert {one["rule"] for one in application.findings} >= {"beneficiaries", "cap"}
    assert not behind(session, [application])[0].changed
    listings.change(session, party.actor, listing, Draft(Side.NEED, {"title": "Another"}, None, "en"))
    assert behind(session, [application])[0].changed
    [mail] = mails(session)
    assert (mail["to"], mail["values"]["step"]) == (party.user.email, "submit")
    with pytest.raises(NotNow):
        applying.answer(session, party.actor, call, application, ANSWERS, "en")


def test_draft_listing_is_published_with_its_application(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    relief = make_round("flood-relief")
    need = make_listing(party, publish=False)
    application = applying.begin(session, party.actor, relief, need)
    applying.submit(session, party.actor, relief, application)
    listing = session.get_one(Listing, need.key)
    assert listing.status is ListingStatus.PUBLISHED
    assert application.revision == listing.revision == 1


def test_round_without_screening_takes_what_fits_at_once(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    relief = make_round("flood-relief")
    application = applying.begin(session, party.actor, relief, make_listing(party))
    applying.submit(session, party.actor, relief, application)
    assert application.status is ApplicationStatus.ELIGIBLE
    told = [(event.name, event.actor) for event in history(session, application.uid)]
    assert told == [
        ("application.begin", party.actor.uid),
        ("application.submit", party.actor.uid),
        ("application.accept", "system"),
    ]
    assert all(event.details["round"] == relief.uid for event in history(session, application.uid))
    assert [mail["values"]["step"] for mail in mails(session)] == ["accept"]


def test_rule_that_is_not_met_needs_a_word_where_somebody_screens(
    session: Session, party: Party, make_listing: MakeListing, call: Round
) -> None:
    application = applying.begin(session, party.actor, call, make_listing(party, beneficiaries="30"))
    applying.answer(session, party.actor, call, application, ANSWERS, "en")
    with pytest.raises(BadInput) as error:
        applying.submit(session, party.actor, call, application)
    assert fields_of(error) == ["rule-beneficiaries", "although"]
    assert application.status is ApplicationStatus.DRAFT
    assert application.answers["plan"]
    applying.submit(session, party.actor, call, application, although=True)
    assert application.status is ApplicationStatus.SUBMITTED
    assert behind(session, [application])[0].unmet == ["beneficiaries"]


@pytest.mark.parametrize(
    "rules",
    [
        {"process": {"resubmission": False}},
        {"process": {"phases": ["open", "matching", "signing"]}},
    ],
)
def test_rule_that_is_not_met_is_refused_where_nothing_could_be_mended_later(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound, rules: dict[str, Any]
) -> None:
    values = {"phases": rules["process"]["phases"]} if "phases" in rules["process"] else {}
    call = make_round("venture-call", rules=rules, **values)
    application = applying.begin(session, party.actor, call, make_listing(party, beneficiaries="30"))
    applying.answer(session, party.actor, call, application, ANSWERS, "en")
    with pytest.raises(BadInput) as error:
        applying.submit(session, party.actor, call, application, although=True)
    assert fields_of(error) == ["rule-beneficiaries"]


def test_hard_rule_is_refused_whatever_is_confirmed(
    session: Session, make_party: MakeParty, make_listing: MakeListing, call: Round
) -> None:
    firm = make_party("Firm", kind="business", **SOUND)
    application = applying.begin(session, firm.actor, call, make_listing(firm, beneficiaries="60"))
    applying.answer(session, firm.actor, call, application, ANSWERS, "en")
    with pytest.raises(BadInput) as error:
        applying.submit(session, firm.actor, call, application, although=True)
    assert fields_of(error) == ["rule-organization-kind"]


def test_organization_that_may_not_act_cannot_submit(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    relief = make_round("flood-relief")
    application = applying.begin(session, party.actor, relief, make_listing(party))
    session.get_one(Organization, party.organization.key).status = OrganizationStatus.SUSPENDED
    session.flush()
    with pytest.raises(BadInput) as error:
        applying.submit(session, party.actor, relief, application)
    assert fields_of(error) == ["rule-standing"]


def test_third_project_of_the_year_is_refused_until_one_is_withdrawn(
    session: Session, party: Party, make_listing: MakeListing, call: Round
) -> None:
    needs = [make_listing(party, f"Need {number}", beneficiaries="60") for number in range(3)]
    made = [applying.begin(session, party.actor, call, need) for need in needs]
    for application in made:
        applying.answer(session, party.actor, call, application, ANSWERS, "en")
    applying.submit(session, party.actor, call, made[0])
    applying.submit(session, party.actor, call, made[1])
    with pytest.raises(BadInput) as error:
        applying.submit(session, party.actor, call, made[2], although=True)
    assert fields_of(error) == ["rule-cap"]
    applying.withdraw(session, party.actor, call, made[0])
    applying.submit(session, party.actor, call, made[2])
    assert made[2].status is ApplicationStatus.SUBMITTED


def test_withdrawn_application_is_entered_again_with_its_answers(
    session: Session, party: Party, make_listing: MakeListing, call: Round
) -> None:
    need = make_listing(party, beneficiaries="60")
    application = applying.begin(session, party.actor, call, need)
    applying.answer(session, party.actor, call, application, ANSWERS, "en")
    applying.submit(session, party.actor, call, application)
    applying.withdraw(session, party.actor, call, application)
    assert application.status is ApplicationStatus.WITHDRAWN
    again = applying.begin(session, party.actor, call, need)
    assert (again.id, again.status) == (application.id, ApplicationStatus.DRAFT)
    assert again.answers["plan"] == "Lunches from May on."


def test_nothing_is_withdrawn_once_results_are_shown(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound, enter: Enter
) -> None:
    talk = make_round("monthly-talk", RoundStatus.CHOOSING)
    entered = enter(talk, make_listing(party))
    with pytest.raises(NotNow) as error:
        applying.withdraw(session, party.actor, talk, session.get_one(Application, entered.key))
    assert error.value.message.code == "wrong-phase"


# Keeping as typed and reminding -------------------------------------------------------------------------


def test_typed_words_are_kept_for_each_person_until_they_save(
    session: Session,
    party: Party,
    make_user: MakeUser,
    actor: Callable[[User], Actor],
    make_listing: MakeListing,
    call: Round,
) -> None:
    other = actor(make_user(member_of={party.organization.key: Role.EDITOR}))
    application = applying.begin(session, party.actor, call, make_listing(party, beneficiaries="60"))
    assert applying.keep_unsaved(session, party.actor, application, {"answer-plan": ["Half a"]})
    assert applying.keep_unsaved(session, party.actor, application, {"answer-plan": ["Half a plan"]})
    assert not applying.keep_unsaved(session, party.actor, application, {"answer-plan": ["x" * 100_001]})
    kept = applying.unsaved(session, party.actor, application)
    assert kept is not None
    assert kept.fields == {"answer-plan": ["Half a plan"]}
    assert applying.unsaved(session, other, application) is None
    applying.answer(session, party.actor, call, application, ANSWERS, "en")
    assert applying.unsaved(session, party.actor, application) is None


def test_unfinished_applications_are_remembered_once_before_their_deadline(
    session: Session,
    jobs: Jobs,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
) -> None:
    soon = make_round("venture-call", ends={"open": now() + TOMORROW, "screening": now() + 9 * TOMORROW})
    far = make_round("venture-call", ends={"open": now() + 9 * TOMORROW})
    draft = enter(soon, make_listing(party), ApplicationStatus.DRAFT)
    enter(soon, make_listing(party), ApplicationStatus.INELIGIBLE)
    enter(soon, make_listing(party), ApplicationStatus.SUBMITTED)
    enter(far, make_listing(party), ApplicationStatus.DRAFT)
    for _ in range(2):
        with writing(jobs.engine) as other:
            other.add(Job(name="remind_applicants"))
        jobs.run_all()
    reminded = [
        job.payload["values"]["uid"]
        for job in session.exec(select(Job).where(Job.name == "send_mail"))
        if job.payload["template"] == "application-reminder"
    ]
    assert reminded == [draft.uid]


def test_listing_that_is_taken_back_leaves_the_rounds_that_go_on(
    session: Session,
    jobs: Jobs,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
) -> None:
    need, other = make_listing(party), make_listing(party, "Another")
    running, chosen = make_round("venture-call"), make_round("monthly-talk", RoundStatus.CHOOSING)
    entered, late = enter(running, need), enter(chosen, need)
    kept = enter(running, other, ApplicationStatus.SUBMITTED)
    with writing(jobs.engine) as writer:
        listings.withdraw(writer, party.actor, writer.get_one(Listing, need.key), "Already met.")
    jobs.run_all()
    status = {one.uid: one.status for one in session.exec(select(Application))}
    assert status[entered.uid] is ApplicationStatus.WITHDRAWN
    assert status[late.uid] is ApplicationStatus.ELIGIBLE, "its pairings are decided by the two sides"
    assert status[kept.uid] is ApplicationStatus.SUBMITTED
    [event] = [one for one in history(session, entered.uid) if one.name == "application.withdraw"]
    assert (event.actor, event.reason) == ("system", "The listing itself was withdrawn.")
    assert [mail["values"]["step"] for mail in mails(session)] == ["withdraw"]
