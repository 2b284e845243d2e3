"""Agreements, their parties, the versions of their text, comments and signatures."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

TITLE_CHARACTERS = 200
COMMENT_CHARACTERS = 4_000
SOURCE_CHARACTERS = 500


class AgreementStatus(StrEnum):
    """How far an agreement is. Whether its term has passed is a predicate, not a status."""

    DRAFT = "draft"
    SIGNING = "signing"
    IN_FORCE = "in-force"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    ABANDONED = "abandoned"


_A = AgreementStatus
AGREEMENT = Lifecycle(
    "agreement",
    step("open_signing", _A.DRAFT, _A.SIGNING),
    step("revise", _A.SIGNING, _A.DRAFT, needs_reason=True),
    step("enter_force", _A.SIGNING, _A.IN_FORCE),
    step("suspend", _A.IN_FORCE, _A.SUSPENDED, needs_reason=True),
    step("resume", _A.SUSPENDED, _A.IN_FORCE),
    step("complete", _A.IN_FORCE, _A.COMPLETED),
    step("terminate", (_A.IN_FORCE, _A.SUSPENDED), _A.TERMINATED, needs_reason=True),
    step("abandon", (_A.DRAFT, _A.SIGNING), _A.ABANDONED, needs_reason=True),
)
SIGNED = (_A.IN_FORCE, _A.SUSPENDED, _A.COMPLETED, _A.TERMINATED)
"""All parties have signed: these are the cooperations that are public and make the graph."""


class AgreementKind(StrEnum):
    """Which template its text began from."""

    DONATION = "donation"
    PURCHASE = "purchase"
    COOPERATION = "cooperation"
    THREE_PARTY = "three-party"


class Agreement(Row, table=True):
    """One agreement between two or more organizations, or an amendment of one."""

    __tablename__ = "agreement"

    number: str = Field(max_length=20, unique=True)
    """What people call it by: year and running number, `2026-0012`."""
    kind: AgreementKind = Field(sa_column=status_column(AgreementKind, name="agreement_kind"))
    status: AgreementStatus = Field(
        default=AgreementStatus.DRAFT, sa_column=status_column(AgreementStatus, name="agreement_status")
    )
    title: str = Field(max_length=TITLE_CHARACTERS)
    language: str = Field(default="en", max_length=8)
    """Of the title, and the first language of the text."""
    second_language: str = Field(default="", max_length=8)
    """Printed beside the first; empty: none."""
    round_id: int | None = Field(default=None, foreign_key="round.id", index=True)
    need_id: int | None = Field(default=None, foreign_key="listing.id", index=True)
    """The need it answers, so that anybody can follow it from there to the final report."""
    request_id: int | None = Field(default=None, foreign_key="listing_request.id")
    """The request outside any round from which it was drafted."""
    amends_id: int | None = Field(default=None, foreign_key="agreement.id", index=True)
    """Of an amendment: what it changes once it is in force."""
    terms: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The newest version: the fields of `agreements.terms.Terms`."""
    revision: int = 1
    """The number of that version."""
    text_hash: str = Field(default="", max_length=64)
    """SHA-256 of the text that is being signed or was signed; empty in a draft."""
    starts: date | None = None
    ends: date | None = None
    """Copies of the terms' dates, for lists and calendars."""
    in_force: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the last party signed."""
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was completed, terminated or abandoned."""
    drafted_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its text, the one that prevails first."""
        return (self.language, self.second_language) if self.second_language else (self.language,)


class Origin(Row, table=True):
    """Where a cooperation is written down that was signed elsewhere and brought in."""

    __tablename__ = "agreement_origin"

    agreement_id: int = Field(foreign_key="agreement.id", unique=True)
    source: str = Field(max_length=SOURCE_CHARACTERS)
    """Who keeps it, or where it was published; public."""
    reference: str = Field(default="", max_length=100)
    """What it is called by there; public."""
    same_as: str = Field(max_length=64, unique=True)
    """What tells it apart, hashed, so that bringing it in again brings it in once."""
    offer_id: int | None = Field(default=None, foreign_key="listing.id")
    """The offer whose budget it uses."""


class AgreementTag(SQLModel, table=True):
    """A theme or place of a cooperation that answers no need here."""

    __tablename__ = "agreement_tag"

    agreement_id: int = Field(foreign_key="agreement.id", primary_key=True)
    scheme: str = Field(max_length=20, primary_key=True)
    code: str = Field(max_length=60, primary_key=True, index=True)


class CooperationSheet(Row, table=True):
    """A spreadsheet of earlier cooperations, kept while somebody looks at it and decides on it."""

    __tablename__ = "cooperation_sheet"

    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    filename: str = Field(max_length=200)
    source: str = Field(default="", max_length=SOURCE_CHARACTERS)
    """Of the rows that name none."""
    tables: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    repairs: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]")
    )
    """What was typed in place of a cell: sheet, row, column, value."""


class AgreementPairing(Row, table=True):
    """A pairing of a round that an agreement carries out; a bundle of co-sponsors has several."""

    __tablename__ = "agreement_pairing"
    __table_args__ = (UniqueConstraint("agreement_id", "pairing_id", name="agreement_pairing_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    pairing_id: int = Field(foreign_key="pairing.id", index=True)


class PartyRole(StrEnum):
    """What an organization does in an agreement."""

    FUNDER = "funder"
    IMPLEMENTER = "implementer"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    PARTNER = "partner"


class Party(Row, table=True):
    """An organization that the agreement binds."""

    __tablename__ = "agreement_party"
    __table_args__ = (UniqueConstraint("agreement_id", "organization_id", name="agreement_party_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    role: PartyRole = Field(sa_column=status_column(PartyRole, name="agreement_party_role"))
    position: int = 0
    """Its place in the text: party A is 0."""


class Revision(Row, table=True):
    """One version of an agreement's text, kept as it was."""

    __tablename__ = "agreement_revision"
    __table_args__ = (UniqueConstraint("agreement_id", "number", name="agreement_revision_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    number: int
    terms: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What was changed and why, as its author says it."""
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    organization_id: int | None = Field(default=None, foreign_key="organization.id")
    """For whom its author wrote; nobody: a facilitator."""


class Comment(Row, table=True):
    """A remark on a clause, or on the whole, during negotiation."""

    __tablename__ = "agreement_comment"

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    clause: str = Field(default="", max_length=40)
    """Key of the clause; empty: the whole."""
    revision: int
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    organization_id: int | None = Field(default=None, foreign_key="organization.id")
    resolved: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SignatureMethod(StrEnum):
    """How a party signed."""

    ELECTRONIC = "electronic"
    SCAN = "scan"
    STAGE = "stage"


class Signature(Row, table=True):
    """One party's signature under one text."""

    __tablename__ = "agreement_signature"
    __table_args__ = (
        Index(
            "agreement_signature_once",
            "party_id",
            "text_hash",
            unique=True,
            sqlite_where=text("voided IS NULL"),
            postgresql_where=text("voided IS NULL"),
        ),
    )

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    party_id: int = Field(foreign_key="agreement_party.id", index=True)
    method: SignatureMethod = Field(
        default=SignatureMethod.ELECTRONIC,
        sa_column=status_column(SignatureMethod, name="agreement_signature_method"),
    )
    text_hash: str = Field(max_length=64)
    name: str = Field(max_length=120)
    """Who signed, as it stands under the text."""
    position: str = Field(default="", max_length=120)
    """Her office in the organization: "director"."""
    scan: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Of a scan: filename, media_type, size, sha256."""
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    """Who signed here, or handed in the scan."""
    voided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the text was taken back to draft, so that it counts no longer."""
