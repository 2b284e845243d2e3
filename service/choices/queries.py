"""Reading choices. Every path starts at `pairings.queries.visible_to`.

Whether answers are taken in is decided in one place, `Choosing`: the phase, its planned end, the hall.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Executable, and_, bindparam, func, or_
from sqlalchemy import select as rows_of
from sqlalchemy.orm import aliased, load_only
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.choices.models import Answer, Choice, LiveStage, LiveStatus, Signed
from service.db import now
from service.errors import NotFound
from service.events import Event
from service.listings.models import Listing
from service.organizations.models import Organization
from service.pairings import queries as pairings
from service.pairings.models import Pairing, PairingStatus
from service.permissions import may
from service.rounds import queries as rounds
from service.rounds.models import Application, Round, RoundPhase, RoundStatus
from service.rounds.phases import has_reached, is_over, of_round, wrong_phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from matching.rules import Process
    from service.permissions import Actor

HOLDING = (PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED)
"""Both sides want each other: what is given is promised."""
SHOWN = (*HOLDING, PairingStatus.RELEASED, PairingStatus.DECLINED, PairingStatus.LAPSED)
LIVE = (LiveStatus.WAITING, LiveStatus.SHOWCASE, LiveStatus.CHOOSING, LiveStatus.PAUSED)


# When one may choose ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choosing:
    """Whether and until when a round takes answers in, as it is at one moment."""

    round: Round
    process: Process
    stage: LiveStage | None
    phase: RoundPhase | None
    """The times of the phase of choosing, where the round has it."""
    moment: datetime

    @property
    def has_phase(self) -> bool:
        """Whether the round has a phase of choosing; others take answers in while they meet and sign."""
        return RoundStatus.CHOOSING in of_round(self.round)

    @property
    def phases(self) -> tuple[RoundStatus, ...]:
        """The phases in which one may answer."""
        return (RoundStatus.CHOOSING,) if self.has_phase else (RoundStatus.MEETING, RoundStatus.SIGNING)

    @property
    def is_live(self) -> bool:
        """Whether people choose in a hall, where the facilitator opens and closes."""
        return self.stage is not None and self.stage.status in LIVE

    @property
    def over(self) -> Message | None:
        """Why no answer at all is taken in any more (or yet), not even from a facilitator."""
        if why := wrong_phase(self.round, self.phases):
            return why
        if is_over(self.phase, self.moment):
            return Message("choosing-over", "The time to choose is over.")
        return None

    @property
    def closed(self) -> Message | None:
        """Why organizations cannot answer now."""
        if self.over is not None or self.stage is None:
            return self.over
        match self.stage.status:
            case LiveStatus.ENDED:
                return Message("choosing-closed", "The facilitator has closed the choosing.")
            case LiveStatus.PAUSED:
                return Message("choosing-paused", "The facilitator has paused the choosing. Please wait.")
            case LiveStatus.WAITING | LiveStatus.SHOWCASE:
                return Message("choosing-not-begun", "The choosing has not begun yet. Please wait.")
        if self.stage.ends is not None and self.stage.ends < self.moment:
            return Message("choosing-over", "The time to choose is over.")
        return None

    def until(self, pairing: Pairing) -> datetime | None:
        """Until when both sides may answer a pairing; None: until the facilitator closes.

        In a hall its clock counts. Elsewhere everybody has the days to reply that the round gives, counted
        from the release or from the beginning of the phase, whichever is later.
        """
        ends = [self.phase.ends] if self.phase is not None else []
        if self.is_live and self.stage is not None:
            ends.append(self.stage.ends)
        elif pairing.reply_by is not None:
            began = self.phase.began if self.phase is not None else None
            days = timedelta(days=self.process.reply_days)
            ends.append(max(pairing.reply_by, began + days) if began else pairing.reply_by)
        return min((end for end in ends if end is not None), default=None)

    def has_lapsed(self, pairing: Pairing) -> bool:
        """Whether the time to answer is over, though no job may have said so yet."""
        if pairing.status is not PairingStatus.RELEASED:
            return pairing.status is PairingStatus.LAPSED
        past = RoundStatus.MEETING if self.has_phase else RoundStatus.DELIVERING
        if has_reached(self.round, past):
            return True
        if self.round.status not in self.phases:
            return False
        if self.stage is not None and self.stage.status is LiveStatus.ENDED:
            return True
        until = self.until(pairing)
        return until is not None and until < self.moment


def choosing(session: Session, one: Round) -> Choosing:
    """How a round stands now."""
    on_stage, phase = session.execute(_STANDING, {"round": one.key}).one()
    return Choosing(one, rounds.preset_of(one).process, on_stage, phase, moment=now())


_STANDING = (
    rows_of(LiveStage, RoundPhase)
    .select_from(Round)
    .outerjoin(LiveStage, col(LiveStage.round_id) == col(Round.id))
    .outerjoin(
        RoundPhase,
        and_(col(RoundPhase.round_id) == col(Round.id), col(RoundPhase.phase) == RoundStatus.CHOOSING.value),
    )
    .where(col(Round.id) == bindparam("round"))
)
_STAGE = select(LiveStage).where(LiveStage.round_id == bindparam("round"))


def stage(session: Session, one: Round) -> LiveStage | None:
    """What is going on in the hall; None where nobody has opened it."""
    return session.exec(_STAGE, params={"round": one.key}).first()


# Pairings with both their sides ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a pairing."""

    side: Side
    application: Application
    listing: Listing
    organization: Organization
    choice: Choice | None
    signed: Signed | None

    @property
    def answer(self) -> Answer | None:
        """What this side has said."""
        return None if self.choice is None else self.choice.answer


@dataclass(frozen=True, slots=True)
class Line:
    """A pairing and its two sides."""

    pairing: Pairing
    need: Half
    offer: Half

    @property
    def halves(self) -> tuple[Half, Half]:
        """Need and offer."""
        return (self.need, self.offer)

    def half(self, side: Side) -> Half:
        """One side."""
        return self.need if side is Side.NEED else self.offer

    def other(self, side: Side) -> Half:
        """The side across."""
        return self.offer if side is Side.NEED else self.need

    @property
    def version(self) -> str:
        """Which version of the pairing and of both answers this is; its numbers only grow."""
        said = (half.choice.version if half.choice else 0 for half in self.halves)
        return " ".join(map(str, (self.pairing.version, *said)))

    @property
    def waits_for(self) -> Side | None:
        """The one side whose answer is missing, where the other has accepted."""
        if self.pairing.status is not PairingStatus.RELEASED:
            return None
        accepted = [half.side for half in self.halves if half.answer is Answer.ACCEPTED]
        return None if len(accepted) != 1 else Side.OFFER if accepted[0] is Side.NEED else Side.NEED


def lines(
    session: Session,
    actor: Actor,
    one: Round,
    *,
    statuses: Sequence[PairingStatus] = SHOWN,
    organizations: Iterable[int] | None = None,
) -> list[Line]:
    """The pairings of a round that the actor may see, by number; those of some organizations only."""
    found = _of_round(is_staff=actor.is_staff, of_some=organizations is not None)
    values = {"round": one.key, "statuses": list(statuses), "own": list(actor.memberships)}
    if organizations is not None:
        values["organizations"] = list(organizations)
    return _told(session, found, values)


def mine(session: Session, actor: Actor, one: Round) -> list[Line]:
    """The pairings of the actor's organizations."""
    return lines(session, actor, one, organizations=actor.memberships) if actor.memberships else []


def line(session: Session, actor: Actor, one: Round, uid: str) -> Line:
    """One pairing of the round. Raises NotFound."""
    values = {"round": one.key, "uid": uid, "own": list(actor.memberships)}
    found = _told(session, _one_of_round(is_staff=actor.is_staff), values)
    if not found:
        raise NotFound
    return found[0]


def _only(table: Any, *columns: str) -> Any:
    return load_only(*(getattr(table, column) for column in columns))


_need, _offer = aliased(Application), aliased(Application)
_sought, _given = aliased(Listing), aliased(Listing)
_seeking, _giving = aliased(Organization), aliased(Organization)
_said: dict[Side, Any] = {side: aliased(Choice) for side in Side}
_signed: dict[Side, Any] = {side: aliased(Signed) for side in Side}
_SIDES = (
    rows_of(
        Pairing,
        *(_need, _sought, _seeking, _said[Side.NEED], _signed[Side.NEED]),
        *(_offer, _given, _giving, _said[Side.OFFER], _signed[Side.OFFER]),
    )
    .join(_need, col(_need.id) == col(Pairing.need_id))
    .join(_sought, col(_sought.id) == col(_need.listing_id))
    .join(_seeking, col(_seeking.id) == col(_need.organization_id))
    .join(_offer, col(_offer.id) == col(Pairing.offer_id))
    .join(_given, col(_given.id) == col(_offer.listing_id))
    .join(_giving, col(_giving.id) == col(_offer.organization_id))
    .options(
        *(_only(one, "uid", "listing_id", "organization_id", "showing") for one in (_need, _offer)),
        *(_only(one, "uid", "title", "language", "lines", "most_projects") for one in (_sought, _given)),
        *(_only(one, "uid", "name", "language", "kind") for one in (_seeking, _giving)),
    )
    .order_by(col(Pairing.id))
)
"""What a pairing is told by; the rest of its listings is read where somebody asks for it."""
for _side, _word in (*_said.items(), *_signed.items()):
    _SIDES = _SIDES.outerjoin(_word, and_(col(_word.pairing_id) == col(Pairing.id), col(_word.side) == _side))

_many = partial(bindparam, expanding=True)

# A whole hall asks these within a minute: to put a statement together takes longer than to execute it.


@cache
def _of_round(*, is_staff: bool, of_some: bool) -> Executable:
    found = _SIDES.where(
        pairings.seen(_many("own"), is_staff=is_staff),
        col(Pairing.round_id) == bindparam("round"),
        col(Pairing.status).in_(_many("statuses")),
    )
    if not of_some:
        return found
    own = select(Application.id).where(
        Application.round_id == bindparam("round"),
        col(Application.organization_id).in_(_many("organizations")),
    )
    return found.where(or_(col(Pairing.need_id).in_(own), col(Pairing.offer_id).in_(own)))


@cache
def _one_of_round(*, is_staff: bool) -> Executable:
    return _SIDES.where(
        pairings.seen(_many("own"), is_staff=is_staff),
        col(Pairing.uid) == bindparam("uid"),
        col(Pairing.round_id) == bindparam("round"),
    )


_NUMBERED = _SIDES.where(col(Pairing.id).in_(_many("pairings")))


def _told(session: Session, statement: Executable, values: dict[str, Any]) -> list[Line]:
    """Pairings with what both sides are and have said, by number."""
    return [
        Line(pairing, Half(Side.NEED, *rest[:5]), Half(Side.OFFER, *rest[5:]))
        for pairing, *rest in session.execute(statement, values).all()
    ]


def with_sides(session: Session, found: Sequence[Pairing]) -> list[Line]:
    """Pairings that the actor may see, with their sides, in their order."""
    told = _told(session, _NUMBERED, {"pairings": [one.key for one in found]})
    by_id = {line.pairing.key: line for line in told}
    return [by_id[one.key] for one in found]


_WAITING = (
    select(func.count())
    .select_from(Choice)
    .join(Pairing, col(Pairing.id) == col(Choice.pairing_id))
    .where(
        Pairing.round_id == bindparam("round"),
        Pairing.status == PairingStatus.RELEASED,
        Choice.organization_id == bindparam("organization"),
        Choice.answer == Answer.ACCEPTED,
        Choice.pairing_id != bindparam("besides"),
    )
)


def waiting_for_others(session: Session, one: Round, organization: int, besides: int = 0) -> int:
    """How many pairings that an organization has accepted wait for the other side."""
    values = {"round": one.key, "organization": organization, "besides": besides}
    return session.exec(_WAITING, params=values).one()


# What has happened, and what waits ------------------------------------------------------------------------


_NEWEST = select(func.max(Event.id))


def newest_event(session: Session) -> int:
    """The number of the last entry of the log: what has happened until now."""
    return session.exec(_NEWEST).one() or 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a round waits for somebody: pairings to answer, pairings to sign."""

    round: Round
    to_answer: int
    to_sign: int
    has_phase: bool


def waiting(session: Session, actor: Actor) -> list[Waiting]:
    """By round: what the actor's organizations have to answer and to sign, as far as the actor may."""
    own = select(Application.id).where(col(Application.organization_id).in_(list(actor.memberships)))
    open_ones = select(Pairing.round_id).where(
        col(Pairing.status).in_([PairingStatus.RELEASED, PairingStatus.MUTUAL, PairingStatus.MET]),
        or_(col(Pairing.need_id).in_(own), col(Pairing.offer_id).in_(own)),
    )
    found = []
    for one in session.exec(select(Round).where(col(Round.id).in_(open_ones)).order_by(col(Round.id))).all():
        state = choosing(session, one)
        halves = [
            (line.pairing, half)
            for line in mine(session, actor, one)
            for half in line.halves
            if half.organization.key in actor.memberships
        ]
        answers = state.over is None and sum(
            pairing.status is PairingStatus.RELEASED
            and half.answer is None
            and not state.has_lapsed(pairing)
            and may(actor, "choice:make", half.organization.key)
            for pairing, half in halves
        )
        signs = one.status is RoundStatus.SIGNING and sum(
            pairing.status in (PairingStatus.MUTUAL, PairingStatus.MET)
            and half.signed is None
            and may(actor, "agreement:sign", half.organization.key)
            for pairing, half in halves
        )
        if answers or signs:
            found.append(Waiting(one, int(answers), int(signs), state.has_phase))
    return found
