"""Whether what people typed about themselves can be taken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from matching.messages import Message
from matching.text import LANGUAGES
from service.accounts.queries import fold_email
from service.errors import BadInput, FieldProblem, NotAllowed, SignInNeeded

if TYPE_CHECKING:
    from service.permissions import Actor

MOST_EMAIL = 254
MOST_NAME = 120
_ADDRESS = re.compile(
    r"[^@\s\x00-\x1f<>,;:\"()\[\]\\]+@[^@\s\x00-\x1f<>,;:\"()\[\]\\.]+(\.[^@\s\x00-\x1f<>,;:\"()\[\]\\.]+)+"
)


def email_problem(email: str) -> Message | None:
    """Why this cannot be an e-mail address, if it cannot."""
    if not email.strip():
        return Message("email-missing", "Enter your e-mail address.")
    folded = fold_email(email)
    if len(folded) > MOST_EMAIL or not folded.isprintable() or not _ADDRESS.fullmatch(folded):
        return Message("email-malformed", "This is not an e-mail address. It looks like name@example.org.")
    return None


def clean_name(name: str) -> str:
    """A name on one line, without characters that cannot be seen."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def name_problem(name: str) -> Message | None:
    """Why this cannot be taken as a name, if it cannot."""
    cleaned = clean_name(name)
    if not cleaned:
        return Message("name-missing", "Enter your name.")
    if "//" in cleaned or "www." in cleaned.lower():
        return Message("name-link", "Leave links out of the name.")
    if len(cleaned) > MOST_NAME:
        return Message("name-long", "Use at most {most} characters.", most=MOST_NAME)
    return None


def refuse(**problems: Message | None) -> None:
    """Raise BadInput if there is any problem."""
    found = [FieldProblem(field, problem) for field, problem in problems.items() if problem is not None]
    if found:
        raise BadInput(found)


def known(language: str, time_zone: str) -> tuple[str, str]:
    """The language and zone to start with: what a browser says, where we know it."""
    return (
        language if language in LANGUAGES else "en",
        time_zone if time_zone in available_timezones() else "UTC",
    )


def in_person(actor: Actor) -> None:
    """Only somebody signed in: a token cannot make tokens, end sessions or change who one is."""
    if not actor.signed_in:
        raise SignInNeeded
    if actor.scopes is not None:
        raise NotAllowed(
            Message("not-by-token", "This can only be done after signing in, not with an API token.")
        )
