"""Books as the API gives them, and what waits in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.messages import Message, Quantity
from service.funding import breaches
from service.funding.conditions import conditions, number_of
from service.funding.models import STANDING, Breach, Delivery, Disbursement, Milestone
from service.funding.queries import is_cash
from service.funding.reckoning import PAID
from service.funding.shapes import (
    AccountOut,
    BreachOut,
    CommitmentOut,
    ConditionOut,
    DeliveryOut,
    ExpenseOut,
    FileOut,
    LineOut,
    MilestoneOut,
    MoneyOut,
    TrancheOut,
    TurnOut,
)
from service.funding.turns import Turn, TurnKind, turns
from service.wording import say

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.funding.models import Commitment, Expense
    from service.funding.queries import Book
    from service.permissions import Actor


def sentence(turn: Turn) -> Message:
    """What waits, in a sentence. Whose turn it is stands beside it."""
    thing = turn.thing
    if isinstance(thing, Milestone):
        return {
            TurnKind.REPORT_MILESTONE: Message(
                "turn-report", "Report that milestone “{title}” is reached.", title=thing.title
            ),
            TurnKind.ACCEPT_MILESTONE: Message(
                "turn-accept", "Accept milestone “{title}”, or return it.", title=thing.title
            ),
        }[turn.kind]
    if isinstance(thing, Disbursement):
        named: dict[str, Any] = {"number": turn.number, "amount": Quantity(thing.amount, thing.currency)}
        return {
            TurnKind.REQUEST_TRANCHE: Message(
                "turn-request", "Request tranche {number}, {amount}: its conditions are met.", **named
            ),
            TurnKind.APPROVE_TRANCHE: Message(
                "turn-approve", "Approve tranche {number}, {amount}, or say why not.", **named
            ),
            TurnKind.PAY_TRANCHE: Message(
                "turn-pay", "Pay tranche {number}, {amount}, and write down the reference.", **named
            ),
            TurnKind.RELEASE_TRANCHE: Message(
                "turn-release", "Tranche {number}, {amount}, is held back. Release it, or leave it.", **named
            ),
            TurnKind.RECOVER: Message(
                "turn-recover", "Write down what comes back of tranche {number}, {amount}.", **named
            ),
        }[turn.kind]
    if isinstance(thing, Delivery):
        commitment = turn.book.commitment(thing)
        return Message(
            "turn-confirm",
            "Confirm that {amount} came: {title}.",
            amount=Quantity(thing.quantity, commitment.unit),
            title=commitment.description or KINDS[commitment.kind.value],
        )
    accused = turn.book.organization(thing.organization_id).name
    return {
        TurnKind.ANSWER_BREACH: Message(
            "turn-answer",
            "Answer: {organization} is said to have broken the agreement.",
            organization=accused,
        ),
        TurnKind.DECIDE_BREACH: Message(
            "turn-decide", "Decide whether {organization} has broken the agreement.", organization=accused
        ),
        TurnKind.DECIDE_APPEAL: Message(
            "turn-appeal", "Decide on the appeal of {organization}.", organization=accused
        ),
    }[turn.kind]


KINDS = {
    "cash": Message("kind-cash", "Money"),
    "goods": Message("kind-goods", "Goods"),
    "services": Message("kind-services", "Services"),
    "volunteers": Message("kind-volunteers", "Volunteers’ time"),
    "venue": Message("kind-venue", "A venue"),
    "media": Message("kind-media", "Publicity"),
    "endorsement": Message("kind-endorsement", "An endorsement"),
}


def address_of(turn: Turn) -> str:
    """Where it is done."""
    if isinstance(turn.thing, Breach):
        return f"/breaches/{turn.thing.uid}"
    return f"/agreements/{turn.book.agreement.uid}/money#{turn.thing.uid}"


# For the API --------------------------------------------------------------------------------------------


def money(session: Session, actor: Actor, book: Book, language: str) -> MoneyOut:
    """A whole book."""
    return MoneyOut(
        agreement=book.agreement.uid,
        commitments=[_commitment(book, one) for one in book.commitments],
        deliveries=[delivery(book, one) for one in book.deliveries],
        milestones=[milestone(one) for one in book.milestones],
        tranches=[tranche(session, book, one, language) for one in book.tranches],
        lines=[
            LineOut(
                **one.model_dump(include={"item", "purpose", "label", "planned", "currency", "ended"}),
                id=one.uid,
                spent=book.spent_of(one),
                over=book.spent_of(one) > one.planned,
            )
            for one in book.lines
        ],
        expenses=[expense(book, one) for one in book.expenses],
        accounts=[
            AccountOut(
                currency=one.currency,
                purpose=one.purpose,
                committed=one.committed.amount,
                planned=one.planned.amount,
                paid=one.paid.amount,
                recovered=one.recovered.amount,
                budgeted=one.budgeted.amount,
                spent=one.spent.amount,
                unspent=one.unspent.amount,
            )
            for one in book.accounts()
        ],
        turns=[turn(actor, one, language) for one in turns(session, book)],
    )


def turn(actor: Actor, one: Turn, language: str) -> TurnOut:
    """Something that waits."""
    return TurnOut(
        kind=one.kind,
        agreement=one.book.agreement.uid,
        thing=one.thing.uid,
        organizations=[organization.uid for organization in one.organizations],
        due=one.due,
        text=say(sentence(one), language),
        yours=one.is_for(actor),
    )


def _commitment(book: Book, one: Commitment) -> CommitmentOut:
    paid = sum(
        tranche.amount - tranche.recovered_amount
        for tranche in book.tranches
        if tranche.commitment_id == one.key and tranche.status in PAID
    )
    return CommitmentOut(
        **one.model_dump(include=set(CommitmentOut.model_fields) - {"id", "organization", "delivered"}),
        id=one.uid,
        organization=book.organization(one.organization_id).uid,
        delivered=paid if is_cash(one) else book.delivered_of(one),
    )


def delivery(book: Book, one: Delivery) -> DeliveryOut:
    """Something that was given."""
    return DeliveryOut(
        **one.model_dump(include={"quantity", "on", "text", "confirmed"}),
        id=one.uid,
        commitment=book.commitment(one).uid,
        recorded_for=book.organization(one.organization_id).uid,
    )


def expense(book: Book, one: Expense) -> ExpenseOut:
    """What was spent."""
    return ExpenseOut(
        **one.model_dump(include={"amount", "on", "text"}),
        id=one.uid,
        line=next(line.uid for line in book.lines if line.key == one.budget_line_id),
        organization=book.organization(one.organization_id).uid,
        voucher=one.voucher.get("filename", ""),
    )


def milestone(one: Milestone) -> MilestoneOut:
    """What must be reached by when."""
    return MilestoneOut(**one.model_dump(include=set(MilestoneOut.model_fields) - {"id"}), id=one.uid)


def tranche(session: Session, book: Book, one: Disbursement, language: str) -> TrancheOut:
    """A tranche with its conditions."""
    waits_for = book.milestone(one)
    own = {"id", "number", "commitment", "purpose", "payee", "milestone", "conditions"}
    return TrancheOut(
        **one.model_dump(include=set(TrancheOut.model_fields) - own),
        id=one.uid,
        number=number_of(book, one),
        commitment=book.commitment(one).uid,
        purpose=book.commitment(one).purpose,
        payee=book.organization(one.payee_id).uid,
        milestone=waits_for.uid if waits_for else None,
        conditions=[
            ConditionOut(
                code=(condition.missing or condition.asks).code,
                asks=say(condition.asks, language),
                met=condition.met,
                missing=say(condition.missing, language) if condition.missing else "",
            )
            for condition in (conditions(session, book, one) if one.status not in PAID else ())
        ],
    )


def breach(book: Book, one: Breach) -> BreachOut:
    """A breach as the parties and facilitators see it."""
    accused = book.organization(one.organization_id)
    same = set(BreachOut.model_fields) - {
        *("id", "agreement", "organization", "evidence", "appeal_by", "still_to_recover")
    }
    return BreachOut(
        **one.model_dump(include=same),
        id=one.uid,
        agreement=book.agreement.uid,
        organization=accused.uid,
        evidence=[FileOut(**{name: file[name] for name in FileOut.model_fields}) for file in one.evidence],
        still_to_recover=dict(breaches.unused_by(book, accused)) if one.status in STANDING else {},
        appeal_by=breaches.appeal_by(one),
    )
