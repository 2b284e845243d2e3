"""Who comes next where a pairing was declined or lapsed, and what else both sides may choose from.

The matcher is asked outside any transaction, with all filters of the round, for the needs that lost somebody
and what is free. The facilitator offers what it finds with one click; in rounds that say so it is offered at
once. A job looks for a whole round, so that many refusals in one minute make one search.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select as rows_of
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Cooperation, Profile
from service.choices import places, queries
from service.choices.models import MOST_MORE, REASON_CHARACTERS, Answer
from service.choices.telling import tell
from service.db import now, reading, writing
from service.errors import BadInput, NotNow
from service.events import Event, advance, record
from service.jobs import Job, JobStatus, promise
from service.listings.models import Listing
from service.pairings import queries as pairings
from service.pairings.models import PAIRING, Pairing, PairingStatus
from service.permissions import SYSTEM_ACTOR, require
from service.rounds.models import Application, Round
from service.texts import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matching.outcome import Pairing as Found
    from service.choices.queries import Choosing, Line
    from service.jobs import Work
    from service.permissions import Actor

LIVE_PAUSE = timedelta(seconds=15)
"""How often at most a search is made while people choose in a hall."""
LOST = (PairingStatus.DECLINED, PairingStatus.LAPSED)
FOUND_MORE = "round.find_more"
STANDING = (PairingStatus.RELEASED, *queries.HOLDING)


def look_for_next(session: Session, state: Choosing) -> None:
    """Promise a search, unless one is promised that has not begun."""
    _promise_once(session, state, "find_next")


def _promise_once(session: Session, state: Choosing, name: str, **payload: Any) -> None:
    payload = {"round": state.round.uid, **payload}
    waiting = session.exec(select(Job.payload).where(Job.name == name, Job.status == JobStatus.PROMISED))
    if payload not in waiting.all():
        promise(session, name, due=state.moment + LIVE_PAUSE if state.is_live else None, **payload)


# What the facilitator does ------------------------------------------------------------------------------


def lined_up(session: Session, one: Round) -> list[Line]:
    """Those who are next in line and have not been asked yet, the best first."""
    waiting = session.exec(select(Pairing).where(Pairing.round_id == one.key, _is_lined_up()))
    found = sorted(waiting, key=lambda pairing: (-pairing.score, pairing.key))
    return queries.with_sides(session, found)


def _is_lined_up() -> Any:
    return (col(Pairing.status) == PairingStatus.PROPOSED) & col(Pairing.instead_of_id).is_not(None)


def offer_next(session: Session, actor: Actor, one: Round, uid: str) -> Pairing:
    """Ask the next in line: both sides are told and may answer."""
    require(actor, "forum:steer")
    state = queries.choosing(session, one)
    if state.over is not None:
        raise NotNow(state.over)
    pairing = _lined_up(session, one, uid)
    if (in_the_way := places.in_the_way(session, *queries.with_sides(session, [pairing]))) is not None:
        raise NotNow(in_the_way)
    return _release(session, actor, state, pairing)


def skip_next(session: Session, actor: Actor, one: Round, uid: str, reason: str) -> Pairing:
    """Pass over the next in line, with a reason; who comes after is looked for."""
    require(actor, "forum:steer")
    pairing = _lined_up(session, one, uid)
    pairing.reason = said(reason, "reason", REASON_CHARACTERS)
    pairing.version += 1
    advance(session, actor, pairing, PAIRING, "drop", reason=pairing.reason, round=one.uid)
    look_for_next(session, queries.choosing(session, one))
    return pairing


def _lined_up(session: Session, one: Round, uid: str) -> Pairing:
    pairing = pairings.get(session, SYSTEM_ACTOR, uid, lock=True)
    if pairing.round_id != one.key or pairing.instead_of_id is None:
        raise NotNow(Message("not-next", "This pairing is not next in line."))
    return pairing


def offer_again(session: Session, actor: Actor, one: Round, uid: str, reason: str) -> Pairing:
    """Open a pairing that was declined or has lapsed once more, with a reason; a refusal is taken off."""
    require(actor, "forum:steer")
    state = queries.choosing(session, one)
    if state.over is not None:
        raise NotNow(state.over)
    line = queries.line(session, actor, one, uid)
    if (in_the_way := places.in_the_way(session, line)) is not None:
        raise NotNow(in_the_way)
    for half in line.halves:
        if half.choice is not None and half.answer is Answer.DECLINED:
            half.choice.answer = None
            session.add(half.choice)
    reason = said(reason, "reason", REASON_CHARACTERS)
    advance(session, actor, line.pairing, PAIRING, "offer_again", reason=reason, round=one.uid)
    _open(state, session, line.pairing)
    tell(session, state, line.pairing, "again")
    return line.pairing


def offer_more(session: Session, actor: Actor, one: Round, most: int) -> None:
    """Let both sides choose among more: up to `most` further offers for each need, found by a job."""
    require(actor, "forum:steer")
    state = queries.choosing(session, one)
    if state.over is not None:
        raise NotNow(state.over)
    if not 1 <= most <= MOST_MORE:
        raise BadInput.one("most", Message("most-more", "Choose a number from 1 to {most}.", most=MOST_MORE))
    record(session, actor, "round.offer_more", one, round=one.uid, most=most)
    _promise_once(session, state, "find_more", most=most, asked_by=actor.uid)


# What the jobs do ---------------------------------------------------------------------------------------


def find_next(work: Work, **payload: Any) -> None:
    """The job behind `look_for_next`."""
    with reading(work.engine) as session:
        one = session.exec(select(Round).where(Round.uid == payload["round"])).one()
        wanting = _vacancies(_known(session, one))
        if not wanting or queries.choosing(session, one).over is not None:
            return
        material = _Material(session, one)
    from matching.alternatives import next_in_line

    found = next_in_line(
        material.needs,
        material.offers,
        material.promises,
        {material.listing_of[number] for number in wanting if number in material.listing_of},
        material.rules,
        tried=material.tried,
        cooperations=material.cooperations,
    )
    with writing(work.engine) as session:
        state = queries.choosing(session, session.get_one(Round, one.key))
        vacancies = {} if state.over is not None else _vacancies(_known(session, one))
        for row in material.rows(session, found):
            lost = vacancies.get(row.need_id)
            if lost is None or not _fits(session, row):
                continue
            row.instead_of_id = lost.id
            session.add(row)
            session.flush()
            record(session, SYSTEM_ACTOR, "pairing.line_up", row, round=one.uid, instead_of=lost.uid)
            if state.process.offers_next:
                _release(session, SYSTEM_ACTOR, state, row)


def find_more(work: Work, **payload: Any) -> None:
    """The job behind `offer_more`; what it found is kept once, though it may be done twice."""
    with reading(work.engine) as session:
        one = session.exec(select(Round).where(Round.uid == payload["round"])).one()
        material = _Material(session, one)
    from matching.alternatives import more_to_choose_from

    found = more_to_choose_from(
        material.needs,
        material.offers,
        material.rules,
        material.rules.as_of or now().date(),
        most=payload["most"],
        tried=material.tried,
        cooperations=material.cooperations,
    )
    with writing(work.engine) as session:
        state = queries.choosing(session, session.get_one(Round, one.key))
        done = select(Event).where(col(Event.subject) == one.uid, col(Event.name) == FOUND_MORE)
        if state.over is not None or any(event.details["job"] == work.job for event in session.exec(done)):
            return
        released = []
        for row in material.rows(session, found):
            if _fits(session, row):
                session.add(row)
                session.flush()
                _release(session, SYSTEM_ACTOR, state, row, asked_by=payload["asked_by"])
                released.append(row.uid)
        record(session, SYSTEM_ACTOR, FOUND_MORE, one, round=one.uid, job=work.job, pairings=released)


class _Known(NamedTuple):
    """A pairing of the round, as far as it decides who comes next."""

    id: int
    uid: str
    need_id: int
    offer_id: int
    status: PairingStatus
    instead_of_id: int | None

    @property
    def counts(self) -> bool:
        """Whether it is or was before people; what a run merely proposed does not."""
        return self.status is not PairingStatus.PROPOSED or self.instead_of_id is not None


def _known(session: Session, one: Round) -> list[_Known]:
    columns = [getattr(Pairing, name) for name in _Known._fields]
    wanted = rows_of(*columns).where(col(Pairing.round_id) == one.key).order_by(col(Pairing.id))
    return [_Known(*row) for row in session.execute(wanted)]


def _vacancies(known: Iterable[_Known]) -> dict[int, _Known]:
    """By need: the last pairing of it that came to nothing and in whose place nobody stands yet."""
    known = list(known)
    filled = {one.instead_of_id for one in known if one.status not in (*LOST, PairingStatus.DROPPED)}
    return {one.need_id: one for one in known if one.status in LOST and one.id not in filled}


def _fits(session: Session, row: Pairing) -> bool:
    """Whether a new pairing has room beside what is promised."""
    need, offer = (
        session.exec(
            select(Listing)
            .join(Application, col(Application.listing_id) == col(Listing.id))
            .where(Application.id == number)
        ).one()
        for number in (row.need_id, row.offer_id)
    )
    holding = [one for one in places.neighbours(session, row) if one.status in queries.HOLDING]
    return places.need_has_room(
        need, [row, *(one for one in holding if one.need_id == row.need_id)]
    ) and places.offer_has_room(offer, [row, *(one for one in holding if one.offer_id == row.offer_id)])


class _Material:
    """What the matcher needs to know, taken from the round as it is now, and the way back."""

    def __init__(self, session: Session, one: Round) -> None:
        from matching.alternatives import Promise
        from matching.outcome import Gift
        from service.pairings.inputs import gather, rules_of
        from service.results.keeping import kept_pairing, revived

        self._round, self._kept_pairing = one, kept_pairing
        inputs = gather(session, one)
        profiles = [revived(Profile, kept) for kept in inputs.profiles]
        self.needs = [profile for profile in profiles if profile.side == "need"]
        self.offers = [profile for profile in profiles if profile.side == "offer"]
        self.rules = rules_of(one, inputs.rules)
        self.cooperations = [revived(Cooperation, kept) for kept in inputs.cooperations]
        self._numbers = pairings.applications_by_listing(session, one.key)
        self.listing_of = {number: uid for uid, number in self._numbers.items()}
        self.tried = [
            (self.listing_of[known.need_id], self.listing_of[known.offer_id])
            for known in _known(session, one)
            if known.counts and {known.need_id, known.offer_id} <= self.listing_of.keys()
        ]
        standing = select(Pairing).where(
            Pairing.round_id == one.key, col(Pairing.status).in_(STANDING) | _is_lined_up()
        )
        self.promises = [
            Promise(
                need=self.listing_of[pairing.need_id],
                offer=self.listing_of[pairing.offer_id],
                gifts=tuple(revived(Gift, gift) for gift in pairing.gifts),
            )
            for pairing in session.exec(standing)
        ]

    def rows(self, session: Session, found: Iterable[Found]) -> Iterator[Pairing]:
        """What was found as rows, without what the round has already."""
        there = {(known.need_id, known.offer_id) for known in _known(session, self._round) if known.counts}
        for pairing in found:
            values = self._kept_pairing(pairing)
            need, offer = self._numbers[values.pop("need")], self._numbers[values.pop("offer")]
            if (need, offer) not in there:
                yield Pairing(**values, round_id=self._round.key, need_id=need, offer_id=offer)


def _release(session: Session, actor: Actor, state: Choosing, pairing: Pairing, **details: str) -> Pairing:
    advance(session, actor, pairing, PAIRING, "release", round=state.round.uid, **details)
    _open(state, session, pairing)
    tell(session, state, pairing, "offered")
    return pairing


def _open(state: Choosing, session: Session, pairing: Pairing) -> None:
    """From now on both sides may answer, for as long as the round gives."""
    from service.pairings.actions import reply_deadline

    pairing.released, pairing.reply_by = now(), reply_deadline(state.round)
    pairing.version += 1
    session.add(pairing)
