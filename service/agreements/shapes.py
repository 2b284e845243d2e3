"""What the API of agreements takes in and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from service.agreements.models import (
    COMMENT_CHARACTERS,
    AgreementKind,
    AgreementStatus,
    PartyRole,
    SignatureMethod,
)
from service.agreements.terms import Terms

Language = Literal["", "zh-Hans", "zh-Hant", "en", "ru", "es"]
Uid = Annotated[str, Limits(max_length=32)]
Name = Annotated[str, Limits(max_length=120)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DraftIn(_In):
    """What to draft an agreement from: pairings of one need, or an accepted request."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"pairings": ["3f2c9a…", "77b01e…"], "kind": "three-party", "supervisor": "a81d20…"},
                {"request": "c0ffee…", "language": "ru", "second_language": "zh-Hans"},
            ]
        },
    )

    pairings: Annotated[list[Uid], Limits(max_length=50)] = []
    request: Uid = ""
    kind: Annotated[
        AgreementKind | None,
        Limits(description="Left out: by what is given and by whom. Refused where it does not fit."),
    ] = None
    language: Annotated[Language, Limits(description="Left out: that of the need.")] = ""
    second_language: Annotated[Language, Limits(description="Printed beside the first.")] = ""
    supervisor: Annotated[Uid, Limits(description="The supervising authority, an organization's id.")] = ""
    operator: Annotated[Uid, Limits(description="The operating centre, an organization's id.")] = ""
    partners: Annotated[
        list[Uid], Limits(max_length=10, description="Further partners, organizations' ids.")
    ] = []


class TermsIn(_In):
    """A new version of the text and the plan; sums are integers in minor units."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "terms": {
                        "title": {"en": "Clean water for two schools"},
                        "starts": "2026-03-01",
                        "ends": "2026-12-31",
                    },
                    "note": "It begins in March.",
                }
            ]
        },
    )

    terms: Terms
    note: Annotated[str, Limits(max_length=1000, description="What was changed and why.")] = ""
    second_language: Annotated[Language | None, Limits(description="Left out: as it is.")] = None


class CommentIn(_In):
    """A remark on a clause, or on the whole."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "Thirty days, please.", "clause": "payment"}]},
    )

    text: Annotated[str, Limits(max_length=COMMENT_CHARACTERS)]
    clause: Annotated[str, Limits(max_length=40)] = ""


class SignatureIn(_In):
    """A signature. `password` shows that it is still the person herself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "text_hash": "9f86d081884c7d65…",
                    "name": "Anna Petrova",
                    "position": "Director",
                    "password": "…",
                    "organization": "",
                }
            ]
        },
    )

    text_hash: Annotated[str, Limits(max_length=64, description="Of the text that was read.")]
    name: Name
    position: Name
    password: Annotated[str, Limits(max_length=200)] = ""
    organization: Annotated[Uid, Limits(description="Needed only where one acts for several parties.")] = ""


class ReasonIn(_In):
    """Why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The venue was closed by the district."}]}
    )

    reason: Annotated[str, Limits(max_length=COMMENT_CHARACTERS)]


class SignatureOut(BaseModel):
    """A signature under the text with this hash."""

    name: str
    position: str
    at: datetime
    method: SignatureMethod
    text_hash: str
    scan: str | None
    """Where the scan of what was signed on paper is."""


class PartyOut(BaseModel):
    """A party, and its signature under the text that counts."""

    organization: str
    name: str
    role: PartyRole
    signature: SignatureOut | None


class AgreementOut(BaseModel):
    """An agreement as lists show it."""

    id: str
    number: str
    kind: AgreementKind
    status: AgreementStatus
    title: str
    language: str
    second_language: str
    starts: date | None
    ends: date | None
    in_force: datetime | None
    ended: datetime | None
    round: str | None
    need: str | None
    amends: str | None
    revision: int
    text_hash: str
    parties: list[PartyOut]


class ProblemOut(BaseModel):
    """What stands in the way of signing: the field of the terms, and what to do about it."""

    field: str
    code: str
    detail: str


class AgreementDetailOut(AgreementOut):
    """One agreement: what it says, what is missing, which amendments it has."""

    terms: Terms
    problems: list[ProblemOut]
    amendments: list[str]


class RevisionOut(BaseModel):
    """One version."""

    number: int
    at: datetime
    author: str
    note: str


class ChangeOut(BaseModel):
    """A piece of text that is in both versions (`=`), only in the newer (`+`) or only in the older (`-`)."""

    op: Literal["=", "+", "-"]
    text: str


class PassageOut(BaseModel):
    """One passage of the text, word by word."""

    place: str
    language: str
    changes: list[ChangeOut]


class CommentOut(BaseModel):
    """A remark."""

    id: str
    clause: str
    revision: int
    text: str
    language: str
    author: str
    organization: str | None
    at: datetime
    resolved: datetime | None


class DraftedOut(BaseModel):
    """The agreements that were drafted."""

    agreements: list[AgreementOut]
