"""From signing up to being found in another language, through the pages, on both databases.

What each step shows is tested beside its slice; here only that they fit together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from service.permissions import Role
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.settings import Settings


def _mail_link(folder: Path, pattern: str) -> str:
    import email
    import email.policy

    for file in sorted(folder.glob("*.eml")):
        content = email.message_from_bytes(file.read_bytes(), policy=email.policy.default).get_content()
        if found := re.search(pattern, content):
            return found[0]
    raise AssertionError(pattern)


def _post(client: TestClient, path: str, **fields: Any) -> str:
    response = client.post(path, data=fields)
    assert response.status_code == 303, (path, response.status_code, response.text[:3000])
    return str(response.headers["Location"])


@pytest.mark.usefixtures("database_url")
def test_newcomer_publishes_a_need_that_is_found_in_spanish(
    client: TestClient,
    browser: Callable[[], TestClient],
    jobs: Jobs,
    settings: Settings,
    make_user: Callable[..., User],
    sign_in: Callable[..., TestClient],
) -> None:
    _post(
        client,
        "/accounts/sign-up",
        name="李娜",
        email="Li@Example.org",
        password=PASSWORD,
        language="zh-Hans",
        time_zone="Asia/Shanghai",
    )
    jobs.run_all()
    link = _mail_link(settings.data_dir / "outbox", r"/accounts/confirm/[^\s]+")
    assert client.get(link).status_code == 200
    _post(client, link)
    _post(client, "/accounts/sign-in", email="li@example.org", password=PASSWORD)
    address = _post(
        client,
        "/organizations/new",
        name="清泉乡村饮水服务中心",
        kind="ngo",
        description="我们帮村子打井。",
    )
    uid = re.search(r"[0-9a-f]{32}", address)
    assert uid is not None

    facilitator = sign_in(browser(), make_user(roles=[Role.FACILITATOR]))
    assert uid[0] in facilitator.get("/organizations/desk").text
    _post(facilitator, f"/organizations/{uid[0]}/decision", step="verify")

    made = client.post(
        "/api/v1/listings",
        json={
            "organization": uid[0],
            "side": "need",
            "title": "农村饮用水",
            "text": "三个村子缺少干净的饮用水，需要打井和净水设备。",
            "lines": [
                {"kind": "money", "amount": "50000", "unit": "CNY"},
                {"kind": "volunteers", "amount": "100", "unit": "hour"},
            ],
        },
    )
    assert made.status_code == 201, made.text
    listing = made.json()["id"]
    found = browser().get("/api/v1/search", params={"q": "agua potable rural", "side": "need"}).json()
    assert found["items"] == []
    published = client.post(f"/api/v1/listings/{listing}/publish")
    assert published.status_code == 200, published.text
    jobs.run_all()

    spanish = browser()
    found = spanish.get(
        "/api/v1/search",
        params={"q": "agua potable rural", "side": "need"},
        headers={"Accept-Language": "es"},
    ).json()
    assert [item["id"] for item in found["items"]] == [listing]
    assert found["items"][0]["language"] == "zh-Hans"
    shown = spanish.get("/search", params={"q": "agua potable rural", "side": "need", "lang": "es"})
    assert 'lang="es"' in shown.text
    assert "农村饮用水" in shown.text
    assert spanish.get(f"/listings/{listing}").status_code == 200

    withdrawn = client.post(f"/api/v1/listings/{listing}/withdraw", json={"reason": "找到了"})
    assert withdrawn.status_code == 200, withdrawn.text
    found = spanish.get("/api/v1/search", params={"q": "agua potable rural", "side": "need"}).json()
    assert found["items"] == []
    assert spanish.get(f"/listings/{listing}").status_code == 404
