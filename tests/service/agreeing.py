"""Agreements for tests, without drafting and signing them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.agreements.models import Agreement, AgreementKind, AgreementStatus, PartyRole, Signature
from service.agreements.models import Party as AgreementParty
from service.agreements.terms import CommitmentTerms, MilestoneTerms, PartyTerms, Terms, TrancheTerms
from service.db import now, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.listings.models import Listing
    from tests.service.conftest import Party

MakeAgreement = Callable[..., Agreement]


@pytest.fixture
def make_agreement(engine: Engine) -> MakeAgreement:
    """Makes an agreement of a funder and an implementer, in force unless told otherwise.

    `make_agreement(company, ngo, amount=500_000, tranches=2, need=listing)`: as many tranches of equal sums
    (minor units of CNY), each after a milestone of its own but the first, which waits for nothing.
    """

    def make(
        funder: Party,
        implementer: Party,
        status: AgreementStatus = AgreementStatus.IN_FORCE,
        *,
        title: str = "Clean water for two schools",
        amount: int = 500_000,
        tranches: int = 1,
        need: Listing | None = None,
        starts: date = date(2026, 1, 1),
        ends: date = date(2026, 12, 31),
        **values: Any,
    ) -> Agreement:
        roles = ((funder, PartyRole.FUNDER), (implementer, PartyRole.IMPLEMENTER))
        terms = Terms(
            title={"en": title},
            parties=tuple(
                PartyTerms(organization=one.organization.uid, name=one.organization.name, role=role)
                for one, role in roles
            ),
            starts=starts,
            ends=ends,
            commitments=(
                CommitmentTerms(
                    item="c1",
                    organization=funder.organization.uid,
                    kind="cash",
                    quantity=amount,
                    unit="CNY",
                    value=amount,
                    currency="CNY",
                ),
            ),
            milestones=tuple(
                MilestoneTerms(item=f"m{n}", title=f"Milestone {n}", due=starts + timedelta(days=90 * n))
                for n in range(1, tranches)
            ),
            tranches=tuple(
                TrancheTerms(
                    item=f"t{n}",
                    commitment="c1",
                    payee=implementer.organization.uid,
                    milestone=f"m{n}" if n else None,
                    amount=amount // tranches,
                    due=starts + timedelta(days=90 * n + 10),
                )
                for n in range(tranches)
            ),
        )
        signed = status not in (AgreementStatus.DRAFT, AgreementStatus.SIGNING, AgreementStatus.ABANDONED)
        made = Agreement(
            number=uuid4().hex[:12],
            kind=AgreementKind.DONATION,
            status=status,
            title=title,
            terms=terms.model_dump(mode="json"),
            text_hash="" if status is AgreementStatus.DRAFT else terms.digest(),
            starts=starts,
            ends=ends,
            need_id=need.key if need else None,
            in_force=now() if signed else None,
            **values,
        )
        with writing(engine) as session:
            session.add(made)
            session.flush()
            for position, (one, role) in enumerate(roles):
                party = AgreementParty(
                    agreement_id=made.key,
                    organization_id=one.organization.key,
                    role=role,
                    position=position,
                )
                session.add(party)
                session.flush()
                if signed:
                    session.add(
                        Signature(
                            agreement_id=made.key,
                            party_id=party.key,
                            text_hash=made.text_hash,
                            name=one.user.name,
                            user_id=one.user.key,
                        )
                    )
        return made

    return make
