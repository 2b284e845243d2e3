"""Questions about listings and their answers, and the files that belong to a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, func, select

from matching.messages import Message
from matching.text import detect_language
from service.accounts.models import User
from service.accounts.queries import emails_of_editors
from service.db import now
from service.errors import NotNow
from service.events import advance, record
from service.listings import queries
from service.listings.models import (
    INQUIRY,
    MOST_ATTACHMENTS,
    REMARK_CHARACTERS,
    Attachment,
    Inquiry,
    InquiryStatus,
    Listing,
)
from service.mail import send
from service.organizations import evidence
from service.permissions import require
from service.texts import written

if TYPE_CHECKING:
    from pathlib import Path

    from service.permissions import Actor

MOST_OPEN_QUESTIONS = 5
"""How many unanswered questions one person may have about one listing."""


def remark(text: str, field: str = "text") -> str:
    """A question, answer or request as it is kept. Raises BadInput where it is empty or too long."""
    return written(text, field, REMARK_CHARACTERS)


def ask(session: Session, actor: Actor, listing: Listing, text: str) -> Inquiry:
    """Ask about an open listing; its editors are told."""
    require(actor, "listing:ask")
    if not queries.is_open(listing, queries.today()):
        raise NotNow(Message("listing-closed", "This is not open any more."))
    kept = remark(text, "question")
    waiting = select(func.count()).where(
        col(Inquiry.listing_id) == listing.key,
        col(Inquiry.asked_by) == actor.user_id,
        col(Inquiry.status) == InquiryStatus.OPEN,
    )
    if session.exec(waiting).one() >= MOST_OPEN_QUESTIONS:
        raise NotNow(
            Message(
                "questions-waiting",
                "You have asked {most} questions here that are not answered yet. Wait for the answers first.",
                most=MOST_OPEN_QUESTIONS,
            )
        )
    inquiry = Inquiry(
        listing_id=listing.key, text=kept, language=detect_language(kept), asked_by=actor.user_id
    )
    session.add(inquiry)
    session.flush()
    record(session, actor, "inquiry.ask", inquiry, listing=listing.uid)
    for email, language in emails_of_editors(session, listing.organization_id):
        send(
            session, email, "listing-question", language, title=listing.title, uid=listing.uid, question=kept
        )
    return inquiry


def answer(session: Session, actor: Actor, inquiry: Inquiry, listing: Listing, text: str) -> Inquiry:
    """Answer a question; all who see the listing see both, and who asked is told."""
    require(actor, "listing:answer", listing.organization_id)
    kept = remark(text, "answer")
    advance(session, actor, inquiry, INQUIRY, "answer", listing=listing.uid)
    inquiry.answer, inquiry.answer_language = kept, detect_language(kept)
    inquiry.answered, inquiry.answered_by = now(), actor.user_id
    inquiry.version += 1
    session.add(inquiry)
    asker = session.get(User, inquiry.asked_by) if inquiry.asked_by else None
    if asker is not None:
        send(
            session,
            asker.email,
            "listing-answer",
            asker.language,
            title=listing.title,
            uid=listing.uid,
            question=inquiry.text,
            answer=kept,
        )
    return inquiry


def attach(
    session: Session, actor: Actor, listing: Listing, *, data_dir: Path, filename: str, content: bytes
) -> Attachment:
    """Add a file (PDF, PNG, JPEG or Word). Raises BadInput on `file`, or NotNow where there are too many."""
    require(actor, "listing:edit", listing.organization_id)
    kind = evidence.recognise(content)
    if len(queries.attachments(session, listing)) >= MOST_ATTACHMENTS:
        raise NotNow(
            Message(
                "attachments-many",
                "There are {most} files already. Remove one first.",
                most=MOST_ATTACHMENTS,
            )
        )
    attachment = Attachment(
        listing_id=listing.key,
        filename=evidence.shown_name(filename, kind),
        media_type=kind,
        size=len(content),
        sha256=evidence.keep(data_dir, content),
        added_by=actor.user_id,
    )
    session.add(attachment)
    session.flush()
    record(session, actor, "attachment.add", attachment, listing=listing.uid, sha256=attachment.sha256)
    return attachment


def detach(session: Session, actor: Actor, listing: Listing, attachment: Attachment) -> None:
    """Remove a file from a listing; its content stays where others use it too."""
    require(actor, "listing:edit", listing.organization_id)
    record(session, actor, "attachment.remove", attachment, listing=listing.uid)
    session.delete(attachment)
