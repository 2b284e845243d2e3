"""What every page has in common: other sites are refused, HEAD is GET, addresses stay here, cursors."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from sqlmodel import col, select

from service.db import writing
from service.errors import BadInput
from service.jobs import Job
from service.paging import make_cursor, piece, read_cursor
from service.permissions import VISITOR, Actor, Role
from service.web import brief, local_address
from tests.house import run_apart

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import Engine


DOOR = "/door"


@pytest.fixture
def guarded(app: FastAPI) -> TestClient:
    @app.api_route(DOOR, methods=["GET", "POST", "DELETE"])
    def answer() -> str:
        return "done"

    return TestClient(app, base_url="https://qiao.example")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://qiao.example.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://qiao.example"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Basic eDp5"},
    ],
)
def test_change_asked_for_by_another_site_is_refused(
    guarded: TestClient, method: str, headers: dict[str, str]
) -> None:
    refused = guarded.request(method, DOOR, headers=headers | {"Accept-Language": "ru"})
    assert refused.status_code == 403
    assert 'lang="ru"' in refused.text
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_program_that_another_site_sends_is_told_in_a_problem_document(guarded: TestClient) -> None:
    refused = guarded.post("/api/v1/webhooks", headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (refused.json()["status"], refused.json()["code"]) == (403, "cross-site")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://qiao.example"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer qiao_x"},
        {},
    ],
)
def test_change_from_here_or_by_a_program_passes(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.post(DOOR, headers=headers).status_code == 200


def test_reading_from_another_site_passes_and_says_what_may_be_loaded(guarded: TestClient) -> None:
    response = guarded.get(DOOR, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/", "/search?q=water", "/api/v1/search?q=water", "/healthz", "/static/qiao.js", "/nowhere"]
)
def test_head_is_answered_as_get_without_the_body(client: TestClient, path: str) -> None:
    got, headed = client.get(path), client.head(path)
    assert got.content
    assert headed.content == b""
    assert headed.status_code == got.status_code
    kept = {"content-type", "content-length", "content-language", "cache-control", "content-security-policy"}
    assert {name: headed.headers.get(name) for name in kept} == {name: got.headers.get(name) for name in kept}


def test_head_of_what_cannot_be_got_is_refused(client: TestClient) -> None:
    assert client.head("/accounts/sign-out").status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "///evil.example",
        "/\t/evil.example",
    ],
)
def test_address_that_leads_away_becomes_the_front_page(address: str) -> None:
    assert local_address(address) == "/"


@pytest.mark.parametrize("address", ["/", "/search?q=a//b", "/listings/x#y"])
def test_address_of_this_site_stays(address: str) -> None:
    assert local_address(address) == address


def test_brief_answer_is_given_where_its_request_arrives_and_that_of_staff_in_a_thread(app: FastAPI) -> None:
    @brief
    def answer(request: Request, actor: Actor) -> int:
        return threading.get_ident()

    async def is_here(actor: Actor) -> bool:
        return (
            await answer(request=Request({"type": "http", "app": app}), actor=actor) == threading.get_ident()
        )

    assert run_apart(is_here(VISITOR)) is app.state.site.is_near
    assert run_apart(is_here(Actor(roles=frozenset({Role.FACILITATOR})))) is False


def test_refusal_under_api_is_a_problem_document_in_the_readers_language(client: TestClient) -> None:
    response = client.get("/api/v1/nothing", headers={"Accept-Language": "ru"})
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "urn:qiao:problem:not-found"
    assert response.json()["instance"] == "/api/v1/nothing"


# Long lists -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("oldest_first", [True, False])
def test_pieces_give_every_row_once(engine: Engine, *, oldest_first: bool) -> None:
    with writing(engine) as session:
        session.add_all(Job(name=str(number)) for number in range(7))
        session.flush()
        found, cursor = [], None
        while True:
            part = piece(session, select(Job), col(Job.id), cursor=cursor, limit=3, oldest_first=oldest_first)
            found += [int(job.name) for job in part.items]
            if (cursor := part.next) is None:
                break
            session.add(Job(name="99"))
            session.flush()
            if oldest_first:
                break
    assert found == ([0, 1, 2] if oldest_first else [6, 5, 4, 3, 2, 1, 0])


@pytest.mark.parametrize(
    "cursor", ["%", "é", "LTE", make_cursor(0) + "!", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ", "eA"]
)
def test_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput):
        read_cursor(cursor)


def test_cursor_holds_the_number() -> None:
    assert [read_cursor(make_cursor(number)) for number in (0, 1, 12345, 2**63 - 1)] == [
        0,
        1,
        12345,
        2**63 - 1,
    ]
