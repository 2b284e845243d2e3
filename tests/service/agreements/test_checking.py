"""Everything that is missing or does not fit together is named beside its field."""

from __future__ import annotations

from datetime import date

import pytest

from service.agreements import queries
from service.agreements.checking import problems
from service.agreements.clauses import NEEDED


@pytest.fixture
def sound(drafted):
    """Terms that could be signed as they stand."""
    return queries.terms_of(drafted)


def _found(drafted, terms, no_overhead=()):
    return {
        (one.field, one.message.code) for one in problems(drafted.kind, terms, drafted.languages, no_overhead)
    }


def _with(terms, part, place, **values):
    rows = list(getattr(terms, part))
    rows[place] = rows[place].model_copy(update=values)
    return terms.model_copy(update={part: tuple(rows)})


def test_what_is_drafted_is_sound(drafted, sound):
    assert _found(drafted, sound) == set()


@pytest.mark.parametrize("key", NEEDED)
def test_each_needed_clause_is_missed(drafted, sound, key):
    left = tuple(one for one in sound.clauses if one.key != key)
    assert _found(drafted, sound.model_copy(update={"clauses": left})) == {("clauses", "clause-missing")}


@pytest.mark.parametrize(
    ("part", "place", "values", "expected"),
    [
        ("commitments", 0, {"quantity": 1, "value": 1}, ("commitments-0-quantity", "tranches-sum")),
        ("tranches", 1, {"amount": 5}, ("commitments-0-quantity", "tranches-sum")),
        ("tranches", 0, {"due": date(2040, 1, 1)}, ("tranches-0-due", "payment-outside")),
        ("tranches", 0, {"milestone": "m9"}, ("tranches-0-milestone", "milestone-unknown")),
        ("tranches", 0, {"commitment": "c9"}, ("tranches-0-commitment", "tranche-commitment")),
        ("tranches", 0, {"payee": "nobody"}, ("tranches-0-payee", "tranche-payee")),
        ("milestones", 0, {"due": date(2020, 1, 1)}, ("milestones-0-due", "due-outside")),
        ("milestones", 1, {"item": "m1"}, ("milestones-1-item", "item-repeated")),
        ("milestones", 0, {"due": None}, ("milestones-0-due", "due-missing")),
        ("budget", 0, {"amount": 7}, ("budget", "budget-sum")),
        ("budget", 0, {"purpose": "management"}, ("budget", "budget-sum")),
        ("budget", 0, {"currency": "EUR"}, ("budget-0-amount", "budget-currency")),
        ("parties", 0, {"name": " "}, ("parties-0-name", "field-missing")),
        (
            "commitments",
            2,
            {"unit": "EUR", "currency": "EUR"},
            ("commitments-2-unit", "currencies-mixed"),
        ),
        ("commitments", 0, {"organization": "nobody"}, ("commitments-0-organization", "giver-unknown")),
    ],
)
def test_what_does_not_fit_is_named(drafted, sound, part, place, values, expected):
    assert expected in _found(drafted, _with(sound, part, place, **values))


def test_a_payment_before_its_milestone_is_named(drafted, sound):
    place = next(n for n, one in enumerate(sound.tranches) if one.milestone == "m2")
    early = _with(sound, "tranches", place, due=sound.milestones[0].due)
    assert _found(drafted, early) == {(f"tranches-{place}-due", "payment-early")}


def test_money_without_overhead_pays_no_management_fee(deal, drafted, sound):
    fund = deal.fund.organization.uid
    place = next(n for n, one in enumerate(sound.commitments) if one.organization == fund)
    fee = _with(sound, "commitments", place, purpose="management")
    assert (f"commitments-{place}-purpose", "no-overhead") in _found(drafted, fee, {fund})
    assert "no-overhead" not in {code for _, code in _found(drafted, fee)}


def test_a_term_that_ends_before_it_begins(drafted, sound):
    backwards = sound.model_copy(update={"ends": date(2000, 1, 1)})
    assert ("ends", "term-backwards") in _found(drafted, backwards)


def test_three_parties_are_three(drafted, sound):
    two = sound.model_copy(update={"parties": sound.parties[1:]})
    assert ("parties", "parties-three") in _found(drafted, two)
