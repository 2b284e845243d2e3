from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import itsdangerous
import pytest
from sqlmodel import select

from service.accounts import actions
from service.accounts.models import Invitation, Membership, User, UserStatus
from service.accounts.queries import (
    emails_of_editors,
    emails_with_role,
    members_of,
    pending_invitations,
    user_by_email,
)
from service.db import now, reading, writing
from service.errors import BadInput, NotAllowed, NotFound, NotNow, SignInNeeded
from service.permissions import SYSTEM_ACTOR, VISITOR, Role
from tests.service.accounts.conftest import new_organization
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.organizations.models import Organization
    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.accounts.conftest import Inbox, Link
    from tests.service.conftest import MakeUser, SignInAs

    AsActor = Callable[[User], Actor]

NEW = {"name": "Wang Wei", "password": "seven green bridges"}


@pytest.fixture
def owner(make_user: MakeUser, organization: Organization) -> User:
    return make_user("owner@example.org", member_of={organization.key: Role.OWNER})


@pytest.fixture
def invite(
    engine: Engine, settings: Settings, organization: Organization, owner: User, actor: AsActor
) -> Callable[..., Invitation]:
    def invited(email: str = "wang@example.org", role: str = "editor", by: User = owner) -> Invitation:
        with writing(engine) as session:
            return actions.invite(
                session,
                settings.secret,
                actor(by),
                organization.key,
                organization.name,
                email=email,
                role=role,
            )

    return invited


def roles_in(engine: Engine, organization: Organization) -> dict[str, Role]:
    with reading(engine) as session:
        return {user.email: membership.role for user, membership in members_of(session, organization.key)}


# Invitations -------------------------------------------------------------------------------------------


def test_new_person_joins_with_the_link_and_is_signed_in(
    client: TestClient,
    invite: Callable[..., Invitation],
    link: Link,
    engine: Engine,
    organization: Organization,
) -> None:
    invite()
    address = link("wang@example.org")
    page = client.get(address)
    assert "Green Town" in page.text
    assert "wang@example.org" in page.text
    reply = client.post(address, data=NEW)
    assert reply.status_code == 303
    assert client.get("/accounts/settings").status_code == 200, "the link has proved the address"
    assert roles_in(engine, organization)["wang@example.org"] is Role.EDITOR
    with reading(engine) as session:
        user = user_by_email(session, "wang@example.org")
        assert user is not None
        assert user.status is UserStatus.ACTIVE


def test_existing_person_joins_after_signing_in(
    client: TestClient,
    invite: Callable[..., Invitation],
    link: Link,
    engine: Engine,
    organization: Organization,
    make_user: MakeUser,
) -> None:
    make_user("wang@example.org")
    invite()
    address = link("wang@example.org")
    page = client.get(address)
    assert "new-password" not in page.text
    assert client.post(address, data=NEW).headers["location"].startswith("/accounts/sign-in")
    assert "wang@example.org" not in roles_in(engine, organization), "a link is not a password"
    reply = client.post(
        "/accounts/sign-in", data={"email": "wang@example.org", "password": PASSWORD, "next": address}
    )
    assert reply.headers["location"] == address
    assert client.post(address).status_code == 303
    assert roles_in(engine, organization)["wang@example.org"] is Role.EDITOR


def test_invitation_is_accepted_once(
    client: TestClient, browser: Callable[[], TestClient], invite: Callable[..., Invitation], link: Link
) -> None:
    invite()
    address = link("wang@example.org")
    assert client.post(address, data=NEW).status_code == 303
    again = browser()
    assert again.get(address).status_code == 409
    assert again.post(address, data=NEW).status_code == 409
    assert again.get("/accounts/settings").status_code == 303


def test_invitation_form_says_what_is_wrong_and_the_link_stays_good(
    client: TestClient, invite: Callable[..., Invitation], link: Link
) -> None:
    invite()
    address = link("wang@example.org")
    reply = client.post(address, data=NEW | {"password": "wang@example.org"})
    assert reply.status_code == 422
    assert 'value="Wang Wei"' in reply.text
    assert client.post(address, data=NEW).status_code == 303


def test_withdrawn_replaced_and_expired_invitations_no_longer_work(
    client: TestClient,
    invite: Callable[..., Invitation],
    link: Link,
    engine: Engine,
    organization: Organization,
    owner: User,
    actor: AsActor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invite()
    first = link("wang@example.org")
    second_row = invite(role="viewer")
    second = link("wang@example.org")
    assert client.post(first, data=NEW).status_code == 409, "replaced by the second"
    assert client.get(second).status_code == 200
    with writing(engine) as session:
        actions.withdraw_invitation(session, actor(owner), organization.key, second_row.uid)
    assert client.post(second, data=NEW).status_code == 409
    with pytest.raises(NotNow), writing(engine) as session:
        actions.withdraw_invitation(session, actor(owner), organization.key, second_row.uid)
    long_ago = int(time.time() - timedelta(days=14, minutes=1).total_seconds())
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: long_ago)
    invite()
    third = link("wang@example.org")
    monkeypatch.undo()
    assert client.post(third, data=NEW).status_code == 409
    invite()
    fourth = link("wang@example.org")
    with writing(engine) as session:
        for one in session.exec(select(Invitation)):
            one.expires = now() - timedelta(seconds=1)
    assert client.post(fourth, data=NEW).status_code == 409
    with reading(engine) as session:
        assert pending_invitations(session, organization.key) == []


def test_somebody_unconfirmed_may_take_up_an_invitation(
    client: TestClient, invite: Callable[..., Invitation], link: Link, make_user: MakeUser
) -> None:
    make_user("wang@example.org", status=UserStatus.REGISTERED, confirmed=None)
    invite()
    assert client.post(link("wang@example.org"), data=NEW).status_code == 303
    stranger = client.post("/accounts/sign-in", data={"email": "wang@example.org", "password": PASSWORD})
    assert stranger.status_code == 422, "the password of whoever signed up before is gone"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_owners_invite(
    invite: Callable[..., Invitation], make_user: MakeUser, organization: Organization, role: Role
) -> None:
    with pytest.raises(NotAllowed):
        invite(by=make_user(member_of={organization.key: role}))
    with pytest.raises(NotAllowed):
        invite(by=make_user())


@pytest.mark.parametrize(
    ("email", "role", "field"),
    [
        ("wang", "editor", "email"),
        ("wang@example.org", "facilitator", "role"),
        ("wang@example.org", "king", "role"),
        ("OWNER@example.org", "editor", "email"),
    ],
)
def test_malformed_invitations_are_refused(
    invite: Callable[..., Invitation], inbox: Inbox, email: str, role: str, field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        invite(email, role)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert inbox(email) == []


def test_number_of_invitations_is_bounded_in_all_and_a_day(
    invite: Callable[..., Invitation], engine: Engine, organization: Organization
) -> None:
    for number in range(50):
        invite(f"person{number}@example.org")
    with pytest.raises(NotNow) as caught:
        invite()
    assert caught.value.message.code == "invitations-many"
    for _ in range(50):
        invite("person0@example.org")
    with pytest.raises(NotNow) as caught:
        invite("person0@example.org")
    assert caught.value.message.code == "invitations-today"


def test_accepting_an_invitation_never_lowers_the_role_one_has(
    engine: Engine,
    invite: Callable[..., Invitation],
    link: Link,
    owner: User,
    client: TestClient,
    sign_in: SignInAs,
    organization: Organization,
) -> None:
    invite(role="viewer")
    sign_in(client, owner)
    assert client.post(link("wang@example.org")).status_code == 303
    assert roles_in(engine, organization) == {"owner@example.org": Role.OWNER}


# Roles -------------------------------------------------------------------------------------------------


def test_one_person_has_different_roles_in_several_organizations(
    engine: Engine, make_user: MakeUser, organization: Organization, actor: AsActor
) -> None:
    second = new_organization(engine, "Kind Heart")
    person = make_user(member_of={organization.key: Role.OWNER, second.key: Role.VIEWER})
    assert actor(person).memberships == {organization.key: Role.OWNER, second.key: Role.VIEWER}


def test_last_owner_can_neither_leave_nor_step_down(
    engine: Engine, organization: Organization, owner: User, make_user: MakeUser, actor: AsActor
) -> None:
    make_user("closed@example.org", member_of={organization.key: Role.OWNER}, status=UserStatus.CLOSED)
    editor = make_user("editor@example.org", member_of={organization.key: Role.EDITOR})
    for attempt in (
        lambda session: actions.leave(session, actor(owner), organization.key),
        lambda session: actions.remove_member(session, actor(owner), organization.key, owner.uid),
        lambda session: actions.set_role(session, actor(owner), organization.key, owner.uid, "editor"),
    ):
        with pytest.raises(NotNow) as caught, writing(engine) as session:
            attempt(session)
        assert caught.value.message.code == "last-owner"
    with writing(engine) as session:
        actions.set_role(session, actor(owner), organization.key, editor.uid, "owner")
    with writing(engine) as session:
        actions.leave(session, actor(owner), organization.key)
    assert roles_in(engine, organization) == {
        "closed@example.org": Role.OWNER,
        "editor@example.org": Role.OWNER,
    }


def test_editors_leave_but_do_not_manage(
    engine: Engine, organization: Organization, owner: User, make_user: MakeUser, actor: AsActor
) -> None:
    editor = make_user("editor@example.org", member_of={organization.key: Role.EDITOR})
    with pytest.raises(NotAllowed), writing(engine) as session:
        actions.set_role(session, actor(editor), organization.key, editor.uid, "owner")
    with pytest.raises(NotAllowed), writing(engine) as session:
        actions.remove_member(session, actor(editor), organization.key, owner.uid)
    with writing(engine) as session:
        actions.leave(session, actor(editor), organization.key)
    assert roles_in(engine, organization) == {"owner@example.org": Role.OWNER}
    with pytest.raises(NotFound), writing(engine) as session:
        actions.leave(session, actor(editor), organization.key)
    with pytest.raises(SignInNeeded), writing(engine) as session:
        actions.leave(session, VISITOR, organization.key)


def test_owner_of_one_organization_has_no_say_in_another(
    engine: Engine, organization: Organization, owner: User, make_user: MakeUser, actor: AsActor
) -> None:
    second = new_organization(engine, "Kind Heart")
    other = make_user(member_of={second.key: Role.OWNER})
    with pytest.raises(NotAllowed), writing(engine) as session:
        actions.remove_member(session, actor(owner), second.key, other.uid)
    with pytest.raises(NotFound), writing(engine) as session:
        actions.remove_member(session, actor(owner), organization.key, other.uid)


def test_mail_for_an_organization_goes_to_those_who_act_for_it(
    engine: Engine, organization: Organization, owner: User, make_user: MakeUser
) -> None:
    make_user("viewer@example.org", member_of={organization.key: Role.VIEWER})
    make_user("closed@example.org", member_of={organization.key: Role.EDITOR}, status=UserStatus.CLOSED)
    make_user("editor@example.org", member_of={organization.key: Role.EDITOR}, language="ru")
    make_user("desk@example.org", roles=[Role.FACILITATOR], language="es")
    with reading(engine) as session:
        assert emails_of_editors(session, organization.key) == [
            ("owner@example.org", "en"),
            ("editor@example.org", "ru"),
        ]
        assert emails_with_role(session, Role.FACILITATOR) == [("desk@example.org", "es")]


def test_database_itself_refuses_a_second_membership_and_foreign_roles(
    engine: Engine, organization: Organization, owner: User
) -> None:
    from sqlalchemy.exc import IntegrityError

    for role in (Role.EDITOR, Role.FACILITATOR):
        with pytest.raises(IntegrityError), writing(engine) as session:
            session.add(Membership(user_id=owner.key, organization_id=organization.key, role=role))


# Administration ----------------------------------------------------------------------------------------


@pytest.fixture
def administrator(client: TestClient, make_user: MakeUser, sign_in: SignInAs) -> User:
    user = make_user("admin@example.org", roles=[Role.ADMINISTRATOR])
    sign_in(client, user)
    return user


def test_administrator_finds_users_and_sets_their_roles(
    client: TestClient, administrator: User, make_user: MakeUser, actor: AsActor
) -> None:
    li = make_user("li.na@example.org", name="李娜")
    make_user("wang@example.org")
    page = client.get("/accounts/users", params={"q": "李"})
    assert "li.na@example.org" in page.text
    assert "wang@example.org" not in page.text
    assert "li.na@example.org" in client.get("/accounts/users", params={"q": "LI.NA"}).text
    assert "Nobody found" in client.get("/accounts/users", params={"q": "%"}).text, "no wildcard"
    assert client.get(f"/accounts/users/{li.uid}").status_code == 200
    data = {"roles": ["facilitator", "reviewer"]}
    assert client.post(f"/accounts/users/{li.uid}", data=data).status_code == 303
    assert actor(li).roles == {Role.FACILITATOR, Role.REVIEWER}
    assert client.post(f"/accounts/users/{li.uid}", data={"roles": ["owner"]}).status_code == 422
    assert client.post(f"/accounts/users/{li.uid}", data={}).status_code == 303
    assert actor(li).roles == frozenset()


def test_last_administrator_stays(client: TestClient, administrator: User, actor: AsActor) -> None:
    assert client.post(f"/accounts/users/{administrator.uid}", data={}).status_code == 409
    reply = client.post(f"/accounts/users/{administrator.uid}/close", data={"reason": "tired"})
    assert reply.status_code == 409
    assert actor(administrator).roles == {Role.ADMINISTRATOR}


def test_account_is_closed_and_reopened_with_a_reason(
    client: TestClient, administrator: User, make_user: MakeUser, engine: Engine
) -> None:
    li = make_user("li@example.org")
    without = client.post(f"/accounts/users/{li.uid}/close", data={"reason": " "})
    assert without.status_code == 422
    assert 'id="problem-reason"' in without.text
    assert client.post(f"/accounts/users/{li.uid}/close", data={"reason": "spam"}).status_code == 303
    assert "closed" in client.get(f"/accounts/users/{li.uid}").text
    assert client.post(f"/accounts/users/{li.uid}/close", data={"reason": "spam"}).status_code == 409
    assert client.post(f"/accounts/users/{li.uid}/reopen", data={}).status_code == 422
    assert client.post(f"/accounts/users/{li.uid}/reopen", data={"reason": "mistake"}).status_code == 303


@pytest.mark.parametrize("roles", [[], [Role.FACILITATOR], [Role.REVIEWER]])
def test_others_do_not_administer_users(
    client: TestClient, make_user: MakeUser, sign_in: SignInAs, roles: list[Role]
) -> None:
    me = make_user(roles=roles)
    sign_in(client, me)
    assert client.get("/accounts/users").status_code == 403
    assert client.get(f"/accounts/users/{me.uid}").status_code == 403
    assert client.post(f"/accounts/users/{me.uid}", data={"roles": ["administrator"]}).status_code == 403
    assert client.post(f"/accounts/users/{me.uid}/close", data={"reason": "x"}).status_code == 403


def test_pages_of_users_follow_one_another(
    client: TestClient, administrator: User, make_user: MakeUser
) -> None:
    for number in range(51):
        make_user(f"person{number}@example.net")
    first = client.get("/accounts/users", params={"q": "example.net"})
    assert "start=50" in first.text
    second = client.get("/accounts/users", params={"q": "example.net", "start": "50"})
    assert "person0@example.net" in second.text
    assert "person50@example.net" not in second.text


def test_user_added_by_the_command_line_can_sign_in_at_once(client: TestClient, engine: Engine) -> None:
    with writing(engine) as session:
        actions.add_user(
            session,
            SYSTEM_ACTOR,
            email="Desk@example.org",
            name="Desk",
            password="seven green bridges",
            roles=[Role.FACILITATOR],
        )
    data = {"email": "desk@example.org", "password": "seven green bridges"}
    assert client.post("/accounts/sign-in", data=data).status_code == 303
    for wrong in ({"email": "desk@example.org"}, {"email": "x"}, {"password": "short"}):
        given = {"email": "new@example.org", "password": "seven green bridges"} | wrong
        with pytest.raises(BadInput), writing(engine) as session:
            actions.add_user(
                session, SYSTEM_ACTOR, name="Desk", email=given["email"], password=given["password"]
            )
