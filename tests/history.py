"""What a scenario's organizations had signed before their round, as rows: they come from other books."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from service.agreements.models import (
    Agreement,
    AgreementKind,
    AgreementPairing,
    AgreementStatus,
    Party,
    PartyRole,
)
from service.funding.models import Commitment, CommitmentKind
from service.organizations.models import Organization, OrganizationStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.scenarios import Scenario
    from service.pairings.models import Pairing
    from service.rounds.models import Round


def organizations_of(session: Session, scenario: Scenario) -> dict[str, Organization]:
    """By their id there: the organizations of its history; made where they are not known yet."""
    facts = {
        one.organization.id: one.organization for one in (*scenario.profiles.needs, *scenario.profiles.offers)
    }
    there = {one.name: one for one in session.exec(select(Organization))}
    kept: dict[str, Organization] = {}
    for signed in scenario.profiles.cooperations:
        for end in (signed.need_organization, signed.offer_organization):
            known = facts.get(end)
            name = known.name if known else end
            kept[end] = there.setdefault(
                name,
                Organization(
                    name=name, kind=known.kind if known else "ngo", status=OrganizationStatus.VERIFIED
                ),
            )
            session.add(kept[end])
    session.flush()
    return kept


def sign_history(session: Session, scenario: Scenario, held: Round, of_offers: Mapping[str, Pairing]) -> None:
    """Every cooperation of its history as an agreement in force since its day.

    `of_offers`: by the scenario's id of an offer, a pairing of the round in which it gives something.
    """
    kept = organizations_of(session, scenario)
    for number, one in enumerate(scenario.profiles.cooperations):
        assert one.signed
        agreement = Agreement(
            number=f"{one.signed.year}-{number:04}",
            kind=AgreementKind.DONATION,
            status=AgreementStatus.IN_FORCE,
            title=one.title,
            round_id=held.key,
            in_force=datetime(one.signed.year, one.signed.month, one.signed.day, tzinfo=UTC),
        )
        session.add(agreement)
        session.flush()
        for end, role in (
            (one.offer_organization, PartyRole.FUNDER),
            (one.need_organization, PartyRole.IMPLEMENTER),
        ):
            session.add(Party(agreement_id=agreement.key, organization_id=kept[end].key, role=role))
        if one.offer in of_offers:
            session.add(AgreementPairing(agreement_id=agreement.key, pairing_id=of_offers[one.offer].key))
        if one.kind == "money" and one.quantity:
            session.add(
                Commitment(
                    agreement_id=agreement.key,
                    organization_id=kept[one.offer_organization].key,
                    item="c",
                    kind=CommitmentKind.CASH,
                    quantity=one.quantity.amount,
                    unit=one.quantity.unit,
                    currency=one.quantity.unit,
                )
            )
