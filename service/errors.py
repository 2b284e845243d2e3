"""What can go wrong on purpose, each with its HTTP status and a slug that never changes.

ServiceError
├── BadInput        422   some fields are wrong; `.problems` says which and why
├── SignInNeeded    401   nobody is signed in
├── NotAllowed      403   seen, but not theirs to do
├── NotFound        404   not there, or not theirs to see
├── NotNow          409   the state no longer allows it
├── Changed         412   somebody else has edited it meanwhile
├── TooLarge        413   more than is accepted at once
├── TooMany         429   too often; `.retry_after` seconds
└── Unavailable     503   something it stands on does not answer

The interface says them in the reader's language; under /api they are RFC 9457 problem documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that is wrong: its name in the form, and what to do about it."""

    field: str
    message: Message


class ServiceError(Exception):
    """Something the service refuses; `.message` says what and how to mend it."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "error"

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class BadInput(ServiceError):
    """Fields that cannot be taken, all of them at once."""

    status = 422
    slug = "bad-input"

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__(Message("bad-input", "Some fields need attention."))
        self.problems = tuple(problems)

    @classmethod
    def one(cls, field: str, message: Message) -> BadInput:
        """A single wrong field."""
        return cls([FieldProblem(field, message)])


class SignInNeeded(ServiceError):
    """Nobody is signed in, or the session has ended."""

    status = 401
    slug = "sign-in-needed"

    def __init__(self) -> None:
        super().__init__(Message("sign-in-needed", "Please sign in."))


class NotAllowed(ServiceError):
    """Seen, but not theirs to do."""

    status = 403
    slug = "not-allowed"

    def __init__(self, message: Message | None = None) -> None:
        super().__init__(message or Message("not-allowed", "Your role does not allow this."))


class NotFound(ServiceError):
    """Not there, or not theirs to see; nobody can tell which."""

    status = 404
    slug = "not-found"

    def __init__(self) -> None:
        super().__init__(Message("not-found", "This page or record does not exist."))


class NotNow(ServiceError):
    """The state it is in no longer allows this."""

    status = 409
    slug = "not-now"


class Changed(ServiceError):
    """Somebody else has edited it since it was read."""

    status = 412
    slug = "changed"

    def __init__(self) -> None:
        super().__init__(
            Message(
                "changed", "Somebody has changed this since you opened it. Look at the new version first."
            )
        )


class TooLarge(ServiceError):
    """More than is accepted at once."""

    status = 413
    slug = "too-large"


class TooMany(ServiceError):
    """Too often in too short a time."""

    status = 429
    slug = "too-many"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            Message("too-many", "Too many attempts. Try again in {seconds} seconds.", seconds=retry_after)
        )
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """Something the service stands on does not answer."""

    status = 503
    slug = "unavailable"
