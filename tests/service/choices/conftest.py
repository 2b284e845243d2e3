"""Rounds in which people choose: pairs of an organization that needs and one that gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

from matching.profiles import Side
from service.choices import queries
from service.db import writing
from service.pairings.models import Pairing
from service.permissions import Actor, Role
from service.rounds.models import Application, RoundStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.choices.queries import Line
    from service.listings.models import Listing
    from service.rounds.models import Round
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Pair, Party


@dataclass
class Stand:
    """An organization with what it brings into a round."""

    party: Party
    listing: Listing
    application: Application

    @property
    def actor(self) -> Actor:
        return self.party.actor

    @property
    def uid(self) -> str:
        """Of the organization."""
        return self.party.organization.uid


Bring = Callable[..., Stand]


@pytest.fixture
def talk(make_round: MakeRound) -> Round:
    """A monthly talk in its phase of choosing."""
    return make_round("monthly-talk", RoundStatus.CHOOSING)


@pytest.fixture
def bring(
    talk: Round, make_party: MakeParty, make_listing: MakeListing, enter: Enter, engine: Engine
) -> Bring:
    """Brings a need or an offer into a round: `bring(Side.OFFER, "Fund", amount="5000 CNY", role=…)`."""
    made = 0

    def new(
        side: Side,
        name: str = "",
        *,
        into: Round | None = None,
        amount: str = "1000 CNY",
        role: Role = Role.EDITOR,
        party: Party | None = None,
        **fields: Any,
    ) -> Stand:
        nonlocal made
        made += 1
        name = name or f"{'Association' if side == 'offer' else 'Charity'} {made}"
        party = party or make_party(name, role, kind="association" if side == "offer" else "ngo")
        lines = [{"kind": "money", "amount": amount}]
        listing = make_listing(party, f"{side.title()} of {name}", side, lines=lines, **fields)
        application = enter(into or talk, listing)
        return Stand(party, listing, application)

    return new


@pytest.fixture
def give(pair: Pair) -> Callable[..., Pairing]:
    """Pairs two stands with a sum of money: `give(need, offer, 1000, score=0.8)`."""

    def made(need: Stand, offer: Stand, money: int = 1000, **values: Any) -> Pairing:
        quantity = {"amount": money * 100, "unit": "CNY"}
        gift = {
            "need_line": 0,
            "offer_line": 0,
            "kind": "money",
            "part": "programme",
            "quantity": quantity,
            "used": quantity,
        }
        values = {"score": 0.8, "need_side": 0.8, "offer_side": 0.8, "gifts": [gift], **values}
        return pair(need.application, offer.application, **values)

    return made


@pytest.fixture
def couple(bring: Bring, give: Callable[..., Pairing]) -> tuple[Stand, Stand, Pairing]:
    """A need, an offer, and their released pairing."""
    need, offer = bring(Side.NEED), bring(Side.OFFER)
    return need, offer, give(need, offer)


@pytest.fixture
def facilitator(make_user: MakeUser) -> User:
    return make_user("facilitator@example.org", roles=[Role.FACILITATOR])


@pytest.fixture
def steering(facilitator: User, actor: Callable[[User], Actor]) -> Actor:
    """The facilitator as one who asks."""
    return actor(facilitator)


@pytest.fixture
def kept(engine: Engine) -> Callable[[Callable[[Session], Any]], Any]:
    """Does something in a transaction of its own: `kept(lambda session: accept(session, …))`."""

    def do(work: Callable[[Session], Any]) -> Any:
        with writing(engine) as session:
            return work(session)

    return do


@pytest.fixture
def look(engine: Engine) -> Callable[[Pairing], Line]:
    """A pairing as it is now, with both sides' answers."""

    def found(pairing: Pairing) -> Line:
        with Session(engine, expire_on_commit=False) as session:
            return queries.with_sides(session, [session.get_one(Pairing, pairing.key)])[0]

    return found
