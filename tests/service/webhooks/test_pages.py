"""Pages of webhooks: the secret is told once, what was sent is seen and sent again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from service.permissions import Role
from service.webhooks.models import EVENTS, TRIES
from tests.service.conftest import words
from tests.service.webhooks.test_webhooks import (
    _announce,
    _deliveries,
    _happen,
    organization,
    owner,
    receiver,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.organizations.models import Organization
    from tests.service.webhooks.test_webhooks import Receiver

__all__ = ["organization", "owner", "receiver", "settings"]


def home(organization: Organization) -> str:
    return f"/organizations/{organization.uid}/webhooks"


def add(browser: TestClient, organization: Organization, url: str, *events: str) -> str:
    """A webhook made on the page; gives the address of its own page."""
    made = browser.post(home(organization), data={"url": url, "events": list(events)})
    assert made.status_code == 200, made.text
    found = re.search(rf'href="({home(organization)}/[0-9a-f]{{32}})"', made.text)
    assert found is not None
    return found[1]


def test_secret_is_told_once_and_signs_what_is_sent(
    owner: TestClient, organization: Organization, receiver: Receiver, engine: Engine, jobs: Jobs
) -> None:
    _announce(engine, jobs)
    made = owner.post(home(organization), data={"url": receiver.url, "events": ["organization.verify"]})
    assert made.headers["cache-control"] == "no-store"
    assert re.search(r'value="whsec_[^"]+" readonly', made.text)
    assert "whsec_" not in owner.get(home(organization)).text
    _happen(engine, organization, "organization.edit", "organization.verify")
    _announce(engine, jobs)
    assert [json.loads(body)["type"] for _, body in receiver.received] == ["organization.verify"]
    assert f'href="{home(organization)}"' in owner.get(f"/organizations/{organization.uid}").text


@pytest.mark.usefixtures("database_url")
def test_what_was_given_up_is_seen_with_its_answer_and_sent_again(
    owner: TestClient, organization: Organization, receiver: Receiver, engine: Engine, jobs: Jobs
) -> None:
    _announce(engine, jobs)
    here = add(owner, organization, receiver.url)
    receiver.status = 500
    _happen(engine, organization, "organization.verify")
    _announce(engine, jobs)
    waiting = owner.get(f"{here}?lang=en")
    assert "Organization: verified On its way 500" in words(waiting)
    assert "Send again" not in words(waiting)
    _give_up(engine, jobs)
    failed = owner.get(f"{here}?lang=en")
    assert "Given up" in words(failed)
    [again] = re.findall(rf'action="({here}/deliveries/[0-9a-f]{{32}})"', failed.text)
    receiver.status = 204
    assert owner.post(again).headers["location"] == f"{here}?done=sent"
    jobs.run_all()
    assert "Organization: verified Delivered 204" in words(owner.get(f"{here}?lang=en"))
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


def _give_up(engine: Engine, jobs: Jobs) -> None:
    from sqlalchemy import update
    from sqlmodel import col

    from service.db import now, writing
    from service.jobs import Job

    for _ in TRIES:
        with writing(engine) as session:
            session.execute(update(Job).where(col(Job.name) == "deliver_webhook").values(due=now()))
        jobs.run_all()


def test_paused_webhook_is_told_nothing_until_it_is_resumed(
    owner: TestClient, organization: Organization, receiver: Receiver, engine: Engine, jobs: Jobs
) -> None:
    _announce(engine, jobs)
    here = add(owner, organization, receiver.url)
    owner.post(f"{here}/pause")
    assert "Paused: nothing is sent" in words(owner.get(f"{here}?lang=en"))
    _happen(engine, organization, "organization.verify")
    _announce(engine, jobs)
    owner.post(f"{here}/resume")
    _happen(engine, organization, "organization.suspend")
    _announce(engine, jobs)
    assert [json.loads(body)["type"] for _, body in receiver.received] == ["organization.suspend"]
    assert owner.post(f"{here}/delete").headers["location"] == f"{home(organization)}?done=deleted"
    assert owner.get(here).status_code == 404
    assert _deliveries(engine) == []


def test_wrong_address_is_said_beside_the_field_and_stays(
    owner: TestClient, organization: Organization
) -> None:
    wrong = owner.post(
        f"{home(organization)}?lang=en", data={"url": "ftp://crm", "events": ["listing.publish"]}
    )
    assert wrong.status_code == 422
    assert "Give an address that begins with https://" in words(wrong)
    assert 'value="ftp://crm"' in wrong.text
    assert re.search(r'value="listing.publish" checked', wrong.text)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_pages_are_for_owners_only(
    client: TestClient,
    organization: Organization,
    make_user: Callable[..., Any],
    sign_in: Callable[..., Any],
    role: Role,
) -> None:
    sign_in(client, make_user(member_of={organization.key: role}))
    assert client.get(home(organization)).status_code == 403
    assert client.post(home(organization), data={"url": "https://example.org/"}).status_code == 403
    assert "/webhooks" not in client.get(f"/organizations/{organization.uid}").text


def test_events_to_choose_from_are_all_said_in_words(owner: TestClient, organization: Organization) -> None:
    seen = words(owner.get(f"{home(organization)}?lang=en"))
    assert not [name for name in EVENTS if name in seen]
    assert "Request: accepted" in seen
    assert "Listing: published" in seen
