"""Choices as pages and the API show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.choices import places
from service.choices.models import AmountOut, Answer, ChoiceOut, SideOut
from service.choices.queries import HOLDING
from service.pairings.models import PairingStatus
from service.permissions import may
from service.wording import HUNDREDTHS, restored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from matching.messages import Message, Quantity
    from matching.profiles import Side
    from service.choices.queries import Choosing, Half, Line
    from service.organizations.models import Organization
    from service.permissions import Actor


@dataclass(frozen=True, slots=True)
class Card:
    """A pairing as one of its sides sees it."""

    line: Line
    own: Half
    other: Half
    state: str
    """open: to be answered; waiting: for the other side; mutual, signed, refused (by us), declined,
    lapsed."""
    until: datetime | None
    takes: bool
    """Whether this side may answer now."""
    reasons: tuple[Message, ...]
    flags: tuple[Message, ...]
    amounts: tuple[Quantity, ...]

    @property
    def rank(self) -> int | None:
        """Its place on this side's list."""
        return None if self.own.choice is None else self.own.choice.rank

    @property
    def rankable(self) -> bool:
        """Whether it has a place on a list still."""
        return self.state in ("open", "waiting")


def card(state: Choosing, line: Line, side: Side) -> Card:
    """One pairing for the people of one side."""
    own, other = line.half(side), line.other(side)
    shown = _state(state, line, own)
    return Card(
        line,
        own,
        other,
        shown,
        state.until(line.pairing) if line.pairing.status is PairingStatus.RELEASED else None,
        state.closed is None and shown in ("open", "waiting", "refused"),
        tuple(restored(kept) for kept in line.pairing.evidence),
        tuple(restored(kept) for kept in line.pairing.flags),
        tuple(places.amounts(line.pairing)),
    )


def _state(state: Choosing, line: Line, own: Half) -> str:
    status = line.pairing.status
    if status is PairingStatus.AGREED:
        return "signed"
    if status in HOLDING:
        return "mutual"
    if status is PairingStatus.DECLINED:
        return "refused" if own.answer is Answer.DECLINED else "declined"
    if state.has_lapsed(line.pairing):
        return "lapsed"
    return "waiting" if own.answer is Answer.ACCEPTED else "open"


@dataclass(frozen=True, slots=True)
class CardList:
    """The pairings of one organization on one side, in its own order."""

    organization: Organization
    side: Side
    cards: tuple[Card, ...]
    may_answer: bool


_ORDER = ("open", "waiting", "mutual", "signed", "refused", "declined", "lapsed")


def card_lists(actor: Actor, state: Choosing, lines: Sequence[Line]) -> list[CardList]:
    """What the actor's organizations have before them, a list for each and each side."""
    found: dict[tuple[int, Side], list[Card]] = {}
    organizations: dict[int, Organization] = {}
    for line in lines:
        for half in line.halves:
            if half.organization.key in actor.memberships:
                organizations[half.organization.key] = half.organization
                found.setdefault((half.organization.key, half.side), []).append(card(state, line, half.side))
    return [
        CardList(
            organizations[number],
            side,
            tuple(
                sorted(
                    cards,
                    key=lambda one: (
                        not one.rankable,
                        one.rank is None,
                        one.rank or 0,
                        _ORDER.index(one.state),
                        -one.line.pairing.score,
                        one.line.pairing.key,
                    ),
                )
            ),
            may(actor, "choice:make", number),
        )
        for (number, side), cards in sorted(found.items(), key=lambda one: (one[0][0], one[0][1]))
    ]


# For programs -------------------------------------------------------------------------------------------


def choice_out(actor: Actor, state: Choosing, line: Line) -> ChoiceOut:
    """A pairing with its answers; who ranked what is for that side's people and facilitators alone."""
    pairing = line.pairing
    return ChoiceOut(
        pairing=pairing.uid,
        status=PairingStatus.LAPSED if state.has_lapsed(pairing) else pairing.status,
        score=pairing.score,
        amounts=[AmountOut(amount=one.amount / HUNDREDTHS, unit=one.unit) for one in places.amounts(pairing)],
        need=_side_out(actor, line.need, insider=_is_insider(actor, line)),
        offer=_side_out(actor, line.offer, insider=_is_insider(actor, line)),
        until=state.until(pairing) if pairing.status is PairingStatus.RELEASED else None,
        open=state.closed is None and pairing.status is PairingStatus.RELEASED,
    )


def _is_insider(actor: Actor, line: Line) -> bool:
    return actor.is_staff or any(half.organization.key in actor.memberships for half in line.halves)


def _side_out(actor: Actor, half: Half, *, insider: bool) -> SideOut:
    choice = half.choice if insider else None
    own = actor.is_staff or half.organization.key in actor.memberships
    return SideOut(
        organization=half.organization.uid,
        organization_name=half.organization.name,
        listing=half.listing.uid,
        title=half.listing.title,
        language=half.listing.language,
        answer=choice.answer if choice else None,
        rank=choice.rank if choice and own else None,
        reason=choice.reason if choice and (own or choice.answer is Answer.DECLINED) else "",
        on_behalf=bool(choice and choice.on_behalf),
        signed=half.signed.created if half.signed else None,
        signed_on_stage=bool(half.signed and half.signed.on_stage),
    )
