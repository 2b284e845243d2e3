"""The door that opens first: what it answers while the application is loaded, and where that fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.entrance import Entrance

if TYPE_CHECKING:
    from service.settings import Settings


def test_health_answers_while_the_application_is_loaded_and_others_wait(settings: Settings) -> None:
    loading = threading.Event()

    def load():
        assert loading.wait(30)
        return create_app(settings)

    with TestClient(Entrance(load, give_up=pytest.fail)) as client:
        assert client.get("/healthz").text == "ok"
        early = client.get("/readyz")
        assert (early.status_code, early.json()) == (503, {"ready": False, "missing": ["application"]})
        threading.Timer(0.3, loading.set).start()
        page = client.get("/accounts/sign-in", headers={"Accept-Language": "es"})
        assert loading.is_set()
        assert (page.status_code, page.headers["content-language"]) == (200, "es")
        assert client.get("/healthz").text == "ok"


def test_an_application_that_cannot_be_loaded_stops_the_server_and_says_why() -> None:
    stopped = threading.Event()

    def load():
        raise RuntimeError("no database")

    entrance = Entrance(load, give_up=stopped.set)
    with TestClient(entrance) as client:
        assert client.get("/").status_code == 503
    assert stopped.is_set()
    assert str(entrance.error) == "no database"
