"""What the rules of a round say of a need or offer, while applying."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from matching.profiles import Side
from service.db import now
from service.organizations.models import OrganizationStatus
from service.rounds.asking import Said
from service.rounds.checking import State, check, fits, restored_findings, stored_findings
from service.rounds.models import ApplicationStatus, RoundStatus

if TYPE_CHECKING:
    from sqlmodel import Session

    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, Party

SOUND = {
    "kind": "ngo",
    "registered": date(2015, 4, 1),
    "inspection_passed": True,
    "inspection_year": 2024,
}


@pytest.fixture
def party(make_party: MakeParty) -> Party:
    return make_party(**SOUND)


def states(findings: Any) -> dict[str, State]:
    return {one.rule: one.state for one in findings}


def test_need_that_meets_every_rule_of_the_venture_call(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    need = make_listing(party, beneficiaries="120", groups="elderly")
    found = check(session, make_round("venture-call"), need, party.organization)
    assert states(found) == dict.fromkeys(
        (
            "standing",
            "listing",
            "organization-kind",
            "record",
            "registered",
            "inspection",
            "beneficiaries",
            "scope",
            "overhead",
            "cap",
            "reports",
        ),
        State.MET,
    )
    assert fits(found)


@pytest.mark.parametrize(
    ("facts", "fields", "rule", "state", "code", "hard"),
    [
        ({"status": OrganizationStatus.REGISTERED}, {}, "standing", State.UNMET, "not-verified", True),
        ({"kind": "business"}, {}, "organization-kind", State.UNMET, "organization-kind", True),
        ({"registered": None}, {}, "registered", State.UNKNOWN, "not-stated", False),
        ({"registered": date(2999, 1, 1)}, {}, "registered", State.UNMET, "not-registered", False),
        ({"inspection_passed": None}, {}, "inspection", State.UNKNOWN, "not-stated", False),
        ({"inspection_passed": False}, {}, "inspection", State.UNMET, "inspection", False),
        ({}, {"beneficiaries": "30"}, "beneficiaries", State.UNMET, "min-beneficiaries", False),
        ({}, {"beneficiaries": ""}, "beneficiaries", State.UNKNOWN, "not-stated", False),
    ],
)
def test_each_rule_bites_with_its_reason(
    session: Session,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    facts: dict[str, Any],
    fields: dict[str, str],
    rule: str,
    state: State,
    code: str,
    hard: bool,
) -> None:
    party = make_party(**(SOUND | facts))
    waits = "status" in facts
    need = make_listing(party, publish=not waits, **({"beneficiaries": "120", "groups": "elderly"} | fields))
    found = check(session, make_round("venture-call"), need, party.organization)
    [finding] = [one for one in found if one.state is not State.MET]
    assert (finding.rule, finding.state, finding.hard, finding.refuses) == (rule, state, hard, True)
    assert finding.reason is not None
    assert finding.reason.code == code
    assert finding.mend.startswith(("/listings/", "/organizations/"))


def test_unstated_scope_is_told_but_refuses_nothing(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    call = make_round("venture-call")
    elsewhere = make_round("venture-call", rules={"themes": ["water-sanitation"]})
    silent = make_listing(party, beneficiaries="60")
    other = make_listing(party, beneficiaries="60", themes="education", groups="elderly")
    unstated = check(session, call, silent, party.organization)
    assert states(unstated)["scope"] is State.UNKNOWN
    assert fits(unstated)
    found = check(session, elsewhere, other, party.organization)
    assert states(found)["scope"] is State.UNMET


@pytest.mark.parametrize(
    ("kind", "side", "lines", "code"),
    [
        ("ngo", Side.NEED, None, None),
        ("association", Side.NEED, None, "no-need-from"),
        ("association", Side.OFFER, None, None),
        ("ngo", Side.OFFER, None, "no-offer-from"),
        (
            "association",
            Side.OFFER,
            [{"kind": "endorsement", "amount": "1", "unit": "project"}],
            "no-such-resources",
        ),
    ],
)
def test_monthly_talk_tells_who_brings_what(
    session: Session,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    kind: str,
    side: Side,
    lines: list[dict[str, str]] | None,
    code: str | None,
) -> None:
    party = make_party(kind=kind)
    listing = make_listing(party, side=side, lines=lines)
    [roles] = [
        one
        for one in check(session, make_round("monthly-talk"), listing, party.organization)
        if one.rule == "roles"
    ]
    assert (roles.reason and roles.reason.code) == code
    assert roles.refuses is (code is not None)


def test_draft_is_published_on_submission_and_one_without_resources_is_refused(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    relief = make_round("flood-relief")
    whole, empty = make_listing(party, publish=False), make_listing(party, publish=False, lines=[])
    draft = check(session, relief, whole, party.organization)
    assert fits(draft)
    assert {one.asks.code for one in draft} >= {"rule-listing-draft"}
    [listing] = [one for one in check(session, relief, empty, party.organization) if one.rule == "listing"]
    assert listing.refuses
    assert listing.mend == f"/listings/{empty.uid}/edit?step=2"


def test_what_is_typed_counts_before_it_is_saved(
    session: Session, make_party: MakeParty, make_listing: MakeListing, make_round: MakeRound
) -> None:
    party = make_party(**(SOUND | {"registered": None}))
    need = make_listing(party, groups="elderly")
    call = make_round("venture-call")
    said = Said(
        listing={"beneficiaries": "80"},
        listing_values={"beneficiaries": 80},
        organization={"registered": date(2016, 1, 1)},
    )
    assert not fits(check(session, call, need, party.organization))
    assert fits(check(session, call, need, party.organization, said=said))
    assert need.beneficiaries is None


def test_cap_counts_running_applications_of_the_programme_and_signed_cooperations_once(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound, enter: Enter
) -> None:
    call, talk = make_round("venture-call"), make_round("monthly-talk")
    third = make_listing(party, beneficiaries="60", groups="elderly")
    own = enter(call, third, ApplicationStatus.DRAFT)

    def cap() -> Any:
        found = check(session, call, third, party.organization, besides=own.key)
        session.rollback()
        return next(one for one in found if one.rule == "cap")

    enter(call, make_listing(party), ApplicationStatus.SUBMITTED)
    enter(call, make_listing(party), ApplicationStatus.WITHDRAWN)
    enter(call, make_listing(party), ApplicationStatus.INELIGIBLE)
    enter(make_round("venture-call", RoundStatus.CLOSED), make_listing(party), ApplicationStatus.SHORTLISTED)
    enter(talk, make_listing(party), ApplicationStatus.ELIGIBLE)
    assert cap().state is State.MET

    signed = make_listing(party)
    enter(talk, signed, ApplicationStatus.ELIGIBLE, agreed=now().date())
    assert cap().reason.code == "cap-reached"
    assert cap().hard
    assert cap().reason.params["count"] == 2


def test_findings_are_kept_and_given_back_whole(
    session: Session, party: Party, make_listing: MakeListing, make_round: MakeRound
) -> None:
    need = make_listing(party, beneficiaries="30")
    found = check(session, make_round("venture-call"), need, party.organization)
    again = restored_findings(stored_findings(found))
    assert [(one.rule, one.state, one.reason, one.remedy, one.terms) for one in again] == [
        (one.rule, one.state, one.reason, one.remedy, one.terms) for one in found
    ]
