from datetime import date

import pytest

from matching.errors import InvalidRules, UnknownName
from matching.messages import Quantity
from matching.rules import LANGUAGES, Process, load_preset, preset_names, read_preset

TITLES = "\n".join(
    f"[{key}]\n" + "\n".join(f'{language} = "x"' for language in LANGUAGES) for key in ("title", "summary")
)


def preset(tmp_path, body):
    path = tmp_path / "mine.toml"
    path.write_text(f"{body}\n{TITLES}\n", encoding="utf-8")
    return read_preset(path)


def problems(tmp_path, body):
    with pytest.raises(InvalidRules) as caught:
        preset(tmp_path, body)
    return {(problem.column, problem.message.code) for problem in caught.value.problems}


def test_presets_of_the_six_systems_and_a_plain_one_are_bundled():
    assert preset_names() == (
        "flood-relief",
        "grassroots-resources",
        "headquarters-base",
        "monthly-talk",
        "open-round",
        "serpukhov-partnership",
        "venture-call",
    )


@pytest.mark.parametrize("name", preset_names())
def test_bundled_preset_is_valid_and_titled_in_every_language(name):
    loaded = load_preset(name)
    assert loaded.rules.preset == loaded.name == name
    assert set(loaded.title) == set(loaded.summary) == set(LANGUAGES)


def test_monthly_talk_lets_associations_serve_public_benefit_organizations():
    (role,) = load_preset("monthly-talk").rules.roles
    assert (role.needs_from, role.offers_from) == ({"ngo"}, {"association"})


def test_venture_call_carries_the_published_rules():
    loaded = load_preset("venture-call")
    assert (loaded.rules.min_beneficiaries, loaded.rules.projects_per_organization) == (50, 2)
    assert loaded.rules.applicants.inspection_passed
    assert loaded.process.notice_working_days == 7
    assert sum(loaded.process.criteria.values()) == 100
    assert len(loaded.process.criteria) == 7
    assert [one.mark for one in loaded.process.pass_marks] == [60, 65, 68, 70]
    assert loaded.process.pass_marks[0].up_to == Quantity(50_000_00, "CNY")
    assert loaded.process.pass_marks[-1].up_to is None


def test_unknown_preset_is_refused_with_the_nearest_names():
    with pytest.raises(UnknownName) as caught:
        load_preset("monthly-walk")
    assert caught.value.suggestions[0] == "monthly-talk"
    with pytest.raises(UnknownName) as caught:
        load_preset("zzz")
    assert caught.value.suggestions == preset_names()


def test_overrides_replace_single_keys_of_a_table():
    rules = load_preset(
        "venture-call", {"min_beneficiaries": 80, "applicants": {"places": ["liaocheng"]}}
    ).rules
    assert rules.min_beneficiaries == 80
    assert rules.applicants.places == {"liaocheng"}
    assert rules.applicants.inspection_passed


def test_every_key_reads_into_its_rule(tmp_path):
    rules = preset(
        tmp_path,
        """
as_of = 2022-03-01
project_cap = "5万 CNY"
fairness = "leximin"
coverage_bonus = 1
locks = [["n1", "o1"]]
[sponsors]
verified = true
min_rating = 3
[[budgets]]
name = "fund"
offers = ["o1", "o2"]
limit = "20000000 CNY"
[[quotas]]
scheme = "groups"
code = "elderly"
at_least = 2
[weights]
base = -1
[weights.need]
semantic = 5
""",
    ).rules
    assert rules.as_of == date(2022, 3, 1)
    assert rules.project_cap == Quantity(5_000_000, "CNY")
    assert (rules.fairness, rules.coverage_bonus) == ("leximin", 1.0)
    assert rules.locks == (("n1", "o1"),)
    assert (rules.sponsors.verified, rules.sponsors.min_rating) == (True, 3)
    assert rules.budgets[0].limit == Quantity(2_000_000_000, "CNY")
    assert rules.quotas[0].at_least == 2
    assert rules.weights.base == -1
    assert rules.weights.need["semantic"] == 5
    assert rules.weights.need["concept"] > 0, "weights not named keep their value"


def test_process_has_defaults(tmp_path):
    assert preset(tmp_path, "").process == Process()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("fairnes = 'none'", ("fairnes", "unknown-key")),
        ("fairness = 'some'", ("fairness", "not-a-choice")),
        ("min_beneficiaries = '50'", ("min_beneficiaries", "not-a-count")),
        ("min_beneficiaries = true", ("min_beneficiaries", "not-a-count")),
        ("projects_per_organization = 0", ("projects_per_organization", "not-a-count")),
        ("min_score = 2", ("min_score", "not-a-number")),
        ("min_score = 'x'", ("min_score", "not-a-number")),
        ("as_of = 'today'", ("as_of", "not-a-date")),
        ("project_cap = 'much'", ("project_cap", "not-a-sum")),
        ("groups = 'elderly'", ("groups", "not-a-list")),
        ("groups = ['eldery']", ("groups", "unknown-code")),
        ("groups = ['elderly', 3]", ("groups", "not-a-text")),
        ("applicants = 3", ("applicants", "not-a-table")),
        ("applicants = {verified = 'yes'}", ("applicants.verified", "not-a-flag")),
        ("roles = 3", ("roles", "not-a-list-of-tables")),
        ("roles = [{needs_fron = []}]", ("roles[1].needs_fron", "unknown-key")),
        ("budgets = [{name = 'x', offers = []}]", ("budgets[1].limit", "missing-key")),
        ("locks = [['n1']]", ("locks", "not-pairs")),
        ("process = {phases = ['opening']}", ("process.phases", "not-a-choice")),
        ("process = {reports = ['weekly']}", ("process.reports", "not-a-choice")),
        ("process = {criteria = {a = 60, b = 30}}", ("process.criteria", "criteria-sum")),
        ("process = {criteria = 3}", ("process.criteria", "not-a-table")),
        ("process = {reviews = 0}", ("process.reviews", "not-a-count")),
        ("process = {pass_marks = [{up_to = '5 CNY'}]}", ("process.pass_marks[1].mark", "missing-key")),
        ("process = {pass_marks = [{mark = 101}]}", ("process.pass_marks[1].mark", "not-a-count")),
        ("weights = {need = {sematic = 1}}", ("weights.need.sematic", "unknown-key")),
    ],
)
def test_wrong_value_is_named_with_its_key(tmp_path, body, expected):
    assert expected in problems(tmp_path, body)


def test_all_wrong_values_are_reported_at_once(tmp_path):
    assert len(problems(tmp_path, "min_score = 7\nseed = -1\nfairness = 'x'")) == 3


def test_missing_title_is_reported(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[title]\nen = 'x'\n", encoding="utf-8")
    with pytest.raises(InvalidRules) as caught:
        read_preset(path)
    columns = {problem.column for problem in caught.value.problems}
    assert {"title.ru", "summary.en"} <= columns
    assert "title.en" not in columns


def test_file_that_is_not_toml_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("fairness = ", encoding="utf-8")
    with pytest.raises(InvalidRules, match=r"mine\.toml is not a TOML file"):
        read_preset(path)
