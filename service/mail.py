"""Mail: written in the reader's language, sent by a job; kept in a folder where there is no server."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from matching.messages import Message
from service.errors import Unavailable
from service.i18n import catalogue
from service.jobs import promise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from service.jobs import Work
    from service.settings import Settings

TEMPLATES = Path(__file__).parent / "templates" / "mail"


def send(
    session: Session,
    to: str,
    template: str,
    language: str,
    *,
    files: Sequence[tuple[str, str, str]] = (),
    **values: Any,
) -> None:
    """Promise a mail: `templates/mail/<template>.txt`, whose first line is the subject.

    `files`: name, media type with its parameters, and text of each that is attached.
    """
    promise(
        session, "send_mail", to=to, template=template, language=language, values=values, files=list(files)
    )


def deliver(
    work: Work,
    *,
    to: str,
    template: str,
    language: str,
    values: dict[str, Any],
    files: Sequence[tuple[str, str, str]] = (),
) -> None:
    """The job behind `send`. A server that does not answer raises Unavailable, and the job is tried again."""
    settings = work.settings
    subject, body = compose(template, language, {**values, "public_url": settings.public_url})
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail.set_content(body)
    for name, media_type, text in files:
        _attach(mail, name, media_type, text)
    mail["From"], mail["To"], mail["Subject"] = settings.mail_from, to, subject
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="qiao")
    mail["Auto-Submitted"], mail["Content-Language"] = "auto-generated", language
    if settings.smtp_url:
        _transmit(settings, mail)
    else:
        outbox = settings.data_dir / "outbox"
        outbox.mkdir(exist_ok=True)
        (outbox / f"{work.job}.eml").write_bytes(mail.as_bytes())


def _attach(mail: EmailMessage, name: str, media_type: str, text: str) -> None:
    """Attach a text; parameters of its type (`method=REQUEST`) are what mail programs act upon."""
    kind, *parameters = (part.strip() for part in media_type.split(";"))
    main, _, sub = kind.partition("/")
    mail.add_attachment(text.encode(), maintype=main, subtype=sub, filename=name)
    part = list(mail.iter_attachments())[-1]
    for parameter in ("charset=utf-8", *parameters):
        key, _, value = parameter.partition("=")
        part.set_param(key, value)


def compose(template: str, language: str, values: dict[str, Any]) -> tuple[str, str]:
    """Subject and body of a mail in a language."""
    environment = Environment(  # noqa: S701 — plain text, nothing to escape
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    subject, _, body = environment.get_template(f"{template}.txt").render(values).partition("\n")
    return " ".join(subject.split()), body.strip() + "\n"


def _transmit(settings: Settings, mail: EmailMessage) -> None:
    url = urlsplit(settings.smtp_url)
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(url.hostname or "localhost", url.port or 0, timeout=20) as server:
            if url.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls()
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(mail)
    except OSError as error:
        raise Unavailable(
            Message("mail-unavailable", "The mail server does not answer: {reason}", reason=str(error))
        ) from error
