"""The facilitators' desk: deadlines, what is late, what is at risk, how far needs have come."""

from __future__ import annotations

from datetime import timedelta

from service.db import now, writing
from service.funding.models import Breach, Commitment, CommitmentKind, Disbursement
from service.permissions import Role
from service.rounds.models import RoundStatus
from tests.service.conftest import words


def test_desk_gathers_what_is_late_and_is_for_facilitators(
    as_user, make_user, make_party, make_agreement, make_round, make_listing, engine, client
):
    company, ngo = make_party("City Bank", kind="finance"), make_party("Green Home")
    agreement = make_agreement(company, ngo, need=make_listing(ngo, "Wells"))
    make_round(status=RoundStatus.OPEN, title="Late round", ends={"open": now() - timedelta(days=1)})
    make_round(status=RoundStatus.OPEN, title="Other round", ends={"open": now() + timedelta(days=9)})
    make_round(status=RoundStatus.CLOSED, title="Old round")
    with writing(engine) as session:
        cash = Commitment(
            agreement_id=agreement.key,
            organization_id=company.organization.key,
            item="c1",
            kind=CommitmentKind.CASH,
            quantity=5_000,
            unit="CNY",
            currency="CNY",
        )
        session.add(cash)
        session.flush()
        for item, days in (("t1", -3), ("t2", 3)):
            session.add(
                Disbursement(
                    agreement_id=agreement.key,
                    commitment_id=cash.key,
                    payee_id=ngo.organization.key,
                    item=item,
                    amount=12_300,
                    currency="CNY",
                    due=now().date() + timedelta(days=days),
                )
            )
        session.add(
            Breach(
                agreement_id=agreement.key, organization_id=ngo.organization.key, text="No well was built."
            )
        )
    shown = words(as_user(make_user(roles=[Role.FACILITATOR])).get("/desk"))
    assert "1 phases whose time is over" in shown
    assert shown.index("Late round") < shown.index("Other round")
    assert "Old round" not in shown
    assert "1 payments overdue" in shown
    assert shown.count("CN¥123") == 1
    assert "No well was built." in shown
    assert "Needs published 1" in shown
    assert "Signed 1" in shown
    assert as_user(company.user).get("/desk").status_code == 403
    client.cookies.clear()
    assert client.get("/desk").headers["location"].startswith("/accounts/sign-in")
