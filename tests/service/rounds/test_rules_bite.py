"""The rules of a round's course bite: with each something is refused that without it is not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from matching.rules import PHASES, load_preset
from service.db import now
from service.errors import BadInput, NotNow
from service.permissions import SYSTEM_ACTOR
from service.rounds import actions, applying, phases, queries
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from tests.service.stated_rules import stating

if TYPE_CHECKING:
    from sqlmodel import Session

    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound

SOUND = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}
ANSWERS = {
    "answer-plan": ["Lunches from May on."],
    "answer-facilities": ["A kitchen."],
    "answer-professionals": ["A cook."],
}


def walked(one: Round) -> list[str]:
    """The phases that a draft goes through until it is closed."""
    seen = []
    while (phase := phases.following(one)) is not None:
        one.status = phase
        seen.append(phase.value)
    return seen[:-1]


@pytest.mark.parametrize("preset", stating("phases"))
def test_phases_that_a_preset_has_are_gone_through_and_no_others_allow_anything(preset: str) -> None:
    own = load_preset(preset).process.phases
    one = Round(title="Talk", preset=preset, phases=list(own))
    assert walked(one) == list(own)
    everything = Round(title="Talk", preset=preset, phases=list(PHASES))
    assert walked(everything) == list(PHASES)
    assert list(own) != list(PHASES), "the rule skips something"
    one.status = RoundStatus.OPEN
    with pytest.raises(NotNow):
        phases.require_phase(one, RoundStatus.MATCHING)


@pytest.mark.parametrize("preset", stating("notice_working_days"))
def test_notice_working_days_keep_the_result_from_being_confirmed_before(
    preset: str, session: Session, make_round: MakeRound
) -> None:
    for rules, code in (({}, "notice-runs"), ({"process": {"notice_working_days": 0}}, None)):
        one = make_round(preset, RoundStatus.MATCHING, rules=rules)
        one = queries.get(session, SYSTEM_ACTOR, one.uid)
        one.status = RoundStatus.NOTICE
        actions._begin(session, SYSTEM_ACTOR, one)
        obstacle = actions.obstacle(session, one)
        assert (obstacle.code if obstacle else None) == code
        session.commit()


@pytest.mark.parametrize("preset", stating("resubmission"))
def test_resubmission_lets_what_was_returned_in_again(
    preset: str,
    session: Session,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
) -> None:
    party = make_party(**SOUND)
    for number, allowed in enumerate((True, False)):
        rules = {"process": {"resubmission": allowed}}
        one = make_round(preset, rules=rules, ends={"open": now() + timedelta(days=1)})
        need = make_listing(party, f"Lunches {number}", beneficiaries="60", groups="elderly")
        entered = enter(one, need, ApplicationStatus.INELIGIBLE)
        application = session.get_one(Application, entered.key)
        one = queries.get(session, SYSTEM_ACTOR, one.uid)
        if allowed:
            applying.answer(session, party.actor, one, application, ANSWERS, "en")
            applying.submit(session, party.actor, one, application)
            assert application.status is ApplicationStatus.SUBMITTED
        else:
            with pytest.raises(NotNow):
                applying.submit(session, party.actor, one, application)
        session.commit()


@pytest.mark.parametrize("preset", stating("questions"))
def test_questions_must_be_answered_before_handing_in(
    preset: str,
    session: Session,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
) -> None:
    party = make_party(**SOUND)
    asked = load_preset(preset).process.questions
    for number, questions in enumerate((list(asked), [])):
        rules = {"process": {"questions": questions}}
        one = make_round(preset, rules=rules, ends={"open": now() + timedelta(days=1)})
        need = make_listing(party, f"Lunches {number}", beneficiaries="60", groups="elderly")
        application = applying.begin(session, party.actor, one, need)
        if questions:
            with pytest.raises(BadInput) as error:
                applying.submit(session, party.actor, one, application)
            fields = {problem.field for problem in error.value.problems}
            assert {"answer-plan", "answer-facilities", "answer-professionals"} <= fields
        else:
            applying.submit(session, party.actor, one, application)
            assert application.status is ApplicationStatus.SUBMITTED
        session.commit()
