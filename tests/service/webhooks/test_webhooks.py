"""Webhooks: signed, sent once for each event, tried again, never into our own network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from service.db import now, reading, writing
from service.errors import BadInput
from service.events import record
from service.jobs import Job
from service.organizations.models import Organization
from service.permissions import SYSTEM_ACTOR, Role
from service.webhooks.models import MOST_FAILURES, MOST_WEBHOOKS, TRIES, Delivery, DeliveryStatus, Webhook
from service.webhooks.sending import check_address, post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.settings import Settings


class Receiver:
    """Somebody's own system: keeps what it is sent and answers with `status`."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}/hook?x=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"private_webhooks": True})


@pytest.fixture
def organization(engine: Engine) -> Organization:
    organization = Organization(name="Green Home", kind="ngo", status="verified")
    with writing(engine) as session:
        session.add(organization)
    return organization


@pytest.fixture
def owner(
    client: TestClient, organization: Organization, make_user: Callable[..., Any], sign_in: Callable[..., Any]
) -> TestClient:
    signed_in: TestClient = sign_in(client, make_user(member_of={organization.key: Role.OWNER}))
    return signed_in


def _create(client: TestClient, organization: Organization, url: str, *events: str) -> dict[str, Any]:
    given = {"organization": organization.uid, "url": url, "events": list(events)}
    response = client.post("/api/v1/webhooks", json=given)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def _happen(engine: Engine, organization: Organization, *names: str) -> None:
    for name in names:
        with writing(engine) as session:
            record(session, SYSTEM_ACTOR, name, organization, reason="private", before="a", after="b")


def _announce(engine: Engine, jobs: Jobs) -> None:
    with writing(engine) as session:
        session.execute(
            update(Job).where(col(Job.name) == "announce").values(promised=now() - timedelta(minutes=1))
        )
    jobs.renew_timers()
    jobs.run_all()


def _deliveries(engine: Engine) -> list[Delivery]:
    with reading(engine) as session:
        return list(session.exec(select(Delivery).order_by(col(Delivery.id))))


@pytest.mark.usefixtures("database_url")
def test_event_is_told_once_and_signed(
    owner: TestClient, organization: Organization, receiver: Receiver, engine: Engine, jobs: Jobs
) -> None:
    _happen(engine, organization, "organization.before")
    _announce(engine, jobs)
    made = _create(owner, organization, receiver.url)
    _happen(engine, organization, "organization.verify")
    _announce(engine, jobs)
    _announce(engine, jobs)
    [(headers, body)] = receiver.received
    told = json.loads(body)
    assert told["type"] == "organization.verify"
    assert told["data"] == {"kind": "organization", "id": organization.uid, "before": "a", "after": "b"}
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["host"].startswith("localhost:")
    shown = owner.get(f"/api/v1/webhooks/{made['webhook']['id']}/deliveries").json()
    assert [(one["event"], one["status"], one["answer"]) for one in shown["items"]] == [
        ("organization.verify", "delivered", 204)
    ]


def test_only_wanted_events_of_the_own_organization_are_told(
    owner: TestClient, organization: Organization, receiver: Receiver, engine: Engine, jobs: Jobs
) -> None:
    _announce(engine, jobs)
    _create(owner, organization, receiver.url, "organization.suspend")
    other = Organization(name="Other", kind="ngo")
    with writing(engine) as session:
        session.add(other)
    _happen(engine, other, "organization.suspend")
    _happen(engine, organization, "organization.verify", "organization.screen", "organization.suspend")
    _announce(engine, jobs)
    assert [json.loads(body)["type"] for _, body in receiver.received] == ["organization.suspend"]
    assert json.loads(receiver.received[0][1])["data"]["id"] == organization.uid


def test_refused_delivery_is_tried_again_with_the_same_id_and_given_up_in_the_end(
    owner: TestClient, organization: Organization, receiver: Receiver, engine: Engine, jobs: Jobs
) -> None:
    _announce(engine, jobs)
    _create(owner, organization, receiver.url)
    _happen(engine, organization, "organization.verify")
    receiver.status = 302
    _announce(engine, jobs)
    for _ in TRIES:
        with writing(engine) as session:
            session.execute(update(Job).where(col(Job.name) == "deliver_webhook").values(due=now()))
        jobs.run_all()
    [delivery] = [one for one in _deliveries(engine) if one.tries]
    assert delivery.status is DeliveryStatus.FAILED
    assert (delivery.tries, delivery.answer) == (len(TRIES) + 1, 302)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


def test_webhook_that_keeps_failing_is_paused(
    owner: TestClient, organization: Organization, engine: Engine, jobs: Jobs
) -> None:
    _announce(engine, jobs)
    uid = _create(owner, organization, "http://127.0.0.1:1/")["webhook"]["id"]
    with writing(engine) as session:
        session.execute(update(Webhook).values(failures=MOST_FAILURES - 1))
    _happen(engine, organization, "organization.verify")
    _announce(engine, jobs)
    with writing(engine) as session:
        session.execute(update(Delivery).values(tries=len(TRIES)))
        session.execute(update(Job).where(col(Job.name) == "deliver_webhook").values(due=now()))
    jobs.run_all()
    assert owner.get(f"/api/v1/webhooks/{uid}").json()["status"] == "paused"
    assert "does not answer" in _deliveries(engine)[0].error
    assert owner.post(f"/api/v1/webhooks/{uid}/pause").status_code == 409
    assert owner.post(f"/api/v1/webhooks/{uid}/resume").json()["status"] == "active"


@pytest.mark.parametrize(("role", "status"), [(Role.EDITOR, 403), (Role.VIEWER, 403)])
def test_only_owners_make_webhooks(
    client: TestClient,
    organization: Organization,
    make_user: Callable[..., Any],
    sign_in: Callable[..., Any],
    role: Role,
    status: int,
) -> None:
    sign_in(client, make_user(member_of={organization.key: role}))
    given = {"organization": organization.uid, "url": "https://example.org/"}
    assert client.post("/api/v1/webhooks", json=given).status_code == status
    assert client.get(f"/api/v1/webhooks?organization={organization.uid}").json() == []


def test_webhook_of_others_is_not_found(
    owner: TestClient,
    app: FastAPI,
    browser: Callable[[], TestClient],
    organization: Organization,
    make_user: Callable[..., Any],
    sign_in: Callable[..., Any],
) -> None:
    uid = _create(owner, organization, "https://example.org/")["webhook"]["id"]
    stranger = sign_in(browser(), make_user())
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/deliveries")):
        assert stranger.request(method, f"/api/v1/webhooks/{uid}{path}").status_code == 404
    assert owner.delete(f"/api/v1/webhooks/{uid}").status_code == 204
    assert owner.get(f"/api/v1/webhooks/{uid}").status_code == 404
    assert app.title


def test_number_of_webhooks_is_bounded(owner: TestClient, organization: Organization) -> None:
    for number in range(MOST_WEBHOOKS):
        _create(owner, organization, f"https://example.org/{number}")
    given = {"organization": organization.uid, "url": "https://example.org/x"}
    assert owner.post("/api/v1/webhooks", json=given).status_code == 409


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[2002:7f00:1::]/",
        "https://printer.local/",
        "https://0.0.0.0/",
        "https://user:word@example.org/",
        "https:///path",
        "https://example.org:99999/",
        "https://[broken/",
        "ftp://example.org/",
        "https://exa mple.org/",
        "https://例子.中国/",
    ],
)
def test_address_that_nothing_may_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        check_address(url, private=False)


def test_name_that_means_an_inner_address_is_refused_when_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.1.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_rest: inside)
    with pytest.raises(BadInput):
        post("https://looks-fine.example/", b"{}", {}, private=False)
