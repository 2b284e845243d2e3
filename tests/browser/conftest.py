"""The real application on a free port and a real Chromium; skipped, with the reason, where there is none."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlmodel import SQLModel, col, select

from matching.profiles import ResourceLine
from service.accounts.models import Membership, SignIn, User, UserStatus
from service.accounts.proofs import hash_password, key_hash
from service.accounts.queries import SESSION_COOKIE
from service.db import make_engine, now, reading, writing
from service.jobs import Job, JobStatus
from service.listings.models import Listing, ListingStatus, ListingTag
from service.organizations.models import Organization, OrganizationStatus
from service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from playwright.sync_api import Browser, Page
    from sqlalchemy import Engine

    from matching.profiles import Side
    from service.permissions import Role

HERE = Path(__file__).parent
PASSWORD = "correct horse battery staple"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTING_SECONDS = 20.0


@dataclass
class House:
    """A running installation that tests look at from outside, and furnish from inside."""

    url: str
    app: FastAPI
    settings: Settings
    engine: Engine

    @cached_property
    def _password_hash(self) -> str:
        return hash_password(PASSWORD)

    def person(
        self, email: str, *, roles: list[Role] | None = None, language: str = "en", **member_of: Role
    ) -> str:
        """Makes somebody who can sign in, with places in organizations (by uid); gives a session's key."""
        key = uuid4().hex
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
            session.add(
                SignIn(
                    token_hash=key_hash(key),
                    user_id=user.key,
                    last_seen=now(),
                    expires=now() + timedelta(days=1),
                )
            )
        return key

    def organization(self, name: str, kind: str, language: str, **more: object) -> str:
        """Makes a verified organization; gives its uid."""
        values = {"status": OrganizationStatus.VERIFIED, "places": ["cn"], **more}
        with writing(self.engine) as session:
            session.add(made := Organization(name=name, kind=kind, language=language, **values))
            session.flush()
            return made.uid

    def listing(
        self, organization: str, side: Side, title: str, text: str, language: str, **more: object
    ) -> str:
        """Makes an open listing and the promise to index it; gives its uid."""
        from service.jobs import promise_together

        day = now().date()
        lines = [asdict(ResourceLine(**line)) for line in more.pop("lines", [])]  # type: ignore[attr-defined]
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
                for code in values[scheme]:  # type: ignore[attr-defined]
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


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The application, served by uvicorn in a thread, with the jobs running."""
    import uvicorn
    from jinja2 import ChoiceLoader, FileSystemLoader

    from service.app import create_app

    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("house"),
            public_url=f"http://localhost:{port}",
            secret="a secret for tests",
            rate_limit=False,
        ).ready()
        app = create_app(settings)
        engine = make_engine(settings.database_url)
        SQLModel.metadata.create_all(engine)
        templates = app.state.site.templates
        templates.loader = ChoiceLoader([templates.loader, FileSystemLoader(HERE)])
        door.listen(100)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        until = time.monotonic() + STARTING_SECONDS
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        assert server.started, "the application did not start"
        yield House(settings.public_url, app, settings, engine)
        server.should_exit = True
        thread.join(20)
        engine.dispose()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, house: House) -> Iterator[Callable[..., Page]]:
    """Opens a fresh browser window: `open_page("/search", language="es", width=390, key=house.person(…))`.

    What a script or the content policy complains about fails the test.
    """
    contexts = []
    complaints: list[str] = []

    def opened(
        path: str = "/", *, language: str = "en", width: int = 1280, key: str = "", scripts: bool = True
    ) -> Page:
        context = chromium.new_context(
            base_url=house.url,
            locale=language,
            viewport={"width": width, "height": 844},
            java_script_enabled=scripts,
        )
        contexts.append(context)
        if key:
            context.add_cookies([{"name": SESSION_COOKIE, "value": key, "url": house.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints
