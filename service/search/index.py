"""All public listings of one process, ready to be searched: vectors, words, codes.

The database decides what is there: the index holds exactly the open listings of organizations that may act,
and looks before every search whether an event or a vector has come since. What it finds is confirmed once
more by `queries` before it is shown.
"""

from __future__ import annotations

import gc
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import structlog
from sqlalchemy import bindparam, exists, func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from matching.caching import without_collection
from matching.centring import Centring, usual_means
from matching.embedding import default_embedder
from service.db import reading
from service.events import Event
from service.listings import queries as listings
from service.listings.models import Listing
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.search.meaning import understand, widened
from service.search.models import Embedding
from service.search.snapshot import NO_CODES, OrganizationFacts, Snapshot, flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray
    from sqlalchemy import Engine

    from matching.embedding import Embedder
    from matching.features import Concepts
    from service.listings.cards import Card
    from service.search.meaning import Meant

log = structlog.get_logger(__name__)

OVERLAP = 200
"""So many of the newest vectors are looked at again, since PostgreSQL does not commit in order of number."""
HEAL_SECONDS = 600.0
"""After so long everything is compared with the database, whatever events say; searches wait meanwhile."""
RECENTRE = 0.05
"""The means that are taken away are computed anew when so large a share of a side's vectors is new."""
KEPT_QUERIES = 4096
_STAMPS = select(
    select(func.max(col(Event.id))).scalar_subquery(),
    exists().where(
        col(Event.id) > bindparam("last"), col(Event.subject_kind).in_(("listing", "organization"))
    ),
    select(func.max(col(Embedding.id))).scalar_subquery(),
)
"""The newest event, whether one since the last look was about listings or organizations, the newest vector:
asked before every search."""
_ONE_OF_EACH = "water 水"
"""Letters and characters: words of either kind are found with the help of other dictionaries."""
_NEVER = 10**7
"""A day after all others."""


@dataclass(frozen=True, slots=True)
class _Vector:
    """One row of `search_embedding`."""

    uid: str
    language: str
    raw: NDArray[np.float32]
    words: NDArray[np.int32]
    concepts: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a revision of a listing says of itself."""

    revision: int
    is_offer: bool
    stated: NDArray[np.int32]
    codes: Mapping[str, frozenset[str]]
    budget: float
    currency: int


@dataclass(frozen=True, slots=True)
class _Standing:
    """What may change while a listing keeps its revision."""

    revision: int
    published: int
    expires: int
    organization: int


@dataclass(slots=True)
class _Centred:
    """The vectors of one side less what they have in common."""

    centring: Centring
    size: int
    rows: dict[int, tuple[str, NDArray[np.float32]]]
    """By listing: the uid of its embedding, and the centred vector."""


class _Numbers(dict[str, int]):
    """A number for each word, a new one where it was not seen before."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


@dataclass
class SearchIndex:
    """One for each process; `current` gives what is searched."""

    engine: Engine
    embedder: Embedder = field(default_factory=default_embedder)
    codes: dict[tuple[str, str], int] = field(default_factory=dict)
    """(scheme, code) → number, in the order of `names`."""
    names: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._word_numbers = _Numbers()
        self._vectors: dict[int, _Vector] = {}
        self._facts: dict[int, _Facts] = {}
        self._standing: dict[int, _Standing] = {}
        self._organizations: dict[int, OrganizationFacts] = {}
        self._meant: dict[int, NDArray[np.int32]] = {}
        """By listing, of those that have not changed since."""
        self._centred: dict[bool, _Centred] = {}
        self._snapshot: Snapshot | None = None
        self._last_event = -1
        self._last_vector: int | None = None
        self._day: date | None = None
        self._compared = -HEAL_SECONDS
        self._loading = threading.Lock()
        self._is_loaded = False
        self.is_warming = False
        self._understood = lru_cache(maxsize=KEPT_QUERIES)(partial(understand, self.embedder))
        """Kept in memory alone: what people look for is nobody's business."""

    def understand(self, text: str, *, wait: bool = False) -> Meant:
        """What a text means. While the model is loaded in the background, its words and concepts alone.

        `wait`: for the model, in any case.
        """
        if self.is_warming and not wait:
            return understand(None, text)
        self._load()
        return self._understood(text)

    def _load(self) -> None:
        """Load model and dictionaries: whoever comes first, others wait for it."""
        if not self._is_loaded:
            with self._loading:
                self._understood(_ONE_OF_EACH)
                self._is_loaded = True

    def warm(self) -> None:
        """Load all listings, the dictionaries and the model, in the order in which searches need them."""
        self.is_warming = True
        try:
            with without_collection():
                self.current()
                understand(None, _ONE_OF_EACH)
                self._load()
            gc.freeze()
        except SQLAlchemyError:
            log.exception("search is not warm yet")
        finally:
            self.is_warming = False

    # Catching up --------------------------------------------------------------------------------------

    def current(self, asking: Session | None = None) -> Snapshot:
        """Everything as it is now. `asking`: a session to ask through, if one is at hand."""
        with self._lock:
            day = listings.today()
            with nullcontext(asking) if asking else reading(self.engine) as session:
                stamps = session.connection().execute(_STAMPS, {"last": self._last_event})
                event, happened, vector = stamps.one()
            healing = time.monotonic() - self._compared > HEAL_SECONDS
            stale = healing or day != self._day or happened or vector != self._last_vector
            if stale or self._snapshot is None:
                with reading(self.engine) as session:
                    changed = self._read_vectors(session, everything=healing or self._snapshot is None)
                    changed |= self._read_standing(session, day)
                if healing:
                    self._compared = time.monotonic()
                if changed or self._snapshot is None:
                    self._snapshot = self._built()
                self._last_vector, self._day = vector, day
            self._last_event = event or 0
            return self._snapshot

    def forget(self) -> None:
        """Compare everything with the database at the next search."""
        with self._lock:
            self._compared = -HEAL_SECONDS

    def _read_vectors(self, session: Session, *, everything: bool) -> bool:
        """Take over new vectors and drop those that are gone; whether there were any."""
        wanted = select(Embedding.id, Embedding.listing_id, Embedding.uid).where(
            Embedding.model == self.embedder.name
        )
        if not everything:
            wanted = wanted.where(col(Embedding.id) > (self._last_vector or 0) - OVERLAP)
        newest = {
            listing: (number, uid)
            for number, listing, uid in session.exec(wanted.order_by(col(Embedding.id)))
        }
        changed = False
        if everything:
            for listing in self._vectors.keys() - newest.keys():
                del self._vectors[listing]
                changed = True
        missing = [
            number or 0
            for listing, (number, uid) in newest.items()
            if listing not in self._vectors or self._vectors[listing].uid != uid
        ]
        columns = (
            Embedding.listing_id,
            Embedding.uid,
            Embedding.language,
            Embedding.vector,
            Embedding.words,
            Embedding.concepts,
        )
        for part in _parts(missing):
            rows = session.execute(select(*columns).where(col(Embedding.id).in_(part)))  # type: ignore[call-overload]
            for listing, uid, language, vector, words, concepts in rows:
                self._vectors[listing] = _Vector(
                    uid=uid,
                    language=language,
                    raw=np.frombuffer(vector, "<f4"),
                    words=np.fromiter(map(self._word_numbers.__getitem__, words), np.int32, len(words)),
                    concepts={scheme: frozenset(codes) for scheme, codes in concepts.items()},
                )
                self._meant.pop(listing, None)
        return changed or bool(missing)

    def _read_standing(self, session: Session, day: date) -> bool:
        """Which listings are public now, and what new revisions of them say; whether anything is new."""
        named = {
            number: OrganizationFacts(name, "\n".join(keys), self.code_number("organization_kinds", kind))
            for number, name, keys, kind in session.execute(
                select(Organization.id, Organization.name, Organization.name_keys, Organization.kind).where(
                    organizations.acting(day)
                )
            )
        }
        asked = (
            select(Listing.id, Listing.revision, Listing.published, Listing.expires, Listing.organization_id)  # type: ignore[call-overload]
            .where(listings.open_on(day))
            .order_by(col(Listing.id))
        )
        standing = {
            number: _Standing(
                revision,
                published.toordinal() if published else 0,
                expires.toordinal() if expires else _NEVER,
                organization,
            )
            for number, revision, published, expires, organization in session.execute(asked)
            if organization in named
        }
        missing = [
            number
            for number, one in standing.items()
            if number not in self._facts or self._facts[number].revision != one.revision
        ]
        self._read_facts(session, missing)
        changed = bool(missing) or (standing, named) != (self._standing, self._organizations)
        self._standing, self._organizations = standing, named
        return changed

    def _read_facts(self, session: Session, missing: Sequence[int]) -> None:
        columns = (
            Listing.id,
            Listing.revision,
            Listing.side,
            Listing.language,
            Listing.themes,
            Listing.groups,
            Listing.places,
            Listing.languages,
            Listing.lines,
            Listing.budget,
            Listing.currency,
        )
        for part in _parts(missing):
            for (
                number,
                revision,
                side,
                language,
                themes,
                groups,
                places,
                languages,
                lines,
                budget,
                currency,
            ) in (
                session.execute(select(*columns).where(col(Listing.id).in_(part)))  # type: ignore[call-overload]
            ):
                codes = {
                    "themes": widened("themes", themes),
                    "groups": widened("groups", groups),
                    "places": widened("places", places),
                    "kinds": frozenset(line["kind"] for line in lines),
                    "languages": frozenset({language, *languages} - {"und"}),
                    "currencies": frozenset({currency} - {""}),
                }
                self._facts[number] = _Facts(
                    revision=revision,
                    is_offer=side == "offer",
                    stated=self._numbers(codes),
                    codes=codes,
                    budget=float("nan") if budget is None else float(budget),
                    currency=self.code_number("currencies", currency),
                )
                self._meant.pop(number, None)

    # Building -----------------------------------------------------------------------------------------

    def _built(self) -> Snapshot:
        """A snapshot of what has been read."""
        ids = list(self._standing)
        standing = list(self._standing.values())
        facts = [self._facts[number] for number in ids]
        is_offer = np.array([one.is_offer for one in facts], np.bool_)
        sides = {offers: np.flatnonzero(is_offer == offers) for offers in (False, True)}
        makers = {number: place for place, number in enumerate(self._organizations)}
        maker = np.array([makers[one.organization] for one in standing], np.int32)
        kinds = np.array([one.kind for one in self._organizations.values()], np.int32)
        stated = flat([one.stated for one in facts])
        for number in ids:
            if number not in self._meant:
                self._meant[number] = self._numbers(self.concepts_of(number))
        return Snapshot(
            ids=np.array(ids, np.int64),
            is_offer=is_offer,
            published=np.array([one.published for one in standing], np.int64),
            expires=np.array([one.expires for one in standing], np.int64),
            budget=np.array([one.budget for one in facts], np.float64),
            currency=np.array([one.currency for one in facts], np.int32),
            maker=maker,
            organizations=np.array(list(self._organizations), np.int64),
            named=tuple(self._organizations.values()),
            stated=(
                np.concatenate([stated[0], np.arange(len(ids), dtype=np.int32)]),
                np.concatenate([stated[1], kinds[maker]]),
            ),
            meant=flat([self._meant[number] for number in ids]),
            words=flat([self._vectors[n].words if n in self._vectors else NO_CODES for n in ids]),
            sides=sides,
            vectors={
                offers: self._centre(offers, [ids[row] for row in rows.tolist()])
                for offers, rows in sides.items()
            },
            centrings={offers: one.centring if one.size else None for offers, one in self._centred.items()},
        )

    def _centre(self, offers: bool, ids: Sequence[int]) -> NDArray[np.float32]:  # noqa: FBT001 — a side
        """The centred vectors of one side; all are made anew where many are new, else only the new ones."""
        there = [number for number in ids if number in self._vectors]
        old = self._centred.get(offers)
        known = old.rows if old else {}
        new = [n for n in there if n not in known or known[n][0] != self._vectors[n].uid]
        gone = len(known) + len(new) - len(there)
        if old is None or len(new) + max(0, gone) > RECENTRE * old.size:
            raw, languages = self._raw(there)
            old = _Centred(Centring(raw, languages, usual_means(self.embedder.name)), len(there), {})
            new = there
        raw, languages = self._raw(new)
        centred = old.centring.centre(raw, languages)
        for number, row in zip(new, centred, strict=True):
            old.rows[number] = (self._vectors[number].uid, row)
        self._centred[offers] = old
        rows = np.zeros((len(ids), self.embedder.dimension), np.float32)
        for place, number in enumerate(ids):
            if number in self._vectors:
                rows[place] = old.rows[number][1]
        return rows

    def _raw(self, ids: Sequence[int]) -> tuple[NDArray[np.float32], list[str]]:
        if not ids:
            return np.zeros((0, self.embedder.dimension), np.float32), []
        found = [self._vectors[number] for number in ids]
        return np.stack([one.raw for one in found]), [one.language for one in found]

    def concepts_of(self, number: int) -> dict[str, frozenset[str]]:
        """What a public listing is about: what it states or, where it states none, what it mentions."""
        stated = self._facts[number].codes
        vector = self._vectors.get(number)
        mentioned = vector.concepts if vector else {}
        about = {
            scheme: stated[scheme] or widened(scheme, mentioned.get(scheme, ()))
            for scheme in ("themes", "groups", "places")
        }
        return {**about, "kinds": stated["kinds"]}

    def themes_and_groups(self, listing: Listing | Card) -> Concepts:
        """As `matching.features.concepts` has them; what the text mentions was found when it was encoded."""
        vector = self._vectors.get(listing.key)
        mentioned = vector.concepts if vector else {}
        return {
            "themes": frozenset(listing.themes) or mentioned.get("themes", frozenset()),
            "groups": frozenset(listing.groups) or mentioned.get("groups", frozenset()),
        }

    def words_of(self, number: int) -> frozenset[int]:
        """The numbers of the words of a listing."""
        vector = self._vectors.get(number)
        return frozenset(vector.words.tolist()) if vector else frozenset()

    def raw_vector(self, number: int) -> tuple[NDArray[np.float32], str] | None:
        """The vector of a listing and its language, if there is one."""
        found = self._vectors.get(number)
        return (found.raw, found.language) if found else None

    def language_of(self, number: int) -> str:
        """The language of a listing's text."""
        found = self._vectors.get(number)
        return found.language if found else "und"

    # Numbers for codes and words ----------------------------------------------------------------------

    def code_number(self, scheme: str, code: str) -> int:
        """The number that stands for a code; a new one where it was not seen before."""
        key = (scheme, code)
        if key not in self.codes:
            self.names.append(key)
            self.codes[key] = len(self.names) - 1
        return self.codes[key]

    def _numbers(self, codes: Mapping[str, frozenset[str]]) -> NDArray[np.int32]:
        return np.array(
            [self.code_number(scheme, code) for scheme, found in codes.items() for code in sorted(found)],
            np.int32,
        )

    def word_number(self, word: str) -> int | None:
        """The number of a word that some listing has."""
        return self._word_numbers.get(word)


def _parts(numbers: Sequence[int], size: int = 500) -> Iterable[Sequence[int]]:
    """A few hundred at a time: databases bound how many values a statement has."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))
