"""Organizations as JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from service.organizations.models import OrganizationStatus
from service.organizations.queries import today

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.organizations.conftest import MakeOrganization

GIVEN = {
    "name": "Green Home",
    "kind": "ngo",
    "places": ["futian"],
    "contact_email": "hello@example.org",
    "identifiers": [{"scheme": "ES-NIF", "number": "G-28197564"}],
}
API = "/api/v1/organizations"


def test_an_organization_is_registered_and_found_by_its_address(
    as_li: TestClient, nobody: TestClient
) -> None:
    answer = as_li.post(API, json=GIVEN)
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"{API}/{made['id']}"
    assert made["status"] == "registered"
    assert made["sector"] == "society"
    assert not made["may_act"]
    assert made["identifiers"] == [{"id": "ES-NIF-G28197564", "scheme": "ES-NIF", "number": "G28197564"}]
    seen = as_li.get(answer.headers["location"])
    assert seen.headers["etag"] == answer.headers["etag"]
    assert seen.json()["contact_email"] == "hello@example.org"
    assert nobody.get(answer.headers["location"]).status_code == 404


def test_the_public_is_not_given_what_members_are(
    nobody: TestClient, make_organization: MakeOrganization
) -> None:
    organization = make_organization(contact_email="hello@example.org")
    public = nobody.get(f"{API}/{organization.uid}").json()
    assert public["contact_email"] is None
    assert not {"screening", "name_keys", "uid"} & set(public)


def test_a_list_is_paged_without_repeating_or_skipping(
    nobody: TestClient, make_organization: MakeOrganization
) -> None:
    made = [make_organization(f"Organization {number}").uid for number in range(5)]
    make_organization("Hidden", status=OrganizationStatus.REGISTERED)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        piece = nobody.get(API, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [one["id"] for one in piece["items"]]
        cursor = piece["next"] or ""
    assert seen == made[::-1]
    assert cursor == ""
    assert nobody.get(API, params={"cursor": "???"}).status_code == 422


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"q": "家園"}, ["绿色家园"]),
        ({"q": "зеленый"}, ["Зелёный город"]),
        ({"q": "ЗЕЛЁНЫЙ ГОР"}, ["Зелёный город"]),
        ({"q": "100%"}, []),
        ({"q": "_"}, ["绿色家园", "Зелёный город"]),
        ({"kind": "business"}, ["Зелёный город"]),
        ({"status": "suspended"}, []),
        ({"q": "home", "kind": "ngo"}, ["绿色家园"]),
    ],
)
def test_a_list_is_narrowed_by_name_in_any_script_and_kind(
    nobody: TestClient, make_organization: MakeOrganization, wanted: dict[str, str], found: list[str]
) -> None:
    make_organization("Зелёный город", kind="business")
    make_organization("绿色家园", other_names=["Green Home"])
    assert [one["name"] for one in nobody.get(API, params=wanted).json()["items"]] == found


def test_a_bar_that_is_over_counts_as_verified_everywhere(
    nobody: TestClient, as_olga: TestClient, make_organization: MakeOrganization
) -> None:
    over, running = (today() - timedelta(days=1), today())
    lapsed = make_organization("Lapsed", status=OrganizationStatus.BARRED, barred_until=over)
    barred = make_organization("Barred", status=OrganizationStatus.BARRED, barred_until=running)
    for status, expected in (("verified", lapsed), ("barred", barred)):
        found = as_olga.get(API, params={"status": status}).json()["items"]
        assert [(one["id"], one["status"]) for one in found] == [(expected.uid, status)]
        desk = as_olga.get("/organizations/desk", params={"status": status}).text
        assert expected.name in desk
        assert desk.count("/verification") == 1
    assert [one["may_act"] for one in nobody.get(API).json()["items"]] == [True]


def test_registering_needs_somebody_signed_in(nobody: TestClient) -> None:
    answer = nobody.post(API, json=GIVEN)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_all_problems_come_at_once_in_the_readers_language(as_li: TestClient) -> None:
    wrong = {**GIVEN, "kind": "shop", "places": ["nowhere"], "website": "ftp://x", "rating": 3}
    answer = as_li.post(API, json=wrong, headers={"accept-language": "en"})
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"kind", "places", "website"}
    assert as_li.post(API, json={**GIVEN, "rating": 6}).status_code == 422
    assert as_li.post(API, json={**GIVEN, "owner": "me"}).status_code == 422


def test_the_same_registration_sent_twice_with_a_key_is_done_once(as_li: TestClient) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (as_li.post(API, json=GIVEN, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]


def test_the_description_has_examples(app: FastAPI, as_li: TestClient) -> None:
    schema = app.openapi()
    example = schema["components"]["schemas"]["OrganizationIn"]["examples"][0]
    assert as_li.post(API, json=example).status_code == 201
    assert schema["paths"][API]["post"]["summary"]


def test_questions_answers_and_decisions_work_through_the_api_too(
    as_li: TestClient,
    as_olga: TestClient,
    nobody: TestClient,
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
) -> None:
    address = f"{API}/{as_li.post(API, json=GIVEN).json()['id']}"
    assert as_li.post(f"{address}/questions", json={"text": "May I?"}).status_code == 403
    asked = as_olga.post(f"{address}/questions", json={"text": "Who signs?"})
    assert asked.status_code == 201
    reply = f"{address}/questions/{asked.json()['id']}/answer"
    assert as_olga.post(reply, json={"text": "I do."}).status_code == 403
    assert as_li.post(reply, json={"text": " "}).status_code == 422
    assert as_li.post(f"{address}/questions/nothing/answer", json={"text": "Wang."}).status_code == 404
    assert as_li.post(reply, json={"text": "Wang."}).json()["status"] == "answered"
    assert as_li.post(reply, json={"text": "Zhao."}).status_code == 409
    assert [one["answer"] for one in as_olga.get(f"{address}/questions").json()] == ["Wang."]

    assert as_li.post(f"{address}/decisions", json={"step": "verify"}).status_code == 403
    assert as_olga.post(f"{address}/decisions", json={"step": "decline"}).status_code == 422
    verified = as_olga.post(f"{address}/decisions", json={"step": "verify"})
    assert verified.json()["may_act"] is True
    assert nobody.get(address).status_code == 200
    stranger = sign_in(browser(), make_user("stranger@example.org"))
    assert stranger.get(f"{address}/questions").status_code == 404
    barred = as_olga.post(
        f"{address}/decisions", json={"step": "bar", "reason": "Misused.", "until": "2999-12-31"}
    )
    assert (barred.json()["status"], barred.json()["barred_until"]) == ("barred", "2999-12-31")
    assert barred.headers["etag"] != verified.headers["etag"]
    assert as_olga.post(f"{address}/decisions", json={"step": "verify"}).status_code == 409
    assert nobody.get(address).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "x" * 201}, "malformed"),
        ({"name": "——"}, "name-letters"),
        ({"registered": "0900-01-01"}, "date-malformed"),
        ({"inspection_year": 2199}, "year-ahead"),
        ({"website": "https://[bad"}, "website-malformed"),
        (
            {"identifiers": [{"scheme": "GB-CHC", "number": "1"}, {"scheme": "gb-chc", "number": "1"}]},
            "number-twice",
        ),
        ({"places": ["Shenzen"]}, "place-unknown-near"),
    ],
)
def test_each_wrong_fact_has_its_own_reason(
    as_li: TestClient, make_organization: MakeOrganization, change: dict[str, object], code: str
) -> None:
    answer = as_li.patch(f"{API}/{make_organization().uid}", json=change)
    assert answer.status_code == 422
    assert [one["code"] for one in answer.json()["errors"]] == [code]
