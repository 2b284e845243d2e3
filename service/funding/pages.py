"""Pages of an agreement's money: promises, milestones, tranches, budget, breaches; and all that waits."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from matching.reading.quantities import InvalidValue, parse_amount
from service.errors import BadInput, NotFound
from service.funding import actions, breaches, deliveries, queries, showing, spending, standing, turns
from service.funding.conditions import conditions, number_of
from service.funding.models import (
    STANDING,
    BudgetLine,
    Commitment,
    Delivery,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
)
from service.organizations.desk import problems_by_field, sent, signed_in, uploaded
from service.organizations.evidence import read
from service.permissions import may
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    language_of,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.funding.queries import Book
    from service.organizations.models import Organization
    from service.permissions import Actor

router = APIRouter(include_in_schema=False)

_D = DisbursementStatus
_STEPS = {
    _D.PLANNED: ("request",),
    _D.REQUESTED: ("approve", "refuse", "hold"),
    _D.APPROVED: ("pay", "hold"),
    _D.HELD: ("release",),
    _D.PAID: ("recover",),
    _D.RECOVERED: ("recover",),
}
_PERMISSIONS = {"request": "tranche:request", "pay": "tranche:pay"}


@router.get("/money")
def waiting(request: Request, session: Reading, actor: Asking) -> Response:
    """All that waits for one, in all agreements; and what is due from others."""
    signed_in(actor)
    books = queries.unfinished(session, actor)
    listed = [turn for book in books for turn in turns.turns(session, book)]
    listed.sort(key=lambda turn: (turn.due is None, turn.due or date.max))
    own = [turn for turn in listed if turn.is_for(actor)]
    return page(
        request,
        actor,
        "funding/waiting.html",
        own=own,
        others=[turn for turn in listed if turn not in own],
        books=books,
        day=queries.today(),
        sentence=showing.sentence,
        address_of=showing.address_of,
    )


# The books of an agreement ------------------------------------------------------------------------------


@router.get("/agreements/{uid}/money")
def money(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Promises, milestones, tranches, budget against actual, and whose turn it is."""
    signed_in(actor)
    return _money(request, session, actor, uid, typed_before(request, session))


def _money(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    book = queries.open_book(session, actor, uid)
    parties = [one.organization for one in book.parties]
    listed = list(turns.turns(session, book))
    return page(
        request,
        actor,
        "funding/money.html",
        status=status,
        typed=typed,
        problems=problems or {},
        agreement=book.agreement,
        book=book,
        own=[turn for turn in listed if turn.is_for(actor)],
        others=[turn for turn in listed if not turn.is_for(actor)],
        day=queries.today(),
        sentence=showing.sentence,
        address_of=showing.address_of,
        kinds=showing.KINDS,
        conditions=lambda tranche: conditions(session, book, tranche),
        number_of=lambda tranche: number_of(book, tranche),
        steps_of=lambda tranche: _steps(actor, book, tranche),
        partial=lambda tranche: standing.why_partial(actor, book, tranche),
        reports=lambda milestone: _reports(actor, book, milestone),
        judges=lambda milestone: _judges(actor, book, milestone),
        delivers=any(
            one.key in actor.memberships and may(actor, "delivery:record", one.key) for one in parties
        ),
        confirms=lambda delivery: _confirms(actor, book, delivery),
        takes_back=lambda delivery: may(actor, "delivery:record", delivery.organization_id),
        spends=book.agreement.status in spending.OPEN
        and any(may(actor, "expense:record", one.key) for one in book.doers),
        unfunded=lambda line: spending.why_unfunded(book, line),
        alleges=standing.may_for(actor, "breach:raise", parties),
    )


def _steps(actor: Actor, book: Book, tranche: Disbursement) -> list[str]:
    """What the actor may do with a tranche now, whether or not its conditions are met."""
    if tranche.ended is not None and tranche.status not in (_D.PAID, _D.RECOVERED):
        return []
    found = []
    for step in _STEPS[tranche.status]:
        permission = _PERMISSIONS.get(step, "tranche:approve")
        owner = tranche.payee_id if step == "request" else book.commitment(tranche).organization_id
        partial = step != "request" and standing.why_partial(actor, book, tranche) is not None
        over = step == "recover" and tranche.recovered_amount >= tranche.amount
        if may(actor, permission, owner) and not partial and not over:
            found.append(step)
    return found


def _reports(actor: Actor, book: Book, milestone: Milestone) -> bool:
    wanted = milestone.status in (MilestoneStatus.PLANNED, MilestoneStatus.RETURNED)
    return wanted and milestone.ended is None and standing.may_for(actor, "milestone:report", book.doers)


def _judges(actor: Actor, book: Book, milestone: Milestone) -> bool:
    return (
        milestone.status is MilestoneStatus.REPORTED
        and milestone.ended is None
        and standing.may_for(actor, "milestone:accept", book.judges)
        and actions.why_not_judge(actor, milestone) is None
    )


def _confirms(actor: Actor, book: Book, delivery: Delivery) -> bool:
    others = deliveries.confirming(book, book.commitment(delivery), delivery)
    return delivery.user_id != actor.user_id and any(
        one.key in actor.memberships and may(actor, "delivery:record", one.key) for one in others
    )


def _wrong(
    request: Request, session: Session, actor: Actor, agreement: str, typed: Typed, error: BadInput, uid: str
) -> Response:
    """The page again, with what is wrong in the form of one entry: its fields end in the entry's uid."""
    session.rollback()
    problems = {f"{field}-{uid}": message for field, message in problems_by_field(error).items()}
    return _money(request, session, actor, agreement, typed, status=422, problems=problems)


def _there(agreement: str, done: str, uid: str) -> Response:
    return see_other(f"/agreements/{agreement}/money?done={done}#{uid}")


@router.post("/tranches/{uid}/{step}")
def move_tranche(
    request: Request, session: Writing, actor: Asking, uid: str, step: str, typed: Form
) -> Response:
    """Request, approve, refuse, hold, release, pay or recover."""
    signed_in(actor)
    agreement = queries.agreement_of(session, actor, Disbursement, uid)
    reason = typed.text(f"reason-{uid}")
    try:
        match step:
            case "request":
                actions.request_tranche(session, actor, uid)
            case "approve":
                actions.approve_tranche(session, actor, uid)
            case "refuse":
                actions.refuse_tranche(session, actor, uid, reason)
            case "hold":
                actions.hold_tranche(session, actor, uid, reason)
            case "release":
                actions.release_tranche(session, actor, uid)
            case "pay":
                actions.pay_tranche(
                    session, actor, uid, _day(typed, "on", uid), typed.text(f"reference-{uid}")
                )
            case "recover":
                tranche = queries.entry(queries.open_book(session, actor, agreement).tranches, uid)
                amount = _amount(request, actor, typed, "amount", uid, tranche.currency)
                actions.recover_tranche(session, actor, uid, amount, _day(typed, "on", uid), reason)
            case _:
                raise NotFound
    except BadInput as error:
        return _wrong(request, session, actor, agreement, typed, error, uid)
    return _there(agreement, f"tranche-{step}", uid)


@router.post("/milestones/{uid}/{step}")
def move_milestone(
    request: Request, session: Writing, actor: Asking, uid: str, step: str, typed: Form
) -> Response:
    """Report, accept or return."""
    signed_in(actor)
    agreement = queries.agreement_of(session, actor, Milestone, uid)
    try:
        match step:
            case "report":
                actions.report_milestone(session, actor, uid, typed.text(f"statement-{uid}"))
            case "accept":
                actions.accept_milestone(session, actor, uid)
            case "return":
                actions.return_milestone(session, actor, uid, typed.text(f"reason-{uid}"))
            case _:
                raise NotFound
    except BadInput as error:
        return _wrong(request, session, actor, agreement, typed, error, uid)
    return _there(agreement, f"milestone-{step}", uid)


@router.post("/commitments/{uid}/deliveries")
def deliver(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Write down that something came which is not cash."""
    signed_in(actor)
    agreement = queries.agreement_of(session, actor, Commitment, uid)
    try:
        commitment = queries.entry(queries.open_book(session, actor, agreement).commitments, uid)
        quantity = _amount(request, actor, typed, "quantity", uid, commitment.unit)
        on = _day(typed, "on", uid)
        deliveries.record_delivery(session, actor, uid, quantity, on, typed.text(f"text-{uid}"))
    except BadInput as error:
        return _wrong(request, session, actor, agreement, typed, error, uid)
    return _there(agreement, "delivery-recorded", uid)


@router.post("/deliveries/{uid}/{step}")
def move_delivery(session: Writing, actor: Asking, uid: str, step: str) -> Response:
    """Confirm what the other side recorded, or take one's own back."""
    signed_in(actor)
    agreement = queries.agreement_of(session, actor, Delivery, uid)
    if step == "confirm":
        deliveries.confirm_delivery(session, actor, uid)
    elif step == "take-back":
        deliveries.take_back_delivery(session, actor, uid)
    else:
        raise NotFound
    return _there(agreement, "saved" if step == "confirm" else "removed", "gifts")


@router.post("/budget-lines/{uid}/expenses")
def spend(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Write down what was spent, with its voucher."""
    signed_in(actor)
    agreement = queries.agreement_of(session, actor, BudgetLine, uid)
    try:
        line = queries.entry(queries.open_book(session, actor, agreement).lines, uid)
        filename, content = uploaded(request, typed)
        spending.record_expense(
            session,
            actor,
            uid,
            _amount(request, actor, typed, "amount", uid, line.currency),
            _day(typed, "on", uid),
            typed.text(f"text-{uid}"),
            filename=filename,
            content=content,
            data_dir=site_of(request).settings.data_dir,
        )
    except BadInput as error:
        return _wrong(request, session, actor, agreement, typed, error, uid)
    return _there(agreement, "expense-recorded", uid)


@router.get("/expenses/{uid}/voucher")
def voucher(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The voucher of an expense."""
    signed_in(actor)
    return sent(request, spending.voucher_of(session, actor, uid))


def _day(typed: Typed, field: str, uid: str) -> date | None:
    text = typed.text(f"{field}-{uid}").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput.one(
            field, Message("date-malformed", "Write the date as year-month-day, such as 2015-04-01.")
        ) from None


def _amount(request: Request, actor: Actor, typed: Typed, field: str, uid: str, unit: str) -> int | None:
    """A number in hundredths of its unit, as people of the reader's language write it; it may be negative."""
    text = typed.text(f"{field}-{uid}").strip()
    if not text:
        return None
    sign, bare = (-1, text[1:]) if text[0] in "-−" else (1, text)
    try:
        found = parse_amount(bare, default_unit=unit, language=language_of(request, actor))
    except InvalidValue as error:
        raise BadInput.one(field, error.message) from error
    if found.unit != unit:
        raise BadInput.one(
            field, Message("other-unit", "This is counted in {unit} here, and in nothing else.", unit=unit)
        )
    return sign * found.amount


# Breaches -----------------------------------------------------------------------------------------------


@router.get("/agreements/{uid}/breach")
def allege_form(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The form in which to say that a party broke the agreement."""
    signed_in(actor)
    return _allege_form(request, session, actor, uid, typed_before(request, session))


def _allege_form(
    request: Request, session: Session, actor: Actor, uid: str, typed: Typed, **values: Any
) -> Response:
    book = queries.open_book(session, actor, uid)
    parties = [one.organization for one in book.parties]
    speaks_for = standing.acting_for(actor, "breach:raise", parties)
    return page(
        request,
        actor,
        "funding/allege.html",
        typed=typed,
        agreement=book.agreement,
        others=[(one.uid, one.name) for one in parties if speaks_for is None or one.key != speaks_for.key],
        most_bytes=site_of(request).settings.upload_bytes,
        most_files=breaches.MOST_FILES,
        **values,
    )


@router.post("/agreements/{uid}/breach")
def allege(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Say that a party broke the agreement."""
    signed_in(actor)
    settings = site_of(request).settings
    try:
        files = [
            (file.filename or "", read(file.file, settings.upload_bytes))
            for file in typed.files.get("file", ())
            if file.filename
        ]
        made = breaches.allege(
            session,
            actor,
            uid,
            typed.text("organization"),
            typed.text("text"),
            files=files,
            data_dir=settings.data_dir,
        )
    except BadInput as error:
        session.rollback()
        problems = problems_by_field(error)
        return _allege_form(request, session, actor, uid, typed, status=422, problems=problems)
    return see_other(f"/breaches/{made.uid}?done=breach-alleged")


@router.get("/breaches/{uid}")
def breach(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What is said, answered and decided; why an organization is barred and until when; the appeal."""
    signed_in(actor)
    return _breach(request, session, actor, uid, typed_before(request, session))


def _breach(
    request: Request, session: Session, actor: Actor, uid: str, typed: Typed, **values: Any
) -> Response:
    book, found = breaches.get(session, actor, uid)
    accused = book.organization(found.organization_id)
    decides = may(actor, "breach:decide")
    return page(
        request,
        actor,
        "funding/breach.html",
        typed=typed,
        agreement=book.agreement,
        book=book,
        breach=found,
        accused=accused,
        raised_for=book.organization(found.raised_for) if found.raised_for else None,
        answers=may(actor, "breach:answer", accused.key),
        decides=decides,
        partial=breaches.why_not_decide(actor, book) if decides else None,
        own_finding=breaches.why_not_appeal(actor, found) if decides else None,
        would_recover=breaches.unused_by(book, accused),
        standing=found.status in STANDING,
        appeal_by=breaches.appeal_by(found),
        bar_until=queries.today() + breaches.BAR,
        day=queries.today(),
        **values,
    )


@router.post("/breaches/{uid}/{step}")
def move_breach(
    request: Request, session: Writing, actor: Asking, uid: str, step: str, typed: Form
) -> Response:
    """Answer, dismiss, find, appeal; uphold or overturn after the appeal."""
    signed_in(actor)
    try:
        match step:
            case "answer":
                breaches.answer(session, actor, uid, typed.text("answer"))
            case "dismiss":
                breaches.dismiss(session, actor, uid, typed.text("reason"))
            case "find":
                _confirmed(typed)
                breaches.find(session, actor, uid, typed.text("reason"))
            case "appeal":
                breaches.appeal(session, actor, uid, typed.text("appeal"))
            case "uphold" | "overturn":
                breaches.decide_appeal(session, actor, uid, typed.text("reason"), overturn=step == "overturn")
            case _:
                raise NotFound
    except BadInput as error:
        session.rollback()
        return _breach(request, session, actor, uid, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/breaches/{uid}?done=breach-{step}")


def _confirmed(typed: Typed) -> None:
    if typed.text("confirmed") != "yes":
        raise BadInput.one(
            "confirmed", Message("breach-confirm", "Tick that you have read what follows from it.")
        )


@router.get("/breaches/{uid}/evidence/{number}")
def breach_evidence(request: Request, session: Reading, actor: Asking, uid: str, number: int) -> Response:
    """One of the files that were handed in."""
    signed_in(actor)
    return sent(request, breaches.piece_of_evidence(session, actor, uid, number))


def section_of_organization(
    session: Session, actor: Actor, organization: Organization
) -> tuple[str, dict[str, Any]]:
    """What an organization's page says of a bar to its members and facilitators: why, how to appeal."""
    inside = actor.is_staff or organization.key in actor.memberships
    found = queries.breaches_of(session, organization) if inside else []
    return "funding/of_organization.html", {
        "breaches": [(one, agreement, breaches.appeal_by(one)) for one, agreement in found],
        "answers": may(actor, "breach:answer", organization.key),
        "day": queries.today(),
    }
