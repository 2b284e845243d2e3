"""Who belongs to an organization, through its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.settings import Settings
    from tests.service.organizations.conftest import MakeOrganization


def test_an_owner_invites_by_mail_and_mistakes_stay_in_the_form(
    as_li: TestClient, make_organization: MakeOrganization, jobs: Jobs, settings: Settings
) -> None:
    address = f"/organizations/{make_organization().uid}/members"
    wrong = as_li.post(f"{address}/invite", data={"email": "nobody", "role": "editor"})
    assert wrong.status_code == 422
    assert 'value="nobody"' in wrong.text
    sent = as_li.post(f"{address}/invite", data={"email": "new@example.org", "role": "editor"})
    assert sent.status_code == 303
    assert "new@example.org" in as_li.get(address).text
    jobs.run_all()
    assert any("new@example.org" in file.read_text() for file in (settings.data_dir / "outbox").glob("*.eml"))


def test_an_owner_changes_roles_and_removes_but_the_last_owner_stays(
    as_li: TestClient,
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
    li: User,
    make_organization: MakeOrganization,
) -> None:
    organization = make_organization()
    address = f"/organizations/{organization.uid}/members"
    editor = make_user("editor@example.org", member_of={organization.key: Role.EDITOR})
    as_editor = sign_in(browser(), editor)
    assert as_editor.get(address).status_code == 200
    assert as_editor.post(f"{address}/{li.uid}/remove").status_code == 403
    assert (
        as_editor.post(f"{address}/invite", data={"email": "x@example.org", "role": "owner"}).status_code
        == 403
    )
    assert as_li.post(f"{address}/leave").status_code == 409
    assert as_li.post(f"{address}/{editor.uid}/role", data={"role": "king"}).status_code == 422
    assert as_li.post(f"{address}/{editor.uid}/role", data={"role": "owner"}).status_code == 303
    assert as_li.post(f"{address}/leave").status_code == 303
    assert as_li.get(address).status_code == 404
    assert as_editor.post(f"{address}/{editor.uid}/remove").status_code == 409


def test_strangers_do_not_see_who_belongs_to_it(
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
    make_organization: MakeOrganization,
) -> None:
    stranger = sign_in(browser(), make_user("stranger@example.org"))
    organization = make_organization()
    assert stranger.get(f"/organizations/{organization.uid}").status_code == 200
    assert stranger.get(f"/organizations/{organization.uid}/members").status_code == 404
    assert "li@example.org" not in stranger.get(f"/organizations/{organization.uid}").text
