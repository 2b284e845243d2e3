"""Mail as it arrives, and organizations to belong to."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session

from service.db import writing
from service.organizations.models import Organization

if TYPE_CHECKING:
    from email.message import EmailMessage

    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.settings import Settings

Inbox = Callable[[str], list["EmailMessage"]]
Link = Callable[[str], str]


@pytest.fixture
def inbox(jobs: Jobs, settings: Settings) -> Inbox:
    """All mail that an address has got, the oldest first."""

    def arrived(address: str) -> list[EmailMessage]:
        jobs.run_all()
        files = sorted((settings.data_dir / "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [mail for mail in mails if mail["To"] == address]

    return arrived


@pytest.fixture
def link(inbox: Inbox, settings: Settings) -> Link:
    """The path of the first link in the last mail to an address."""

    def found(address: str) -> str:
        text = inbox(address)[-1].get_content()
        match = re.search(re.escape(settings.public_url) + r"(/accounts/\S+)", text)
        assert match, text
        return match[1]

    return found


@pytest.fixture
def organization(engine: Engine) -> Organization:
    """An organization nobody belongs to yet."""
    return new_organization(engine, "Green Town")


def new_organization(engine: Engine, name: str) -> Organization:
    """One more organization."""
    organization = Organization(name=name, kind="ngo")
    with writing(engine) as session:
        session.add(organization)
    return organization


def fresh(engine: Engine) -> Session:
    """A session that sees what has been committed by now."""
    return Session(engine)
