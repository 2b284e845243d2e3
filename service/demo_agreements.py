"""The agreements of the demonstration: one in each state that can be seen, drafted from the demo's rounds.

Signatures are noted as given on paper before witnesses: nobody of the demonstration has a hand of her own.
What happens under those that are signed is told by `demo_books`.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from matching.scenarios import load_scenario, scenario_names
from service.agreements import actions, drafting, queries, schedule, signing
from service.db import writing
from service.events import advance
from service.listings.models import Listing
from service.organizations.queries import today
from service.pairings.models import PAIRING, Pairing, PairingStatus
from service.permissions import SYSTEM_ACTOR
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.phases import has_reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from matching.scenarios import Scenario
    from service.agreements.models import Agreement
    from service.jobs import Jobs


class Story(StrEnum):
    """What becomes of an agreement."""

    COMPLETED = "completed"
    UNDER_WAY = "under-way"
    RETURNED = "returned"
    OVERDUE = "overdue"
    SUSPENDED = "suspended"
    BROKEN = "broken"
    SIGNING = "signing"
    DRAFT = "draft"


STORIES = {
    "kaifeng": (
        *(Story.COMPLETED, Story.RETURNED, Story.UNDER_WAY),
        *(Story.BROKEN, Story.SIGNING, Story.DRAFT),
    ),
    "liaocheng": (
        *(Story.OVERDUE, Story.COMPLETED, Story.RETURNED),
        *(Story.SUSPENDED, Story.SIGNING, Story.DRAFT),
    ),
    "serpukhov": (
        *(Story.COMPLETED, Story.UNDER_WAY, Story.UNDER_WAY),
        *(Story.SUSPENDED, Story.SIGNING, Story.DRAFT),
    ),
}
"""Of the needs of a scenario's round, the published pairs first; others are left to choose from."""
BEGAN = {
    Story.COMPLETED: timedelta(days=110),
    Story.OVERDUE: timedelta(days=112),
    Story.UNDER_WAY: timedelta(days=95),
    Story.RETURNED: timedelta(days=95),
    Story.SUSPENDED: timedelta(days=50),
    Story.BROKEN: timedelta(days=140),
}
"""How long ago what was signed began."""
LASTS, ENDED = timedelta(days=240), timedelta(days=100)
SIGNED_BEFORE = timedelta(days=5)
SECOND = {"zh-Hans": "en", "zh-Hant": "en", "ru": "zh-Hans", "es": "zh-Hans"}
"""The language beside the first, on every second agreement."""
NOTED = {
    "zh-Hans": "能否把中期报告的期限推迟两周？",
    "zh-Hant": "能否將期中報告之期限延後兩週？",
    "ru": "Можно ли перенести срок промежуточного отчёта на две недели?",
    "es": "¿Podría aplazarse dos semanas el informe intermedio?",
    "en": "Could the interim report be due two weeks later?",
}


def sign(
    engine: Engine, jobs: Jobs, *, progress: Callable[[str], None] = lambda _name: None
) -> dict[str, Story]:
    """Draft and sign in every round of the demonstration that has pairings and no agreement yet.

    Gives what shall become of those that were signed, by uid; their ledgers are open.
    """
    signed: dict[str, Story] = {}
    for name in scenario_names():
        if name not in STORIES:
            continue
        progress(name)
        scenario = load_scenario(name)
        with writing(engine) as session:
            titles = list(scenario.title.values())
            wanted = select(Round).where(col(Round.synthetic), col(Round.title).in_(titles))
            for one in session.exec(wanted):
                signed |= _of_round(session, one, scenario)
    jobs.run_all()
    return signed


def _of_round(session: Session, one: Round, scenario: Scenario) -> dict[str, Story]:
    if not has_reached(one, RoundStatus.CHOOSING) or queries.of_round(session, SYSTEM_ACTOR, one):
        return {}
    waiting = _bundles(session, one, scenario)
    stories = STORIES[scenario.name][: len(waiting) - len(waiting) // 3]
    signed: dict[str, Story] = {}
    for place, story in enumerate(stories):
        bundle = _taken(waiting, story)
        for pairing in bundle:
            if pairing.status is PairingStatus.RELEASED:
                _choose(session, one, pairing)
        wanted = drafting.Wanted(second_language=SECOND.get(one.language, "") if place % 2 else "")
        agreement = drafting.from_pairings(session, SYSTEM_ACTOR, bundle, wanted)
        if _take(session, agreement, story):
            signed[agreement.uid] = story
    return signed


def _bundles(session: Session, one: Round, scenario: Scenario) -> list[list[Pairing]]:
    """What carries each need: the published pairs, then what the same offers carry, then by score."""
    need, offer = aliased(Application), aliased(Application)
    asked, given = aliased(Listing), aliased(Listing)
    released = session.exec(
        select(Pairing, asked.source, given.source)
        .join(need, col(need.id) == col(Pairing.need_id))
        .join(asked, col(asked.id) == col(need.listing_id))
        .join(offer, col(offer.id) == col(Pairing.offer_id))
        .join(given, col(given.id) == col(offer.listing_id))
        .where(
            col(Pairing.round_id) == one.key,
            col(Pairing.status).in_([PairingStatus.RELEASED, *queries.READY]),
        )
        .order_by(col(Pairing.score).desc(), col(Pairing.id))
    ).all()
    pairs = scenario.published.get("pairs", ())
    needs, offers = ([f"demo:{scenario.name}:{pair[side]}" for pair in pairs] for side in (0, 1))
    bundles: dict[str, list[Pairing]] = {}
    ranks: dict[str, int] = {}
    for pairing, need_source, offer_source in released:
        bundles.setdefault(need_source, []).append(pairing)
        rank = needs.index(need_source) if need_source in needs else len(needs) + (offer_source not in offers)
        ranks[need_source] = min(rank, ranks.get(need_source, rank))
    return [bundles[source] for source in sorted(bundles, key=lambda source: ranks[source])]


def _taken(waiting: list[list[Pairing]], story: Story) -> list[Pairing]:
    """The next bundle; for a story about money that comes back, the next that gives money."""
    paid = (
        place
        for place, bundle in enumerate(waiting)
        if any(gift["kind"] == "money" for pairing in bundle for gift in pairing.gifts)
    )
    return waiting.pop(next(paid, 0) if story is Story.BROKEN else 0)


def _choose(session: Session, one: Round, pairing: Pairing) -> None:
    """Both sides have said yes, as the demonstration has it."""
    advance(session, SYSTEM_ACTOR, pairing, PAIRING, "become_mutual", round=one.uid)


def _take(session: Session, agreement: Agreement, story: Story) -> bool:
    """To its signatures, or as far as its story or what is known of it reaches; whether it is signed."""
    if story is Story.DRAFT:
        actions.comment(session, SYSTEM_ACTOR, agreement, NOTED[agreement.language], "payment")
        return False
    if story in BEGAN:
        _begin_earlier(session, agreement, story)
    if actions.problems(session, agreement):
        return False
    signing.open_signing(session, SYSTEM_ACTOR, agreement)
    if story is Story.SIGNING:
        return False
    signing.record_on_stage(session, SYSTEM_ACTOR, agreement)
    begun = agreement.starts or today()
    agreement.in_force = datetime.combine(begun - SIGNED_BEFORE, time(9), UTC)
    return True


def _begin_earlier(session: Session, agreement: Agreement, story: Story) -> None:
    """The project began some months ago, so that there is something to tell of it."""
    terms = queries.terms_of(agreement)
    starts = today() - BEGAN[story]
    ends = starts + (ENDED if story is Story.COMPLETED else LASTS)
    half = starts + (ends - starts) / (2 if story is Story.COMPLETED else 3)
    due = dict(zip((one.item for one in terms.milestones), (half, ends), strict=False))
    moved = terms.model_copy(
        update={
            "starts": starts,
            "ends": ends,
            "milestones": tuple(
                one.model_copy(update={"due": due.get(one.item, ends)}) for one in terms.milestones
            ),
            "tranches": tuple(
                one.model_copy(update={"due": due.get(one.milestone or "", starts) + schedule.PAID_IN})
                for one in terms.tranches
            ),
        }
    )
    actions.save(session, SYSTEM_ACTOR, agreement, moved)
