"""Writing reports and deciding about them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from matching.messages import Message
from matching.text import detect_language
from service.accounts.queries import emails_of_editors
from service.agreements.models import Agreement
from service.db import now
from service.errors import BadInput, NotAllowed, NotFound, NotNow, SignInNeeded
from service.events import advance, record
from service.i18n import date_text
from service.mail import send
from service.organizations import evidence, photos
from service.permissions import require
from service.reports import clinic, queries, questions
from service.reports.models import (
    MOST_FILES,
    REASON_CHARACTERS,
    REPORT,
    PeopleShown,
    Report,
    ReportKind,
)
from service.reports.words import KINDS
from service.rounds.models import Round
from service.texts import said, tidy
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlmodel import Session

    from service.permissions import Actor

DAYS_AGAIN = 10
"""How many days there are at least to mend a report that was returned."""
CAPTION_CHARACTERS = 200
NO_FILE = Message("file-needed", "Choose a file first.")


def about(session: Session, agreement: Agreement) -> dict[str, str]:
    """What every event carries: the agreement and its round."""
    one = session.get(Round, agreement.round_id) if agreement.round_id else None
    return {"agreement": agreement.uid} | ({"round": one.uid} if one else {})


# Writing ------------------------------------------------------------------------------------------------


def save(
    session: Session, actor: Actor, report: Report, typed: Mapping[str, Any], checked: Sequence[str] = ()
) -> Report:
    """Keep what is typed, as it is typed; nothing is refused but what nobody may write."""
    _to_write(session, actor, report)
    report.answers = _kept(report, typed, checked)
    report.version += 1
    session.add(report)
    session.flush()
    return report


def _kept(report: Report, typed: Mapping[str, Any], checked: Sequence[str]) -> dict[str, Any]:
    known = set(clinic.codes())
    return {
        **questions.read(report.kind, typed),
        "checked": [code for code in dict.fromkeys(checked) if code in known],
    }


def _to_write(session: Session, actor: Actor, report: Report) -> queries.Told:
    """Raise unless the actor may write it and it is open. NotNow where its time has not begun."""
    require(actor, "report:write", report.organization_id)
    found = queries.tell(session, report)
    if report.status not in queries.OPEN:
        raise NotNow(Message("report-handed-in", "This report was handed in and cannot be changed now."))
    if not queries.is_owed(report, found.agreement):
        raise NotNow(Message("report-not-owed", "The agreement does not ask for this report now."))
    if not found.begins:
        raise NotNow(
            Message("report-early", "The time of this report begins on {day}.", day=report.period_start)
        )
    return found


def submit(
    session: Session, actor: Actor, report: Report, typed: Mapping[str, Any], checked: Sequence[str] = ()
) -> Report:
    """Hand a report in; what is known of milestones and money is kept with it as it stands now.

    Raises BadInput with everything that is missing, NotNow before its period is over.
    """
    found = _to_write(session, actor, report)
    answers = _kept(report, typed, checked)
    questions.check(report.kind, answers)
    if not found.is_due:
        raise NotNow(
            Message(
                "report-not-due",
                "It can be handed in from {day} on. What you type is kept.",
                day=report.period_end,
            )
        )
    report.answers, report.facts = answers, queries.facts(session, report)
    report.language = detect_language(
        " ".join(str(answers.get(one.code, "")) for one in questions.asked(report.kind))
    )
    report.score = questions.score(answers) if report.kind is ReportKind.EVALUATION else None
    report.submitted, report.submitted_by = now(), actor.user_id
    report.version += 1
    advance(
        session,
        actor,
        report,
        REPORT,
        "submit",
        kind=report.kind.value,
        days_late=found.late,
        **about(session, found.agreement),
    )
    session.flush()
    for party in queries.parties_of(session, report):
        if party.organization_id != report.organization_id:
            for email, language in emails_of_editors(session, party.organization_id):
                send(session, email, "report-submitted", language, **mail_values(found, language))
    return report


def mail_values(found: queries.Told, language: str) -> dict[str, Any]:
    """What mails about a report say, in a language."""
    report = found.report
    return {
        "title": found.agreement.title,
        "organization": found.organization.name,
        "kind": say(KINDS[report.kind], language),
        "start": date_text(report.period_start, language),
        "end": date_text(report.period_end, language),
        "due": date_text(report.due, language),
        "uid": report.uid,
    }


# Files --------------------------------------------------------------------------------------------------


def attach(
    session: Session,
    actor: Actor,
    report: Report,
    filename: str,
    content: bytes,
    *,
    data_dir: Path,
    caption: str = "",
    people: str = "",
    consent: str = "",
) -> Report:
    """Add a file. Of a photo it must be said whether people can be recognised, and who agreed to be shown."""
    _to_write(session, actor, report)
    report.attachments = with_file(
        report.attachments,
        filename,
        content,
        data_dir=data_dir,
        caption=caption,
        people=people,
        consent=consent,
    )
    _files_changed(session, actor, report, "report.attach", report.attachments[-1]["sha256"])
    return report


def with_file(
    present: Sequence[dict[str, Any]],
    filename: str,
    content: bytes,
    *,
    data_dir: Path,
    caption: str,
    people: str,
    consent: str,
) -> list[dict[str, Any]]:
    """The files with one more, kept in the data folder; a photo without what its camera wrote into it.

    Raises BadInput by field.
    """
    if len(present) >= MOST_FILES:
        raise BadInput.one("file", Message("files-many", "Hand in at most {most} files.", most=MOST_FILES))
    kind = evidence.recognise(content)
    photo = kind in queries.IMAGES
    if photo and people not in set(PeopleShown):
        raise BadInput.one(
            "people", Message("photo-people", "Say whether people can be recognised in the photo.")
        )
    agreed = tidy(consent)[:CAPTION_CHARACTERS] if photo and people == PeopleShown.AGREED else ""
    if photo and people == PeopleShown.AGREED and not agreed:
        raise BadInput.one(
            "consent",
            Message("photo-consent", "Say who agreed to be shown, for children who agreed for them."),
        )
    if photo:
        content = photos.without_traces(content, kind)
    file = {
        "filename": evidence.shown_name(filename, kind),
        "media_type": kind,
        "size": len(content),
        "sha256": evidence.keep(data_dir, content),
        "caption": tidy(caption)[:CAPTION_CHARACTERS],
        "people": people if photo else "",
        "consent": agreed,
    }
    return [*present, file]


def detach(session: Session, actor: Actor, report: Report, number: int) -> Report:
    """Take a file out again, by its number from 1."""
    _to_write(session, actor, report)
    file = queries.file_of(report, number)
    report.attachments = [one for place, one in enumerate(report.attachments, 1) if place != number]
    _files_changed(session, actor, report, "report.detach", file["sha256"])
    return report


def _files_changed(session: Session, actor: Actor, report: Report, name: str, digest: str) -> None:
    report.version += 1
    session.add(report)
    agreement = session.get_one(Agreement, report.agreement_id)
    record(session, actor, name, report, sha256=digest, **about(session, agreement))


def withdraw_consent(session: Session, actor: Actor, report: Report, number: int) -> Report:
    """Stop showing a photo: somebody in it no longer agrees. At any time, accepted or not."""
    require(actor, "report:write", report.organization_id)
    file = queries.file_of(report, number)
    if file["media_type"] not in queries.IMAGES:
        raise NotFound
    report.attachments = [
        {**one, "people": PeopleShown.REFUSED.value, "consent": ""} if place == number else one
        for place, one in enumerate(report.attachments, 1)
    ]
    _files_changed(session, actor, report, "report.hide-photo", file["sha256"])
    return report


# Deciding -----------------------------------------------------------------------------------------------


def accept(
    session: Session, actor: Actor, report: Report, faults: Sequence[str] = (), remark: str = ""
) -> Report:
    """Take a report as it is; what went wrong is noted by code all the same."""
    found = _to_decide(session, actor, report)
    return _decide(session, actor, found, "accept", "", faults, remark)


def return_(
    session: Session, actor: Actor, report: Report, reason: str, faults: Sequence[str] = ()
) -> Report:
    """Give a report back with the reason. There is time to mend it, whatever the day it was due."""
    found = _to_decide(session, actor, report)
    kept = said(reason, "reason", REASON_CHARACTERS)
    again = found.day + timedelta(days=DAYS_AGAIN)
    decided = _decide(session, actor, found, "return", kept, faults, kept)
    if report.due < again:
        report.due, report.reminder, report.escalated = again, 0, None
    return decided


def _to_decide(session: Session, actor: Actor, report: Report) -> queries.Told:
    """Raise unless the actor may decide: for another party or as a facilitator, never for the writer."""
    if not actor.signed_in:
        raise SignInNeeded
    if report.organization_id in actor.memberships:
        raise NotAllowed(
            Message("own-report", "It is your own organization's report, so somebody else must decide.")
        )
    if not queries.may_decide(actor, report, queries.parties_of(session, report)):
        raise NotAllowed
    return queries.tell(session, report)


def _decide(
    session: Session,
    actor: Actor,
    found: queries.Told,
    step: str,
    reason: str,
    faults: Sequence[str],
    remark: str,
) -> Report:
    report = found.report
    noted = clinic.note(session, actor, found.agreement, faults, remark, report=report)
    advance(
        session,
        actor,
        report,
        REPORT,
        step,
        reason=reason,
        kind=report.kind.value,
        faults=[one.code for one in noted],
        **about(session, found.agreement),
    )
    report.reason, report.decided, report.decided_by = reason, now(), actor.user_id
    report.version += 1
    session.flush()
    for email, language in emails_of_editors(session, report.organization_id):
        send(
            session,
            email,
            "report-decided",
            language,
            step=step,
            reason=reason,
            faults=clinic.labels([one.code for one in noted], language),
            **mail_values(found, language),
        )
    return report
