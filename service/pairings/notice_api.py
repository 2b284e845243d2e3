"""The public notice as JSON: the result, objections and their decisions, the confirmation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from service.accounts.queries import fold_email
from service.errors import NotFound
from service.organizations.evidence import read
from service.pairings import notice, objections
from service.pairings.models import REMARK_CHARACTERS, Consequence, ObjectionStatus
from service.rounds import queries as rounds
from service.web import Asking, Reading, Writing, client_address, language_of, limit, site_of

if TYPE_CHECKING:
    from matching.messages import Quantity

router = APIRouter(prefix="/api/v1/rounds/{uid}", tags=["notice"])

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
Objected = Annotated[str, Path(max_length=32, description="The objection's id.")]
HUNDREDTHS = 100


class SumOut(BaseModel):
    """How much: whole units of a currency or unit."""

    amount: float
    unit: str

    @classmethod
    def of(cls, quantity: Quantity) -> SumOut:
        """An amount as the API shows it."""
        return cls(amount=quantity.amount / HUNDREDTHS, unit=quantity.unit)


class LineOut(BaseModel):
    """Which offer shall carry which need; ids of the pairing and of both listings."""

    pairing: str
    need: str
    need_title: str
    need_organization: str
    offer: str
    offer_title: str
    offer_organization: str
    amounts: list[SumOut]

    @classmethod
    def of(cls, line: notice.Proposed) -> LineOut:
        """A line of the result."""
        return cls(
            pairing=line.pairing.uid,
            need=line.need.uid,
            need_title=line.need.title,
            need_organization=line.needing.name,
            offer=line.offer.uid,
            offer_title=line.offer.title,
            offer_organization=line.giving.name,
            amounts=[SumOut.of(amount) for amount in line.amounts],
        )


class DecidedOut(BaseModel):
    """A decided objection as everybody may see it."""

    id: str
    pairing: str | None
    status: ObjectionStatus
    reason: str
    decided: datetime | None


class NoticeOut(BaseModel):
    """The result of a round, during its notice and after it."""

    status: str
    running: bool
    began: datetime | None
    ends: datetime | None
    working_days: int
    lines: list[LineOut]
    open_objections: int
    decided: list[DecidedOut]


class FileOut(BaseModel):
    """A file that was handed in."""

    filename: str
    media_type: str
    size: int


class ReceiptOut(BaseModel):
    """What whoever objects gets: the id of the objection."""

    id: str
    status: ObjectionStatus


class ObjectionOut(BaseModel):
    """An objection as those who decide it see it."""

    id: str
    pairing: str | None
    status: ObjectionStatus
    name: str
    email: str
    text: str
    language: str
    evidence: list[FileOut]
    created: datetime
    reason: str
    follows: Consequence | None


Published = Annotated[
    str, Limits(max_length=REMARK_CHARACTERS, description="It is published: no names or personal data.")
]


class DismissIn(BaseModel):
    """Why the result stands. `names_nobody`: somebody has checked that the reason names nobody."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The register shows no such record."}]}
    )

    reason: Published
    names_nobody: bool = False


class UpholdIn(DismissIn):
    """Why the result is wrong, and what follows."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"reason": "The project is paid for already.", "follows": "decline-need"}]
        },
    )

    follows: Consequence


@router.get("/notice")
def get_notice(uid: Uid, session: Reading, actor: Asking) -> NoticeOut:
    """The result that stands in public notice, or stood in it; for everybody."""
    one = rounds.get(session, actor, uid)
    found = notice.notice_of(session, one)
    return NoticeOut(
        status=one.status.value,
        running=found.running,
        began=found.began,
        ends=found.ends,
        working_days=found.working_days,
        lines=[LineOut.of(line) for line in found.lines],
        open_objections=found.open,
        decided=[
            DecidedOut(
                id=each.objection.uid,
                pairing=each.pairing.pairing.uid if each.pairing else None,
                status=each.objection.status,
                reason=each.objection.reason,
                decided=each.objection.decided,
            )
            for each in found.decided
        ],
    )


@router.post("/objections", status_code=201)
def raise_objection(
    uid: Uid,
    request: Request,
    session: Writing,
    actor: Asking,
    name: Annotated[str, Form(max_length=200, examples=["Ana López"])],
    email: Annotated[str, Form(max_length=300, examples=["ana@example.org"])],
    text: Annotated[str, Form(max_length=6000, examples=["This project was paid for last year."])],
    pairing: Annotated[str, Form(max_length=32, description="Its id; empty: the result as a whole.")] = "",
    files: Annotated[
        list[UploadFile] | None, File(description="Evidence: PDF, PNG, JPEG or Word (.docx).")
    ] = None,
) -> ReceiptOut:
    """Object to the result, or to one pairing of it; anybody may, until the notice ends."""
    one = rounds.get(session, actor, uid)
    limit(request, objections.PER_ADDRESS, "objection", client_address(request))
    limit(request, objections.PER_EMAIL, "objection", fold_email(email))
    settings = site_of(request).settings
    objection = objections.raise_objection(
        session,
        actor,
        one,
        name=name,
        email=email,
        text=text,
        pairing=pairing,
        files=[
            (file.filename or "", read(file.file, settings.upload_bytes))
            for file in (files or [])[: objections.MOST_FILES + 1]
        ],
        data_dir=settings.data_dir,
        language=language_of(request, actor),
    )
    return ReceiptOut(id=objection.uid, status=objection.status)


@router.get("/objections")
def list_objections(uid: Uid, session: Reading, actor: Asking) -> list[ObjectionOut]:
    """The objections of a round with who raised them; for facilitators."""
    one = rounds.get(session, actor, uid)
    return [
        ObjectionOut(
            pairing=line.pairing.uid if line else None,
            evidence=[
                FileOut(**{name: file[name] for name in FileOut.model_fields}) for file in each.evidence
            ],
            id=each.uid,
            **{
                name: getattr(each, name)
                for name in ObjectionOut.model_fields
                if name not in {"id", "pairing", "evidence"}
            },
        )
        for each, line in notice.objections(session, actor, one)
    ]


@router.post("/objections/{objection}/dismiss", status_code=204)
def dismiss(uid: Uid, objection: Objected, given: DismissIn, session: Writing, actor: Asking) -> None:
    """Decide that the result stands."""
    one = rounds.get(session, actor, uid, lock=True)
    objections.dismiss(session, actor, one, objection, given.reason, names_nobody=given.names_nobody)


@router.post("/objections/{objection}/uphold", status_code=204)
def uphold(uid: Uid, objection: Objected, given: UpholdIn, session: Writing, actor: Asking) -> None:
    """Decide that the result is wrong; the round goes back to matching, and the new result stands anew."""
    one = rounds.get(session, actor, uid, lock=True)
    objections.uphold(
        session, actor, one, objection, given.follows, given.reason, names_nobody=given.names_nobody
    )


@router.post("/notice/confirm")
def confirm(uid: Uid, session: Writing, actor: Asking) -> NoticeOut:
    """Confirm the result and move the round on; refused while the notice lasts or an objection is open."""
    one = rounds.get(session, actor, uid, lock=True)
    if not notice.has_notice(one):
        raise NotFound
    objections.confirm(session, actor, one)
    return get_notice(uid, session, actor)
