"""A running installation for tests: the real application on a free port with its jobs running.

Tests look at it from outside, as browsers, programs and walls do, and furnish it from inside.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx
import uvicorn
from sqlmodel import SQLModel, col, select

from matching.profiles import ResourceLine
from service import demo, demo_agreements, demo_books, demo_rounds
from service.accounts.models import Membership, SignIn, User, UserStatus
from service.accounts.proofs import hash_password, key_hash
from service.accounts.queries import SESSION_COOKIE
from service.app import create_app
from service.db import make_engine, now, reading, writing
from service.jobs import Job, JobStatus, promise_together
from service.listings.models import Listing, ListingStatus, ListingTag
from service.organizations.models import Organization, OrganizationStatus
from service.settings import Settings
from service.worker import make_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator
    from pathlib import Path

    from fastapi import FastAPI
    from sqlalchemy import Engine

    from matching.profiles import Side
    from service.jobs import Jobs
    from service.permissions import Role

T = TypeVar("T")
PASSWORD = "correct horse battery staple"
STARTING_SECONDS = 20.0


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in a thread of its own: a browser keeps a loop in this one while it is open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


@contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[int]:
    """The application, served by uvicorn in a thread; gives its port. Who listens at the end is cut off."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(100)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, timeout_keep_alive=600)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        until = time.monotonic() + STARTING_SECONDS
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        assert server.started, "the application did not start"
        try:
            yield door.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)


@dataclass
class Program:
    """A client of the API; what it gives back is the answer's JSON."""

    http: httpx.Client

    def ask(self, method: str, path: str, *, status: int = 200, **more: Any) -> Any:
        """What comes back, having the status that is expected."""
        answer = self.http.request(method, path, **more)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:2000])
        return answer.json() if answer.content else None

    def get(self, path: str, *, status: int = 200, **params: Any) -> Any:
        return self.ask("GET", path, status=status, params=params)

    def post(self, path: str, *, status: int = 200, **given: Any) -> Any:
        return self.ask("POST", path, status=status, json=given)

    def all_of(self, path: str, **params: Any) -> list[Any]:
        """Every item of a list that comes in pieces."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            piece = self.get(path, **params, **cursor)
            found += piece["items"]
            if piece["next"] is None:
                return found
            cursor = {"cursor": piece["next"]}


@dataclass
class House:
    """A running installation that tests look at from outside, and furnish from inside."""

    url: str
    app: FastAPI
    settings: Settings
    engine: Engine

    @cached_property
    def jobs(self) -> Jobs:
        """What does its jobs while nobody serves it."""
        return make_jobs(self.engine, self.settings)

    @cached_property
    def _password_hash(self) -> str:
        return hash_password(PASSWORD)

    def person(
        self, email: str, *, roles: list[Role] | None = None, language: str = "en", **member_of: Role
    ) -> str:
        """Makes somebody who can sign in, with places in organizations (by uid); gives a session's key."""
        with writing(self.engine) as session:
            user = User(
                email=email,
                name=email.partition("@")[0].title(),
                password_hash=self._password_hash,
                confirmed=now(),
                status=UserStatus.ACTIVE,
                roles=[str(role) for role in roles or ()],
                language=language,
            )
            session.add(user)
            session.flush()
            for uid, role in member_of.items():
                organization = session.exec(select(Organization).where(col(Organization.uid) == uid)).one()
                session.add(Membership(user_id=user.key, organization_id=organization.key, role=role))
        return self.sign_in(email)

    def sign_in(self, email: str) -> str:
        """Lets somebody who is known in; gives a session's key."""
        key = uuid4().hex
        with writing(self.engine) as session:
            user = session.exec(select(User).where(User.email == email)).one()
            session.add(
                SignIn(
                    token_hash=key_hash(key),
                    user_id=user.key,
                    last_seen=now(),
                    expires=now() + timedelta(days=1),
                )
            )
        return key

    def organization(self, name: str, kind: str, language: str, **more: Any) -> str:
        """Makes a verified organization; gives its uid."""
        values = {"status": OrganizationStatus.VERIFIED, "places": ["cn"], **more}
        with writing(self.engine) as session:
            session.add(made := Organization(name=name, kind=kind, language=language, **values))
            session.flush()
            return made.uid

    def listing(
        self, organization: str, side: Side, title: str, text: str, language: str, **more: Any
    ) -> str:
        """Makes an open listing and the promise to index it; gives its uid."""
        day = now().date()
        lines = [asdict(ResourceLine(**line)) for line in more.pop("lines", [])]
        values = {"themes": [], "places": [], "lines": lines, "expires": day + timedelta(days=60), **more}
        with writing(self.engine) as session:
            owner = session.exec(select(Organization).where(col(Organization.uid) == organization)).one()
            made = Listing(
                side=side,
                organization_id=owner.key,
                status=ListingStatus.PUBLISHED,
                title=title,
                text=text,
                language=language,
                published=day,
                revision=1,
                **values,
            )
            session.add(made)
            session.flush()
            for scheme in ("themes", "places"):
                for code in values[scheme]:
                    session.add(ListingTag(listing_id=made.key, scheme=scheme, code=code))
            for code in {line["kind"] for line in made.lines}:
                session.add(ListingTag(listing_id=made.key, scheme="kinds", code=code))
            promise_together(session, "embed_listings", listings=made.uid)
            return made.uid

    def find(self, title: str) -> Listing | None:
        """The listing with this title."""
        with reading(self.engine) as session:
            return session.exec(select(Listing).where(col(Listing.title) == title)).first()

    def wait_for_jobs(self, seconds: float = 60) -> None:
        """Until everything that was promised is done."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with reading(self.engine) as session:
                waiting = select(Job).where(
                    col(Job.status).in_([JobStatus.PROMISED, JobStatus.RUNNING]), col(Job.due) <= now()
                )
                if session.exec(waiting).first() is None:
                    return
            time.sleep(0.1)
        raise AssertionError(f"jobs are not done within {seconds} s")

    def mail_to(self, address: str, seconds: float = 15) -> str:
        """The text of the newest mail to somebody, once it has been sent."""
        from email import message_from_bytes, policy

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            outbox = (self.settings.data_dir / "outbox").glob("*.eml")
            files = sorted(outbox, key=lambda path: -path.stat().st_mtime)
            for path in files:
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                if address in str(mail["To"]):
                    return str(mail.get_content())
            time.sleep(0.1)
        raise AssertionError(f"no mail to {address} within {seconds} s")

    def program(self, key: str, scopes: Iterable[str], *, language: str = "en") -> Program:
        """A program of somebody who is signed in: it asks with an API token of theirs, made as they would."""
        with httpx.Client(base_url=self.url, cookies={SESSION_COOKIE: key}) as browser:
            asked = {"name": "journey", "scopes": sorted(scopes)}
            made = browser.post("/api/v1/accounts/tokens", json=asked)
        assert made.status_code == 201, made.text
        headers = {"authorization": f"Bearer {made.json()['secret']}", "accept-language": language}
        return Program(httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=120))

    def public(self) -> Program:
        """A program of nobody."""
        return Program(httpx.Client(base_url=f"{self.url}/api/v1", timeout=120))


def hold_rounds(house: House) -> None:
    """Each scenario that is there has its round, matched and left as the demonstration leaves it."""
    demo_rounds.hold(house.engine, house.jobs)


def demonstrate(house: House) -> None:
    """Everything that `qiao demo` shows."""
    demo.load(house.engine)
    hold_rounds(house)
    demo.sign_ins(house.engine, house.settings, "en")
    signed = demo_agreements.sign(house.engine, house.jobs)
    demo_books.keep(house.engine, signed, demo.facilitator(house.engine), house.settings.data_dir)


@contextmanager
def open_house(
    folder: Path, *, scenarios: Iterable[str] = (), furnish: Callable[[House], None] | None = None
) -> Iterator[House]:
    """An installation of its own in an empty folder, with the organizations of some bundled scenarios.

    `furnish` puts more into it, before anybody can look.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(
        data_dir=folder,
        public_url=f"http://localhost:{port}",
        secret="a secret for tests",
        rate_limit=False,
    ).ready()
    app = create_app(settings)
    engine = make_engine(settings.database_url)
    SQLModel.metadata.create_all(engine)
    demo.load(engine, names=scenarios)
    house = House(settings.public_url, app, settings, engine)
    if furnish is not None:
        furnish(house)
        house.jobs.run_all()
    with serving(app, port):
        yield house
    engine.dispose()
