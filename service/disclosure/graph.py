"""Signed cooperations as the library sees them: pairs of organizations, for the graph."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from sqlmodel import Session, col, func, select

from matching import profiles
from matching.messages import Quantity
from service.agreements.models import (
    Agreement,
    AgreementPairing,
    AgreementTag,
    Origin,
    Party,
    PartyRole,
)
from service.disclosure.queries import ROW, public
from service.funding.models import Commitment, CommitmentKind
from service.listings.models import Listing
from service.organizations.models import Organization
from service.pairings.models import Pairing
from service.rounds.models import Application

if TYPE_CHECKING:
    import networkx as nx

_GIVING = (PartyRole.FUNDER, PartyRole.SUPERVISOR)
"""Who stands on the side of an offer; all others on that of the need."""


def cooperations(session: Session) -> list[profiles.Cooperation]:
    """Every pair of parties of every cooperation, the oldest first; what belongs to one has its uid as `id`.

    Cash is with the pair of its giver and the first who gets it, so that it counts once; further currencies
    of the same pair are further entries of the same cooperation.
    """
    parties = _parties(session)
    offers, cash = _offers(session), _cash(session)
    signed = public().with_only_columns(
        ROW, col(Agreement.uid), col(Agreement.title), col(Agreement.in_force), col(Agreement.need_id)
    )
    themes, tagged = _themes(session), _tagged(session)
    found: list[profiles.Cooperation] = []
    for key, uid, title, moment, need in session.execute(signed.order_by(col(Agreement.in_force), ROW)):
        bound = parties.get(key, [])
        left = dict(cash.get(key, {}))
        for giver, doer in (pairs := list(combinations(bound, 2))):
            own = sorted(left) if (giver, doer) == pairs[-1] else sorted(p for p in left if p[0] == giver[0])
            amounts: list[Quantity | None] = [left.pop(pair) for pair in own]
            found += [
                profiles.Cooperation(
                    id=uid,
                    need_organization=doer[1],
                    offer_organization=giver[1],
                    title=title,
                    signed=moment.date() if moment else None,
                    offer=offers.get(key, ""),
                    quantity=amount,
                    kind="money" if amount else "",
                    theme=themes.get(need, "") or tagged.get(key, ""),
                )
                for amount in amounts or [None]
            ]
    return found


def _parties(session: Session) -> dict[int, list[tuple[int, str]]]:
    """By number of the agreement: number and uid of its parties, those who give first."""
    giving: dict[int, list[tuple[int, str]]] = defaultdict(list)
    doing: dict[int, list[tuple[int, str]]] = defaultdict(list)
    bound = (
        select(Party.agreement_id, col(Party.role), Organization.id, Organization.uid)
        .join(Organization, col(Organization.id) == col(Party.organization_id))
        .order_by(col(Party.position), col(Party.id))
    )
    for key, role, number, uid in session.exec(bound):
        (giving if role in _GIVING else doing)[key].append((number or 0, uid))
    return {key: giving[key] + doing[key] for key in giving.keys() | doing.keys()}


def _offers(session: Session) -> dict[int, str]:
    """By number of the agreement: the offer that carries it out, where it came of a round or says so."""
    pairs = (
        select(AgreementPairing.agreement_id, Listing.uid)
        .join(Pairing, col(Pairing.id) == col(AgreementPairing.pairing_id))
        .join(Application, col(Application.id) == col(Pairing.offer_id))
        .join(Listing, col(Listing.id) == col(Application.listing_id))
        .order_by(col(AgreementPairing.id).desc())
    )
    named = select(Origin.agreement_id, Listing.uid).join(Listing, col(Listing.id) == col(Origin.offer_id))
    return dict(session.exec(pairs).all()) | dict(session.exec(named).all())


def _cash(session: Session) -> dict[int, dict[tuple[int, str], Quantity]]:
    """By number of the agreement: what is promised in money, by giver and currency."""
    sums = (
        select(
            Commitment.agreement_id,
            Commitment.organization_id,
            Commitment.unit,
            func.sum(Commitment.quantity),
        )
        .where(col(Commitment.kind) == CommitmentKind.CASH, col(Commitment.ended).is_(None))
        .group_by(col(Commitment.agreement_id), col(Commitment.organization_id), col(Commitment.unit))
    )
    found: dict[int, dict[tuple[int, str], Quantity]] = defaultdict(dict)
    for key, giver, unit, amount in session.exec(sums):
        found[key][giver, unit] = Quantity(int(amount), unit)
    return found


def _themes(session: Session) -> dict[int, str]:
    """By number of a need that a cooperation answers: its first theme."""
    answered = public().with_only_columns(col(Agreement.need_id))
    needs = select(Listing.id, Listing.themes).where(
        col(Listing.id).in_(answered), col(Listing.published).is_not(None)
    )
    return {key: themes[0] for key, themes in session.exec(needs) if key is not None and themes}


def _tagged(session: Session) -> dict[int, str]:
    """By number of a cooperation that answers no need here: its first theme."""
    tags = select(AgreementTag.agreement_id, func.min(AgreementTag.code)).where(
        AgreementTag.scheme == "themes"
    )
    return dict(session.exec(tags.group_by(col(AgreementTag.agreement_id))).all())


def organizations(session: Session) -> list[profiles.Organization]:
    """All that have signed something, as the graph needs them."""
    signed = public().with_only_columns(ROW)
    parties = select(Party.organization_id).where(col(Party.agreement_id).in_(signed))
    rows = select(Organization.uid, Organization.name, Organization.kind).where(
        col(Organization.id).in_(parties)
    )
    return [profiles.Organization(id=uid, name=name, kind=kind) for uid, name, kind in session.exec(rows)]


def graph(session: Session) -> nx.Graph:
    """The graph of all cooperations."""
    from matching.cooperation import graph_of

    return graph_of(organizations(session), cooperations(session))
