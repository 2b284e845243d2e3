"""Three parties around one need: a bureau, a foundation and an association that carries the project out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from matching.profiles import Side
from service.accounts.sessions import Proof
from service.agreements import drafting, signing
from service.db import now
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Actor, Role
from service.rounds.models import RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from service.accounts.models import User
    from service.agreements.models import Agreement
    from service.rounds.models import Round
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Pair, Party


@dataclass
class Deal:
    """A need of an association, and two sponsors that both sides have chosen."""

    round: Round
    ngo: Party
    bureau: Party
    fund: Party
    pairings: list[Pairing]

    @property
    def all(self) -> list[Party]:
        return [self.bureau, self.fund, self.ngo]


def gift(amount: int, part: str = "programme", kind: str = "money", unit: str = "CNY") -> dict[str, Any]:
    """What a line of an offer gives."""
    quantity = {"amount": amount * 100, "unit": unit}
    return {
        "need_line": 0,
        "offer_line": 0,
        "kind": kind,
        "part": part,
        "quantity": quantity,
        "used": quantity,
    }


@pytest.fixture
def deal(
    make_round: MakeRound, make_party: MakeParty, make_listing: MakeListing, enter: Enter, pair: Pair
) -> Deal:
    """「乐邻小家」: a civil-affairs bureau and a foundation carry the need of a neighbourhood association."""
    one = make_round("venture-call", RoundStatus.SIGNING, title="Community call")
    ngo = make_party("乐邻社区服务中心", Role.OWNER, language="zh-Hans")
    bureau = make_party("Civil Affairs Bureau", Role.OWNER, kind="government")
    fund = make_party("Amity Fund", Role.OWNER, kind="ngo")
    need = enter(one, make_listing(ngo, "乐邻小家", lines=[{"kind": "money", "amount": "90000 CNY"}]))
    offers = [
        enter(one, make_listing(party, f"Offer of {party.organization.name}", Side.OFFER))
        for party in (bureau, fund)
    ]
    pairings = [
        pair(need, offers[0], PairingStatus.MUTUAL, gifts=[gift(60_000), gift(6_000, "labour")]),
        pair(need, offers[1], PairingStatus.MET, gifts=[gift(24_000)]),
    ]
    return Deal(one, ngo, bureau, fund, pairings)


@pytest.fixture
def drafted(session: Session, deal: Deal) -> Agreement:
    """Their agreement, drafted by the association: the bureau supervises."""
    wanted = drafting.Wanted(second_language="en", supervisor=deal.bureau.organization.uid)
    made = drafting.from_pairings(session, deal.ngo.actor, deal.pairings, wanted)
    session.commit()
    return made


@pytest.fixture
def facilitator(make_user: MakeUser) -> User:
    return make_user("facilitator@example.org", roles=[Role.FACILITATOR])


@pytest.fixture
def steering(facilitator: User, actor: Callable[[User], Actor]) -> Actor:
    """The facilitator as one who asks."""
    return actor(facilitator)


def proof_of(actor: Actor) -> Proof:
    """That it was she, just now."""
    assert actor.user_id is not None
    return Proof(actor.user_id, now())


def sign_by(session: Session, agreement: Agreement, party: Party) -> Agreement:
    """A party's owner signs what stands."""
    return signing.sign(
        session,
        party.actor,
        agreement,
        proof_of(party.actor),
        text_hash=agreement.text_hash,
        name=f"Owner of {party.organization.name}",
        position="Director",
    )
