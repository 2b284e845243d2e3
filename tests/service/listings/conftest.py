"""Organizations with people who may act for them, and listings of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

from matching.profiles import Side
from service.db import writing
from service.listings import actions
from service.listings.models import Listing
from service.listings.reading import Draft
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import Actor, Role

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from tests.service.conftest import MakeUser, SignInAs


@dataclass
class Party:
    """An organization and its editor."""

    organization: Organization
    user: User
    actor: Actor


MakeParty = Callable[..., Party]
MakeListing = Callable[..., Listing]


@pytest.fixture
def make_party(engine: Engine, make_user: MakeUser, actor: Callable[[User], Actor]) -> MakeParty:
    """Makes a verified organization with an editor: `make_party("Green Home", kind="ngo")`."""

    def make(name: str = "Green Home", role: Role = Role.EDITOR, **values: Any) -> Party:
        values = {"kind": "ngo", "status": OrganizationStatus.VERIFIED, **values}
        organization = Organization(name=name, **values)
        with writing(engine) as session:
            session.add(organization)
        user = make_user(member_of={organization.key: role})
        return Party(organization, user, actor(user))

    return make


@pytest.fixture
def make_listing(engine: Engine) -> MakeListing:
    """Makes a listing of a party, published unless told otherwise: `make_listing(party, "Title")`."""

    def make(
        party: Party,
        title: str = "Clean water",
        side: Side = Side.NEED,
        *,
        publish: bool = True,
        lines: list[dict[str, str]] | None = None,
        **fields: str,
    ) -> Listing:
        lines = [{"kind": "money", "amount": "5000 CNY"}] if lines is None else lines
        with Session(engine.execution_options(writing=True), expire_on_commit=False) as session:
            draft = Draft(side, {"title": title, **fields}, lines, "en")
            listing = actions.save_draft(session, party.actor, party.organization, draft)
            if publish:
                actions.publish(session, party.actor, listing)
            session.commit()
            return listing

    return make


@pytest.fixture
def as_user(client: TestClient, sign_in: SignInAs) -> Callable[[User], TestClient]:
    """The one browser, signed in as somebody."""
    return lambda user: sign_in(client, user)


@pytest.fixture
def rows(engine: Engine) -> Callable[[Any], list[Any]]:
    """What a SELECT finds now: `rows(select(Listing))`."""

    def find(statement: Any) -> list[Any]:
        with Session(engine, expire_on_commit=False) as session:
            return list(session.exec(statement).all())

    return find
