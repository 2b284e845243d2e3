"""What an organization does in a round: enter a listing, answer what is missing, submit, withdraw, appeal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.accounts.queries import emails_with_role
from service.db import now, writing
from service.errors import BadInput, Changed, FieldProblem, NotFound, NotNow
from service.events import record
from service.i18n import date_text
from service.listings import actions as listings
from service.listings import queries as listing_queries
from service.listings.models import Listing, ListingStatus
from service.listings.reading import Draft
from service.mail import send
from service.organizations import actions as organizations
from service.organizations import queries as organization_queries
from service.permissions import SYSTEM_ACTOR, Role, require
from service.rounds.applications import (
    APPEALED_IN,
    apply_by,
    day_in,
    deadline,
    language_of_editors,
    last_refusal,
    may_appeal,
    not_taken_in,
    resubmit_by,
    screens,
    unsaved,
)
from service.rounds.asking import missing_facts, questions_for, read, unanswered
from service.rounds.checking import Finding, check, stored_findings
from service.rounds.models import (
    APPLICATION,
    REMARK_CHARACTERS,
    Appeal,
    Application,
    ApplicationStatus,
    ApplicationUnsaved,
    Round,
    RoundStatus,
)
from service.rounds.phases import require_phase
from service.rounds.queries import preset_of
from service.rounds.steps import mail_editors, take_step
from service.texts import written
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from service.jobs import Work
    from service.organizations.models import Organization
    from service.permissions import Actor
    from service.rounds.asking import Said

MOST_UNSAVED = 100_000
"""Characters of a form that are kept as typed."""
REMIND = timedelta(days=3)
"""How long before its deadline an application that was not submitted is remembered."""
WITHDRAWN_IN = (RoundStatus.OPEN, RoundStatus.SCREENING, RoundStatus.REVIEWING, RoundStatus.MATCHING)
_OPEN_FOR_CHANGES = (ApplicationStatus.DRAFT, ApplicationStatus.INELIGIBLE)


def begin(session: Session, actor: Actor, one: Round, listing: Listing) -> Application:
    """Enter a listing into a round as a draft; the one that is there already, whoever began it.

    What was withdrawn becomes a draft again. Raises NotNow once nothing more is taken in.
    """
    require(actor, "application:submit", listing.organization_id)
    if not listing_queries.is_insider(actor, listing):
        raise NotFound
    there = session.exec(
        select(Application)
        .where(Application.round_id == one.key, Application.listing_id == listing.key)
        .with_for_update()
    ).first()
    if there is not None:
        return (
            apply_again(session, actor, one, there) if there.status is ApplicationStatus.WITHDRAWN else there
        )
    made = Application(
        round_id=one.key,
        listing_id=listing.key,
        organization_id=listing.organization_id,
        side=Side(listing.side),
    )
    if closed := not_taken_in(session, one, made):
        raise NotNow(closed)
    session.add(made)
    session.flush()
    record(session, actor, "application.begin", made, round=one.uid, listing=listing.uid)
    return made


def begin_new(
    session: Session,
    actor: Actor,
    one: Round,
    organization: Organization,
    side: Side,
    title: str,
    language: str,
) -> Application:
    """Write a new need or offer for a round: a draft of both, which one goes on with."""
    listing = listings.save_draft(session, actor, organization, Draft(side, {"title": title}, None, language))
    return begin(session, actor, one, listing)


def apply_again(session: Session, actor: Actor, one: Round, application: Application) -> Application:
    """Make a draft of what was withdrawn."""
    require(actor, "application:submit", application.organization_id)
    if closed := not_taken_in(session, one, application):
        raise NotNow(closed)
    return take_step(session, actor, one, application, "apply_again")


# Answers ------------------------------------------------------------------------------------------------


def understand(
    session: Session,
    one: Round,
    application: Application,
    fields: Mapping[str, list[str]],
    language: str,
) -> Said:
    """What the form of an application says, read but not saved."""
    listing, organization = _behind(session, application)
    preset = preset_of(one)
    profile = listing_queries.profile_of(session, listing, organization)
    return read(
        fields,
        organization,
        Side(application.side),
        facts=missing_facts(profile, preset),
        questions=questions_for(preset, Side(application.side)),
        language=language,
    )


def answer(
    session: Session,
    actor: Actor,
    one: Round,
    application: Application,
    fields: Mapping[str, list[str]],
    language: str,
    *,
    version: int | None = None,
) -> Application:
    """Take in what was typed: facts go to listing and organization, answers stay with the application.

    What can be read is kept even where something else cannot. Raises BadInput with every problem; Changed
    where `version` is not the application's any more; NotNow once it was submitted.
    """
    require(actor, "application:submit", application.organization_id)
    _require_open(application)
    if version is not None and version != application.version:
        raise Changed
    said = understand(session, one, application, fields, language)
    listing, organization = _behind(session, application)
    problems = list(said.problems)
    if any(name in said.listing_values for name in said.listing):
        sound = {name: value for name, value in said.listing.items() if name in said.listing_values}
        problems += _tried(
            session,
            lambda: listings.change(
                session, actor, listing, Draft(Side(listing.side), sound, None, language)
            ),
        )
        session.refresh(listing)
    if said.organization:
        given = organization_queries.as_given(session, organization).model_copy(update=said.organization)
        problems += _tried(session, lambda: organizations.edit(session, actor, organization.uid, given))
    wrong = {problem.field for problem in problems}
    answers = {**application.answers, **said.answers}
    changed = sorted(name for name, text in said.answers.items() if application.answers.get(name, "") != text)
    if not any(name.startswith("answer-") for name in wrong) and changed:
        application.answers = {name: text for name, text in answers.items() if text}
        application.version += 1
        session.add(application)
        record(session, actor, "application.answer", application, round=one.uid, questions=changed)
    if problems:
        raise BadInput(problems)
    forget_unsaved(session, actor, application)
    return application


def _tried(session: Session, work: Callable[[], object]) -> Sequence[FieldProblem]:
    """Do the work in a transaction of its own within this one; its problems, where it is refused."""
    try:
        with session.begin_nested():
            work()
    except BadInput as error:
        return error.problems
    return ()


def _behind(session: Session, application: Application) -> tuple[Listing, Organization]:
    listing = session.get_one(Listing, application.listing_id)
    return listing, listing_queries.organization_of(session, listing)


def _require_open(application: Application) -> None:
    if application.status not in _OPEN_FOR_CHANGES:
        raise NotNow(
            Message(
                "application-submitted",
                "This was submitted and stays as it is. Withdraw it and apply again to change it.",
            )
        )


def keep_unsaved(
    session: Session, actor: Actor, application: Application, fields: Mapping[str, list[str]]
) -> bool:
    """Keep what somebody has typed, right or wrong, until they save it. False: it is more than is kept."""
    require(actor, "application:submit", application.organization_id)
    length = sum(len(name) + len(value) for name, values in fields.items() for value in values)
    if actor.user_id is None or length > MOST_UNSAVED:
        return False
    kept = unsaved(session, actor, application) or ApplicationUnsaved(
        application_id=application.key, user_id=actor.user_id
    )
    kept.fields = {name: list(values) for name, values in fields.items()}
    kept.at = now()
    session.add(kept)
    return True


def forget_unsaved(session: Session, actor: Actor, application: Application) -> None:
    """Go back to what was saved."""
    session.execute(
        delete(ApplicationUnsaved).where(
            col(ApplicationUnsaved.application_id) == application.key,
            col(ApplicationUnsaved.user_id) == actor.user_id,
        )
    )


# Submitting ---------------------------------------------------------------------------------------------


def may_submit_although(one: Round) -> bool:
    """Whether a rule that is not met may be left to a facilitator, who can return it to be mended."""
    return screens(one) and preset_of(one).process.resubmission


def submit(
    session: Session, actor: Actor, one: Round, application: Application, *, although: bool = False
) -> Application:
    """Hand it in, or again after it was returned; a listing that is a draft is published with it.

    Rules that nobody can let pass refuse it. Others may be left to a facilitator (`although`) in rounds that
    screen and take in again what was returned. In rounds that do not screen it is eligible at once.
    Raises NotNow for phase and deadline, BadInput with every rule and answer in the way.
    """
    require(actor, "application:submit", application.organization_id)
    organization_queries.get(session, SYSTEM_ACTOR, _uid_of_owner(session, application), lock=True)
    _require_open(application)
    if closed := not_taken_in(session, one, application):
        raise NotNow(closed)
    listing, organization = _behind(session, application)
    findings = check(session, one, listing, organization, besides=application.key)
    if problems := _in_the_way(one, application, findings, although=although):
        raise BadInput(problems)
    if listing.status in (ListingStatus.DRAFT, ListingStatus.WITHDRAWN):
        listings.publish(session, actor, listing)
    application.findings = stored_findings(findings)
    application.revision = listing.revision
    application.submitted, application.submitted_by = now(), actor.user_id
    take_step(
        session,
        actor,
        one,
        application,
        "submit",
        tell=screens(one),
        unmet=_unmet(findings),
        although=although,
    )
    if not screens(one):
        take_step(session, SYSTEM_ACTOR, one, application, "accept")
    forget_unsaved(session, actor, application)
    return application


def _uid_of_owner(session: Session, application: Application) -> str:
    return listing_queries.organization_by_id(session, application.organization_id).uid


def _unmet(findings: Sequence[Finding]) -> list[str]:
    return [finding.rule for finding in findings if finding.refuses]


def _in_the_way(
    one: Round, application: Application, findings: Sequence[Finding], *, although: bool
) -> list[FieldProblem]:
    """What keeps an application from being submitted, rule by rule and answer by answer."""
    left_to_desk = may_submit_although(one)
    refusing = [finding for finding in findings if finding.refuses]
    hard = [finding for finding in refusing if finding.hard or not left_to_desk]
    problems = [
        FieldProblem(f"rule-{finding.rule}", finding.reason) for finding in hard if finding.reason is not None
    ]
    problems += unanswered(application.answers, questions_for(preset_of(one), Side(application.side)))
    if not hard and refusing and not although:
        problems += [
            FieldProblem(f"rule-{finding.rule}", finding.reason)
            for finding in refusing
            if finding.reason is not None
        ]
        problems.append(
            FieldProblem(
                "although",
                Message(
                    "although-needed",
                    "Mend this, or confirm that you submit it all the same. A facilitator may return it.",
                ),
            )
        )
    return problems


def withdraw(session: Session, actor: Actor, one: Round, application: Application) -> Application:
    """Take it back, until the match is made; it may be entered again while applying lasts."""
    require(actor, "application:submit", application.organization_id)
    require_phase(one, WITHDRAWN_IN)
    return take_step(session, actor, one, application, "withdraw")


# Appeals ------------------------------------------------------------------------------------------------


def remark(text: str, field: str) -> str:
    """A reason or an appeal as it is kept. Raises BadInput where it is empty or too long."""
    return written(text, field, REMARK_CHARACTERS)


def appeal(session: Session, actor: Actor, one: Round, application: Application, text: str) -> Appeal:
    """Say that a decision is wrong, once for each decision; facilitators are told."""
    require(actor, "application:appeal", application.organization_id)
    if not may_appeal(session, one, application):
        require_phase(one, APPEALED_IN)
        raise NotNow(_no_appeal(session, application))
    kept = remark(text, "appeal")
    made = Appeal(application_id=application.key, text=kept, raised_by=actor.user_id)
    session.add(made)
    session.flush()
    record(session, actor, "appeal.raise", made, reason=kept, round=one.uid, application=application.uid)
    listing, organization = _behind(session, application)
    for email, language in emails_with_role(session, Role.FACILITATOR):
        send(
            session,
            email,
            "appeal-raised",
            language,
            organization=organization.name,
            title=listing.title,
            round=one.title,
            uid=application.uid,
            text=kept,
        )
    return made


def _no_appeal(session: Session, application: Application) -> Message:
    if application.status in (ApplicationStatus.INELIGIBLE, ApplicationStatus.DECLINED) and last_refusal(
        session, application
    ):
        return Message("appealed-already", "You have appealed against this decision already.")
    return Message("nothing-to-appeal", "Nothing was decided against this application.")


# What follows from elsewhere ----------------------------------------------------------------------------


def leave_rounds(work: Work, *, listing: str) -> None:
    """The job that takes a listing that was withdrawn or fulfilled out of the rounds that go on."""
    with writing(work.engine) as session:
        entered = select(Application, Round, Listing).where(
            col(Listing.uid) == listing,
            col(Listing.status).in_([ListingStatus.WITHDRAWN, ListingStatus.FULFILLED]),
            col(Application.listing_id) == col(Listing.id),
            col(Round.id) == col(Application.round_id),
            col(Round.status).in_(WITHDRAWN_IN),
        )
        for application, one, ended in session.exec(entered).all():
            if "withdraw" in APPLICATION.possible(application.status):
                why = (
                    Message("listing-fulfilled", "It is marked as fulfilled.")
                    if ended.status is ListingStatus.FULFILLED
                    else Message("listing-withdrawn", "The listing itself was withdrawn.")
                )
                reason = say(why, language_of_editors(session, application))
                take_step(session, SYSTEM_ACTOR, one, application, "withdraw", reason=reason)


# What time alone brings ---------------------------------------------------------------------------------


def remind_applicants(work: Work) -> None:
    """The job that reminds, once for each deadline, of drafts and of what was returned."""
    moment = now()
    with writing(work.engine) as session:
        running = select(Round).where(col(Round.status).in_([RoundStatus.OPEN, RoundStatus.SCREENING]))
        for one in session.exec(running).all():
            last_of_all = [last for last in (apply_by(session, one), resubmit_by(session, one)) if last]
            if not last_of_all or min(last_of_all) - REMIND > moment:
                continue
            unfinished = select(Application).where(
                Application.round_id == one.key, col(Application.status).in_(_OPEN_FOR_CHANGES)
            )
            for application in session.exec(unfinished).all():
                last = deadline(session, one, application)
                if last is None or not moment < last <= moment + REMIND or application.reminded == last:
                    continue
                if not_taken_in(session, one, application) is None:
                    application.reminded = last
                    session.add(application)
                    _remind(session, one, application, last)


def _remind(session: Session, one: Round, application: Application, last: datetime) -> None:
    day = day_in(one, last)
    mail_editors(
        session,
        one,
        application,
        "application-reminder",
        lambda language: {
            "day": date_text(day, language),
            "returned": application.status is ApplicationStatus.INELIGIBLE,
            "reason": application.reason,
        },
    )
