"""What kinds and statuses of reports are called."""

from __future__ import annotations

from matching.messages import Message
from service.reports.models import PeopleShown, ReportKind

KINDS = {
    ReportKind.MONTHLY: Message("report-monthly", "Monthly report"),
    ReportKind.QUARTERLY: Message("report-quarterly", "Quarterly report"),
    ReportKind.FINAL: Message("report-final", "Final report"),
    ReportKind.EVALUATION: Message("report-evaluation", "Evaluation"),
}
PEOPLE = {
    PeopleShown.NOBODY: Message("people-nobody", "Nobody can be recognised"),
    PeopleShown.AGREED: Message("people-agreed", "People can be recognised, and they agreed to be shown"),
    PeopleShown.REFUSED: Message(
        "people-refused", "People can be recognised, and not all agreed: not published"
    ),
}
