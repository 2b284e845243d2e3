"""The words that every form of a result shares: names of parts, limits and stages, ids made readable."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from matching.messages import Message, Quantity, Term
from matching.text import detect_language
from matching.vocabulary import default_vocabulary
from service.i18n import catalogue, number_text
from service.wording import HUNDREDTHS, quantity_text, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.outcome import Matching, Pairing
    from matching.profiles import Profile

PARTS = {
    "base": Message("part-base", "Starting point"),
    "semantic": Message("part-semantic", "Meaning"),
    "concept": Message("part-concept", "Themes and people"),
    "lexical": Message("part-lexical", "Same words"),
    "amount": Message("part-amount", "Amount"),
    "place": Message("part-place", "Place"),
    "record": Message("part-record", "Track record"),
    "preference": Message("part-preference", "Stated wishes"),
    "goals": Message("part-goals", "SDG goals"),
    "freshness": Message("part-freshness", "Freshness"),
}
"""The parts of a score, in the order in which they are drawn."""

GIFT_PARTS = {
    "programme": Message("gift-programme", "Programme"),
    "labour": Message("gift-labour", "Labour"),
    "overhead": Message("gift-overhead", "Administration"),
}

LIMITS = {
    "budget": Message("limit-budget", "Amount of {name}", name=""),
    "most-projects": Message("limit-most-projects", "Number of projects of {name}", name=""),
    "organization-cap": Message("limit-organization-cap", "Projects allowed for {name}", name=""),
    "project-cap": Message("limit-project-cap", "Support allowed for {name}", name=""),
    "shared-budget": Message("limit-shared-budget", "Common fund {name}", name=""),
    "quota": Message("limit-quota", "Quota for {name}", name=""),
}
"""The limits that can bind, by the rule's code in the certificate."""

FAIRNESS = {
    "none": Message("fairness-none", "Largest total"),
    "first-seat": Message("fairness-first-seat", "First place for every organization"),
    "bottleneck": Message("fairness-bottleneck", "Worst-off first"),
    "leximin": Message("fairness-leximin", "Worst-off first, level by level"),
}

MOST_LIMITS = 5
"""How many binding limits a table of the certificate names."""

QUOTES = {"zh-Hans": "“{}”", "zh-Hant": "「{}」", "en": "“{}”", "ru": "«{}»", "es": "«{}»"}


def part_name(part: str, language: str) -> str:
    """The name of a part of a score."""
    return say(PARTS[part], language)


def ordered_parts(pairing: Pairing) -> list[tuple[str, float]]:
    """The parts of a score, the largest first."""
    return sorted(pairing.parts.items(), key=lambda item: (-item[1], list(PARTS).index(item[0])))


def whole(hundredths: int) -> int | float:
    """An amount in whole units: an integer wherever it is one."""
    units, rest = divmod(hundredths, HUNDREDTHS)
    return hundredths / HUNDREDTHS if rest else units


def names_of(matching: Matching, language: str) -> dict[str, str]:
    """By id, as messages and the certificate use them: what people call it.

    Resource lines have ids such as `need/0/programme` (the optimiser's demands) and `offer/0` (its supplies).
    """
    names: dict[str, str] = {}
    for profile in (*matching.offers, *matching.needs):
        names[profile.organization.id] = profile.organization.name
    for profile in (*matching.offers, *matching.needs):
        title = QUOTES[language].format(profile.title)
        names[profile.id] = title
        for number in range(len(profile.lines)):
            names[f"{profile.id}/{number}"] = title
            names |= {f"{profile.id}/{number}/{part}": title for part in GIFT_PARTS}
    return names


def limit_name(rule: str, key: str, matching: Matching, names: Mapping[str, str], language: str) -> str:
    """A limit as a phrase, such as “Amount of “Community fund””."""
    name = names.get(key, key)
    if rule == "quota":
        schemes = {quota.code: quota.scheme for quota in matching.rules.quotas}
        name = default_vocabulary().label(schemes[key], key, language) if key in schemes else key
    limit = LIMITS[rule]
    return say(Message(limit.code, limit.template, name=name), language)


@cache
def _language(text: str) -> str:
    return detect_language(text)


def text_language(profile: Profile) -> str:
    """The language of a profile's own words, `und` where it cannot be told."""
    return _language(profile.full_text)


def given_by_kind(matching: Matching) -> list[tuple[Term, Quantity, Quantity, Quantity]]:
    """(kind, asked, offered, given) for each kind and unit that is needed, in the order of the vocabulary.

    Labour that people stand in for is counted in the money it replaces, since that is what was asked for.
    """
    sums: dict[tuple[str, str], list[int]] = {}
    for column, profiles in enumerate((matching.needs, matching.offers)):
        for profile in profiles:
            for line in profile.lines:
                sums.setdefault((line.kind, line.unit), [0, 0, 0])[column] += line.amount
    for pairing in matching.pairings:
        for gift in pairing.gifts:
            line = pairing.need.lines[gift.need_line]
            sums[line.kind, line.unit][2] += gift.quantity.amount
    kinds = list(default_vocabulary().codes("kinds"))
    return [
        (Term("kinds", kind), Quantity(asked, unit), Quantity(offered, unit), Quantity(given, unit))
        for (kind, unit), (asked, offered, given) in sorted(
            sums.items(), key=lambda item: (kinds.index(item[0][0]), -item[1][0], item[0][1])
        )
        if asked
    ]


def text_width(text: str) -> int:
    """Columns that a text takes where a wide character (CJK) takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def amounts_text(pairing: Pairing, language: str) -> str:
    """What is given, one quantity after the other."""
    return " + ".join(quantity_text(quantity, language) for quantity in pairing.amounts)


def certificate_rows(
    matching: Matching, language: str, names: Mapping[str, str], *, limits: bool = True
) -> list[tuple[str, str]]:
    """What the certificate says, as names and values, the most important first; binding limits if asked."""
    _ = catalogue(language).gettext
    certificate = matching.certificate

    def count(value: int, most: int) -> str:
        return f"{number_text(value, language)} / {number_text(most, language)}"

    def score(value: float) -> str:
        return number_text(round(value, 3), language)

    rows = [
        (_("Objective and bound"), f"{score(certificate.objective)} / {score(certificate.bound)}"),
        (_("Gap"), gap_text(certificate.gap, language)),
        (_("Fairness"), say(FAIRNESS[certificate.fairness], language)),
        (_("Projects that go ahead"), count(certificate.projects_ahead, certificate.projects)),
        (_("Organizations served"), count(certificate.organizations_served, certificate.organizations)),
        (_("Worst-off organization"), score(certificate.worst_off)),
        (_("Inequality (Gini)"), score(certificate.gini)),
    ]
    if certificate.blocking_pairs is not None:
        rows.append((_("Blocking pairs"), number_text(certificate.blocking_pairs, language)))
    if limits:
        rows += [
            (_("Binding limit"), limit_name(rule, key, matching, names, language))
            for rule, key in list(certificate.prices)[:MOST_LIMITS]
        ]
    rows += [
        (
            _("Cost of a lock"),
            f"{names.get(need, need)} = {names.get(offer or '', offer or '—')}: "
            + ("—" if price is None else score(price)),
        )
        for (need, offer), price in certificate.lock_prices.items()
    ]
    if certificate.time_limit_hit:
        rows.append((_("Time limit"), _("The time limit ended the search; the best result so far is shown.")))
    rows += [(_("Seed"), str(certificate.seed)), (_("Fingerprint"), certificate.fingerprint)]
    return rows


def gap_text(gap: float, language: str) -> str:
    """How far from the bound, in words where it is nothing."""
    if gap < 1e-6:
        return catalogue(language).gettext("none: proven the best there is")
    return say(Message("gap-most", "at most {share} %", share=round(100 * gap, 2) or 0.01), language)
