"""Who sees which organization, and which organizations may act."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, select

from service.organizations import queries
from service.organizations.models import (
    Flag,
    FlagLevel,
    FlagRisk,
    FlagStatus,
    Organization,
    OrganizationStatus,
)
from service.permissions import SYSTEM_ACTOR, VISITOR, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.permissions import Actor
    from tests.service.organizations.conftest import MakeOrganization

STATES = [
    (OrganizationStatus.REGISTERED, None, False),
    (OrganizationStatus.VERIFIED, None, True),
    (OrganizationStatus.DECLINED, None, False),
    (OrganizationStatus.SUSPENDED, None, False),
    (OrganizationStatus.BARRED, 0, False),
    (OrganizationStatus.BARRED, -1, True),
]


@pytest.mark.parametrize(("status", "barred_for", "acts"), STATES)
def test_the_public_sees_exactly_those_that_may_act(
    engine: Engine,
    make_organization: MakeOrganization,
    actor: Callable[[User], Actor],
    make_user: Callable[..., User],
    li: User,
    olga: User,
    status: OrganizationStatus,
    barred_for: int | None,
    acts: bool,
) -> None:
    today = queries.today()
    until = None if barred_for is None else today + timedelta(days=barred_for)
    organization = make_organization(status=status, barred_until=until)
    stranger = actor(make_user("stranger@example.org"))
    with Session(engine) as session:
        kept = session.get_one(Organization, organization.key)
        assert queries.may_act(kept, today) is acts
        assert bool(session.exec(select(Organization).where(queries.acting(today))).all()) is acts
        for asker in (VISITOR, stranger):
            assert bool(session.exec(queries.visible_to(asker)).all()) is acts
        for asker in (actor(li), actor(olga), SYSTEM_ACTOR):
            assert session.exec(queries.visible_to(asker)).all() == [kept]
        assert queries.facts(session, kept).verified is acts


def test_a_bar_is_over_the_day_after_without_anybody_doing_anything(
    make_organization: MakeOrganization,
) -> None:
    today = queries.today()
    organization = make_organization(status=OrganizationStatus.BARRED, barred_until=today)
    assert not queries.may_act(organization, today)
    assert queries.may_act(organization, today + timedelta(days=1))
    assert queries.standing(organization, today + timedelta(days=1)) is OrganizationStatus.VERIFIED


def test_a_confirmed_red_flag_is_a_bad_record_and_others_are_not(
    session: Session, make_organization: MakeOrganization
) -> None:
    organization = make_organization()
    for level, status in ((FlagLevel.YELLOW, FlagStatus.CONFIRMED), (FlagLevel.RED, FlagStatus.DISMISSED)):
        session.add(
            Flag(
                organization_id=organization.key,
                level=level,
                risk=FlagRisk.FINANCIAL,
                status=status,
                text="…",
            )
        )
    session.flush()
    assert not queries.facts(session, organization).bad_record
    session.add(
        Flag(
            organization_id=organization.key,
            level=FlagLevel.RED,
            risk=FlagRisk.FINANCIAL,
            status=FlagStatus.CONFIRMED,
            text="…",
        )
    )
    session.flush()
    assert queries.facts(session, organization).bad_record
    assert queries.bad_record(session, organization)


def test_facts_are_what_the_library_asks_for(session: Session, make_organization: MakeOrganization) -> None:
    organization = make_organization(
        places=["futian"], rating=3, registered="2015-04-01", inspection_year=2025, inspection_passed=True
    )
    facts = queries.facts(session, organization)
    assert (facts.id, facts.kind, facts.places, facts.rating) == (
        organization.uid,
        "ngo",
        frozenset({"futian"}),
        3,
    )
    assert facts.inspection_passed is True
    assert str(facts.registered) == "2015-04-01"


def test_mine_are_those_i_belong_to_in_any_state(
    session: Session,
    make_organization: MakeOrganization,
    actor: Callable[[User], Actor],
    make_user: Callable[..., User],
) -> None:
    theirs = make_organization("Theirs", status=OrganizationStatus.DECLINED)
    make_organization("Not theirs")
    viewer = make_user("viewer@example.org", member_of={theirs.key: Role.VIEWER})
    assert [one.uid for one in queries.mine(session, actor(viewer))] == [theirs.uid]
    assert queries.mine(session, VISITOR) == []
    assert set(queries.by_ids(session, actor(viewer), [theirs.key, 999])) == {theirs.key}
