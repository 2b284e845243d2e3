"""Pages of verification: what an organization hands in and answers, and what facilitators decide."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from service.audit import queries as audit
from service.errors import BadInput, SignInNeeded
from service.organizations import actions, decisions, queries
from service.organizations.evidence import path_of, read
from service.organizations.models import (
    ORGANIZATION,
    Concern,
    DecisionStep,
    EvidenceKind,
    FlagLevel,
    FlagRisk,
    FlagStep,
    OrganizationStatus,
    ScreeningDecision,
)
from service.permissions import may
from service.texts import MISSING
from service.web import (
    Asking,
    Form,
    Reading,
    Writing,
    file_to_save,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from sqlmodel import Session

    from service.organizations.models import Organization
    from service.permissions import Actor
    from service.web import Typed

router = APIRouter(include_in_schema=False)

EVENTS = 10
"""How many of the last events stand beside the decision."""
_DONE = {
    DecisionStep.VERIFY: "verified",
    DecisionStep.DECLINE: "declined",
    DecisionStep.SUSPEND: "suspended",
    DecisionStep.BAR: "barred",
    DecisionStep.REINSTATE: "restored",
    DecisionStep.LIFT: "restored",
}
Chosen = TypeVar("Chosen", bound="StrEnum")


def problems_by_field(error: BadInput, renamed: dict[str, str] | None = None) -> dict[str, Message]:
    """The problems as the forms' macros want them; `renamed` where a page calls a field something else."""
    names = renamed or {}
    return {names.get(problem.field, problem.field): problem.message for problem in error.problems}


def signed_in(actor: Actor) -> None:
    """Raise SignInNeeded before anything else could answer, so that what was typed is kept."""
    if not actor.signed_in:
        raise SignInNeeded


def chosen_organization(session: Session, actor: Actor, typed: Typed) -> Organization:
    """The organization on whose behalf a form is sent. Raises BadInput where none was chosen."""
    if not typed.text("organization"):
        raise BadInput.one("organization", MISSING)
    return queries.get(session, actor, typed.text("organization"))


def uploaded(request: Request, typed: Typed) -> tuple[str, bytes]:
    """Name and content of the file in a form, both empty where none was chosen. Raises TooLarge."""
    if (file := typed.file("file")) is None:
        return "", b""
    return file.filename or "", read(file.file, site_of(request).settings.upload_bytes)


def _chosen(kind: type[Chosen], typed: Typed, field: str) -> Chosen:
    """The value chosen in a field. Raises BadInput."""
    try:
        return kind(typed.text(field))
    except ValueError:
        raise BadInput.one(field, Message("choose-one", "Choose one from the list.")) from None


@router.get("/desk")
def desk(request: Request, session: Reading, actor: Asking, status: str = "registered") -> Response:
    """What waits to be verified, and what else has a facilitator's attention."""
    shown = OrganizationStatus(status) if status in set(OrganizationStatus) else OrganizationStatus.REGISTERED
    return page(
        request,
        actor,
        "organizations/desk.html",
        waiting=queries.desk(session, actor, shown),
        flags=queries.open_flags(session, actor),
        counts=queries.counts(session, actor),
        statuses=list(OrganizationStatus),
        shown=shown,
    )


@router.get("/{uid}/verification")
def verification(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """How far an organization is, for its members; everything about it, for facilitators."""
    signed_in(actor)
    return _page(request, session, actor, uid, typed=typed_before(request, session))


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    **values: Any,
) -> Response:
    organization = queries.inside(session, actor, uid)
    numbers = queries.identifiers(session, organization)
    decides = may(actor, "organization:verify", organization.key)
    steps = [
        step
        for step in ORGANIZATION.possible(organization.status)
        if step in decisions.PERMISSIONS and may(actor, decisions.PERMISSIONS[step], organization.key)
    ]
    return page(
        request,
        actor,
        "organizations/verification.html",
        organization=organization,
        standing=queries.standing(organization, queries.today()),
        numbers=numbers,
        completeness=queries.completeness(organization, numbers),
        evidence=queries.evidence_of(session, organization),
        questions=queries.questions_of(session, organization),
        reason=queries.last_reason(session, organization),
        decides=decides,
        own=organization.key in actor.memberships,
        edits=may(actor, "organization:edit", organization.key),
        steps=steps,
        sponsor=decisions.is_sponsor(organization),
        flags=queries.flags_of(session, organization) if decides else [],
        doubles=queries.near_names(session, organization.name_keys, organization.key) if decides else [],
        events=_trail(session, actor, uid) if decides else [],
        most_bytes=site_of(request).settings.upload_bytes,
        evidence_kinds=list(EvidenceKind),
        concerns=list(Concern),
        screenings=list(ScreeningDecision),
        levels=list(FlagLevel),
        risks=list(FlagRisk),
        **values,
    )


def _wrong(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed,
    error: BadInput,
    renamed: dict[str, str] | None = None,
) -> Response:
    """The page again, with what is wrong in one of its forms."""
    problems = problems_by_field(error, renamed)
    return _page(request, session, actor, uid, status=422, typed=typed, problems=problems)


def _trail(session: Session, actor: Actor, uid: str) -> list[audit.Entry]:
    """What happened to it last, and to what is its own."""
    found = audit.trail(session, actor, audit.Wanted(subject=uid), limit=EVENTS)
    return audit.entries(session, found.items)


def _there(uid: str, done: str, anchor: str = "") -> Response:
    return see_other(f"/organizations/{uid}/verification?done={done}{anchor}")


# What members do --------------------------------------------------------------------------------------


@router.post("/{uid}/evidence")
def hand_in(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Take a file."""
    signed_in(actor)
    name, content = uploaded(request, typed)
    try:
        actions.hand_in(
            session,
            actor,
            uid,
            site_of(request).settings.data_dir,
            content=content,
            filename=name,
            kind=_chosen(EvidenceKind, typed, "evidence_kind"),
        )
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error)
    return _there(uid, "saved", "#evidence")


def sent(request: Request, kept: Mapping[str, Any]) -> FileResponse:
    """A file that is kept in a row as filename, media type and SHA-256, to be saved."""
    path = path_of(site_of(request).settings.data_dir, kept["sha256"])
    return file_to_save(path, SimpleNamespace(filename=kept["filename"], media_type=kept["media_type"]))


@router.get("/{uid}/evidence/{piece}")
def download(request: Request, session: Reading, actor: Asking, uid: str, piece: str) -> Response:
    """A file, to be saved and never shown in the browser; only for members and facilitators."""
    signed_in(actor)
    found = queries.piece_of_evidence(session, actor, uid, piece)
    return file_to_save(path_of(site_of(request).settings.data_dir, found.sha256), found)


@router.post("/{uid}/evidence/{piece}/remove")
def take_back(session: Writing, actor: Asking, uid: str, piece: str) -> Response:
    """Remove a file."""
    signed_in(actor)
    actions.take_back(session, actor, uid, piece)
    return _there(uid, "left", "#evidence")


@router.post("/{uid}/questions/{question}/answer")
def answer(
    request: Request, session: Writing, actor: Asking, uid: str, question: str, typed: Form
) -> Response:
    """Answer a facilitator's question."""
    signed_in(actor)
    field = f"answer-{question}"
    try:
        actions.answer(session, actor, uid, question, typed.text(field))
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error, {"answer": field})
    return _there(uid, "answered", "#questions")


@router.post("/{uid}/apply-again")
def apply_again(session: Writing, actor: Asking, uid: str) -> Response:
    """Ask to be looked at once more."""
    signed_in(actor)
    actions.apply_again(session, actor, uid)
    return _there(uid, "registered")


# What facilitators do ---------------------------------------------------------------------------------


@router.post("/{uid}/questions")
def ask(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Ask the organization something."""
    signed_in(actor)
    try:
        decisions.ask(session, actor, uid, typed.text("question"))
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error, {"text": "question"})
    return _there(uid, "asked", "#questions")


@router.post("/{uid}/decision")
def decide(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Verify, decline, suspend, reinstate, bar, or lift a bar."""
    signed_in(actor)
    try:
        step = _chosen(DecisionStep, typed, "step")
        until = _day(typed.text("until"))
        decisions.decide(session, actor, uid, step, reason=typed.text("reason"), until=until)
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error)
    return _there(uid, _DONE[step])


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput.one(
            "until", Message("date-malformed", "Write the date as year-month-day, such as 2015-04-01.")
        ) from None


@router.post("/{uid}/screening")
def screen(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Write down the screening of a sponsor."""
    signed_in(actor)
    known = set(Concern)
    try:
        decisions.screen(
            session,
            actor,
            uid,
            concerns=[Concern(concern) for concern in typed.texts("concerns") if concern in known],
            decision=_chosen(ScreeningDecision, typed, "screening"),
            reason=typed.text("screening_reason"),
        )
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error, {"reason": "screening_reason"})
    return _there(uid, "saved", "#screening")


@router.post("/{uid}/flags")
def raise_flag(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Note something adverse."""
    signed_in(actor)
    try:
        decisions.raise_flag(
            session,
            actor,
            uid,
            level=_chosen(FlagLevel, typed, "level"),
            risk=_chosen(FlagRisk, typed, "risk"),
            text=typed.text("flag"),
        )
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error, {"text": "flag"})
    return _there(uid, "flagged", "#flags")


@router.post("/{uid}/flags/{flag}")
def judge_flag(
    request: Request, session: Writing, actor: Asking, uid: str, flag: str, typed: Form
) -> Response:
    """Escalate, dismiss or confirm a flag."""
    signed_in(actor)
    field = f"flag-{flag}"
    try:
        decisions.judge(session, actor, uid, flag, _chosen(FlagStep, typed, "step"), typed.text(field))
    except BadInput as error:
        return _wrong(request, session, actor, uid, typed, error, {"reason": field, "step": field})
    return _there(uid, "saved", "#flags")
