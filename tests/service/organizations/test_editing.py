"""Changing the facts of an organization: nobody's work is lost, and facilitators notice what matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, select

from service.events import history
from service.organizations.models import Flag, OrganizationStatus
from service.organizations.queries import identifiers
from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.organizations.models import Organization
    from tests.service.organizations.conftest import MakeOrganization

FORM = {"name": "Green Home", "kind": "ngo", "version": "1"}


def test_the_form_shows_what_is_kept_and_saves_it_unchanged(
    engine: Engine,
    as_li: TestClient,
    make_organization: MakeOrganization,
    reload: Callable[..., Organization],
) -> None:
    organization = make_organization(
        other_names=["绿色家园"],
        places=["futian", "shenzhen"],
        rating=4,
        inspection_year=2025,
        inspection_passed=False,
        identifiers=[{"scheme": "RU-INN", "number": "7707083893"}],
    )
    page = as_li.get(f"/organizations/{organization.uid}/edit?lang=ru").text
    for piece in ("绿色家园", 'value="7707083893"', 'value="4" selected', 'value="no" selected'):
        assert piece in page
    form = {
        **FORM,
        "other_names": "绿色家园",
        "places": "Футянь; Шэньчжэнь",
        "rating": "4",
        "inspection_year": "2025",
        "inspection_passed": "no",
        "scheme-0": "RU-INN",
        "number-0": "7707083893",
    }
    assert as_li.post(f"/organizations/{organization.uid}/edit", data=form).status_code == 303
    assert reload(organization).version == 1
    with Session(engine) as session:
        assert [event.name for event in history(session, organization.uid)] == ["organization.register"]


def test_two_people_editing_at_once_lose_nothing(
    as_li: TestClient, make_organization: MakeOrganization, reload: Callable[..., Organization]
) -> None:
    organization = make_organization(description="As it was")
    address = f"/organizations/{organization.uid}/edit"
    assert as_li.post(address, data={**FORM, "description": "The first"}).status_code == 303
    late = as_li.post(address, data={**FORM, "description": "The second"})
    assert late.status_code == 412
    assert "The second" in late.text
    assert "<dd>The first</dd>" in late.text
    assert reload(organization).description == "The first"
    assert 'name="version" value="2"' in late.text
    assert as_li.post(address, data={**FORM, "description": "The second", "version": "2"}).status_code == 303
    assert reload(organization).description == "The second"


def test_the_api_refuses_an_edit_of_an_old_version(
    as_li: TestClient, make_organization: MakeOrganization, reload: Callable[..., Organization]
) -> None:
    address = f"/api/v1/organizations/{make_organization(description='As it was', rating=3).uid}"
    read = as_li.get(address)
    tag = read.headers["etag"]
    changed = as_li.patch(address, json={"description": "New"}, headers={"if-match": tag})
    assert changed.status_code == 200
    assert changed.json()["description"] == "New"
    assert changed.json()["rating"] == 3
    assert changed.headers["etag"] != tag
    late = as_li.patch(address, json={"description": "Late"}, headers={"if-match": tag})
    assert late.status_code == 412
    assert late.headers["content-type"] == "application/problem+json"
    assert as_li.get(address).json()["description"] == "New"


@pytest.mark.parametrize("status", [OrganizationStatus.VERIFIED, OrganizationStatus.REGISTERED])
def test_a_verified_organization_that_takes_another_name_is_noticed(
    engine: Engine, as_li: TestClient, make_organization: MakeOrganization, status: OrganizationStatus
) -> None:
    organization = make_organization(status=status)
    address = f"/organizations/{organization.uid}/edit"
    assert as_li.post(address, data={**FORM, "name": "Quite Another"}).status_code == 303
    with Session(engine) as session:
        noticed = [flag.text for flag in session.exec(select(Flag))]
    assert noticed == (["Green Home → Quite Another"] if status is OrganizationStatus.VERIFIED else [])


def test_numbers_are_replaced_by_those_of_the_form(
    session: Session, as_li: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization(
        identifiers=[
            {"scheme": "RU-INN", "number": "7707083893"},
            {"scheme": "RU-OGRN", "number": "1027700132195"},
        ]
    )
    form = {
        **FORM,
        "scheme-0": "RU-OGRN",
        "number-0": "1027700132195",
        "scheme-4": "",
        "number-4": "gb-chc 77",
    }
    assert as_li.post(f"/organizations/{organization.uid}/edit", data=form).status_code == 303
    assert 'value="GB-CHC 77"' in as_li.get(f"/organizations/{organization.uid}/edit").text
    nameless = as_li.post(
        f"/organizations/{organization.uid}/edit", data={**FORM, "version": "2", "number-0": "12345"}
    )
    assert nameless.status_code == 422
    assert "write its prefix before the number" in nameless.text
    assert [(one.scheme, one.number) for one in identifiers(session, organization)] == [
        ("RU-OGRN", "1027700132195"),
        ("GB-CHC", "77"),
    ]


def test_a_wrong_edit_changes_nothing(
    as_li: TestClient, make_organization: MakeOrganization, reload: Callable[..., Organization]
) -> None:
    organization = make_organization()
    wrong = as_li.post(
        f"/organizations/{organization.uid}/edit",
        data={
            **FORM,
            "description": "Typed",
            "rating": "7",
            "inspection_passed": "yes",
            "registered": "2999-01-01",
        },
    )
    assert wrong.status_code == 422
    assert "Typed" in wrong.text
    for field in ("rating", "inspection_year", "registered"):
        assert f'href="#field-{field}"' in wrong.text
    assert reload(organization).description == ""


def test_only_owners_and_editors_edit(
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
    as_olga: TestClient,
    make_organization: MakeOrganization,
) -> None:
    organization = make_organization()
    address = f"/organizations/{organization.uid}/edit"
    for role, status in ((Role.EDITOR, 303), (Role.VIEWER, 403)):
        member = sign_in(browser(), make_user(f"{role}@example.org", member_of={organization.key: role}))
        assert member.post(address, data=FORM).status_code == status
        assert member.get(address).status_code == (200 if status == 303 else 403)
    stranger = sign_in(browser(), make_user("stranger@example.org"))
    assert stranger.post(address, data=FORM).status_code == 403
    assert as_olga.post(address, data=FORM).status_code == 403
    administrator = sign_in(browser(), make_user("root@example.org", roles=[Role.ADMINISTRATOR]))
    assert administrator.post(address, data=FORM).status_code == 303


def test_what_cannot_be_seen_in_a_text_is_not_kept(
    as_li: TestClient, make_organization: MakeOrganization, reload: Callable[..., Organization]
) -> None:
    organization = make_organization()
    text = "a\x00b\u202ec\r\n👩\u200d🔧 𠮷 <b>bold</b>"
    as_li.post(f"/organizations/{organization.uid}/edit", data={**FORM, "description": text})
    assert reload(organization).description == "abc\n👩\u200d🔧 𠮷 <b>bold</b>"
    assert "<b>bold</b>" not in as_li.get(f"/organizations/{organization.uid}").text
