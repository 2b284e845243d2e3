"""What every status is called, for sentences that name one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

_WORDS = (
    Message("abandoned", "Abandoned"),
    Message("active", "Active"),
    Message("agreed", "Agreed"),
    Message("alleged", "Alleged"),
    Message("answered", "Answered"),
    Message("approved", "Approved"),
    Message("assigned", "Assigned"),
    Message("barred", "Barred"),
    Message("cancelled", "Cancelled"),
    Message("choosing", "Choosing"),
    Message("closed", "Closed"),
    Message("completed", "Completed"),
    Message("confirmed", "Confirmed"),
    Message("declined", "Declined"),
    Message("delivered", "Delivered"),
    Message("delivering", "Delivering"),
    Message("discarded", "Discarded"),
    Message("dismissed", "Dismissed"),
    Message("done", "Done"),
    Message("draft", "Draft"),
    Message("dropped", "Dropped"),
    Message("eligible", "Takes part"),
    Message("ended", "Ended"),
    Message("escalated", "Escalated"),
    Message("expired", "Expired"),
    Message("failed", "Failed"),
    Message("found", "Found"),
    Message("fulfilled", "Fulfilled"),
    Message("held", "Held"),
    Message("in-force", "In force"),
    Message("ineligible", "Returned"),
    Message("infeasible", "Not possible as it is"),
    Message("lapsed", "Lapsed"),
    Message("matching", "Matching"),
    Message("meeting", "Meeting"),
    Message("mending", "Being repaired"),
    Message("met", "Met"),
    Message("missed", "Missed"),
    Message("mutual", "Both agree"),
    Message("notice", "Public notice"),
    Message("open", "Open"),
    Message("overturned", "Overturned"),
    Message("paid", "Paid"),
    Message("paused", "Paused"),
    Message("pending", "Waiting for an answer"),
    Message("planned", "Planned"),
    Message("proposed", "Proposed"),
    Message("published", "Published"),
    Message("queued", "Queued"),
    Message("raised", "Raised"),
    Message("recovered", "Recovered"),
    Message("recused", "Recused"),
    Message("registered", "Registered"),
    Message("released", "Waiting for answers"),
    Message("reported", "Reported"),
    Message("requested", "Requested"),
    Message("returned", "Returned"),
    Message("reviewing", "Reviewing"),
    Message("running", "Running"),
    Message("scheduled", "Scheduled"),
    Message("screening", "Screening"),
    Message("shortlisted", "Shortlisted"),
    Message("showcase", "Showcase"),
    Message("signing", "Signing"),
    Message("submitted", "Submitted"),
    Message("superseded", "Superseded"),
    Message("suspended", "Suspended"),
    Message("terminated", "Terminated"),
    Message("upheld", "Upheld"),
    Message("verified", "Verified"),
    Message("waiting", "Waiting"),
    Message("waitlisted", "On the waiting list"),
    Message("withdrawn", "Withdrawn"),
)
STATES: Mapping[str, Message] = {word.code: word for word in _WORDS}
"""By its code."""


def unfitting(status: StrEnum) -> Message:
    """Why a step cannot be taken, naming the status that does not fit it."""
    return Message(
        "not-now",
        "This cannot be done now: its state is “{status}”.",
        status=STATES.get(status.value, status.value),
    )
