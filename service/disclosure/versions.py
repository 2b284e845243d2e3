"""What an agreement said before its amendments: corrections stay visible beside what counts now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.agreements.terms import Terms
from service.disclosure.discretion import discreet
from service.disclosure.models import CorrectedField, Correction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from service.agreements.models import Agreement

_F = CorrectedField
_Facts = dict[tuple[CorrectedField, str], tuple[str, str]]
"""By field and line of the terms: what the field is of, and what it says."""


def corrections(
    agreement: Agreement,
    amendments: Sequence[Agreement],
    texts: Iterable[dict[str, Any]],
    names: Iterable[str],
) -> list[Correction]:
    """What each amendment in force has changed of what is public, the oldest first.

    `texts`: the terms of the agreement, the newest first.
    """
    if not amendments:
        return []
    before = _facts(_signed_first(agreement.text_hash, texts), agreement.language)
    found: list[Correction] = []
    for amendment in amendments:
        after = _facts(Terms.model_validate(amendment.terms), agreement.language)
        found += _changes(amendment, before, after, names)
        before = after
    return found


def _signed_first(text_hash: str, texts: Iterable[dict[str, Any]]) -> Terms:
    """The text that the parties signed at first: the version with its hash, whatever was amended since."""
    known = [Terms.model_validate(text) for text in texts]
    return next((terms for terms in known if terms.digest() == text_hash), known[0])


def _changes(
    amendment: Agreement,
    before: Mapping[tuple[CorrectedField, str], tuple[str, str]],
    after: Mapping[tuple[CorrectedField, str], tuple[str, str]],
    names: Iterable[str],
) -> Iterator[Correction]:
    on = amendment.in_force or amendment.created
    for key in sorted(before.keys() | after.keys(), key=lambda one: (list(_F).index(one[0]), one[1])):
        (was_of, was), (is_of, now) = before.get(key, ("", "")), after.get(key, ("", ""))
        if was != now:
            yield Correction(
                on=on.date(),
                amendment=amendment.number,
                field=key[0],
                subject=discreet(is_of or was_of, names),
                before=discreet(was, names),
                after=discreet(now, names),
            )


def _facts(terms: Terms, language: str) -> _Facts:
    """What of the terms is public, each fact by itself."""
    title = terms.title.get(language) or next(iter(terms.title.values()), "")
    found: _Facts = {
        (_F.TITLE, ""): ("", title),
        (_F.STARTS, ""): ("", terms.starts.isoformat() if terms.starts else ""),
        (_F.ENDS, ""): ("", terms.ends.isoformat() if terms.ends else ""),
    }
    for party in terms.parties:
        found[_F.PARTY, party.organization] = ("", f"{party.name}")
    for promise in terms.commitments:
        found[_F.PROMISE, promise.item] = (promise.description, f"{promise.quantity} {promise.unit}")
    for milestone in terms.milestones:
        due = milestone.due.isoformat() if milestone.due else milestone.title
        found[_F.MILESTONE, milestone.item] = (milestone.title, due)
    units = {promise.item: promise.unit for promise in terms.commitments}
    for tranche in terms.tranches:
        said = f"{tranche.amount} {units.get(tranche.commitment, '')}".strip()
        found[_F.TRANCHE, tranche.item] = (tranche.due.isoformat() if tranche.due else "", said)
    return found
