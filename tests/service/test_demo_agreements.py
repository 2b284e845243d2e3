"""The demonstration's agreements: in every state that can be seen, with books where they are signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from service import demo, demo_agreements, demo_rounds
from service.agreements.models import SIGNED, Agreement, AgreementStatus
from service.events import broken_links
from service.funding.models import Commitment

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.jobs import Jobs


def test_agreements_stand_in_every_state_and_come_once(engine: Engine, jobs: Jobs) -> None:
    demo.load(engine)
    demo_rounds.hold(engine, jobs)
    demo_agreements.sign(engine, jobs)
    with Session(engine) as session:
        found = session.exec(select(Agreement)).all()
        assert {one.status for one in found} >= {
            AgreementStatus.DRAFT,
            AgreementStatus.SIGNING,
            AgreementStatus.IN_FORCE,
            AgreementStatus.COMPLETED,
        }
        assert {one.language for one in found} >= {"ru", "zh-Hans"}
        booked = set(session.exec(select(Commitment.agreement_id)))
        assert {one.key for one in found if one.status in SIGNED} == booked, "the ledger opens by itself"
        assert list(broken_links(session)) == []
    demo_agreements.sign(engine, jobs)
    with Session(engine) as session:
        assert len(session.exec(select(Agreement)).all()) == len(found)
