"""People, their sign-ins and tokens, their places in organizations, invitations, and forms kept for them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Typed
from sqlalchemy import JSON, CheckConstraint, Column, UniqueConstraint
from sqlalchemy import Enum as Values
from sqlmodel import Field

from service.db import Row, UtcDateTime
from service.lifecycle import Lifecycle, step
from service.permissions import Role

SERVICE_ROLES = (Role.REVIEWER, Role.FACILITATOR, Role.ADMINISTRATOR)
"""Roles somebody has in the whole service."""
ORGANIZATION_ROLES = (Role.OWNER, Role.EDITOR, Role.VIEWER)
"""Roles somebody has in one organization."""


class UserStatus(StrEnum):
    """Signed up, confirmed, or closed."""

    REGISTERED = "registered"
    ACTIVE = "active"
    CLOSED = "closed"


USER = Lifecycle(
    "user",
    step("confirm", UserStatus.REGISTERED, UserStatus.ACTIVE),
    step("close", (UserStatus.REGISTERED, UserStatus.ACTIVE), UserStatus.CLOSED, needs_reason=True),
    step("reopen", UserStatus.CLOSED, UserStatus.ACTIVE, needs_reason=True),
)


class InvitationStatus(StrEnum):
    """Sent, taken up, or taken back. That it has expired is a matter of its date."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


INVITATION = Lifecycle(
    "invitation",
    step("accept", InvitationStatus.PENDING, InvitationStatus.ACCEPTED),
    step("withdraw", InvitationStatus.PENDING, InvitationStatus.WITHDRAWN),
)


def _stored(values: type[StrEnum], name: str, *, checked: bool = True) -> Column[Any]:
    """A column of an enumeration's values, with a CHECK unless the table has its own."""
    kind = Values(
        values,
        native_enum=False,
        values_callable=lambda members: [member.value for member in members],
        create_constraint=checked,
        length=20,
        name=name,
    )
    return Column(kind, nullable=False, index=True)


def _in_organization(name: str) -> CheckConstraint:
    """Only the roles that one has in an organization."""
    roles = ", ".join(f"'{role}'" for role in ORGANIZATION_ROLES)
    return CheckConstraint(f"role IN ({roles})", name=name)


class User(Row, table=True):
    """A person. Who came through OpenID or an invitation not yet taken up may have no password."""

    email: str = Field(max_length=254, unique=True, index=True)
    """Folded: as compared, in lower case."""
    name: str = Field(max_length=120)
    password_hash: str = Field(default="", max_length=255)
    openid: str | None = Field(default=None, max_length=255, unique=True)
    """Issuer and subject, where somebody has signed in through OpenID."""
    confirmed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    language: str = Field(default="en", max_length=12)
    time_zone: str = Field(default="UTC", max_length=60)
    roles: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Of SERVICE_ROLES."""
    status: UserStatus = Field(default=UserStatus.REGISTERED, sa_column=_stored(UserStatus, "user_status"))
    erased: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the person had everything about them taken out; only the number is left, which the log names."""


class ConsentPurpose(StrEnum):
    """What somebody can say yes or no to."""

    RECOMMENDATIONS = "recommendations"
    DIGESTS = "digests"
    INTRODUCTIONS = "introductions"


class Consent(Row, table=True):
    """What somebody said to one purpose; the last word counts, the earlier ones stay as proof."""

    user_id: int = Field(foreign_key="user.id", index=True)
    purpose: ConsentPurpose = Field(sa_column=_stored(ConsentPurpose, "consent_purpose"))
    given: bool


class Membership(Row, table=True):
    """A person's role in one organization."""

    __table_args__ = (
        UniqueConstraint("user_id", "organization_id", name="membership_once"),
        _in_organization("membership_role"),
    )

    user_id: int = Field(foreign_key="user.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    role: Role = Field(sa_column=_stored(Role, "role", checked=False))


class SignIn(Row, table=True):
    """A browser in which somebody is signed in. Of its cookie only the hash is kept."""

    token_hash: str = Field(max_length=64, unique=True, index=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    last_seen: datetime = Field(sa_type=UtcDateTime)
    user_agent: str = Field(default="", max_length=300)
    expires: datetime = Field(sa_type=UtcDateTime, index=True)
    revoked: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Token(Row, table=True):
    """A key for programs, bounded by its scopes. Only its hash is kept."""

    user_id: int = Field(foreign_key="user.id", index=True)
    name: str = Field(max_length=80)
    token_hash: str = Field(max_length=64, unique=True, index=True)
    scopes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    last_used: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Invitation(Row, table=True):
    """An organization asks somebody to join it in a role. Carries the organization's name as it was."""

    __table_args__ = (_in_organization("invitation_role"),)

    organization_id: int = Field(foreign_key="organization.id", index=True)
    organization_name: str = Field(max_length=300)
    email: str = Field(max_length=254, index=True)
    role: Role = Field(sa_column=_stored(Role, "role", checked=False))
    invited_by: int = Field(foreign_key="user.id")
    expires: datetime = Field(sa_type=UtcDateTime)
    status: InvitationStatus = Field(
        default=InvitationStatus.PENDING, sa_column=_stored(InvitationStatus, "invitation_status")
    )


class HeldForm(Row, table=True):
    """What was typed into a form after the session had ended, kept until the person is back."""

    token_hash: str = Field(max_length=64, unique=True, index=True)
    path: str = Field(max_length=500)
    fields: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    expires: datetime = Field(sa_type=UtcDateTime, index=True)


# What the API takes and gives --------------------------------------------------------------------------


class AccountOut(BaseModel):
    """The person who asks."""

    id: str
    email: str
    name: str
    language: str
    time_zone: str
    roles: list[str]
    created: datetime

    @classmethod
    def of(cls, user: User) -> AccountOut:
        """What is told of a user."""
        return cls(
            id=user.uid,
            email=user.email,
            name=user.name,
            language=user.language,
            time_zone=user.time_zone,
            roles=sorted(user.roles),
            created=user.created,
        )


class AccountIn(BaseModel):
    """What somebody may change about themselves; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Li Na", "language": "zh-Hans", "time_zone": "Asia/Shanghai"}]
        },
    )

    name: str | None = Typed(default=None, max_length=120)
    language: str | None = Typed(default=None, max_length=12)
    time_zone: str | None = Typed(default=None, max_length=60)


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Nightly import", "scopes": ["listing:import"], "days": 90}]
        },
    )

    name: str = Typed(max_length=80)
    scopes: list[str] = Typed(default_factory=list, max_length=100)
    days: int | None = Typed(default=None, ge=1, le=3650)
    """After how many days it ends; without it, when it is revoked."""


class TokenOut(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created: datetime
    expires: datetime | None
    last_used: datetime | None

    @classmethod
    def of(cls, token: Token) -> TokenOut:
        """What is told of a token."""
        return cls(
            id=token.uid,
            name=token.name,
            scopes=token.scopes,
            created=token.created,
            expires=token.expires,
            last_used=token.last_used,
        )


class NewTokenOut(BaseModel):
    """A token that has just been made: the only time its secret is told."""

    token: TokenOut
    secret: str


class SessionOut(BaseModel):
    """A browser in which the person is signed in."""

    id: str
    device: str
    created: datetime
    last_seen: datetime
    expires: datetime
    current: bool

    @classmethod
    def of(cls, signed_in: SignIn, device: str, *, current: bool) -> SessionOut:
        """What is told of a sign-in."""
        return cls(
            id=signed_in.uid,
            device=device,
            created=signed_in.created,
            last_seen=signed_in.last_seen,
            expires=signed_in.expires,
            current=current,
        )


class TokenList(BaseModel):
    """Tokens."""

    items: list[TokenOut]


class SessionList(BaseModel):
    """Sessions."""

    items: list[SessionOut]
