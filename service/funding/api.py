"""Money, gifts and breaches of agreements as JSON. Sums are integers in minor units of their currency."""

from __future__ import annotations

from datetime import date  # noqa: TC003 — FastAPI reads it
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile

from service.errors import SignInNeeded
from service.funding import actions, breaches, deliveries, queries, shapes, showing, spending, turns
from service.funding.models import Delivery, Disbursement
from service.organizations.desk import sent
from service.organizations.evidence import read
from service.web import Asking, Reading, Writing, language_of, site_of

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor

router = APIRouter(prefix="/api/v1", tags=["money"])

AgreementUid = Annotated[str, Path(max_length=32, description="The agreement's id.")]
Uid = Annotated[str, Path(max_length=32, description="Its id.")]


def _known(actor: Actor) -> None:
    """Raise SignInNeeded: all of this is seen by parties and facilitators only."""
    if not actor.signed_in:
        raise SignInNeeded


# Reading ------------------------------------------------------------------------------------------------


@router.get("/agreements/{uid}/money")
def get_money(uid: AgreementUid, request: Request, session: Reading, actor: Asking) -> shapes.MoneyOut:
    """Commitments, milestones, tranches with their conditions, budget and actual, and whose turn it is."""
    _known(actor)
    book = queries.open_book(session, actor, uid)
    return showing.money(session, actor, book, language_of(request, actor))


@router.get("/money")
def list_what_waits(request: Request, session: Reading, actor: Asking) -> list[shapes.TurnOut]:
    """What waits for the caller in all agreements, what is due first coming first."""
    _known(actor)
    return [
        showing.turn(actor, one, language_of(request, actor)) for one in turns.waiting_for(session, actor)
    ]


# Tranches -----------------------------------------------------------------------------------------------


def _tranche(request: Request, session: Session, actor: Actor, changed: Disbursement) -> shapes.TrancheOut:
    book = queries.open_book(session, actor, queries.agreement_of(session, actor, Disbursement, changed.uid))
    return showing.tranche(session, book, changed, language_of(request, actor))


@router.post("/tranches/{uid}/request")
def request_tranche(uid: Uid, request: Request, session: Writing, actor: Asking) -> shapes.TrancheOut:
    """Ask for a tranche, for the organization that gets it."""
    _known(actor)
    return _tranche(request, session, actor, actions.request_tranche(session, actor, uid))


@router.post("/tranches/{uid}/approve")
def approve_tranche(uid: Uid, request: Request, session: Writing, actor: Asking) -> shapes.TrancheOut:
    """Approve a request; a second person, and only once all conditions are met (409 says which is not)."""
    _known(actor)
    return _tranche(request, session, actor, actions.approve_tranche(session, actor, uid))


@router.post("/tranches/{uid}/refuse")
def refuse_tranche(
    uid: Uid, given: shapes.ReasonIn, request: Request, session: Writing, actor: Asking
) -> shapes.TrancheOut:
    """Refuse a request; it can be made again."""
    _known(actor)
    return _tranche(request, session, actor, actions.refuse_tranche(session, actor, uid, given.reason))


@router.post("/tranches/{uid}/hold")
def hold_tranche(
    uid: Uid, given: shapes.ReasonIn, request: Request, session: Writing, actor: Asking
) -> shapes.TrancheOut:
    """Hold back a tranche that was requested or approved."""
    _known(actor)
    return _tranche(request, session, actor, actions.hold_tranche(session, actor, uid, given.reason))


@router.post("/tranches/{uid}/release")
def release_tranche(uid: Uid, request: Request, session: Writing, actor: Asking) -> shapes.TrancheOut:
    """Let a held tranche go on; it has to be approved anew."""
    _known(actor)
    return _tranche(request, session, actor, actions.release_tranche(session, actor, uid))


@router.post("/tranches/{uid}/pay")
def pay_tranche(
    uid: Uid, given: shapes.PaymentIn, request: Request, session: Writing, actor: Asking
) -> shapes.TrancheOut:
    """Write down that an approved tranche was paid."""
    _known(actor)
    paid = actions.pay_tranche(session, actor, uid, given.on, given.reference)
    return _tranche(request, session, actor, paid)


@router.post("/tranches/{uid}/recover")
def recover_tranche(
    uid: Uid, given: shapes.RecoveryIn, request: Request, session: Writing, actor: Asking
) -> shapes.TrancheOut:
    """Write down that money of a paid tranche came back, in part or in whole."""
    _known(actor)
    back = actions.recover_tranche(session, actor, uid, given.amount, given.on, given.reason)
    return _tranche(request, session, actor, back)


# Milestones ---------------------------------------------------------------------------------------------


@router.post("/milestones/{uid}/report")
def report_milestone(
    uid: Uid, given: shapes.StatementIn, session: Writing, actor: Asking
) -> shapes.MilestoneOut:
    """Say what was reached."""
    _known(actor)
    return showing.milestone(actions.report_milestone(session, actor, uid, given.statement))


@router.post("/milestones/{uid}/accept")
def accept_milestone(uid: Uid, session: Writing, actor: Asking) -> shapes.MilestoneOut:
    """Agree that it was reached; never the side that reported it."""
    _known(actor)
    return showing.milestone(actions.accept_milestone(session, actor, uid))


@router.post("/milestones/{uid}/return")
def return_milestone(
    uid: Uid, given: shapes.ReasonIn, session: Writing, actor: Asking
) -> shapes.MilestoneOut:
    """Give it back, with the reason."""
    _known(actor)
    return showing.milestone(actions.return_milestone(session, actor, uid, given.reason))


# What is not cash ---------------------------------------------------------------------------------------


def _delivery(session: Session, actor: Actor, changed: Delivery) -> shapes.DeliveryOut:
    book = queries.open_book(session, actor, queries.agreement_of(session, actor, Delivery, changed.uid))
    return showing.delivery(book, changed)


@router.post("/commitments/{uid}/deliveries", status_code=201)
def record_delivery(
    uid: Uid, given: shapes.DeliveryIn, session: Writing, actor: Asking
) -> shapes.DeliveryOut:
    """Write down that goods, services or time came; the other side confirms."""
    _known(actor)
    made = deliveries.record_delivery(session, actor, uid, given.quantity, given.on, given.text)
    return _delivery(session, actor, made)


@router.post("/deliveries/{uid}/confirm")
def confirm_delivery(uid: Uid, session: Writing, actor: Asking) -> shapes.DeliveryOut:
    """Say, for the other side, that it came."""
    _known(actor)
    return _delivery(session, actor, deliveries.confirm_delivery(session, actor, uid))


@router.delete("/deliveries/{uid}", status_code=204)
def take_back_delivery(uid: Uid, session: Writing, actor: Asking) -> Response:
    """Remove what was recorded by mistake, until it is confirmed."""
    _known(actor)
    deliveries.take_back_delivery(session, actor, uid)
    return Response(status_code=204)


# Spending -----------------------------------------------------------------------------------------------


@router.post("/budget-lines/{uid}/expenses", status_code=201)
def record_expense(
    uid: Uid,
    request: Request,
    session: Writing,
    actor: Asking,
    amount: Annotated[int, Form(description="Minor units; below zero it corrects an earlier one.")],
    on: Annotated[date, Form()],
    text: Annotated[str, Form(max_length=spending.TEXT_CHARACTERS)],
    file: Annotated[UploadFile | None, File(description="The voucher: PDF, PNG, JPEG or DOCX.")] = None,
) -> shapes.ExpenseOut:
    """Write down what was spent from a line of the budget, with its voucher."""
    _known(actor)
    settings = site_of(request).settings
    made = spending.record_expense(
        session,
        actor,
        uid,
        amount,
        on,
        text,
        filename=file.filename or "" if file else "",
        content=read(file.file, settings.upload_bytes) if file else b"",
        data_dir=settings.data_dir,
    )
    book = queries.open_book(session, actor, queries.agreement_of(session, actor, type(made), made.uid))
    return showing.expense(book, made)


@router.get("/expenses/{uid}/voucher")
def get_voucher(uid: Uid, request: Request, session: Reading, actor: Asking) -> Response:
    """The voucher of an expense."""
    _known(actor)
    return sent(request, spending.voucher_of(session, actor, uid))


# Breaches -----------------------------------------------------------------------------------------------


def _breach(session: Session, actor: Actor, uid: str) -> shapes.BreachOut:
    return showing.breach(*breaches.get(session, actor, uid))


@router.get("/agreements/{uid}/breaches")
def list_breaches(uid: AgreementUid, session: Reading, actor: Asking) -> list[shapes.BreachOut]:
    """What is said of parties that are said to have broken the agreement."""
    _known(actor)
    book = queries.open_book(session, actor, uid)
    return [showing.breach(book, one) for one in book.breaches]


@router.post("/agreements/{uid}/breaches", status_code=201)
def allege_breach(
    uid: AgreementUid,
    request: Request,
    session: Writing,
    actor: Asking,
    organization: Annotated[str, Form(max_length=32, description="The id of who is said to have broken it.")],
    text: Annotated[str, Form(max_length=4_000)],
    file: Annotated[list[UploadFile] | None, File(description="At most five files as evidence.")] = None,
) -> shapes.BreachOut:
    """Say that a party broke the agreement."""
    _known(actor)
    settings = site_of(request).settings
    files = [(one.filename or "", read(one.file, settings.upload_bytes)) for one in file or ()]
    made = breaches.allege(session, actor, uid, organization, text, files=files, data_dir=settings.data_dir)
    return _breach(session, actor, made.uid)


@router.get("/breaches/{uid}")
def get_breach(uid: Uid, session: Reading, actor: Asking) -> shapes.BreachOut:
    """One of them, for the parties and facilitators."""
    _known(actor)
    return _breach(session, actor, uid)


@router.get("/breaches/{uid}/evidence/{number}")
def get_evidence(
    uid: Uid,
    number: Annotated[int, Path(ge=1, le=breaches.MOST_FILES)],
    request: Request,
    session: Reading,
    actor: Asking,
) -> Response:
    """One of the files that were handed in."""
    _known(actor)
    return sent(request, breaches.piece_of_evidence(session, actor, uid, number))


@router.post("/breaches/{uid}/answer")
def answer_breach(uid: Uid, given: shapes.TextIn, session: Writing, actor: Asking) -> shapes.BreachOut:
    """What the organization says to it, until it is decided."""
    _known(actor)
    return _breach(session, actor, breaches.answer(session, actor, uid, given.text).uid)


@router.post("/breaches/{uid}/dismiss")
def dismiss_breach(uid: Uid, given: shapes.ReasonIn, session: Writing, actor: Asking) -> shapes.BreachOut:
    """Decide that there is nothing in it; for facilitators."""
    _known(actor)
    return _breach(session, actor, breaches.dismiss(session, actor, uid, given.reason).uid)


@router.post("/breaches/{uid}/find")
def find_breach(uid: Uid, given: shapes.ReasonIn, session: Writing, actor: Asking) -> shapes.BreachOut:
    """Decide that it is so: unused money has to come back, the agreement ends, the organization is barred."""
    _known(actor)
    return _breach(session, actor, breaches.find(session, actor, uid, given.reason).uid)


@router.post("/breaches/{uid}/appeal")
def appeal(uid: Uid, given: shapes.TextIn, session: Writing, actor: Asking) -> shapes.BreachOut:
    """Object, once and within 30 days."""
    _known(actor)
    return _breach(session, actor, breaches.appeal(session, actor, uid, given.text).uid)


@router.post("/breaches/{uid}/uphold")
def uphold_breach(uid: Uid, given: shapes.ReasonIn, session: Writing, actor: Asking) -> shapes.BreachOut:
    """Decide on the appeal, as another facilitator: the finding stands."""
    _known(actor)
    decided = breaches.decide_appeal(session, actor, uid, given.reason, overturn=False)
    return _breach(session, actor, decided.uid)


@router.post("/breaches/{uid}/overturn")
def overturn_breach(uid: Uid, given: shapes.ReasonIn, session: Writing, actor: Asking) -> shapes.BreachOut:
    """Decide on the appeal, as another facilitator: the finding does not stand, and the bar is lifted."""
    _known(actor)
    decided = breaches.decide_appeal(session, actor, uid, given.reason, overturn=True)
    return _breach(session, actor, decided.uid)
