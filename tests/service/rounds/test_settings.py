"""Facts, times and rules of a round edited on screen and through the API: read, refused, kept, logged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from matching.rules import PHASES, preset_names
from service.db import now
from service.events import Event
from service.rounds import ruleforms, ruling
from service.rounds.models import OwnPreset, Round, RoundPhase, RoundStatus
from service.rounds.rulebook import RULES
from service.web import Typed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient

    from tests.service.conftest import MakeListing, MakeParty, MakeRound

    Rows = Callable[[Any], list[Any]]


def fields_of(preset: str, **changed: list[str] | str) -> dict[str, list[str]]:
    """The form of the rules as it stands, with some fields typed anew."""
    given = {name: [value] if isinstance(value, str) else value for name, value in changed.items()}
    return {**ruleforms.typed_as(preset, {}, "en"), **given}


def read(preset: str, typed: dict[str, list[str]]) -> dict[str, Any]:
    return ruleforms.read(preset, Typed(typed, {}), "en")


# Reading the form -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-Hans", "ru"])
@pytest.mark.parametrize("preset", preset_names())
def test_form_sent_as_it_stands_changes_no_rule(preset: str, language: str) -> None:
    assert ruleforms.read(preset, Typed(ruleforms.typed_as(preset, {}, language), {}), language) == {}


@pytest.mark.parametrize(
    ("typed", "rules"),
    [
        ({"rules.min_beneficiaries": "80"}, {"min_beneficiaries": 80}),
        ({"rules.projects_per_organization": ""}, {"projects_per_organization": None}),
        ({"rules.applicants.registered": []}, {"applicants": {"registered": False}}),
        ({"rules.applicants.places": "广州; Beijing"}, {"applicants": {"places": ["beijing", "guangzhou"]}}),
        ({"rules.sponsors.min_rating": "3"}, {"sponsors": {"min_rating": 3}}),
        ({"rules.project_cap": "5万元 CNY"}, {"project_cap": "50000 CNY"}),
        ({"rules.fairness": "leximin"}, {"fairness": "leximin"}),
        ({"rules.min_score": "0,5"}, {"min_score": 0.5}),
        ({"rules.weights.need-semantic": "5"}, {"weights": {"need": {"semantic": 5.0}}}),
        ({"rules.process.reports": ["final"]}, {"process": {"reports": ["final"]}}),
        (
            {
                "rules.roles-0-needs_from": ["ngo"],
                "rules.roles-0-offers_from": ["association", "business"],
                "rules.roles-1-kinds": ["money"],
            },
            {
                "roles": [
                    {"needs_from": ["ngo"], "offers_from": ["association", "business"], "kinds": []},
                    {"needs_from": [], "offers_from": [], "kinds": ["money"]},
                ]
            },
        ),
        (
            {"rules.quotas-0-what": "groups:elderly", "rules.quotas-0-at_least": "2"},
            {"quotas": [{"scheme": "groups", "code": "elderly", "at_least": 2}]},
        ),
        (
            {"rules.process.criteria-0-weight": "5", "rules.process.criteria-7-name": "Kindness"}
            | {"rules.process.criteria-7-weight": "10"},
            {"process": {"criteria": {"broad_need": 5, "Kindness": 10}}},
        ),
        (
            {"rules.process.criteria-0-name": "", "rules.process.criteria-0-weight": ""}
            | {"rules.process.criteria-1-weight": "35"},
            {"process": {"criteria": {"broad_need": None, "public_benefit": 35}}},
        ),
        (
            {"rules.process.questions": ["plan"], "rules.process.questions-own": "Who keeps the books?"},
            {"process": {"questions": ["plan", "Who keeps the books?"]}},
        ),
    ],
)
def test_what_is_typed_becomes_the_keys_that_differ(
    typed: dict[str, list[str] | str], rules: dict[str, Any]
) -> None:
    found = read("venture-call", fields_of("venture-call", **typed))
    assert found == rules
    assert ruling.problems("venture-call", found) == []


@pytest.mark.parametrize(
    ("typed", "field", "code"),
    [
        ({"rules.min_beneficiaries": "many"}, "rules.min_beneficiaries", "not-a-count"),
        ({"rules.min_beneficiaries": ""}, "rules.min_beneficiaries", "not-a-count"),
        ({"rules.project_cap": "much"}, "rules.project_cap", "not-a-sum"),
        ({"rules.applicants.places": "Nowhere"}, "rules.applicants.places", "unknown-code"),
        ({"rules.fairness": "some"}, "rules.fairness", "not-a-choice"),
        ({"rules.process.criteria-0-weight": "50"}, "rules.process.criteria", "criteria-sum"),
        ({"rules.quotas-0-what": "groups:elderly"}, "rules.quotas", "not-a-count"),
        ({"rules.budgets-0-name": "Fund"}, "rules.budgets", "not-a-sum"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_beside_its_field(
    facilitator: TestClient,
    make_round: MakeRound,
    typed: dict[str, list[str] | str],
    field: str,
    code: str,
) -> None:
    found = ruling.problems("venture-call", read("venture-call", fields_of("venture-call", **typed)))
    assert (field, code) in {(problem.field, problem.message.code) for problem in found}
    one = make_round("venture-call", RoundStatus.DRAFT)
    page = facilitator.post(f"/rounds/{one.uid}/settings?part=rules", data=fields_of("venture-call", **typed))
    assert page.status_code == 422
    assert f'href="#field-{field}"' in page.text
    assert f'id="field-{field}"' in page.text


def test_rules_that_are_not_for_this_form_are_refused(facilitator: TestClient) -> None:
    given = {"preset": "open-round", "title": "Talk", "rules": {"locks": [["a", "b"]], "title": {"en": "x"}}}
    errors = facilitator.post("/api/v1/rounds", json=given).json()["errors"]
    assert {(error["field"], error["code"]) for error in errors} == {
        ("rules.locks", "rule-elsewhere"),
        ("rules.title.en", "rule-elsewhere"),
    }


def test_every_key_of_the_library_is_a_rule_or_decided_elsewhere() -> None:
    from matching import rules

    known = {"process." + key for key in rules._PROCESS} | set(rules._RULES)
    for table, keys in (
        ("applicants", rules._ELIGIBILITY),
        ("sponsors", rules._ELIGIBILITY),
        ("weights", rules._WEIGHTS),
    ):
        known = known - {table} | {f"{table}.{key}" for key in keys}
    assert known - set(RULES) == {"process.phases", "as_of", "locks", "bans", "amounts"}
    assert set(RULES) <= known


# Keeping ----------------------------------------------------------------------------------------------


def test_rules_edited_on_screen_hold_and_stand_in_the_log(
    facilitator: TestClient, make_round: MakeRound, rows: Rows
) -> None:
    one = make_round("venture-call", RoundStatus.DRAFT)
    address = f"/rounds/{one.uid}/settings?part=rules"
    assert "Nothing differs from it." in facilitator.get(address).text
    typed = fields_of("venture-call", **{"rules.min_beneficiaries": "80", "version": "1"})
    assert facilitator.post(address, data=typed).status_code == 303
    (kept,) = rows(select(Round))
    assert kept.rules == {"min_beneficiaries": 80}
    page = facilitator.get(address).text
    assert "The preset says: 50" in page
    assert "At least 80 direct beneficiaries." in facilitator.get(f"/rounds/{one.uid}").text
    (event,) = rows(select(Event).where(Event.name == "round.change_rules"))
    assert event.details["rules"] == {"min_beneficiaries": [50, 80]}


def test_rules_changed_after_matching_began_need_a_reason(
    facilitator: TestClient, make_round: MakeRound, rows: Rows
) -> None:
    one = make_round("venture-call", RoundStatus.MATCHING)
    address = f"/rounds/{one.uid}/settings?part=rules"
    typed = fields_of("venture-call", **{"rules.most_overhead": "10"})
    refused = facilitator.post(address, data=typed)
    assert refused.status_code == 422
    assert "Give a reason for changing the rules now." in refused.text
    assert 'value="10"' in refused.text, "what was typed is there still"
    assert rows(select(Round))[0].rules == {}
    assert facilitator.post(address, data={**typed, "reason": ["The council decided so."]}).status_code == 303
    (event,) = rows(select(Event).where(Event.name == "round.change_rules"))
    assert event.reason == "The council decided so."
    assert event.details["rules"] == {"most_overhead": [20, 10]}


def test_overtaken_edit_shows_both_versions_and_overwrites_nothing(
    facilitator: TestClient, make_round: MakeRound, rows: Rows
) -> None:
    one = make_round(status=RoundStatus.DRAFT, summary="Old words")
    typed = {"title": "Spring round", "summary": "My words", "time_zone": "UTC", "version": "1"}
    facilitator.patch(f"/api/v1/rounds/{one.uid}", json={"summary": "Their words"})
    page = facilitator.post(f"/rounds/{one.uid}/settings?part=facts", data=typed)
    assert page.status_code == 412
    assert "Their words" in page.text
    assert "My words" in page.text
    assert rows(select(Round))[0].summary == "Their words"
    again = facilitator.post(f"/rounds/{one.uid}/settings?part=facts", data={**typed, "version": "2"})
    assert again.status_code == 303
    assert rows(select(Round))[0].summary == "My words"
    stale = facilitator.patch(
        f"/api/v1/rounds/{one.uid}", json={"title": "Mine"}, headers={"If-Match": '"2"'}
    )
    assert stale.status_code == 412


def test_times_are_typed_and_shown_in_the_zone_of_the_forum(
    facilitator: TestClient, make_round: MakeRound, rows: Rows
) -> None:
    one = make_round(status=RoundStatus.DRAFT, time_zone="Asia/Shanghai")
    day = (now() + timedelta(days=40)).date()
    typed = {"phases": one.phases, "ends-open": f"{day}T18:00", "automatic": "yes"}
    address = f"/rounds/{one.uid}/settings?part=phases"
    assert facilitator.post(address, data=typed).status_code == 303
    (phase,) = rows(select(RoundPhase).where(RoundPhase.phase == "open"))
    expected = datetime(day.year, day.month, day.day, 18, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert phase.ends == expected.astimezone(UTC)
    assert f'value="{day}T18:00"' in facilitator.get(address).text
    facilitator.post(f"/rounds/{one.uid}/advance")
    page = facilitator.get(f"/rounds/{one.uid}").text
    assert "6:00\u202fPM" in page
    assert "(Shanghai)" in page
    assert "10:00\u202fAM" in page, "and as the reader's own clock has it, in UTC"
    assert rows(select(Round))[0].automatic


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"title": " "}, "title", "field-missing"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "time-zone-unknown"),
        ({"calendar": "XX"}, "calendar", "country-unknown"),
        ({"themes": ["dancing"]}, "themes", "theme-unknown"),
        ({"host": "nobody"}, "host", "host-unknown"),
        ({"preset": "monthly-walk"}, "preset", "preset-unknown"),
        ({"phases": ["open", "signing"]}, "phases", "phase-needed"),
        ({"phases": ["open", "signing", "matching"]}, "phases", "phase-order"),
        ({"plan": [{"phase": "open", "ends": "2999-01-01T00:00:00Z"}]}, "ends-open", "moment-far"),
        (
            {
                "plan": [
                    {"phase": "open", "ends": "2027-03-02T00:00:00Z"},
                    {"phase": "matching", "starts": "2027-03-01T00:00:00Z"},
                ]
            },
            "starts-matching",
            "moment-before",
        ),
    ],
)
def test_facts_that_cannot_be_are_refused_by_field(
    facilitator: TestClient, given: dict[str, Any], field: str, code: str
) -> None:
    answer = facilitator.post("/api/v1/rounds", json={"preset": "monthly-talk", "title": "Talk", **given})
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]


def test_phases_that_were_reached_stay(facilitator: TestClient, make_round: MakeRound, rows: Rows) -> None:
    one = make_round("venture-call", RoundStatus.SCREENING)
    without = [phase for phase in one.phases if phase != "screening"]
    refused = facilitator.patch(f"/api/v1/rounds/{one.uid}", json={"phases": without})
    assert [error["code"] for error in refused.json()["errors"]] == ["phases-passed"]
    shorter = [phase for phase in one.phases if phase != "reviewing"]
    assert facilitator.patch(f"/api/v1/rounds/{one.uid}", json={"phases": shorter}).status_code == 200
    assert facilitator.post(f"/api/v1/rounds/{one.uid}/advance").json()["status"] == "matching"
    assert {row.phase for row in rows(select(RoundPhase))} == set(shorter)


def test_finished_round_changes_no_more(facilitator: TestClient, make_round: MakeRound) -> None:
    one = make_round(status=RoundStatus.CLOSED)
    answer = facilitator.patch(f"/api/v1/rounds/{one.uid}", json={"title": "Other"})
    assert (answer.status_code, answer.json()["code"]) == (409, "round-over")


# Presets of one's own ---------------------------------------------------------------------------------


def test_own_rules_are_kept_under_a_name_and_begin_another_round(
    facilitator: TestClient, make_party: MakeParty, make_listing: MakeListing, rows: Rows
) -> None:
    from matching.profiles import Side

    offer = make_listing(make_party(kind="finance"), "Fund", Side.OFFER)
    rules = {
        "min_beneficiaries": 30,
        "budgets": [{"name": "Fund", "offers": [offer.uid], "limit": "9 CNY"}],
    }
    phases = ["open", "screening", "matching", "signing"]
    given = {"preset": "open-round", "title": "First", "rules": rules, "phases": phases}
    first = facilitator.post("/api/v1/rounds", json=given).json()
    typed = {"name": ""}
    page = facilitator.post(f"/rounds/{first['id']}/settings/keep", data=typed)
    assert page.status_code == 422
    facilitator.post(f"/rounds/{first['id']}/settings/keep", data={"name": "Our talk"})
    assert "Our talk" in facilitator.get("/rounds/new").text
    (own,) = rows(select(OwnPreset))
    second = facilitator.post("/api/v1/rounds", json={"preset": own.uid, "title": "Second"}).json()
    assert (second["preset"], second["phases"]) == ("open-round", phases)
    assert second["rules"] == {"min_beneficiaries": 30}, "funds name offers of the first round"
    presets = facilitator.get("/api/v1/rounds/presets").json()
    assert [preset["title"] for preset in presets if preset["own"]] == ["Our talk"]
    facilitator.post(f"/rounds/presets/{own.uid}/discard")
    assert rows(select(OwnPreset)) == []
    assert [one.rules for one in rows(select(Round).where(Round.title == "Second"))] == [
        {"min_beneficiaries": 30}
    ]


# Describing -------------------------------------------------------------------------------------------


def test_rules_are_described_in_the_readers_language_and_as_they_hold(
    facilitator: TestClient, make_round: MakeRound, browser: Callable[[], TestClient]
) -> None:
    described = browser().get("/api/v1/rounds/rules").json()
    assert [rule["key"] for rule in described] == list(RULES)
    assert all(rule["label"] and rule["help"] for rule in described)
    one = make_round("monthly-talk", rules={"process": {"reply_days": 4}})
    held = {rule["key"]: rule for rule in facilitator.get(f"/api/v1/rounds/{one.uid}/rules").json()}
    assert held["process.reply_days"] == {
        "key": "process.reply_days",
        "value": 4,
        "words": "4",
        "preset": 2,
        "differs": True,
    }
    assert held["roles"]["words"].startswith("Association → Non-profit organization: ")
    assert not held["roles"]["differs"]


def test_phase_codes_of_the_api_are_those_of_the_library() -> None:
    from typing import get_args

    from service.rounds.shapes import PhaseCode

    assert get_args(PhaseCode) == PHASES
