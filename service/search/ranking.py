"""Which listings fit words and filters, in which order, and how many have which codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.profiles import Side
from service.listings import queries as listings
from service.organizations import names
from service.search.models import Deadline, Filters, Sort

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from sqlmodel import Session

    from service.search.index import SearchIndex
    from service.search.meaning import Meant
    from service.search.snapshot import Snapshot

FLOOR = 0.24
"""The least score that counts as found. On the project's 438 needs in five languages words that mean nothing
here (`xyzzy`, recipes, the price of bitcoin) reach .22 at most."""
SHARED = 1e-6
"""… where meaning cannot be compared yet: any word or concept in common."""
WORDS_BONUS = 0.1
"""What is added to the centred cosine where a listing has all words that were typed."""
CONCEPT_BONUS = 0.15
"""… and where it has all the themes, groups, kinds and places that they mention."""
NAMED_BONUS = 0.1
"""… and where the whole text is the name of one of those; such a listing is found in any case."""
_CONCEPT_SHARES = {"themes": 0.7, "groups": 0.7, "places": 0.7, "kinds": 0.6}
MOST_COUNTED = 40
"""How many codes of one filter are given with their counts."""

SCHEMES = {
    "theme": "themes",
    "group": "groups",
    "kind": "kinds",
    "place": "places",
    "language": "languages",
    "organization_kind": "organization_kinds",
}
"""Filters by codes, and the scheme of the codes."""
CURSOR_STEP = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a snapshot in the order asked for."""

    snapshot: Snapshot
    rows: NDArray[np.int64]
    facets: dict[str, list[tuple[str, int]]]
    meant: Meant | None
    scores: NDArray[np.float64] | None
    """Of all rows of the snapshot."""
    currency: str = ""
    """In which sums were compared, where a filter by amount names no currency."""

    def start(self, after: int | None) -> int:
        """Where the page after a cursor begins: behind the listing it names, if that is still there."""
        if after is None:
            return 0
        listing, place = divmod(after, CURSOR_STEP)
        row = self.snapshot.row(listing)
        if row is None:
            return place
        at = np.flatnonzero(self.rows == row)
        return int(at[0]) + 1 if len(at) else place


def find(session: Session, index: SearchIndex, q: str, filters: Filters, *, wait: bool = False) -> Found:
    """Everything public that fits, in order. `wait`: for the model, where it is still being loaded."""
    text = " ".join(q.split())
    meant = index.understand(text, wait=wait) if text else None
    snapshot = index.current(session)
    scores = None
    wanted = np.ones(len(snapshot), np.bool_)
    if filters.side is not None:
        wanted &= snapshot.is_offer if filters.side is Side.OFFER else ~snapshot.is_offer
    if meant is not None:
        sides = (False, True) if filters.side is None else (filters.side is Side.OFFER,)
        scores = _scores(index, snapshot, meant, sides)
        wanted &= scores >= (FLOOR if meant.vector is not None else SHARED)
    masks = _masks(index, snapshot, filters)
    chosen = _all(wanted, masks)
    currency = ""
    if filters.amount_from is not None or filters.amount_to is not None:
        if not filters.currency:
            currency = _commonest(index, snapshot, chosen)
        masks["amount"] = _amounts(index, snapshot, filters, filters.currency or currency)
        chosen &= masks["amount"]
    rows = np.flatnonzero(chosen)
    order = _order(snapshot, filters.sort, scores, rows)
    facets = _facets(index, snapshot, wanted, masks)
    return Found(snapshot, rows[order], facets, meant, scores, currency)


def _all(
    wanted: NDArray[np.bool_], masks: Mapping[str, NDArray[np.bool_]], but: str = ""
) -> NDArray[np.bool_]:
    """What is wanted and let through by all filters, or all but one."""
    left = wanted.copy()
    for name, mask in masks.items():
        if name != but:
            left &= mask
    return left


def _scores(
    index: SearchIndex, snapshot: Snapshot, meant: Meant, sides: Sequence[bool]
) -> NDArray[np.float64]:
    """Centred cosine with bonuses for shared words and concepts, and for what is called by its name."""
    score = np.zeros(len(snapshot))
    if meant.vector is not None:
        score += snapshot.nearness(meant.vector, meant.language, sides)
    missed = np.ones(len(snapshot))
    for scheme, share in _CONCEPT_SHARES.items():
        codes = meant.concepts.get(scheme, frozenset())
        has = [snapshot.having(snapshot.meant, [index.code_number(scheme, code)]) for code in sorted(codes)]
        if has:
            missed *= 1 - share * np.mean(has, axis=0)
    named = [index.code_number(*pair) for pair in sorted(meant.named)]
    score += CONCEPT_BONUS * (1 - missed) + WORDS_BONUS * _words_shared(index, snapshot, meant)
    if named:
        is_it = snapshot.having(snapshot.meant, named)
        score = np.where(is_it, np.maximum(score + NAMED_BONUS, FLOOR), score)
    return score


def _words_shared(index: SearchIndex, snapshot: Snapshot, meant: Meant) -> NDArray[np.float64]:
    """The share of the words that were typed which a listing has; rare words weigh more."""
    shared = np.zeros(len(snapshot))
    whole = 0.0
    for word in meant.words:
        number = index.word_number(word)
        has = None if number is None else snapshot.having(snapshot.words, [number])
        count = 0 if has is None else int(has.sum())
        rarity = float(np.log1p((len(snapshot) - count + 0.5) / (count + 0.5)))
        whole += rarity
        if has is not None:
            shared += rarity * has
    return shared / whole if whole else shared


def _masks(index: SearchIndex, snapshot: Snapshot, filters: Filters) -> dict[str, NDArray[np.bool_]]:
    """By filter that is used: which rows it lets through."""
    masks: dict[str, NDArray[np.bool_]] = {}
    for name, scheme in SCHEMES.items():
        if codes := getattr(filters, name):
            numbers = [index.code_number(scheme, code) for code in codes]
            masks[name] = snapshot.having(snapshot.stated, numbers)
    if filters.currency:
        number = index.code_number("currencies", filters.currency)
        masks["currency"] = snapshot.having(snapshot.stated, [number])
    if key := names.key(filters.organization):
        masks["organization"] = snapshot.called(key)
    if filters.deadline is not None:
        masks["deadline"] = _closes_within(snapshot, filters.deadline)
    return masks


def _commonest(index: SearchIndex, snapshot: Snapshot, among: NDArray[np.bool_]) -> str:
    """The currency that most of these rows state a sum in: no rates are known here, nothing is converted."""
    counts = np.bincount(snapshot.currency[among & ~np.isnan(snapshot.budget)], minlength=1)
    return index.names[int(counts.argmax())][1] if counts.any() else ""


def _amounts(index: SearchIndex, snapshot: Snapshot, filters: Filters, currency: str) -> NDArray[np.bool_]:
    """Which rows state a sum in this currency that lies within the bounds."""
    least = 100 * (filters.amount_from or 0.0)
    most = np.inf if filters.amount_to is None else 100 * filters.amount_to
    mask: NDArray[np.bool_] = snapshot.currency == index.code_number("currencies", currency)
    return mask & (snapshot.budget >= least) & (snapshot.budget <= most)


def _closes_within(snapshot: Snapshot, deadline: Deadline) -> NDArray[np.bool_]:
    closes: NDArray[np.bool_] = snapshot.expires <= listings.today().toordinal() + int(deadline.value)
    return closes


def _order(
    snapshot: Snapshot, sort: Sort, scores: NDArray[np.float64] | None, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The places of `rows` in the order asked for; equals come newest first.

    Sums are compared within a currency: the one that most rows have comes first, rows without a sum last.
    """
    by_number, by_day = -snapshot.ids[rows], -snapshot.published[rows]
    match sort:
        case Sort.BEST if scores is not None:
            return np.lexsort((by_number, by_day, -np.round(scores[rows], 6)))
        case Sort.DEADLINE:
            return np.lexsort((by_number, by_day, snapshot.expires[rows]))
        case Sort.AMOUNT:
            budget, currency = snapshot.budget[rows], snapshot.currency[rows]
            stated = ~np.isnan(budget)
            frequency = np.where(
                stated, np.bincount(currency[stated], minlength=1 + currency.max(initial=0))[currency], 0
            )
            return np.lexsort((by_number, by_day, -budget, currency, -frequency))
        case _:
            return np.lexsort((by_number, by_day))


def _facets(
    index: SearchIndex,
    snapshot: Snapshot,
    wanted: NDArray[np.bool_],
    masks: Mapping[str, NDArray[np.bool_]],
) -> dict[str, list[tuple[str, int]]]:
    """By filter: each code with the number of results it would leave beside the other filters."""

    everything = _all(wanted, masks)

    def besides(name: str) -> NDArray[np.bool_]:
        return _all(wanted, masks, name) if name in masks else everything

    plain = _counted(index, snapshot, everything)
    counted = {}
    for name, scheme in {**SCHEMES, "currency": "currencies"}.items():
        by_scheme = plain if name not in masks else _counted(index, snapshot, besides(name))
        counted[name] = by_scheme.get(scheme, [])[:MOST_COUNTED]
    whose = np.bincount(snapshot.maker[besides("organization")], minlength=1)
    counted["organization"] = [
        (snapshot.named[place].name, int(whose[place]))
        for place in np.argsort(-whose, kind="stable")[:MOST_COUNTED].tolist()
        if whose[place]
    ]
    left = besides("deadline")
    counted["deadline"] = [
        (deadline.value, int((left & _closes_within(snapshot, deadline)).sum())) for deadline in Deadline
    ]
    return counted


def _counted(
    index: SearchIndex, snapshot: Snapshot, mask: NDArray[np.bool_]
) -> dict[str, list[tuple[str, int]]]:
    rows, codes = snapshot.stated
    counts = np.bincount(codes[mask[rows]], minlength=1)
    found: dict[str, list[tuple[str, int]]] = {}
    for number in np.lexsort((np.arange(len(counts)), -counts)).tolist():
        if not counts[number]:
            break
        scheme, code = index.names[number]
        found.setdefault(scheme, []).append((code, int(counts[number])))
    return found
