"""Applying, screening and appealing as people do it in a browser."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.db import now, writing
from service.events import Event
from service.jobs import Job
from service.listings.models import Listing, ListingStatus
from service.permissions import Role
from service.rounds.models import Appeal, AppealStatus, Application, ApplicationStatus, Round, RoundPhase

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from tests.service.conftest import (
        Enter,
        MakeListing,
        MakeParty,
        MakeRound,
        MakeUser,
        Party,
        SignInAs,
    )

    Rows = Callable[[Any], list[Any]]

SOUND = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}
ANSWERS = {
    "answer-plan": "Lunches from May on.",
    "answer-facilities": "A kitchen.",
    "answer-professionals": "A cook.",
}
DAY = timedelta(days=1)


@pytest.fixture
def party(make_party: MakeParty) -> Party:
    return make_party(**SOUND)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def only(rows: Rows) -> Application:
    [application] = rows(select(Application))
    return application


def steps_told(rows: Rows) -> list[str]:
    """What mails about applications have said, in order."""
    jobs = rows(select(Job).where(Job.name == "send_mail").order_by(Job.id))
    return [job.payload["values"].get("step", job.payload["template"]) for job in jobs]


def test_application_is_returned_mended_resubmitted_and_accepted(
    rows: Rows,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
) -> None:
    call = make_round("venture-call", ends={"open": now() + DAY, "screening": now() + 5 * DAY})
    need = make_listing(party, "Lunches for the old", groups="elderly", beneficiaries="30")
    mine = as_new(party.user)

    overview = mine.get(f"/rounds/{call.uid}")
    assert f"/rounds/{call.uid}/apply" in overview.text
    picker = words(mine.get(f"/rounds/{call.uid}/apply").text)
    assert "Lunches for the old" in picker
    assert "one rule needs a look" in picker
    entered = mine.post(f"/rounds/{call.uid}/apply", data={"listing": need.uid})
    here = entered.headers["location"]
    application = only(rows)
    assert here == f"/applications/{application.uid}"

    page = words(mine.get(here).text)
    assert "Lunches for the old" in page
    assert "The project reaches 30 people directly; at least 50 are asked for." in page
    assert "What will you do, step by step, and when?" in page
    assert "How many people it reaches directly" not in page, "it is known already"

    refused = mine.post(here, data={**ANSWERS, "do": "submit", "version": application.version})
    assert refused.status_code == 422
    assert "A facilitator may return it" in words(refused.text)
    assert "Lunches from May on." in refused.text
    assert only(rows).answers["plan"] == "Lunches from May on.", "what was typed is kept"
    assert only(rows).status is ApplicationStatus.DRAFT

    version = only(rows).version
    submitted = mine.post(here, data={**ANSWERS, "do": "submit", "although": "yes", "version": version})
    assert submitted.headers["location"] == f"{here}?done=application-submitted"
    assert "A facilitator checks it" in words(mine.get(here).text)

    listed = words(desk.get(f"/rounds/{call.uid}/applications").text)
    assert "Lunches for the old" in listed
    assert "Beneficiaries" in listed
    page = desk.get(here).text
    assert "The project reaches 30 people directly" in page
    assert "Widen the project by 20 people or more." in page
    empty = desk.post(f"{here}/return", data={"return-reason": " "})
    assert empty.status_code == 422
    assert only(rows).status is ApplicationStatus.SUBMITTED
    desk.post(f"{here}/return", data={"return-reason": "It must reach 50 people."})
    assert only(rows).status is ApplicationStatus.INELIGIBLE
    page = words(mine.get(here).text)
    assert "It must reach 50 people." in page
    assert "submit it again by" in page

    mine.post(
        f"/listings/{need.uid}/edit?step=1",
        data={"title": need.title, "groups": "elderly", "beneficiaries": "60", "do": "stay"},
    )
    version = only(rows).version
    again = mine.post(here, data={**ANSWERS, "do": "submit", "version": version})
    assert again.status_code == 303, words(again.text)
    assert only(rows).status is ApplicationStatus.SUBMITTED
    assert desk.post(f"{here}/accept").status_code == 303
    assert only(rows).status is ApplicationStatus.ELIGIBLE
    assert "Reviewers read it next" in words(mine.get(here).text)
    assert steps_told(rows) == ["submit", "return", "submit", "accept"]

    told = rows(select(Event).where(Event.subject == application.uid).order_by(Event.id))
    assert [event.name for event in told] == [
        "application.begin",
        "application.answer",
        "application.submit",
        "application.return",
        "application.submit",
        "application.accept",
    ]
    assert {event.details["round"] for event in told} == {call.uid}


def test_resubmission_after_the_deadline_is_refused_with_the_day(
    rows: Rows,
    engine: Engine,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    as_new: Callable[[User], TestClient],
) -> None:
    call = make_round("venture-call", ends={"open": now() - 3 * DAY, "screening": now() - DAY})
    need = make_listing(party, groups="elderly", beneficiaries="60")
    returned = enter(call, need, ApplicationStatus.INELIGIBLE, reason="Too thin.")
    mine = as_new(party.user)
    late = mine.post(f"/applications/{returned.uid}", data={**ANSWERS, "do": "submit"})
    assert late.status_code == 409
    assert "The deadline was" in words(late.text)
    assert only(rows).status is ApplicationStatus.INELIGIBLE
    assert only(rows).answers["plan"] == "Lunches from May on."
    with writing(engine) as session:
        phase = session.exec(select(RoundPhase).where(RoundPhase.phase == "screening")).one()
        phase.ends = now() + DAY
    assert mine.post(f"/applications/{returned.uid}", data={"do": "submit"}).status_code == 303
    assert only(rows).status is ApplicationStatus.SUBMITTED


def test_appeal_is_decided_by_somebody_else_and_reinstates(
    rows: Rows,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    make_user: MakeUser,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
) -> None:
    call = make_round("venture-call")
    need = make_listing(party, groups="elderly", beneficiaries="60")
    uid = enter(call, need, ApplicationStatus.SUBMITTED).uid
    here, mine = f"/applications/{uid}", as_new(party.user)
    assert mine.post(f"{here}/appeal", data={"appeal": "No!"}).status_code == 409
    desk.post(f"{here}/return", data={"return-reason": "Outside the city."})
    assert mine.post(f"{here}/appeal", data={"appeal": ""}).status_code == 422
    assert mine.post(f"{here}/appeal", data={"appeal": "Our hall lies inside the city."}).status_code == 303
    twice = mine.post(f"{here}/appeal", data={"appeal": "Again."})
    assert twice.status_code == 409
    assert "You have appealed against this decision already" in words(twice.text)

    [appeal] = rows(select(Appeal))
    decision = f"{here}/appeals/{appeal.uid}"
    other = as_new(make_user(roles=[Role.FACILITATOR]))
    own = desk.post(decision, data={"do": "uphold", f"decision-{appeal.uid}": "I was wrong."})
    assert own.status_code == 403
    assert "Another facilitator decides the appeal" in words(own.text)
    assert mine.post(decision, data={"do": "uphold", f"decision-{appeal.uid}": "Yes."}).status_code == 403
    assert "Our hall lies inside the city." in other.get(here).text
    assert other.post(decision, data={"do": "uphold", f"decision-{appeal.uid}": " "}).status_code == 422
    other.post(decision, data={"do": "uphold", f"decision-{appeal.uid}": "The hall is inside."})
    assert only(rows).status is ApplicationStatus.ELIGIBLE
    assert rows(select(Appeal))[0].status is AppealStatus.UPHELD
    assert "The hall is inside." in mine.get(here).text
    assert steps_told(rows) == ["return", "appeal-raised", "reinstate"]


def test_only_facilitator_decides_the_appeal_against_their_own_decision(
    rows: Rows,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
) -> None:
    call = make_round("venture-call")
    here = f"/applications/{enter(call, make_listing(party), ApplicationStatus.SUBMITTED).uid}"
    desk.post(f"{here}/return", data={"return-reason": "No plan."})
    as_new(party.user).post(f"{here}/appeal", data={"appeal": "There is one."})
    [appeal] = rows(select(Appeal))
    data = {"do": "dismiss", f"decision-{appeal.uid}": "There is none."}
    assert desk.post(f"{here}/appeals/{appeal.uid}", data=data).status_code == 303
    assert only(rows).status is ApplicationStatus.INELIGIBLE
    assert steps_told(rows)[-1] == "dismiss"
    again = as_new(party.user).post(f"{here}/appeal", data={"appeal": "There is!"})
    assert again.status_code == 409, "once for each decision"


def test_appeal_is_upheld_although_what_it_is_about_was_mended_and_taken_meanwhile(
    rows: Rows,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    make_user: MakeUser,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
) -> None:
    call = make_round("venture-call")
    need = make_listing(party, groups="elderly", beneficiaries="60")
    here = f"/applications/{enter(call, need, ApplicationStatus.SUBMITTED).uid}"
    mine = as_new(party.user)
    desk.post(f"{here}/return", data={"return-reason": "No plan."})
    mine.post(f"{here}/appeal", data={"appeal": "There is one."})
    mine.post(here, data={**ANSWERS, "do": "submit", "version": only(rows).version})
    desk.post(f"{here}/accept", data={"accept-reason": "It has one now."})
    assert only(rows).status is ApplicationStatus.ELIGIBLE
    other = as_new(make_user(roles=[Role.FACILITATOR]))
    assert "Uphold: the decision was wrong" in words(other.get(here).text)
    [appeal] = rows(select(Appeal))
    said = {"do": "uphold", f"decision-{appeal.uid}": "It was there."}
    decided = other.post(f"{here}/appeals/{appeal.uid}", data=said)
    assert decided.status_code == 303
    assert only(rows).status is ApplicationStatus.ELIGIBLE
    assert rows(select(Appeal))[0].status is AppealStatus.UPHELD
    assert steps_told(rows) == ["return", "appeal-raised", "submit", "accept", "uphold"]


def test_new_need_is_written_for_a_round_and_leads_back_to_it(
    rows: Rows, party: Party, make_round: MakeRound, as_new: Callable[[User], TestClient]
) -> None:
    relief = make_round("flood-relief")
    mine = as_new(party.user)
    where = f"/rounds/{relief.uid}/apply"
    nothing = mine.post(where, data={"organization": party.organization.uid, "title": " "})
    assert nothing.status_code == 422
    began = mine.post(where, data={"organization": party.organization.uid, "title": "Boats", "side": "need"})
    [listing] = rows(select(Listing))
    assert began.headers["location"] == f"/listings/{listing.uid}/edit?step=1&done=created"
    here = f"/applications/{only(rows).uid}"
    assert here in mine.get(f"/listings/{listing.uid}/edit?step=4").text
    refused = mine.post(here, data={"do": "submit"})
    assert refused.status_code == 422
    assert "at least one thing" in words(refused.text)
    mine.post(
        f"/listings/{listing.uid}/edit?step=2",
        data={
            "rows": "1",
            "lines-0-kind": "transport",
            "lines-0-amount": "3",
            "lines-0-unit": "trip",
            "lines-0-critical": "yes",
            "do": "next",
        },
    )
    assert mine.post(here, data={"do": "submit"}).status_code == 303
    assert only(rows).status is ApplicationStatus.ELIGIBLE
    assert rows(select(Listing))[0].status is ListingStatus.PUBLISHED
    assert "It takes part in the matching" in words(mine.get(f"/rounds/{relief.uid}").text)


def test_words_survive_the_end_of_the_session(
    rows: Rows,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
    sign_in: SignInAs,
) -> None:
    call = make_round("venture-call")
    mine = as_new(party.user)
    here = mine.post(
        f"/rounds/{call.uid}/apply", data={"listing": make_listing(party, beneficiaries="60").uid}
    ).headers["location"]
    mine.cookies.delete("qiao_session")
    sent = mine.post(here, data={"answer-plan": "A long plan.", "do": "save"})
    assert sent.headers["location"].startswith("/accounts/sign-in?next=")
    sign_in(mine, party.user)
    assert "A long plan." in mine.get(f"{here}?held=1").text
    assert only(rows).answers == {}


def test_typing_is_kept_and_the_rules_answer_at_once(
    party: Party,
    rows: Rows,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
) -> None:
    call = make_round("venture-call")
    mine = as_new(party.user)
    need = make_listing(party, groups="elderly")
    here = mine.post(f"/rounds/{call.uid}/apply", data={"listing": need.uid}).headers["location"]
    assert "How many people it reaches directly" in mine.get(here).text
    few = mine.post(f"{here}/draft", data={"beneficiaries": "30", "answer-plan": "Half a pl"})
    assert "at least 50 are asked for" in few.text
    many = mine.post(f"{here}/draft", data={"beneficiaries": "60", "answer-plan": "Half a plan"})
    assert "All rules are met." in many.text
    assert rows(select(Listing))[0].beneficiaries is None, "nothing is saved yet"
    page = mine.get(here).text
    assert "Half a plan" in page
    assert 'value="60"' in page
    assert "not saved yet" in page
    assert mine.post(f"{here}/draft", data={"answer-plan": "x" * 200_000}).status_code == 413


def test_overtaken_answers_show_both_and_overwrite_nothing(
    party: Party,
    rows: Rows,
    make_user: MakeUser,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
) -> None:
    call = make_round("venture-call")
    mine = as_new(party.user)
    other = as_new(make_user(member_of={party.organization.key: Role.EDITOR}))
    need = make_listing(party, groups="elderly", beneficiaries="60")
    here = mine.post(f"/rounds/{call.uid}/apply", data={"listing": need.uid}).headers["location"]
    version = only(rows).version
    mine.post(here, data={"answer-plan": "The first plan.", "version": version, "do": "save"})
    late = other.post(here, data={"answer-plan": "Another plan.", "version": version, "do": "save"})
    assert late.status_code == 412
    assert "The first plan." in late.text
    assert "Another plan." in late.text
    assert only(rows).answers["plan"] == "The first plan."


# The desk -----------------------------------------------------------------------------------------------


def test_applications_of_others_do_not_exist(
    party: Party,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    as_new: Callable[[User], TestClient],
    client: TestClient,
) -> None:
    call = make_round("venture-call")
    uid = enter(call, make_listing(party), ApplicationStatus.SUBMITTED).uid
    stranger = as_new(make_party("Stranger").user)
    for path in (f"/applications/{uid}", "/applications/nothing"):
        assert stranger.get(path).status_code == 404
        assert stranger.post(f"{path}/withdraw").status_code == 404
    assert client.get(f"/applications/{uid}").status_code == 303
    assert stranger.get(f"/rounds/{call.uid}/applications").status_code == 403


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7193 * 7193 }}", "cut \u202egnp.exe"],
)
def test_whatever_is_answered_is_shown_as_text(
    rows: Rows,
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
    text: str,
) -> None:
    call = make_round("venture-call", rules={"process": {"questions": ["plan", text.replace("\u202e", "")]}})
    mine = as_new(party.user)
    need = make_listing(party, text, groups="elderly", beneficiaries="60")
    here = mine.post(f"/rounds/{call.uid}/apply", data={"listing": need.uid}).headers["location"]
    mine.post(here, data={"answer-plan": text, "do": "save"})
    assert only(rows).answers["plan"]
    for browser, path in (
        (mine, here),
        (desk, here),
        (mine, f"/rounds/{call.uid}/apply"),
        (mine, f"/listings/{need.uid}"),
    ):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
        assert str(7193 * 7193) not in words(page)


def test_offer_is_asked_nothing_that_only_needs_are_asked(
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
    rows: Rows,
) -> None:
    giver = make_party("Firm", kind="business")
    call = make_round("venture-call")
    offer = make_listing(giver, "Money", Side.OFFER)
    mine = as_new(giver.user)
    here = mine.post(f"/rounds/{call.uid}/apply", data={"listing": offer.uid}).headers["location"]
    page = words(mine.get(here).text)
    assert "Nothing is missing" in page
    assert mine.post(here, data={"do": "submit"}).status_code == 303
    assert only(rows).status is ApplicationStatus.SUBMITTED


def test_round_that_nobody_opened_yet_cannot_be_entered(
    party: Party, make_listing: MakeListing, make_round: MakeRound, as_new: Callable[[User], TestClient]
) -> None:
    draft: Round = make_round("venture-call", "draft")
    mine = as_new(party.user)
    assert mine.get(f"/rounds/{draft.uid}/apply").status_code == 404
    assert (
        mine.post(f"/rounds/{draft.uid}/apply", data={"listing": make_listing(party).uid}).status_code == 404
    )
