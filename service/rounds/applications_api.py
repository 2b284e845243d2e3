"""Applications to a round, their screening, appeals and the showcase as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from matching.messages import Message
from matching.profiles import Side
from service.errors import BadInput, FieldProblem, NotFound, NotNow
from service.listings import queries as listings
from service.listings.models import OwnerOut
from service.paging import Cursor, Limit, PieceOut, piece
from service.permissions import require
from service.rounds import applications, applying, queries, screening, showcase
from service.rounds.application_shapes import (
    AnswersIn,
    AppealDecisionIn,
    AppealIn,
    AppealOut,
    ApplicationOut,
    CheckOut,
    EntryIn,
    FactsIn,
    FindingOut,
    OrderIn,
    ScreeningIn,
    ShownListingOut,
    SubmitIn,
    TogetherIn,
    TogetherOut,
    TurnOut,
)
from service.rounds.asking import OPTIONAL, field_of, missing_facts, questions_for
from service.rounds.checking import check, fits, restored_findings
from service.rounds.models import Appeal, Application, ApplicationStatus, Round
from service.web import Asking, Reading, Writing, etag, language_of, require_match
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

    from service.listings.models import Listing
    from service.permissions import Actor
    from service.rounds.checking import Finding

router = APIRouter(prefix="/api/v1/rounds", tags=["applications"])

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
ApplicationUid = Annotated[str, Path(max_length=32, description="The application's id.")]


def _found(
    session: Session, actor: Actor, uid: str, application_uid: str, *, lock: bool = False
) -> tuple[Round, Application]:
    """A round and one of its applications. Raises NotFound."""
    one = queries.get(session, actor, uid)
    application = queries.application(session, actor, application_uid, lock=lock)
    if application.round_id != one.key:
        raise NotFound
    return one, application


def _out(
    session: Session, request: Request, actor: Actor, found: Iterable[Application]
) -> list[ApplicationOut]:
    language = language_of(request, actor)
    return [
        ApplicationOut(
            id=entry.application.uid,
            round=(one := queries.round_of(session, entry.application)).uid,
            listing=entry.listing.uid,
            title=entry.listing.title,
            organization=OwnerOut(
                id=entry.organization.uid, name=entry.organization.name, kind=entry.organization.kind
            ),
            missing=_missing(session, one, entry.application, entry.listing),
            findings=_findings_out(restored_findings(entry.application.findings), language),
            changed=entry.changed,
            next=say(applications.what_next(session, one, entry.application), language),
            deadline=applications.deadline(session, one, entry.application),
            appeals=[_appeal_out(appeal) for appeal in applications.appeals_of(session, entry.application)],
            **{
                name: getattr(entry.application, name)
                for name in ("side", "status", "answers", "reason", "submitted", "created", "version")
            },
        )
        for entry in applications.behind(session, found)
    ]


def _missing(session: Session, one: Round, application: Application, listing: Listing) -> list[str]:
    if application.status not in (ApplicationStatus.DRAFT, ApplicationStatus.INELIGIBLE):
        return []
    preset = queries.preset_of(one)
    asked = questions_for(preset, Side(application.side))
    unanswered = [
        question for question in asked if question not in OPTIONAL and question not in application.answers
    ]
    return [*missing_facts(listings.profile_of(session, listing), preset), *unanswered]


def _findings_out(findings: Iterable[Finding], language: str) -> list[FindingOut]:
    return [
        FindingOut(
            rule=one.rule,
            state=one.state.value,
            asks=say(one.asks, language),
            code=one.reason.code if one.reason else None,
            reason=say(one.reason, language) if one.reason else None,
            remedy=say(one.remedy, language) if one.remedy else None,
            hard=one.hard,
            refuses=one.refuses,
        )
        for one in findings
    ]


def _appeal_out(appeal: Appeal) -> AppealOut:
    return AppealOut(
        id=appeal.uid,
        status=appeal.status,
        text=appeal.text,
        reason=appeal.reason,
        created=appeal.created,
        decided=appeal.decided,
    )


def _shown(
    session: Session, request: Request, response: Response, actor: Actor, application: Application
) -> ApplicationOut:
    response.headers["ETag"] = etag(application.version)
    return _out(session, request, actor, [application])[0]


# Applying -----------------------------------------------------------------------------------------------


@router.get("/{uid}/applications")
def list_applications(
    uid: Uid,
    request: Request,
    session: Reading,
    actor: Asking,
    status: Annotated[ApplicationStatus | None, Query()] = None,
    side: Annotated[Side | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[ApplicationOut]:
    """The caller's own applications to a round, the newest first; all of them for facilitators."""
    wanted = applications.wanted(actor, queries.get(session, actor, uid), status=status, side=side)
    found = piece(session, wanted, applications.ROW, cursor=cursor, limit=limit)
    return PieceOut(items=_out(session, request, actor, found.items), next=found.next)


@router.post("/{uid}/applications", status_code=201)
def enter_round(
    uid: Uid, given: EntryIn, request: Request, response: Response, session: Writing, actor: Asking
) -> ApplicationOut:
    """Enter a listing into a round as a draft; the one that is there already, if it was entered before."""
    one = queries.get(session, actor, uid)
    application = applying.begin(session, actor, one, listings.get(session, actor, given.listing, lock=True))
    response.headers["Location"] = f"/api/v1/rounds/{uid}/applications/{application.uid}"
    return _shown(session, request, response, actor, application)


@router.get("/{uid}/check")
def check_listing(
    uid: Uid,
    request: Request,
    session: Reading,
    actor: Asking,
    listing: Annotated[str, Query(max_length=32, description="The id of a listing of one's own.")],
) -> CheckOut:
    """What the rules of a round say of a listing, before it is entered."""
    one, found = queries.get(session, actor, uid), listings.get(session, actor, listing)
    require(actor, "application:submit", found.organization_id)
    findings = check(session, one, found, listings.organization_of(session, found))
    return CheckOut(fits=fits(findings), findings=_findings_out(findings, language_of(request, actor)))


@router.post("/{uid}/applications/accept")
def accept_together(uid: Uid, given: TogetherIn, session: Writing, actor: Asking) -> TogetherOut:
    """Accept those of the submitted applications that meet every rule and are as they were submitted."""
    one = queries.get(session, actor, uid)
    waiting = [
        entry.application
        for entry in applications.entries(session, actor, one, status=[ApplicationStatus.SUBMITTED])
        if not given.applications or entry.application.uid in given.applications
    ]
    taken, left = screening.accept_fitting(session, actor, one, waiting)
    return TogetherOut(
        accepted=[application.uid for application in taken], left=[application.uid for application in left]
    )


@router.get("/{uid}/applications/{application}")
def get_application(
    uid: Uid,
    application: ApplicationUid,
    request: Request,
    response: Response,
    session: Reading,
    actor: Asking,
) -> ApplicationOut:
    """One application, with the `ETag` that an edit needs."""
    _, found = _found(session, actor, uid, application)
    return _shown(session, request, response, actor, found)


@router.patch("/{uid}/applications/{application}")
def answer(
    uid: Uid,
    application: ApplicationUid,
    given: AnswersIn,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
) -> ApplicationOut:
    """Answer questions and state missing facts, which are kept with the listing and the organization.

    `If-Match` guards against lost edits. What is known already is refused: change it where it is kept.
    """
    one, found = _found(session, actor, uid, application, lock=True)
    require(actor, "application:submit", found.organization_id)
    require_match(request, found.version)
    fields = _fields(session, one, found, given)
    try:
        applying.answer(session, actor, one, found, fields, language_of(request, actor))
    except BadInput as error:
        names = {field_of(question): f"answers.{question}" for question in given.answers}
        names |= {name: f"facts.{name}" for name in FactsIn.model_fields}
        raise BadInput(
            [FieldProblem(names.get(one.field, one.field), one.message) for one in error.problems]
        ) from error
    return _shown(session, request, response, actor, found)


def _fields(
    session: Session, one: Round, application: Application, given: AnswersIn
) -> Mapping[str, list[str]]:
    """What was given as the form would have it. Raises BadInput for what is not asked."""
    preset = queries.preset_of(one)
    listing = applications.behind(session, [application])[0].listing
    asked = {*questions_for(preset, Side(application.side)), *application.answers}
    missing = missing_facts(listings.profile_of(session, listing), preset)
    stated = {
        name: getattr(given.facts, name)
        for name in sorted(given.facts.model_fields_set)
        if getattr(given.facts, name) not in (None, "", [])
    }
    problems = [
        FieldProblem(
            f"answers.{question}", Message("not-asked", "This is not one of the questions of this round.")
        )
        for question in given.answers
        if question not in asked
    ] + [
        FieldProblem(
            f"facts.{name}",
            Message("known-already", "This is known already, or not asked. Change it where it is kept."),
        )
        for name in stated
        if name not in missing
    ]
    if problems:
        raise BadInput(problems)
    fields = {field_of(question): [text] for question, text in given.answers.items()}
    for name, value in stated.items():
        written = value if isinstance(value, list) else [_written(value)]
        fields[name] = [str(one) for one in written]
    return fields


def _written(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


@router.get("/{uid}/applications/{application}/check")
def check_application(
    uid: Uid, application: ApplicationUid, request: Request, session: Reading, actor: Asking
) -> CheckOut:
    """What the rules say of it now."""
    one, found = _found(session, actor, uid, application)
    entry = applications.behind(session, [found])[0]
    findings = check(session, one, entry.listing, entry.organization, besides=found.key)
    return CheckOut(fits=fits(findings), findings=_findings_out(findings, language_of(request, actor)))


@router.post("/{uid}/applications/{application}/submit")
def submit(
    uid: Uid,
    application: ApplicationUid,
    given: SubmitIn,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
) -> ApplicationOut:
    """Submit it, or submit it again after it was returned; `errors` names every rule and answer in the way.

    A listing that is a draft is published with it. In rounds that do not screen, it is eligible at once.
    """
    one, found = _found(session, actor, uid, application, lock=True)
    applying.submit(session, actor, one, found, although=given.although)
    return _shown(session, request, response, actor, found)


@router.post("/{uid}/applications/{application}/withdraw")
def withdraw(
    uid: Uid,
    application: ApplicationUid,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
) -> ApplicationOut:
    """Take it back. `POST …/applications` with the same listing enters it again while applying lasts."""
    one, found = _found(session, actor, uid, application, lock=True)
    applying.withdraw(session, actor, one, found)
    return _shown(session, request, response, actor, found)


# Screening and appeals ----------------------------------------------------------------------------------


@router.post("/{uid}/applications/{application}/decision")
def decide(
    uid: Uid,
    application: ApplicationUid,
    given: ScreeningIn,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
) -> ApplicationOut:
    """Accept what was submitted, return it with the reason, or decline what takes part already."""
    one, found = _found(session, actor, uid, application, lock=True)
    match given.step:
        case "accept":
            screening.accept(session, actor, one, found, given.reason)
        case "return":
            screening.return_(session, actor, one, found, given.reason)
        case "decline":
            screening.decline(session, actor, one, found, given.reason)
    return _shown(session, request, response, actor, found)


@router.post("/{uid}/applications/{application}/appeals", status_code=201)
def appeal(
    uid: Uid, application: ApplicationUid, given: AppealIn, session: Writing, actor: Asking
) -> AppealOut:
    """Appeal against a decision, once for each."""
    one, found = _found(session, actor, uid, application, lock=True)
    return _appeal_out(applying.appeal(session, actor, one, found, given.text))


@router.post("/{uid}/applications/{application}/appeals/{appeal_uid}/decision")
def decide_appeal(
    uid: Uid,
    application: ApplicationUid,
    appeal_uid: Annotated[str, Path(max_length=32, description="The appeal's id.")],
    given: AppealDecisionIn,
    session: Writing,
    actor: Asking,
) -> AppealOut:
    """Uphold an appeal, which reinstates the application, or dismiss it."""
    one, found = _found(session, actor, uid, application, lock=True)
    decided = screening.decide_appeal(
        session,
        actor,
        one,
        found,
        applications.appeal(session, found, appeal_uid),
        uphold=given.step == "uphold",
        reason=given.reason,
    )
    return _appeal_out(decided)


# The showcase -------------------------------------------------------------------------------------------


@router.get("/{uid}/showcase")
def get_showcase(uid: Uid, response: Response, session: Reading, actor: Asking) -> list[TurnOut]:
    """Who is shown in a round, in order, with what they have and need. Public once the round is open."""
    one = queries.get(session, actor, uid)
    if closed := showcase.closed(actor, one):
        raise NotNow(closed)
    return _turns_out(session, response, one)


@router.put("/{uid}/showcase")
def arrange_showcase(
    uid: Uid, given: OrderIn, request: Request, response: Response, session: Writing, actor: Asking
) -> list[TurnOut]:
    """Change the order, or have them arranged fairly. `If-Match` guards against lost edits."""
    one = queries.get(session, actor, uid, lock=True)
    require(actor, "round:run")
    require_match(request, showcase.order_version(showcase.turns(session, one)))
    if given.fair:
        showcase.arrange_fairly(session, actor, one)
    else:
        showcase.arrange(session, actor, one, given.order)
    return _turns_out(session, response, one)


def _turns_out(session: Session, response: Response, one: Round) -> list[TurnOut]:
    turns = showcase.turns(session, one)
    response.headers["ETag"] = etag(showcase.order_version(turns))
    return [
        TurnOut(
            organization=OwnerOut(
                id=turn.organization.uid, name=turn.organization.name, kind=turn.organization.kind
            ),
            offers=[_listing_out(listing) for listing in turn.offers],
            needs=[_listing_out(listing) for listing in turn.needs],
        )
        for turn in turns
    ]


def _listing_out(listing: Listing) -> ShownListingOut:
    return ShownListingOut(
        id=listing.uid, title=listing.title, language=listing.language, status=listing.status
    )
