"""The same organization is not registered twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.organizations.models import OrganizationStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.organizations.conftest import MakeOrganization

NUMBER = {"scheme": "CN-USCI", "number": "51100000500000001A"}


def _problems(answer: object) -> dict[str, str]:
    return {one["field"]: one["code"] for one in answer.json()["errors"]}  # type: ignore[attr-defined]


@pytest.fixture
def as_wang(
    browser: Callable[[], TestClient], sign_in: Callable[..., TestClient], make_user: Callable[..., User]
) -> TestClient:
    """Somebody else's browser."""
    return sign_in(browser(), make_user("wang@example.org", name="Wang"))


def test_a_number_that_another_organization_has_is_refused_with_whom_to_ask(
    as_wang: TestClient, make_organization: MakeOrganization
) -> None:
    make_organization("Green Home", identifiers=[NUMBER], status=OrganizationStatus.REGISTERED)
    answer = as_wang.post(
        "/api/v1/organizations",
        json={
            "name": "Something Else",
            "kind": "ngo",
            "distinct": True,
            "identifiers": [{"scheme": "cn-usci", "number": "5110 0000 5000 0000 1A"}],
        },
    )
    assert answer.status_code == 422
    assert _problems(answer) == {"identifiers": "number-taken"}
    detail = answer.json()["errors"][0]["detail"]
    assert "Green Home" in detail
    assert "Li Na" in detail


@pytest.mark.parametrize(
    ("there", "new"),
    [
        ("绿色家园志愿者协会", "綠色家園志願者協會"),
        ("ООО «Зелёный город»", "Зеленый Город"),
        ("Agua para Todos", "AGUA PARA TODOS A.C."),
    ],
)
def test_a_name_much_like_another_is_taken_only_after_confirming(
    as_wang: TestClient, make_organization: MakeOrganization, there: str, new: str
) -> None:
    make_organization(there)
    given = {"name": new, "kind": "ngo"}
    first = as_wang.post("/api/v1/organizations", json=given)
    assert _problems(first) == {"distinct": "name-near"}
    assert there in first.json()["errors"][0]["detail"]
    assert as_wang.post("/api/v1/organizations", json={**given, "distinct": True}).status_code == 201


def test_another_name_of_theirs_counts_too(as_wang: TestClient, make_organization: MakeOrganization) -> None:
    make_organization("Green Home", other_names=["绿色家园"])
    answer = as_wang.post("/api/v1/organizations", json={"name": "綠色家園", "kind": "ngo"})
    assert _problems(answer) == {"distinct": "name-near"}


def test_the_form_asks_and_goes_on_when_confirmed(
    as_wang: TestClient, make_organization: MakeOrganization
) -> None:
    make_organization("Green Home")
    asked = as_wang.post("/organizations/new", data={"name": "GREEN HOME", "kind": "ngo"})
    assert asked.status_code == 422
    assert 'name="distinct" value="yes"' in asked.text
    taken = as_wang.post("/organizations/new", data={"name": "GREEN HOME", "kind": "ngo", "distinct": "yes"})
    assert taken.status_code == 303


def test_an_edit_that_keeps_its_name_is_not_its_own_double(
    as_li: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization("Green Home", identifiers=[NUMBER])
    make_organization("Green Home Two")
    answer = as_li.patch(f"/api/v1/organizations/{organization.uid}", json={"description": "More"})
    assert answer.status_code == 200


def test_facilitators_see_what_a_name_is_like(
    as_olga: TestClient, make_organization: MakeOrganization
) -> None:
    make_organization("Green Home")
    other = make_organization("Green Home.", status=OrganizationStatus.REGISTERED)
    assert (
        "Names much like this one: Green Home" in as_olga.get(f"/organizations/{other.uid}/verification").text
    )
