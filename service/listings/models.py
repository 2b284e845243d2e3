"""Needs and offers (together: listings), questions about them, requests that answer them, imports.

Amounts are integers in hundredths of their unit, as in `matching.profiles`.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits
from sqlalchemy import JSON, BigInteger, Column, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from matching.profiles import Side
from service.db import Row, UtcDateTime, now, status_column
from service.lifecycle import Lifecycle, step

TITLE_CHARACTERS = 200
TEXT_CHARACTERS = 10_000
REMARK_CHARACTERS = 2_000
"""The longest question, answer, request or reason."""
MOST_LINES = 20
MOST_CODES = 30
"""How many words one field of words may have."""
MOST_ATTACHMENTS = 10
DAYS_OPEN = 90
"""How long a listing stays open where nobody says otherwise, and for how long it is renewed."""
MOST_DAYS_OPEN = 730
REMIND_DAYS = 7
"""How many days before it expires a listing's editors are reminded."""
REPLY_WORKING_DAYS = 5
MOST_PENDING = 3
"""How many requests an organization may have waiting for a reply at once."""


class ListingStatus(StrEnum):
    """How far a need or offer is. Whether it has expired is also a predicate: `queries.open_on`."""

    DRAFT = "draft"
    PUBLISHED = "published"
    FULFILLED = "fulfilled"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


LISTING = Lifecycle(
    "listing",
    step("publish", (ListingStatus.DRAFT, ListingStatus.WITHDRAWN), ListingStatus.PUBLISHED),
    step("renew", (ListingStatus.PUBLISHED, ListingStatus.EXPIRED), ListingStatus.PUBLISHED),
    step("fulfil", ListingStatus.PUBLISHED, ListingStatus.FULFILLED),
    step("withdraw", ListingStatus.PUBLISHED, ListingStatus.WITHDRAWN, needs_reason=True),
    step("expire", ListingStatus.PUBLISHED, ListingStatus.EXPIRED),
)


class Listing(Row, table=True):
    """One need or offer. `revision` grows with everything that others may see, so that the index follows."""

    __tablename__ = "listing"

    side: Side = Field(sa_column=status_column(Side, name="listing_side"))
    organization_id: int = Field(foreign_key="organization.id", index=True)
    status: ListingStatus = Field(
        default=ListingStatus.DRAFT, sa_column=status_column(ListingStatus, name="listing_status")
    )
    title: str = Field(max_length=TITLE_CHARACTERS)
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    """The language it is written in, by `matching.text` unless somebody said otherwise."""
    language_chosen: bool = False
    """Whether somebody said which language it is in, so that no later edit detects another."""
    themes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    groups: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    goals: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    places: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    languages: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The languages that can be worked in."""
    lines: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The fields of `matching.profiles.ResourceLine`; `worth` is `{amount, unit}` or None."""
    strings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Those fields of `matching.profiles.Strings` that differ from their defaults."""
    preferences: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """uids of listings of the other side, best first."""
    starts: date | None = None
    ends: date | None = None
    published: date | None = Field(default=None, index=True)
    expires: date | None = Field(default=None, index=True)
    """The last day on which it is open."""
    beneficiaries: int | None = Field(default=None, sa_type=BigInteger)
    most_projects: int | None = Field(default=None, sa_type=BigInteger)
    budget: int | None = Field(default=None, index=True, sa_type=BigInteger)
    """The largest sum of money among its lines, for filters and sorting; hundredths of `currency`."""
    currency: str = Field(default="", max_length=3)
    revision: int = Field(default=0, index=True)
    reminded: date | None = None
    """The expiry that its editors have been reminded of."""
    copied_from: str = Field(default="", max_length=32)
    source: str = Field(default="", max_length=140)
    """Of an imported one: the import's uid and the row's ID, so that it is never imported twice."""
    synthetic: bool = False


class ListingTag(SQLModel, table=True):
    """One word of the vocabulary that a listing has, for filters and counts; kept by `actions`.

    Schemes: themes, groups, goals, places, kinds (of its lines), languages.
    """

    __tablename__ = "listing_tag"

    listing_id: int = Field(foreign_key="listing.id", primary_key=True, ondelete="CASCADE")
    scheme: str = Field(max_length=20, primary_key=True)
    code: str = Field(max_length=60, primary_key=True, index=True)


class Unsaved(Row, table=True):
    """What one person has typed into a listing's form and not saved yet."""

    __tablename__ = "listing_unsaved"
    __table_args__ = (UniqueConstraint("listing_id", "user_id", "step", name="listing_unsaved_once"),)

    listing_id: int = Field(foreign_key="listing.id", index=True, ondelete="CASCADE")
    user_id: int = Field(foreign_key="user.id", index=True, ondelete="CASCADE")
    step: int
    fields: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Attachment(Row, table=True):
    """A file that belongs to a listing; its content lies in the data folder under its SHA-256."""

    __tablename__ = "listing_attachment"

    listing_id: int = Field(foreign_key="listing.id", index=True, ondelete="CASCADE")
    filename: str = Field(max_length=200)
    media_type: str = Field(max_length=100)
    size: int
    sha256: str = Field(max_length=64)
    added_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class InquiryStatus(StrEnum):
    """Whether a question has been answered."""

    OPEN = "open"
    ANSWERED = "answered"


INQUIRY = Lifecycle("inquiry", step("answer", InquiryStatus.OPEN, InquiryStatus.ANSWERED))


class Inquiry(Row, table=True):
    """A question about a listing and its answer; all who see the listing see the answered ones."""

    __tablename__ = "listing_inquiry"

    listing_id: int = Field(foreign_key="listing.id", index=True, ondelete="CASCADE")
    status: InquiryStatus = Field(
        default=InquiryStatus.OPEN, sa_column=status_column(InquiryStatus, name="listing_inquiry_status")
    )
    text: str = Field(sa_column=Column(Text, nullable=False))
    answer: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    answer_language: str = Field(default="und", max_length=8)
    asked_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    answered_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    answered: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RequestStatus(StrEnum):
    """How a request fared. Whether its time to reply is over is also a predicate: `queries.waiting_on`."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


REQUEST = Lifecycle(
    "request",
    step("accept", RequestStatus.PENDING, RequestStatus.ACCEPTED),
    step("decline", RequestStatus.PENDING, RequestStatus.DECLINED, needs_reason=True),
    step("withdraw", RequestStatus.PENDING, RequestStatus.WITHDRAWN),
    step("lapse", RequestStatus.PENDING, RequestStatus.LAPSED),
)


class Request(Row, table=True):
    """One organization asks another, outside any round: may we have your offer, may we meet your need?"""

    __tablename__ = "listing_request"

    listing_id: int = Field(foreign_key="listing.id", index=True)
    from_organization_id: int = Field(foreign_key="organization.id", index=True)
    to_organization_id: int = Field(foreign_key="organization.id", index=True)
    own_listing_id: int | None = Field(default=None, foreign_key="listing.id")
    """The sender's own need or offer that goes with it."""
    status: RequestStatus = Field(
        default=RequestStatus.PENDING, sa_column=status_column(RequestStatus, name="listing_request_status")
    )
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    reply_by: date = Field(index=True)
    """The last day on which it can be answered."""
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What was said on accepting, or why it was declined."""
    answered: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reminded: bool = False
    sent_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class ImportStatus(StrEnum):
    """How far a spreadsheet is."""

    MENDING = "mending"
    QUEUED = "queued"
    DONE = "done"
    DISCARDED = "discarded"


IMPORT = Lifecycle(
    "import",
    step("apply", ImportStatus.MENDING, ImportStatus.QUEUED),
    step("finish", ImportStatus.QUEUED, ImportStatus.DONE),
    step("discard", ImportStatus.MENDING, ImportStatus.DISCARDED),
)


class Import(Row, table=True):
    """A spreadsheet that was uploaded: its cells, what was mended in them, what came of it."""

    __tablename__ = "listing_import"

    organization_id: int = Field(foreign_key="organization.id", index=True)
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    status: ImportStatus = Field(
        default=ImportStatus.MENDING, sa_column=status_column(ImportStatus, name="listing_import_status")
    )
    filename: str = Field(max_length=200)
    side: str = Field(default="", max_length=10)
    """need or offer, where the file does not say it."""
    tables: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Name and rows of each table, as uploaded."""
    repairs: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """What was typed in place of a cell: sheet, row, column, value."""
    publish: bool = False
    """Whether its listings are published at once."""
    job: str = Field(default="", max_length=32)
    created_count: int = 0
    updated_count: int = 0
    """Listings that were here already and were changed."""
    skipped_count: int = 0
    left_out: int = 0
    """Rows that could not be read and were not mended."""
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)


# What people type -------------------------------------------------------------------------------------

Words = Annotated[list[Annotated[str, Limits(max_length=100)]], Limits(max_length=MOST_CODES)]
Written = Annotated[str, Limits(max_length=60)]
"""A number or day as people write it."""
AmountIn = Annotated[int | float, Limits(ge=0, le=1_000_000_000_000)] | Written | None


class LineIn(BaseModel):
    """One resource: how much of what. Amounts are whole units: a number, or text such as `28万元`."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Limits(max_length=100, description="A code or label of kinds.", examples=["money"])]
    amount: AmountIn = None
    unit: Annotated[str, Limits(max_length=60, description="A currency or a code of units.")] = ""
    minimum: AmountIn = None
    labour: AmountIn = None
    overhead: AmountIn = None
    critical: bool | None = None
    worth: Annotated[str, Limits(max_length=60, description="Of an offer: its value, as `60000 CNY`.")] = ""
    cheque_min: AmountIn = None
    cheque_max: AmountIn = None


class StringsIn(BaseModel):
    """Conditions that an offer makes; what is left empty asks for nothing."""

    model_config = ConfigDict(extra="forbid")

    places: Words = Limits(default_factory=list)
    groups: Words = Limits(default_factory=list)
    themes: Words = Limits(default_factory=list)
    organization_kinds: Words = Limits(default_factory=list)
    languages: Words = Limits(default_factory=list)
    min_rating: Annotated[int, Limits(ge=1, le=5)] | None = None
    min_beneficiaries: Annotated[int, Limits(ge=0, le=1_000_000_000)] | None = None
    verified: bool = False
    pays_labour: bool = True
    pays_overhead: bool = True
    vetoes: Words = Limits(default_factory=list, description="Names or ids of organizations.")


class ListingChange(BaseModel):
    """Changed fields of a listing; what is left out stays. Days are ISO dates or as people write them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "Clean water for a village school"}]}
    )

    title: Annotated[str, Limits(max_length=TITLE_CHARACTERS)] = ""
    text: Annotated[str, Limits(max_length=TEXT_CHARACTERS)] = ""
    language: Annotated[
        Literal["zh-Hans", "zh-Hant", "en", "ru", "es", ""], Limits(description="Empty: detected.")
    ] = ""
    themes: Words = Limits(default_factory=list)
    groups: Words = Limits(default_factory=list)
    goals: Words = Limits(default_factory=list)
    places: Words = Limits(default_factory=list)
    languages: Words = Limits(default_factory=list)
    lines: Annotated[list[LineIn], Limits(max_length=MOST_LINES)] = Limits(default_factory=list)
    starts: Written | None = None
    ends: Written | None = None
    expires: Written | None = None
    beneficiaries: Annotated[int, Limits(ge=0, le=1_000_000_000)] | None = None
    most_projects: Annotated[int, Limits(ge=1, le=1_000_000)] | None = None
    strings: StringsIn = Limits(default_factory=StringsIn)


class ListingIn(ListingChange):
    """A new need or offer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "side": "need",
                    "organization": "3f2c9a…",
                    "title": "农村学校饮用水净化",
                    "text": "为六所村小安装净水设备，并培训老师维护。",
                    "themes": ["water-sanitation"],
                    "groups": ["students"],
                    "places": ["yunnan"],
                    "lines": [
                        {"kind": "money", "amount": 280000, "unit": "CNY", "minimum": 150000},
                        {"kind": "volunteers", "amount": 20, "unit": "day"},
                    ],
                    "beneficiaries": 1200,
                    "starts": "2027-03-01",
                }
            ]
        },
    )

    side: Side
    organization: Annotated[str, Limits(max_length=32, description="The organization's id.")]
    title: Annotated[str, Limits(min_length=1, max_length=TITLE_CHARACTERS)]


class ReasonIn(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Already met."}]})

    reason: Annotated[str, Limits(max_length=REMARK_CHARACTERS)]


class RemarkIn(BaseModel):
    """A question or an answer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Could you start in May?"}]}
    )

    text: Annotated[str, Limits(max_length=REMARK_CHARACTERS)]


class RequestIn(RemarkIn):
    """A request about a listing on behalf of an organization."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"organization": "3f2c9a…", "text": "We need help with our accounts.", "own_listing": ""}
            ]
        },
    )

    organization: Annotated[str, Limits(max_length=32, description="The sender's id.")]
    own_listing: Annotated[
        str, Limits(max_length=32, description="A published listing of the sender's that goes with it.")
    ] = ""


# What the API gives -----------------------------------------------------------------------------------


class MoneyOut(BaseModel):
    """A sum: whole units of a currency."""

    amount: float
    unit: str


class LineOut(BaseModel):
    """One resource; amounts are whole units."""

    kind: str
    amount: float
    unit: str
    minimum: float
    labour: float
    overhead: float
    critical: bool
    worth: MoneyOut | None
    cheque_min: float
    cheque_max: float | None


class OwnerOut(BaseModel):
    """Whose listing it is."""

    id: str
    name: str
    kind: str


class ListingOut(BaseModel):
    """A need or offer as the API shows it."""

    id: str
    side: Side
    status: ListingStatus
    organization: OwnerOut
    title: str
    text: str
    language: str
    themes: list[str]
    groups: list[str]
    goals: list[str]
    places: list[str]
    languages: list[str]
    lines: list[LineOut]
    strings: dict[str, Any]
    starts: date | None
    ends: date | None
    published: date | None
    expires: date | None
    beneficiaries: int | None
    most_projects: int | None
    completeness: float
    synthetic: bool
    created: datetime
    revision: int
    version: int


class InquiryOut(BaseModel):
    """A question and its answer."""

    id: str
    status: InquiryStatus
    text: str
    language: str
    answer: str
    answer_language: str
    created: datetime
    answered: datetime | None


class RequestOut(BaseModel):
    """A request; `reply_by` is the last day on which it can be answered."""

    id: str
    listing: str
    from_organization: str
    to_organization: str
    status: RequestStatus
    text: str
    reply: str
    reply_by: date
    created: datetime
    answered: datetime | None
