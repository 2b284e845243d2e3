"""Where people stand in the tables, and what becomes of it when they leave.

Every column that names a person is listed, which a test checks; a new table cannot be forgotten.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import SQLModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Table


class Holding(StrEnum):
    """What a row is to the person whom one of its columns names."""

    PRIVATE = "private"
    """Hers alone: taken along whole, deleted with her."""
    WRITTEN = "written"
    """Written by her for an organization: taken along whole; stays, and names nobody any more."""
    HANDLED = "handled"
    """About others, who own its words: she takes along that she did it and when; stays."""


_P, _W, _H = Holding.PRIVATE, Holding.WRITTEN, Holding.HANDLED
HOLDINGS: dict[str, Holding] = {
    "appeal.raised_by": _W,
    "appeal.decided_by": _H,
    "application.submitted_by": _W,
    "application_unsaved.user_id": _P,
    "attendance.checked_in_by": _H,
    "choice.user_id": _W,
    "conflict.user_id": _W,
    "conflict.declared_by": _H,
    "consent.user_id": _P,
    "cooperation_sheet.user_id": _P,
    "evidence.added_by": _W,
    "flag.raised_by": _H,
    "invitation.invited_by": _H,
    "listing_attachment.added_by": _W,
    "listing_import.user_id": _W,
    "listing_inquiry.asked_by": _W,
    "listing_inquiry.answered_by": _H,
    "listing_request.sent_by": _W,
    "listing_unsaved.user_id": _P,
    "match_run.asked_by": _H,
    "meeting_outcome.user_id": _W,
    "membership.user_id": _P,
    "objection.raised_by": _W,
    "objection.decided_by": _H,
    "override.made_by": _H,
    "pin.user_id": _P,
    "question.asked_by": _H,
    "question.answered_by": _W,
    "review.user_id": _W,
    "review_cleared_file.cleared_by": _H,
    "review_remark.user_id": _W,
    "round.created_by": _H,
    "round_preset.created_by": _H,
    "round_reviewer.user_id": _W,
    "saved_search.user_id": _P,
    "signed.user_id": _W,
    "signin.user_id": _P,
    "token.user_id": _P,
    "agreement.drafted_by": _H,
    "agreement_revision.user_id": _H,
    "agreement_comment.user_id": _W,
    "agreement_signature.user_id": _W,
    "delivery.user_id": _W,
    "delivery.confirmed_by": _H,
    "disbursement.requested_by": _H,
    "disbursement.approved_by": _H,
    "disbursement.paid_by": _H,
    "milestone.reported_by": _W,
    "expense.user_id": _W,
    "breach.raised_by": _W,
    "breach.decided_by": _H,
    "breach.appeal_decided_by": _H,
    "report.submitted_by": _W,
    "report.decided_by": _H,
    "site_visit.user_id": _W,
    "fault.user_id": _W,
}
"""By `table.column`."""
SECRET = frozenset({"password_hash", "token_hash", "secret"})
"""Columns that nobody is given: proofs, not facts."""
BOOKKEEPING = ("uid", "created")
"""What is told of a row that is about others."""


def columns() -> Iterator[tuple[Table, Column[int]]]:
    """Every column that names a person, by table."""
    for table in sorted(SQLModel.metadata.tables.values(), key=lambda one: one.name):
        for column in table.columns:
            if any(key.column.table.name == "user" for key in column.foreign_keys):
                yield table, column


def held(table: Table, column: Column[int]) -> Holding:
    """What rows of this table are to whom this column names."""
    return HOLDINGS[f"{table.name}.{column.name}"]
