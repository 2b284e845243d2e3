"""Mail: promised with its cause, in the reader's language, through a real server."""

from __future__ import annotations

import email
import email.policy
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from sqlmodel import select

from matching.text import LANGUAGES
from service import mail
from service.db import reading, writing
from service.jobs import Job, Jobs, JobStatus, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from sqlalchemy import Engine

    from service.settings import Settings

USER, PASSWORD = "post@example.org", "p@ss:word/%"


class Inbox:
    """What an SMTP server has received."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def smtp(inbox: Inbox) -> Iterator[Callable[..., str]]:
    servers: list[Controller] = []

    def start(**options: Any) -> str:
        server = Controller(inbox, hostname="127.0.0.1", port=_free_port(), **options)
        server.start()
        servers.append(server)
        return f"127.0.0.1:{server.port}"

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "greeting.txt").write_text("{{ word }} — 桥\n\nHello {{ name }},\n{{ public_url }}/x\n")
    monkeypatch.setattr(mail, "TEMPLATES", folder)
    return folder


def _jobs(engine: Engine, settings: Settings, **changes: Any) -> Jobs:
    return Jobs(engine, settings.model_copy(update=changes), {"send_mail": mail.deliver})


def _send(engine: Engine, to: str = "li@example.org", **values: Any) -> None:
    with writing(engine) as session:
        mail.send(session, to, "greeting", "en", **({"name": "李娜", "word": "Привет"} | values))


@pytest.mark.usefixtures("templates")
def test_mail_reaches_a_server(
    engine: Engine, settings: Settings, smtp: Callable[..., str], inbox: Inbox
) -> None:
    _send(engine)
    assert _jobs(engine, settings, smtp_url=f"smtp://{smtp()}").run_all() == 1
    [received] = inbox.mails
    assert inbox.recipients == ["li@example.org"]
    assert received["Subject"] == "Привет — 桥"
    assert received["From"] == settings.mail_from
    assert received["Auto-Submitted"] == "auto-generated"
    assert received.get_content().splitlines()[0] == "Hello 李娜,"
    assert "http://localhost:8000/x" in received.get_content()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.usefixtures("templates")
def test_server_that_asks_for_a_password_gets_it(
    engine: Engine, settings: Settings, smtp: Callable[..., str], inbox: Inbox
) -> None:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))

    address = smtp(authenticator=check, auth_required=True, auth_require_tls=False)
    _send(engine)
    url = f"smtp://post%40example.org:p%40ss%3Aword%2F%25@{address}"
    _jobs(engine, settings, smtp_url=url).run_all()
    assert len(inbox.mails) == 1


@pytest.mark.usefixtures("templates")
def test_server_that_does_not_answer_is_tried_again(engine: Engine, settings: Settings) -> None:
    _send(engine)
    _jobs(engine, settings, smtp_url=f"smtp://127.0.0.1:{_free_port()}").run_all()
    with reading(engine) as session:
        job = session.exec(select(Job)).one()
    assert job.status is JobStatus.PROMISED
    assert job.error.startswith("Unavailable: The mail server does not answer")


@pytest.mark.usefixtures("templates")
def test_without_a_server_mail_lies_in_a_folder(engine: Engine, settings: Settings) -> None:
    _send(engine)
    _jobs(engine, settings).run_all()
    [file] = (settings.data_dir / "outbox").glob("*.eml")
    assert "=?utf-8?" in file.read_text(encoding="ascii")


@pytest.mark.usefixtures("templates")
def test_line_break_in_a_value_adds_no_header(
    engine: Engine, settings: Settings, smtp: Callable[..., str], inbox: Inbox
) -> None:
    _send(engine, word="x\nBcc: victim@example.org\n")
    _jobs(engine, settings, smtp_url=f"smtp://{smtp()}").run_all()
    assert inbox.recipients == ["li@example.org"]
    assert inbox.mails[0]["Bcc"] is None


@pytest.mark.usefixtures("templates")
def test_template_with_a_missing_value_is_an_error(engine: Engine, settings: Settings) -> None:
    with pytest.raises(Exception, match="'name' is undefined"):
        mail.deliver(
            Work(engine, settings, None, "j"),
            to="a@example.org",
            template="greeting",
            language="en",
            values={"word": "x"},
        )


def test_every_template_has_a_subject_line() -> None:
    found = sorted(mail.TEMPLATES.glob("*.txt"))
    assert found
    for template in found:
        assert template.read_text(encoding="utf-8").partition("\n")[0].strip(), template.name
    assert len(LANGUAGES) == 5
