"""The application as a whole: health, figures, errors, limits, static files, logs, the API's description."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.app import create_app
from service.assets import STATIC
from service.db import writing
from service.errors import NotFound, ServiceError
from service.observing import configure_logs
from service.web import Reading, Writing, static_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from sqlalchemy import Engine

    from service.settings import Settings
    from service.web import Site

SECRETS = "a secret for tests"


def test_health_answers_at_once(client: TestClient) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok")


def test_nothing_heavy_is_loaded_before_the_first_answer() -> None:
    heavy = "torch sentence_transformers faiss jieba opencc sklearn scipy openpyxl alembic"
    code = f"import sys, service.app; print([name for name in {heavy!r}.split() if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert found.stdout.strip() == b"[]"


@pytest.mark.usefixtures("database_url")
def test_readiness_asks_database_and_queue(client: TestClient, engine: Engine) -> None:
    assert client.get("/readyz").json() == {"ready": True, "missing": []}
    with writing(engine) as session:
        session.execute(text("ALTER TABLE job RENAME TO gone"))
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"ready": False, "missing": ["database"]})


def test_figures_count_requests_by_route_and_jobs_by_status(client: TestClient, engine: Engine) -> None:
    with writing(engine) as session:
        session.execute(
            text(
                "INSERT INTO job (uid, name, payload, status, attempts, promised, due, progress, error) "
                "VALUES ('u', 'tidy', '{}', 'failed', 1, '2026-01-01', '2026-01-01', 0, '')"
            )
        )
    client.get("/healthz")
    client.get("/nothing/secret-token")
    client.get("/listings/secret-token/edit")
    client.get("/organizations/secret-token")
    found = client.get("/metrics").text
    assert 'qiao_requests_total{method="GET",route="/healthz",status="200"} 1.0' in found
    assert 'qiao_request_seconds_count{method="GET",route="/healthz"} 1.0' in found
    assert 'route="/listings/{uid}/edit"' in found
    assert 'route="/organizations/{uid}"' in found
    assert 'qiao_jobs{name="tidy",status="failed"} 1.0' in found
    assert "secret-token" not in found


def test_page_that_does_not_exist_says_so_in_the_readers_language(client: TestClient) -> None:
    response = client.get("/no-such-page", headers={"Accept-Language": "es"})
    assert response.status_code == 404
    assert 'lang="es"' in response.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("PUT", "/api/v1/webhooks", 405), ("POST", "/healthz", 405)]
)
def test_wrong_method_is_refused(client: TestClient, method: str, path: str, status: int) -> None:
    assert client.request(method, path).status_code == status


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"null", b'{"url": 1}', b""])
def test_malformed_body_is_a_problem_document(
    client: TestClient, body: bytes, make_user: Any, sign_in: Any
) -> None:
    sign_in(client, make_user())
    response = client.post("/api/v1/webhooks", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code


def _endless() -> Iterator[bytes]:
    for _ in range(30):
        yield b"x" * 100_000


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("path", ["/api/v1/webhooks", "/accounts/sign-in"])
def test_body_beyond_the_limit_is_refused(
    settings: Settings, engine: Engine, path: str, *, keyed: bool
) -> None:
    assert engine
    app = create_app(settings.model_copy(update={"upload_bytes": 1000}))
    headers = {"Idempotency-Key": "k"} if keyed else {}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    with TestClient(app, base_url="http://localhost:8000") as client:
        for content in (b"x" * 1_100_000, _endless()):
            response = client.post(path, content=content, headers=headers)
            assert response.status_code == 413
            assert ("json" in response.headers["Content-Type"]) == path.startswith("/api/")
            assert "X-Request-Id" in response.headers


# What breaks ------------------------------------------------------------------------------------------


@pytest.fixture
def fragile(app: FastAPI) -> Iterator[TestClient]:
    """The application with two more endpoints that break and refuse half-way."""

    @app.get("/api/breaks/{word}")
    def breaks(word: str) -> None:
        password = word
        raise RuntimeError(f"broken {len(password)}")

    @app.get("/api/waits")
    def waits(session: Reading) -> None:
        session.execute(text("SELECT 1"))
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    @app.post("/api/refuses")
    def refuses(session: Writing) -> None:
        session.execute(text("UPDATE job SET name = 'changed'"))
        raise NotFound

    with TestClient(app, raise_server_exceptions=False, base_url="http://localhost:8000") as client:
        yield client


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root, stream = logging.getLogger(), StringIO()
    level = root.level
    configure_logs(as_json=True)
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def test_what_breaks_is_told_without_its_cause_and_logged_without_its_values(
    fragile: TestClient, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    response = fragile.get("/api/breaks/hunter2-password")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:qiao:problem:error"
    assert "broken" not in response.json()["title"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    lines = logged()
    [failure] = [line for line in lines if line["event"] == "request broke"]
    assert failure["exception"][0]["exc_type"] == "RuntimeError"
    everything = json.dumps(lines)
    assert "hunter2-password" not in everything
    assert SECRETS not in everything


def test_database_that_does_not_answer_is_told_as_such(fragile: TestClient) -> None:
    response = fragile.get("/api/waits")
    assert (response.status_code, response.json()["type"]) == (503, "urn:qiao:problem:unavailable")
    assert "locked" not in response.text


def test_each_request_is_one_line_with_its_id(
    client: TestClient, logged: Callable[[], list[dict[str, Any]]], make_user: Any, sign_in: Any
) -> None:
    user = make_user()
    sign_in(client, user)
    response = client.get("/api/v1/webhooks/abc", headers={"X-Request-Id": "from-the-proxy-1"})
    assert response.headers["X-Request-Id"] == "from-the-proxy-1"
    [line] = [line for line in logged() if line["event"] == "request"]
    assert line["request_id"] == "from-the-proxy-1"
    assert (line["method"], line["status"], line["route"]) == ("GET", 404, "/api/v1/webhooks/{uid}")
    assert line["actor"] == user.uid
    assert line["milliseconds"] > 0
    assert client.get("/healthz", headers={"X-Request-Id": "bad id\n"}).headers["X-Request-Id"] != "bad id\n"


def test_refusal_half_way_keeps_nothing(fragile: TestClient, site: Site, engine: Engine) -> None:
    site.jobs.timers.append((timedelta(days=1), "tick"))
    site.jobs.renew_timers()
    assert fragile.post("/api/refuses").status_code == 404
    with writing(engine) as session:
        assert session.execute(text("SELECT count(*) FROM job WHERE name = 'changed'")).scalar() == 0


# Static files and the description ---------------------------------------------------------------------


def test_static_file_under_its_version_is_kept_for_ever(client: TestClient) -> None:
    found = next(path for path in sorted(STATIC.rglob("*")) if path.is_file())
    name = str(found.relative_to(STATIC))
    kept = client.get(static_url(name))
    assert kept.status_code == 200
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in client.get(f"/static/{name}").headers["Cache-Control"]
    assert client.get("/static/../settings.py").status_code == 404


def test_description_has_examples_problems_and_unique_names(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert operations
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))
    for path, method, operation in operations:
        assert path.startswith("/api/v1/"), path
        assert "application/problem+json" in operation["responses"]["4XX"]["content"], (method, path)
        assert operation["summary"], path
        assert "422" not in operation["responses"], path
    bodies = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in operations
        if "application/json" in operation.get("requestBody", {}).get("content", {})
        and "$ref" in operation["requestBody"]["content"]["application/json"]["schema"]
    }
    without = [
        name for name in bodies if "examples" not in json.dumps(document["components"]["schemas"][name])
    ]
    assert without == []


def test_every_error_has_a_slug_of_its_own() -> None:
    kinds = ServiceError.__subclasses__()
    assert len({kind.slug for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 600 for kind in kinds)


# Sent twice -------------------------------------------------------------------------------------------


@pytest.fixture
def counting(app: FastAPI) -> Iterator[tuple[TestClient, list[str]]]:
    """An endpoint that makes something each time it is called."""
    made: list[str] = []

    @app.post("/api/makes", status_code=201)
    def makes(given: dict[str, str]) -> dict[str, int]:
        made.append(given["word"])
        if given["word"] == "break":
            raise RuntimeError
        if given["word"] == "refuse":
            raise NotFound
        return {"number": len(made)}

    with TestClient(app, raise_server_exceptions=False, base_url="http://localhost:8000") as client:
        yield client, made


def _post(client: TestClient, key: str | None, word: str, path: str = "/api/makes") -> Any:
    return client.post(path, json={"word": word}, headers={"Idempotency-Key": key} if key else {})


@pytest.mark.usefixtures("database_url")
def test_request_sent_twice_with_a_key_is_done_once(
    counting: tuple[TestClient, list[str]], make_user: Any, sign_in: Any
) -> None:
    client, made = counting
    sign_in(client, make_user())
    first, second = _post(client, "k1", "a"), _post(client, "k1", "a")
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, {"number": 1})
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert _post(client, "k2", "a").json() == {"number": 2}
    assert _post(client, None, "a").json() == {"number": 3}
    assert made == ["a", "a", "a"]


def test_other_content_under_the_same_key_is_refused(
    counting: tuple[TestClient, list[str]], make_user: Any, sign_in: Any
) -> None:
    client, made = counting
    sign_in(client, make_user())
    _post(client, "k", "a")
    assert _post(client, "k", "b").status_code == 422
    assert made == ["a"]


@pytest.mark.parametrize(("word", "status"), [("refuse", 404), ("break", 500)])
def test_key_of_a_request_that_made_nothing_may_be_used_again(
    counting: tuple[TestClient, list[str]], make_user: Any, sign_in: Any, word: str, status: int
) -> None:
    client, made = counting
    sign_in(client, make_user())
    assert _post(client, "k", word).status_code == status
    assert _post(client, "k", "b").status_code == 201
    assert made == [word, "b"]


def test_key_belongs_to_one_person(
    counting: tuple[TestClient, list[str]],
    app: FastAPI,
    make_user: Any,
    sign_in: Any,
) -> None:
    client, made = counting
    sign_in(client, make_user())
    _post(client, "k", "a")
    sign_in(client, make_user())
    assert _post(client, "k", "a").json() == {"number": 2}
    client.cookies.clear()
    assert [_post(client, "k", "a").json()["number"] for _ in range(2)] == [3, 4]
    assert len(made) == 4
    assert app


@pytest.mark.parametrize("key", ["", "x" * 101])
def test_key_that_is_none_is_refused(
    counting: tuple[TestClient, list[str]], make_user: Any, sign_in: Any, key: str
) -> None:
    client, made = counting
    sign_in(client, make_user())
    response = client.post("/api/makes", json={"word": "a"}, headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert made == []


def test_same_key_at_the_same_time_is_done_once(app: FastAPI, make_user: Any, sign_in: Any) -> None:
    import threading

    begun, go_on, made = threading.Event(), threading.Event(), []

    @app.post("/api/slow", status_code=201)
    def slow() -> str:
        made.append(1)
        begun.set()
        go_on.wait(10)
        return "made"

    with TestClient(app, base_url="http://localhost:8000") as client, ThreadPoolExecutor(1) as pool:
        sign_in(client, make_user())
        first = pool.submit(client.post, "/api/slow", headers={"Idempotency-Key": "k"})
        assert begun.wait(10)
        assert client.post("/api/slow", headers={"Idempotency-Key": "k"}).status_code == 409
        go_on.set()
        assert first.result().status_code == 201
        again = client.post("/api/slow", headers={"Idempotency-Key": "k"})
        assert again.headers["Idempotency-Replayed"] == "true"
    assert len(made) == 1
