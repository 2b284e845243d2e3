from datetime import date

import pytest

from matching.messages import Quantity
from matching.rules import Eligibility, Role, Rules
from matching.screening import kinds_between, pair_refusal, refusals, role_refusal, screen
from tests.builders import line, money, need, offer, organization

TODAY = date(2022, 3, 1)


def code(profile, rules=None):
    refusal = screen(profile, rules or Rules(), TODAY)
    return None if refusal is None else refusal.reason.code


@pytest.mark.parametrize(
    ("facts", "asked", "expected"),
    [
        ({}, {}, None),
        ({"barred_until": date(2022, 3, 1)}, {}, "barred"),
        ({"barred_until": date(2022, 2, 28)}, {}, None),
        ({"bad_record": True}, {}, None),
        ({"bad_record": True}, {"clean_record": True}, "bad-record"),
        ({"kind": "business"}, {"organization_kinds": frozenset({"ngo"})}, "organization-kind"),
        ({"kind": "ngo"}, {"organization_kinds": frozenset({"ngo"})}, None),
        ({"places": frozenset({"kaifeng"})}, {"places": frozenset({"liaocheng"})}, "outside-area"),
        ({}, {"places": frozenset({"liaocheng"})}, "outside-area"),
        ({"places": frozenset({"liaocheng"})}, {"places": frozenset({"shandong"})}, None),
        ({}, {"registered": True}, "not-registered"),
        ({"registered": date(2022, 3, 2)}, {"registered": True}, "not-registered"),
        ({"registered": date(2022, 3, 1)}, {"registered": True}, None),
        ({}, {"inspection_passed": True}, "inspection"),
        ({"inspection_passed": False}, {"inspection_passed": True}, "inspection"),
        ({"inspection_passed": True}, {"inspection_passed": True}, None),
        ({}, {"verified": True}, "not-verified"),
        ({"verified": True}, {"verified": True}, None),
        ({"rating": 2}, {"min_rating": 3}, "rating"),
        ({}, {"min_rating": 3}, "rating"),
        ({"rating": 3}, {"min_rating": 3}, None),
    ],
)
def test_organization_takes_part_only_if_it_is_what_the_rules_ask(facts, asked, expected):
    rules = Rules(applicants=Eligibility(**asked), sponsors=Eligibility(**asked))
    assert code(need(organization=organization(**facts)), rules) == expected
    assert code(offer(organization=organization(**facts)), rules) == expected


def test_applicants_rules_do_not_bind_sponsors():
    rules = Rules(applicants=Eligibility(verified=True))
    assert code(need(), rules) == "not-verified"
    assert code(offer(), rules) is None


@pytest.mark.parametrize(
    ("count", "expected"), [(None, "min-beneficiaries"), (49, "min-beneficiaries"), (50, None)]
)
def test_project_reaches_enough_people(count, expected):
    assert code(need(beneficiaries=count), Rules(min_beneficiaries=50)) == expected


def test_refusal_says_how_many_people_are_missing():
    refusal = screen(need(beneficiaries=30), Rules(min_beneficiaries=50), TODAY)
    assert "20" in str(refusal.remedy)


def test_project_lies_in_the_scope_of_the_round():
    rules = Rules(groups=frozenset({"elderly"}), themes=frozenset({"health"}))
    assert code(need(groups=frozenset({"youth"})), rules) == "outside-scope"
    assert code(need(groups=frozenset({"elderly"}), themes=frozenset({"sports"})), rules) == "outside-scope"
    assert code(need(groups=frozenset({"elderly", "youth"}), themes=frozenset({"health"})), rules) is None
    assert code(need(), rules) is None


def test_administration_takes_no_larger_share_than_allowed():
    rules = Rules(most_overhead=10)
    assert code(need("n", money(1000, overhead=100)), rules) is None
    refusal = screen(need("n", money(1000, overhead=101)), rules, TODAY)
    assert refusal.reason.code == "overhead"
    assert refusal.remedy.params["sum"] == Quantity(10000, "CNY")


def test_expired_listing_takes_no_part():
    assert code(need(expires=date(2022, 2, 28))) == "expired"
    assert code(offer(expires=date(2022, 3, 1))) is None


def refused(a_need, an_offer, rules=None):
    message = pair_refusal(a_need, an_offer, rules or Rules())
    return None if message is None else message.code


@pytest.mark.parametrize(
    ("needed", "offered", "expected"),
    [
        ({}, {}, None),
        ({"organization": organization("o")}, {"organization": organization("o")}, "same-organization"),
        (
            {"organization": organization("a", conflicts=frozenset({"org-o1"}))},
            {},
            "conflict-of-interest",
        ),
        (
            {},
            {"organization": organization("b", conflicts=frozenset({"org-n1"}))},
            "conflict-of-interest",
        ),
        ({}, {"vetoes": frozenset({"org-n1"})}, "veto"),
        ({}, {"organization_kinds": frozenset({"academia"})}, "only-organization-kinds"),
        ({}, {"organization_kinds": frozenset({"ngo"})}, None),
        ({}, {"only_places": frozenset({"liaocheng"})}, "only-places"),
        ({"places": frozenset({"liaocheng"})}, {"only_places": frozenset({"shandong"})}, None),
        ({}, {"only_groups": frozenset({"elderly"})}, "only-groups"),
        ({"groups": frozenset({"elderly"})}, {"only_groups": frozenset({"elderly"})}, None),
        ({"themes": frozenset({"sports"})}, {"only_themes": frozenset({"health"})}, "only-themes"),
        ({"languages": frozenset({"ru"})}, {"only_languages": frozenset({"es"})}, "only-languages"),
        ({"languages": frozenset({"ru", "es"})}, {"only_languages": frozenset({"es"})}, None),
        ({"organization": organization("a", rating=2)}, {"min_rating": 3}, "only-rating"),
        ({"beneficiaries": 40}, {"min_beneficiaries": 50}, "only-beneficiaries"),
        ({}, {"verified": True}, "only-verified"),
        ({"starts": date(2022, 5, 1)}, {"ends": date(2022, 4, 30)}, "dates-apart"),
        ({"ends": date(2022, 4, 30)}, {"starts": date(2022, 5, 1)}, "dates-apart"),
        ({"starts": date(2022, 4, 30)}, {"ends": date(2022, 4, 30)}, None),
    ],
)
def test_pair_is_possible_only_if_nothing_forbids_it(needed, offered, expected):
    assert refused(need(**needed), offer(**offered)) == expected


def test_banned_pair_is_impossible():
    rules = Rules(bans=(("n1", "o1"),))
    assert refused(need("n1"), offer("o1"), rules) == "banned"
    assert refused(need("n2"), offer("o1"), rules) is None


def test_roles_say_who_may_bring_what():
    rules = Rules(
        roles=(
            Role(
                needs_from=frozenset({"ngo"}),
                offers_from=frozenset({"association"}),
                kinds=frozenset({"money"}),
            ),
            Role(offers_from=frozenset({"government"})),
        )
    )
    assert kinds_between("ngo", "association", rules) == {"money"}
    assert kinds_between("ngo", "business", rules) == frozenset()
    assert {"money", "venue"} <= kinds_between("academia", "government", rules)
    assert {"money", "venue"} <= kinds_between("ngo", "business", Rules())


def test_everything_in_the_way_is_told_and_the_first_is_what_screens():
    rules = Rules(min_beneficiaries=50, applicants=Eligibility(registered=True, min_rating=3))
    profile = need("n", money(1000), beneficiaries=30)
    assert [one.reason.code for one in refusals(profile, rules, TODAY)] == [
        "not-registered",
        "rating",
        "min-beneficiaries",
    ]
    assert screen(profile, rules, TODAY) == refusals(profile, rules, TODAY)[0]


TALK = Rules(
    roles=(
        Role(
            needs_from=frozenset({"ngo"}),
            offers_from=frozenset({"association"}),
            kinds=frozenset({"services", "money"}),
        ),
    )
)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (need(organization=organization(kind="ngo")), None),
        (need(organization=organization(kind="association")), "no-need-from"),
        (offer(organization=organization(kind="association")), None),
        (offer(organization=organization(kind="ngo")), "no-offer-from"),
        (need("n", line("goods", 3, "box"), organization=organization(kind="ngo")), "no-such-resources"),
        (need("n", line("goods", 3, "box"), money(10), organization=organization(kind="ngo")), None),
    ],
)
def test_who_brings_what_is_told_before_any_pair_is_tried(profile, expected):
    refusal = role_refusal(profile, TALK)
    assert (refusal and refusal.reason.code) == expected
    assert role_refusal(profile, Rules()) is None
