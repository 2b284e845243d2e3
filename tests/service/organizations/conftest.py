"""People and organizations as the tests of this slice need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import Session

from service.db import writing
from service.organizations import actions
from service.organizations.models import Organization, OrganizationIn, OrganizationStatus
from service.permissions import Role

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.permissions import Actor

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

MakeOrganization = Callable[..., Organization]


@pytest.fixture
def li(make_user: Callable[..., User]) -> User:
    """Somebody who registers an organization."""
    return make_user("li@example.org", name="Li Na")


@pytest.fixture
def olga(make_user: Callable[..., User]) -> User:
    """A facilitator."""
    return make_user("olga@example.org", name="Olga", roles=[Role.FACILITATOR])


@pytest.fixture
def make_organization(engine: Engine, actor: Callable[[User], Actor], li: User) -> MakeOrganization:
    """Registers an organization of Li's (or of `owner`) in a given state."""

    def make(
        name: str = "Green Home",
        *,
        owner: User | None = None,
        status: OrganizationStatus = OrganizationStatus.VERIFIED,
        **facts: Any,
    ) -> Organization:
        barred_until = facts.pop("barred_until", None)
        given = OrganizationIn.model_validate({"name": name, "kind": "ngo", "distinct": True, **facts})
        with writing(engine) as session:
            organization = actions.register(session, actor(owner or li), given)
            organization.status, organization.barred_until = status, barred_until
            session.add(organization)
        return organization

    return make


@pytest.fixture
def as_li(client: TestClient, sign_in: Callable[..., TestClient], li: User) -> TestClient:
    """Li's browser."""
    return sign_in(client, li)


@pytest.fixture
def as_olga(browser: Callable[[], TestClient], sign_in: Callable[..., TestClient], olga: User) -> TestClient:
    """The facilitator's browser."""
    return sign_in(browser(), olga)


@pytest.fixture
def nobody(browser: Callable[[], TestClient]) -> TestClient:
    """The browser of a visitor."""
    return browser()


@pytest.fixture
def reload(engine: Engine) -> Callable[[Organization], Organization]:
    """An organization as it is in the database now."""

    def again(organization: Organization) -> Organization:
        with Session(engine) as session:
            return session.get_one(Organization, organization.key)

    return again
