"""Every rule of every preset, and of every scenario over its preset, bites: with it something is refused or
comes out otherwise, without it not. A key that nobody has shown to bite fails here.

Each rule is tried alone, with the value that the file gives it, against rules that ask for nothing. Rules of
how a round runs are shown to bite by the slices that keep them (`tests.service.stated_rules`).
"""

import tomllib
from dataclasses import replace
from datetime import date
from importlib import import_module

import pytest

from matching import match
from matching.assembly import assemble
from matching.continuing import shared_out
from matching.resources import data_path
from matching.rules import Eligibility, Rules, load_preset, preset_names
from matching.scenarios import load_scenario, scenario_names
from matching.screening import screen
from tests.builders import line, money, need, offer, organization
from tests.service import stated_rules

DAY = date(2026, 3, 1)
FREE = Rules(fairness="none", coverage_bonus=0, min_score=0, as_of=DAY)
"""Rules that ask for nothing."""


def carried(needs, offers, rules, scores):
    """The needs that go ahead where every offer could carry every need, by the need's score (0 to 10,000)."""
    pairs = [(n, o) for n in range(len(needs)) for o in range(len(offers))]
    assembly = assemble(needs, offers, pairs, [scores[n] for n, _ in pairs], rules, [], DAY)
    allocation, _ = shared_out(assembly, rules, None, lambda *_: None)
    return set(allocation.projects)


def given(needs, offers, rules):
    """How much all offers give together, in whole units."""
    pairs = [(n, o) for n in range(len(needs)) for o in range(len(offers))]
    assembly = assemble(needs, offers, pairs, [9000] * len(pairs), rules, [], DAY)
    allocation, _ = shared_out(assembly, rules, None, lambda *_: None)
    return int(allocation.amount.sum()) // 100


def refused(profile, rules):
    refusal = screen(profile, rules, DAY)
    return None if refusal is None else refusal.reason.code


# Rules of the matcher ---------------------------------------------------------------------------------


def fairness(value):
    rich, poor = organization("rich"), organization("poor")
    needs = [need("r1", organization=rich), need("r2", organization=rich), need("p", organization=poor)]
    shown = [offer("o", money(5000), most_projects=2)]
    assert carried(needs, shown, FREE, (8000, 8000, 7000)) == {"r1", "r2"}
    assert "p" in carried(needs, shown, replace(FREE, fairness=value), (8000, 8000, 7000))


def coverage_bonus(value):
    """One large project fits slightly better than two small ones together."""
    owner = organization("owner")
    needs = [
        need("large", money(1000, minimum=1000), organization=owner),
        *(need(id_, money(500, minimum=500), organization=owner) for id_ in ("one", "two")),
    ]
    scores = (9000, 4300, 4300)
    assert carried(needs, [offer("o", money(1000))], FREE, scores) == {"large"}
    assert carried(needs, [offer("o", money(1000))], replace(FREE, coverage_bonus=value), scores) == {
        "one",
        "two",
    }


def min_score(value):
    wanted = need(
        "n", title="Meals", text="Hot lunches for old people who live alone.", themes={"food-security"}
    )
    far = offer("o", money(10), title="Drainage", text="Pumps for cellars.", themes={"biodiversity"})
    (pairing,) = match([wanted], [far], FREE).pairings
    assert 0 < pairing.score < value
    assert match([wanted], [far], replace(FREE, min_score=value)).pairings == ()


def time_limit(value):
    """With a tenth of a second the work ends before its proof, with the preset's time it does not."""
    needs = [need(f"n{i:03}", money(90 + i, minimum=60 + i % 17)) for i in range(60)]
    offers = [offer(f"o{i:02}", money(700 + 13 * i), most_projects=9) for i in range(8)]
    pairs = [(n, o) for n in range(60) for o in range(8)]
    scores = [1000 + 137 * (n * 8 + o) % 8000 for n, o in pairs]
    hit = {}
    for seconds in (0.1, value):
        rules = replace(FREE, time_limit=seconds)
        assembly = assemble(needs, offers, pairs, scores, rules, [], DAY)
        allocation, _ = shared_out(assembly, rules, None, lambda *_: None)
        hit[seconds] = allocation.time_limit_hit
    assert hit == {0.1: True, value: False}


def min_beneficiaries(value):
    few = need(beneficiaries=value - 1)
    assert refused(few, FREE) is None
    assert refused(few, replace(FREE, min_beneficiaries=value)) == "min-beneficiaries"
    assert refused(need(beneficiaries=value), replace(FREE, min_beneficiaries=value)) is None


def projects_per_organization(value):
    owner = organization("owner")
    needs = [need(f"n{i}", organization=owner) for i in range(value + 1)]
    shown, scores = [offer("o", money(1_000_000))], [9000] * (value + 1)
    assert len(carried(needs, shown, FREE, scores)) == value + 1
    capped = replace(FREE, projects_per_organization=value)
    assert len(carried(needs, shown, capped, scores)) == value


def most_overhead(value):
    costly = need("n", money(1000, overhead=10 * value + 10))
    assert refused(costly, FREE) is None
    assert refused(costly, replace(FREE, most_overhead=value)) == "overhead"


def groups(value):
    other = need(groups={"small-businesses"})
    assert "small-businesses" not in value
    assert refused(other, FREE) is None
    assert refused(other, replace(FREE, groups=value)) == "outside-scope"
    assert refused(need(groups={sorted(value)[0]}), replace(FREE, groups=value)) is None


def roles(value):
    """Only organizations that a role names give only what it names to those it names."""
    (role,) = value
    rules = replace(FREE, roles=value)
    taker, giver = sorted(role.needs_from)[0], sorted(role.offers_from)[0]
    wanted = [need("n", money(100), organization=organization("t", kind=taker))]
    named = offer("o", money(100), organization=organization("g", kind=giver))
    stranger = offer("o", money(100), organization=organization("g", kind="business"))
    assert carried(wanted, [named], rules, [9000]) == {"n"}
    assert carried(wanted, [stranger], FREE, [9000]) == {"n"}
    assert carried(wanted, [stranger], rules, [9000]) == set()
    unnamed = [need("n", line("endorsement"), organization=organization("t", kind=taker))]
    endorsing = offer("o", line("endorsement"), organization=organization("g", kind=giver))
    assert carried(unnamed, [endorsing], FREE, [9000]) == {"n"}
    assert carried(unnamed, [endorsing], rules, [9000]) == set()


def budgets(value):
    (fund,) = value
    limit = fund.limit.amount // 100
    offers = [offer(id_, money(limit)) for id_ in sorted(fund.offers)]
    needs = [need(f"n{i}", money(limit)) for i in range(len(offers))]
    assert given(needs, offers, FREE) == limit * len(offers)
    assert given(needs, offers, replace(FREE, budgets=value)) == limit


STANDING = {
    "organization_kinds": ({"kind": "government"}, "organization-kind"),
    "places": ({"places": frozenset({"beijing"})}, "outside-area"),
    "registered": ({}, "not-registered"),
    "inspection_passed": ({"inspection_passed": False}, "inspection"),
    "clean_record": ({"bad_record": True}, "bad-record"),
}
"""By rule: an organization that it refuses, and the reason's code."""


def standing(side, rule):
    def bite(value):
        facts, code = STANDING[rule]
        make = need if side == "applicants" else offer
        profile = make(organization=organization("one", **facts))
        asked = replace(FREE, **{side: replace(Eligibility(), **{rule: value})})
        assert refused(profile, FREE) is None
        assert refused(profile, asked) == code

    return bite


BITES = {
    one.__name__: one
    for one in (
        fairness,
        coverage_bonus,
        min_score,
        time_limit,
        min_beneficiaries,
        projects_per_organization,
        most_overhead,
        groups,
        roles,
        budgets,
    )
} | {
    f"{side}.{rule}": standing(side, rule)
    for side, asked in (("applicants", tuple(STANDING)), ("sponsors", ("clean_record",)))
    for rule in asked
}


# All of them ------------------------------------------------------------------------------------------


def keys_of(table, where=""):
    """The rules that a preset's table states, as `applicants.registered`; a rule's own table is one rule."""
    for key, value in table.items():
        place = f"{where}{key}"
        if place in ("applicants", "sponsors", "process"):
            yield from keys_of(value, f"{place}.")
        elif place not in ("title", "summary"):
            yield place


def stated():
    """(file, key, rules) of every rule in every preset and in every scenario."""
    for name in preset_names():
        table = tomllib.loads(data_path("presets", f"{name}.toml").read_text(encoding="utf-8"))
        for key in keys_of(table):
            yield name, key, load_preset(name).rules
    for name in scenario_names():
        table = tomllib.loads(data_path("scenarios", name, "scenario.toml").read_text(encoding="utf-8"))
        for key in keys_of(table.get("rules", {})):
            yield f"{name} over its preset", key, load_scenario(name).preset.rules


ALL = list(stated())


@pytest.mark.parametrize(
    ("name", "key", "rules"),
    [pytest.param(*one, id=f"{one[0]}-{one[1]}") for one in ALL if not one[1].startswith("process.")],
)
def test_rule_bites(name, key, rules):
    value = rules
    for part in key.split("."):
        value = getattr(value, part)
    BITES[key](value)


def test_every_rule_of_every_preset_and_scenario_has_been_shown_to_bite():
    process = {*stated_rules.BITES}
    missing = {(name, key) for name, key, _ in ALL} - {
        (name, key) for name, key, _ in ALL if key in BITES or key.removeprefix("process.") in process
    }
    assert not missing, "write a test in which it bites"
    assert set(BITES) <= {key for _, key, _ in ALL}, "and only rules that somebody states"


@pytest.mark.parametrize("key", stated_rules.BITES)
def test_rule_of_the_course_has_its_test_where_it_is_kept(key):
    tests = import_module(f"tests.service.{stated_rules.BITES[key]}.test_rules_bite")
    assert [name for name in vars(tests) if name.startswith(f"test_{key}_")]
    assert stated_rules.stating(key)


def test_scenarios_put_rules_over_their_presets():
    assert {key for name, key, _ in ALL if name.endswith("over its preset")} == {
        "applicants.places",
        "budgets",
    }
