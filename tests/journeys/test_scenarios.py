"""The five systems of partnership, matched as they come: what was published must come out unaided."""

from dataclasses import replace

import pytest

from matching import match, verify
from matching.scenarios import load_scenario, scenario_names


@pytest.fixture(scope="module")
def matched():
    done = {}

    def once(name):
        if name not in done:
            scenario = load_scenario(name)
            profiles = scenario.profiles
            done[name] = (
                scenario,
                match(
                    profiles.needs,
                    profiles.offers,
                    scenario.preset.rules,
                    cooperations=profiles.cooperations,
                ),
            )
        return done[name]

    return once


def sponsors(matching, title):
    return {p.offer.organization.name for p in matching.pairings if p.need.title == title}


def test_all_five_are_bundled():
    assert scenario_names() == ("futian", "kaifeng", "liaocheng", "serpukhov", "venture-call")


@pytest.mark.parametrize("name", scenario_names())
def test_scenario_is_large_enough_and_its_result_keeps_every_rule(name, matched):
    scenario, matching = matched(name)
    assert len(scenario.profiles.needs) >= 30
    assert len(scenario.profiles.offers) >= 20
    assert verify(matching) == []
    assert matching.certificate.gap <= 0.005
    assert not matching.certificate.time_limit_hit
    told = {one.profile.id for one in matching.unmatched}
    carried = {pairing.need.id for pairing in matching.pairings}
    assert told | carried == {need.id for need in matching.needs}, "everybody is paired or told why"


@pytest.mark.parametrize("name", scenario_names())
def test_no_scenario_is_helped_along(name):
    scenario = load_scenario(name)
    rules = scenario.preset.rules
    assert not rules.locks
    assert not rules.bans
    for need_id, offer_id in scenario.published.get("pairs", ()):
        (need,) = [one for one in scenario.profiles.needs if one.id == need_id]
        (offer,) = [one for one in scenario.profiles.offers if one.id == offer_id]
        assert not need.preferences
        assert not offer.preferences


@pytest.mark.parametrize("name", scenario_names())
def test_published_pairs_appear(name, matched):
    scenario, matching = matched(name)
    found = {(pairing.need.id, pairing.offer.id) for pairing in matching.pairings}
    assert {tuple(pair) for pair in scenario.published.get("pairs", ())} <= found


def test_liaocheng_pairs_films_with_microservices_and_enterprises_with_ten_yuan(matched):
    _, matching = matched("liaocheng")
    assert any("微电影协会" in name for name in sponsors(matching, "网格微服务"))
    assert any("企业联合会" in name for name in sponsors(matching, "十元未来"))
    for pairing in matching.pairings:
        kinds = (pairing.need.organization.kind, pairing.offer.organization.kind)
        assert kinds == ("ngo", "association"), "public benefit brings the project, associations serve"


def test_serpukhov_finds_both_published_projects(matched):
    _, matching = matched("serpukhov")
    assert "ООО «Серпуховские продукты»" in sponsors(matching, "Программа поддержки пожилых людей")
    assert "АО «Серпуховский завод»" in sponsors(matching, "Благоустройство сквера имени Гагарина")


def test_kaifeng_home_is_carried_by_three_sponsors_together(matched):
    _, matching = matched("kaifeng")
    money = {
        pairing.offer.organization.name: pairing.amounts[0].amount
        for pairing in matching.pairings
        if pairing.need.title == "乐邻小家" and pairing.gifts[0].kind == "money"
    }
    assert {"民政局", "爱德基金会", "产总会"} <= money.keys()
    need = next(need for need in matching.needs if need.title == "乐邻小家")
    (line,) = [line for line in need.lines if line.kind == "money"]
    assert sum(money.values()) >= line.minimum
    assert all(amount < line.minimum for amount in money.values()), "none of them could alone"


def test_kaifeng_surgery_money_flags_labour_and_people_complete_it(matched):
    _, matching = matched("kaifeng")
    pairings = matching.of_need("n-heart-surgery")
    flags = {flag.code: pairing for pairing in pairings for flag in pairing.flags}
    assert flags.keys() >= {"labour-not-covered", "labour-completed"}
    assert flags["labour-not-covered"].amounts[0].amount == 600_000_000
    people = flags["labour-completed"]
    assert {gift.kind for gift in people.gifts} <= {"staff", "volunteers"}
    assert people.offer.id != flags["labour-not-covered"].offer.id
    assert not [one for one in matching.shortfalls if one.need.id == "n-heart-surgery"]


def test_venture_call_refuses_by_rule_and_says_which(matched):
    scenario, matching = matched("venture-call")
    reasons = {one.profile.id: one.reason.code for one in matching.unmatched}
    for need_id, code in scenario.published["refused"].items():
        assert reasons.get(need_id) == code
    funded = {pairing.need.id: pairing.need for pairing in matching.pairings}
    for need in funded.values():
        assert need.beneficiaries >= 50
        assert need.organization.inspection_passed
    for organization, most in scenario.published["at_most"].items():
        assert len({n.id for n in funded.values() if n.organization.id == organization}) <= most
    assert "organization-cap" in reasons.values()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"min_beneficiaries": 0}, "min-beneficiaries"),
        ({"projects_per_organization": None}, "organization-cap"),
    ],
)
def test_venture_call_funds_them_where_the_rule_is_lifted(rule, code, matched):
    scenario, before = matched("venture-call")
    profiles = scenario.profiles
    refused = {one.profile.id for one in before.unmatched if one.reason.code == code}
    after = match(
        profiles.needs,
        profiles.offers,
        replace(scenario.preset.rules, **rule),
        cooperations=profiles.cooperations,
    )
    assert {pairing.need.id for pairing in after.pairings} & refused, "the rule alone kept them out"


def test_futian_fund_is_respected_to_the_yuan(matched):
    scenario, matching = matched("futian")
    (fund,) = scenario.preset.rules.budgets
    assert fund.limit.amount == 2_000_000_000
    spent = [c for c in scenario.profiles.cooperations if c.offer in fund.offers]
    assert len(spent) == 108
    before = sum(cooperation.quantity.amount for cooperation in spent)
    given = sum(
        gift.used.amount
        for pairing in matching.pairings
        if pairing.offer.id in fund.offers
        for gift in pairing.gifts
    )
    assert before + given <= fund.limit.amount
    assert fund.limit.amount - before - given < 100_00, "and the fund is used: less than 100 yuan is left"
