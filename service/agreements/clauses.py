"""The words of agreements: clause templates in five languages, filled with what is agreed.

The templates are `data/agreements/<language>.toml`. A clause that nobody has touched follows the plan: when
dates or sums change, it is filled anew; one that was edited stays as it is.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING, Any

from babel.dates import format_date

from matching.messages import Quantity, Term
from matching.resources import data_path
from service.agreements.models import AgreementKind, PartyRole
from service.agreements.terms import Clause, Terms
from service.i18n import list_text, locale, number_text, percent_text
from service.wording import quantity_text, term_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from service.agreements.terms import CommitmentTerms

NEEDED = ("term", "scope", "content", "service", "payment", "overhead", "no-transfer", "breach")
"""No agreement is signed without a clause on each of these."""


@dataclass(frozen=True, slots=True)
class About:
    """What clauses tell that the plan does not: codes of the vocabulary, and a number of people."""

    places: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    beneficiaries: int | None = None


@cache
def book(language: str) -> Mapping[str, Any]:
    """All the words of a language."""
    with data_path("agreements", f"{language}.toml").open("rb") as file:
        return tomllib.load(file)


def label(language: str, name: str, **values: Any) -> str:
    """A word that is printed beside the clauses."""
    return str(book(language)["labels"][name]).format(**values)


def party_name(language: str, position: int) -> str:
    """What the text calls a party by its place: party A, 甲方."""
    names = book(language)["parties"]
    return str(names[position]) if position < len(names) else str(position + 1)


def role_name(language: str, kind: AgreementKind, role: PartyRole) -> str:
    """What the text calls a role in an agreement of a kind: donor, 捐赠方."""
    roles = book(language)["roles"]
    return str(roles[kind.value].get(role.value) or roles["all"][role.value])


def long_date(day: date, language: str) -> str:
    """A day as contracts write it."""
    return format_date(day, format="long", locale=locale(language))


def money(commitments: Iterable[CommitmentTerms]) -> dict[str, int]:
    """By currency: how much money is promised."""
    sums: dict[str, int] = {}
    for one in commitments:
        if one.kind == "cash":
            sums[one.currency] = sums.get(one.currency, 0) + one.quantity
    return sums


def sums_text(sums: Mapping[str, int], language: str) -> str:
    """Sums of money in words of a language; empty where there are none."""
    shown = [quantity_text(Quantity(amount, unit), language) for unit, amount in sums.items() if amount]
    return list_text(shown, language) if shown else ""


def written(kind: AgreementKind, terms: Terms, about: About, languages: Sequence[str]) -> tuple[Clause, ...]:
    """All clauses for a plan, in these languages."""
    true = _true_words(kind, terms, languages)
    texts = {language: _written(kind, terms, about, language, true) for language in languages}
    return tuple(
        Clause(
            key=key,
            heading={language: texts[language][key][0] for language in languages},
            text={language: texts[language][key][1] for language in languages},
        )
        for key in texts[languages[0]]
    )


def followed(
    kind: AgreementKind, before: Terms, after: Terms, about: About, languages: Sequence[str]
) -> Terms:
    """The new terms, with the clauses that still read as the template filled anew from the new plan."""
    old = {one.key: one for one in written(kind, before, about, tuple(before.title) or languages)}
    new = {one.key: one for one in written(kind, after, about, languages)}

    def follows(clause: Clause, language: str) -> bool:
        there = old.get(clause.key)
        given = clause.text.get(language)
        return clause.key in new and (
            given is None or (there is not None and given == there.text.get(language))
        )

    clauses = []
    for clause in after.clauses:
        text = {
            language: new[clause.key].text[language]
            if follows(clause, language)
            else clause.text.get(language, "")
            for language in languages
        }
        heading = {
            language: clause.heading.get(language)
            or (new[clause.key].heading[language] if clause.key in new else "")
            for language in languages
        }
        clauses.append(clause.model_copy(update={"text": text, "heading": heading}))
    return after.model_copy(update={"clauses": tuple(clauses)})


def _true_words(kind: AgreementKind, terms: Terms, languages: Sequence[str]) -> frozenset[str]:
    """What is true of an agreement, in the words that paragraphs ask for."""
    cash = [one for one in terms.commitments if one.kind == "cash"]
    roles = [one.role for one in terms.parties]
    true = {kind.value, *(role.value for role in roles)}
    true |= {name for name in ("monthly", "quarterly", "final", "evaluation") if getattr(terms.reports, name)}
    if cash:
        waits = any(one.milestone for one in terms.tranches) or len(terms.tranches) > len(cash)
        true |= {"cash", "tranches" if waits else "once"}
        management = any(one.purpose == "management" and one.quantity for one in cash)
        true.add("management" if management else "no-management")
    elif terms.commitments:
        true |= {"gifts-only", "no-management"}
    if any(roles.count(role) > 1 for role in (PartyRole.FUNDER, PartyRole.IMPLEMENTER, PartyRole.PARTNER)):
        true.add("several")
    if len(languages) > 1:
        true.add("bilingual")
    return frozenset(true)


def _written(
    kind: AgreementKind, terms: Terms, about: About, language: str, true: frozenset[str]
) -> dict[str, tuple[str, str]]:
    values = _values(kind, terms, about, language)
    found = {}
    for key, clause in book(language)["clauses"].items():
        paragraphs = [
            text.format(**values).replace("..", ".")
            for when, text in clause["paragraphs"]
            if set(when.split()) <= true and all(values.get(name) for name in _fields(text))
        ]
        if paragraphs:
            found[key] = (str(clause["heading"]), "\n".join(paragraphs))
    return found


@cache
def _fields(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


def _values(kind: AgreementKind, terms: Terms, about: About, language: str) -> dict[str, str]:
    """By field: what stands for it; empty where nothing is known."""
    cash = [one for one in terms.commitments if one.kind == "cash"]
    total, management = money(cash), money(one for one in cash if one.purpose == "management")
    share = max((management[unit] / total[unit] for unit in management if total[unit]), default=0.0)
    roles = book(language)["roles"]
    return {
        **roles["all"],
        **roles[kind.value],
        "title": terms.title.get(language) or next((one for one in terms.title.values() if one), ""),
        "starts": long_date(terms.starts, language) if terms.starts else "",
        "ends": long_date(terms.ends, language) if terms.ends else "",
        "total": sums_text(total, language),
        "management": sums_text(management, language),
        "labour": sums_text(money(one for one in cash if one.purpose == "labour"), language),
        "share": percent_text(share, language) if share else "",
        "places": _terms("places", about.places, language),
        "groups": _terms("groups", about.groups, language),
        "beneficiaries": number_text(about.beneficiaries, language) if about.beneficiaries else "",
        "days": str(terms.reports.days),
    }


def _terms(scheme: str, codes: Sequence[str], language: str) -> str:
    return list_text([term_text(Term(scheme, code), language) for code in codes], language) if codes else ""
