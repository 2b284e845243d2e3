"""Needs and offers as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.listings.models import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import MakeListing, MakeParty

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]

API = "/api/v1/listings"


def body(party: Any, **more: Any) -> dict[str, Any]:
    return {
        "side": "offer",
        "organization": party.organization.uid,
        "title": "Cuentas claras",
        "text": "Llevamos la contabilidad de tres asociaciones pequeñas durante un año.",
        "themes": ["nonprofit-capacity"],
        "places": ["Madrid"],
        "lines": [{"kind": "money", "amount": 2500.5, "unit": "EUR"}],
        "most_projects": 3,
        "strings": {"places": ["madrid"], "min_rating": 3, "pays_labour": False},
        **more,
    }


def test_offer_is_created_read_published_and_listed(
    client: TestClient, make_party: MakeParty, as_user: AsUser
) -> None:
    party = make_party("Gestores", kind="business")
    as_user(party.user)
    made = client.post(API, json=body(party))
    assert made.status_code == 201, made.text
    one = made.json()
    assert made.headers["location"] == f"{API}/{one['id']}"
    assert made.headers["etag"] == '"1"'
    assert (one["status"], one["language"], one["places"]) == ("draft", "es", ["madrid"])
    assert one["lines"][0]["amount"] == 2500.5
    assert one["strings"] == {"places": ["madrid"], "min_rating": 3, "pays_labour": False}
    assert client.get(f"{API}?status=published").json()["items"] == []
    assert client.post(f"{API}/{one['id']}/publish").json()["status"] == "published"
    client.cookies.clear()
    listed = client.get(f"{API}?side=offer&place=es&theme=nonprofit-capacity").json()
    assert [item["id"] for item in listed["items"]] == [one["id"]]
    assert listed["next"] is None
    assert client.get(f"{API}?place=cn").json()["items"] == []


def test_what_cannot_be_read_is_named_by_its_place_in_the_body(
    client: TestClient, make_party: MakeParty, as_user: AsUser
) -> None:
    party = make_party()
    as_user(party.user)
    given = body(party, themes=["nonsense"], strings={"groups": ["nobody"]})
    given["lines"] = [{"kind": "services"}, {"kind": "money", "amount": "lots"}]
    answer = client.post(API, json=given)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    fields = {problem["field"] for problem in answer.json()["errors"]}
    assert {"themes", "strings.groups", "lines.1.amount"} <= fields


def test_vetoes_are_shown_to_insiders_only_and_a_last_day_stays(
    client: TestClient, make_party: MakeParty, as_user: AsUser
) -> None:
    party, other = make_party("Gestores", kind="business"), make_party("Rivales")
    as_user(party.user)
    made = client.post(API, json=body(party, strings={"vetoes": ["Rivales"]})).json()
    assert made["strings"] == {"vetoes": [other.organization.uid]}
    client.post(f"{API}/{made['id']}/publish")
    changed = client.patch(f"{API}/{made['id']}", json={"expires": None, "beneficiaries": 3})
    assert changed.status_code == 422, "an offer says nothing about people reached"
    changed = client.patch(f"{API}/{made['id']}", json={"expires": None})
    assert changed.json()["expires"] is not None
    client.cookies.clear()
    assert client.get(f"{API}/{made['id']}").json()["strings"] == {}


def test_conditions_on_a_need_are_refused(client: TestClient, make_party: MakeParty, as_user: AsUser) -> None:
    party = make_party()
    as_user(party.user)
    given = body(party, side="need", lines=[{"kind": "money", "amount": "5 EUR", "cheque_min": 3}])
    answer = client.post(API, json={**given, "most_projects": None})
    assert {problem["field"] for problem in answer.json()["errors"]} == {"strings", "lines.0.cheque_min"}


@pytest.mark.usefixtures("database_url")
def test_change_with_an_old_etag_is_refused(
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    as_user: AsUser,
    rows: Callable[[Any], Any],
) -> None:
    party = make_party()
    listing = make_listing(party)
    as_user(party.user)
    here = f"{API}/{listing.uid}"
    tag = client.get(here).headers["etag"]
    first = client.patch(here, json={"title": "First"}, headers={"If-Match": tag})
    assert first.status_code == 200
    assert first.headers["etag"] != tag
    lost = client.patch(here, json={"title": "Second"}, headers={"If-Match": tag})
    assert lost.status_code == 412
    assert rows(select(Listing))[0].title == "First"
    assert client.patch(here, json={"title": "Third"}, headers={"If-Match": first.headers["etag"]}).is_success
    assert rows(select(Listing))[0].lines == listing.lines, "what was left out stays"


@pytest.mark.usefixtures("database_url")
def test_pages_of_a_long_list_hold_every_listing_once(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    party = make_party()
    made = [make_listing(party, f"Need {number}").uid for number in range(5)]
    seen, cursor = [], ""
    while True:
        answer = client.get(f"{API}?limit=2{cursor}").json()
        seen += [item["id"] for item in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert seen == made[::-1]
    assert client.get(f"{API}?cursor=nonsense").status_code == 422


@pytest.mark.usefixtures("database_url")
def test_same_idempotency_key_makes_one_listing(
    client: TestClient, make_party: MakeParty, as_user: AsUser, rows: Callable[[Any], Any]
) -> None:
    party = make_party()
    as_user(party.user)
    answers = [
        client.post(API, json=body(party, lines=[]), headers={"Idempotency-Key": "one"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len(rows(select(Listing))) == 1


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_visitors_are_asked_to_sign_in_before_anything_else(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, method: str
) -> None:
    party = make_party()
    listing = make_listing(party)
    path = API if method == "post" else f"{API}/{listing.uid}"
    given = body(party) if method == "post" else {"title": "x"}
    answer = client.request(method, path, json=given)
    assert answer.status_code == 401


def test_draft_is_deleted_and_what_was_published_is_not(
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    as_user: AsUser,
    rows: Callable[[Any], Any],
) -> None:
    party = make_party()
    draft, published = make_listing(party, publish=False), make_listing(party)
    as_user(party.user)
    assert client.delete(f"{API}/{draft.uid}").status_code == 204
    assert client.delete(f"{API}/{published.uid}").status_code == 409
    assert [one.uid for one in rows(select(Listing))] == [published.uid]


@pytest.mark.usefixtures("database_url")
def test_questions_and_requests_work_as_json(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    giver, asker = make_party("Firm", kind="business"), make_party()
    need = make_listing(asker)
    as_user(giver.user)
    asked = client.post(f"{API}/{need.uid}/questions", json={"text": "¿Cuándo empieza el proyecto?"})
    assert (asked.status_code, asked.json()["language"]) == (201, "es")
    sent = client.post(
        f"{API}/{need.uid}/requests", json={"organization": giver.organization.uid, "text": "We help."}
    )
    assert sent.status_code == 201
    assert client.get(f"{API}/requests?box=sent").json()[0]["status"] == "pending"
    as_user(asker.user)
    answered = client.post(f"{API}/questions/{asked.json()['id']}/answer", json={"text": "En mayo."})
    assert answered.json()["answer"] == "En mayo."
    declined = client.post(f"{API}/requests/{sent.json()['id']}/decline", json={"reason": "Too late."})
    assert declined.json()["status"] == "declined"
    client.cookies.clear()
    assert client.get(f"{API}/{need.uid}/questions").json()[0]["answer"] == "En mayo."


@pytest.mark.usefixtures("database_url")
def test_listing_goes_through_its_life_as_json(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, as_user: AsUser
) -> None:
    party = make_party()
    listing = make_listing(party)
    as_user(party.user)
    here = f"{API}/{listing.uid}"
    assert client.post(f"{here}/withdraw", json={"reason": ""}).status_code == 422
    assert client.post(f"{here}/withdraw", json={"reason": "Not now."}).json()["status"] == "withdrawn"
    assert client.post(f"{here}/renew").status_code == 409
    assert client.post(f"{here}/publish").json()["status"] == "published"
    assert client.post(f"{here}/renew").json()["status"] == "published"
    assert client.post(f"{here}/copy").json()["status"] == "draft"
    assert client.post(f"{here}/fulfil").json()["status"] == "fulfilled"
    assert client.patch(here, json={"title": "x"}).status_code == 409
