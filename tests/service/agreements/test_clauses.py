"""The clause templates: the same clauses in five languages, filled, and following the plan until edited."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from matching.text import LANGUAGES
from service.agreements import actions, clauses, queries, terms
from service.agreements.clauses import NEEDED, About, book, written
from service.agreements.models import AgreementKind, PartyRole
from service.agreements.terms import CommitmentTerms, PartyTerms, Terms
from service.funding import models as funding

ABOUT = About(places=("shanghai",), groups=("elderly",), beneficiaries=120)


def _terms(**values: object) -> Terms:
    return Terms(
        title=dict.fromkeys(LANGUAGES, "Neighbours"),
        parties=tuple(
            PartyTerms(organization=str(n), name=f"Party {n}", role=role)
            for n, role in enumerate((PartyRole.FUNDER, PartyRole.SUPERVISOR, PartyRole.IMPLEMENTER))
        ),
        starts=date(2027, 1, 1),
        ends=date(2027, 12, 31),
        **values,  # type: ignore[arg-type]
    )


def _cash(amount: int, purpose: str = "programme") -> CommitmentTerms:
    return CommitmentTerms.model_validate(
        {
            "item": f"c-{purpose}",
            "organization": "0",
            "kind": "cash",
            "purpose": purpose,
            "quantity": amount,
            "unit": "CNY",
            "value": amount,
            "currency": "CNY",
        }
    )


def test_every_language_has_the_same_clauses_paragraphs_and_labels():
    def shape(language):
        words = book(language)
        return (
            {key: [when for when, _ in one["paragraphs"]] for key, one in words["clauses"].items()},
            {name: set(words[name]) for name in ("labels", "titles", "plan", "purposes", "kinds")},
            len(words["parties"]),
        )

    assert {language: shape(language) for language in LANGUAGES} == dict.fromkeys(LANGUAGES, shape("en"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(AgreementKind))
def test_every_kind_has_all_clauses_that_are_needed_and_no_field_is_left_open(kind, language):
    found = written(kind, _terms(commitments=(_cash(9_000_000),)), ABOUT, [language])
    assert set(NEEDED) <= {one.key for one in found}
    text = "\n".join(one.text[language] for one in found)
    assert "{" not in text
    assert ".." not in text
    assert "120" in text
    assert clauses.long_date(date(2027, 12, 31), language).rstrip(".") in text


def test_a_management_fee_is_bounded_or_forbidden():
    def overhead(*given):
        return {
            one.key: one for one in written(AgreementKind.DONATION, _terms(commitments=given), ABOUT, ["en"])
        }["overhead"].text["en"]

    assert "No management fee may be charged" in overhead(_cash(9_000_000))
    limited = overhead(_cash(9_000_000), _cash(1_000_000, "management"))
    assert "limited to CN¥10,000, that is 10% of the money" in limited
    assert "No management fee" not in limited


def test_untouched_clauses_follow_the_plan_and_edited_ones_stay(session, deal, drafted):
    before = queries.terms_of(drafted)
    edited = tuple(
        one.model_copy(update={"text": {**one.text, "zh-Hans": "各方另行约定。"}})
        if one.key == "disputes"
        else one
        for one in before.clauses
    )
    later = date(2031, 5, 9)
    actions.save(
        session, deal.ngo.actor, drafted, before.model_copy(update={"clauses": edited, "ends": later})
    )
    after = {one.key: one.text for one in queries.terms_of(drafted).clauses}
    assert "2031年5月9日" in after["term"]["zh-Hans"]
    assert "May 9, 2031" in after["term"]["en"]
    assert after["disputes"]["zh-Hans"] == "各方另行约定。"


def test_another_second_language_is_filled_in_and_taken_out(session, deal, drafted):
    actions.save(session, deal.ngo.actor, drafted, queries.terms_of(drafted), second_language="ru")
    texts = {one.key: one.text for one in queries.terms_of(drafted).clauses}
    assert set(texts["term"]) == {"zh-Hans", "ru"}
    assert texts["no-transfer"]["ru"].startswith("Исполнитель реализует Проект лично")
    actions.save(session, deal.ngo.actor, drafted, queries.terms_of(drafted), second_language="")
    assert set(queries.terms_of(drafted).clauses[0].text) == {"zh-Hans"}


def test_the_plan_speaks_the_words_of_the_ledger():
    for told, kept in (
        (terms.GiftKind, funding.CommitmentKind),
        (terms.Purpose, funding.Purpose),
        (terms.Valuation, funding.Valuation),
    ):
        assert set(get_args(told)) == {one.value for one in kept}
