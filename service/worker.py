"""Where jobs meet their handlers: the one place that knows both what is promised and who does it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service import mail
from service.accounts import actions as accounts
from service.agreements.actions import BEFORE_COMPLETING
from service.agreements.hooks import BEFORE_AMENDING
from service.agreements.queries import holds_scan
from service.agreements.telling import tell_agreement
from service.choices import lapsing, next_in_line
from service.choices.telling import tell_choice
from service.funding import completing, ledger
from service.funding import queries as funding
from service.funding import reminding as funding_reminding
from service.funding.conditions import BEFORE_PAYING
from service.idempotency import clear_keys
from service.jobs import Handler, Jobs, Mourner, clear_done
from service.listings import actions as listings
from service.listings import importing, requests
from service.listings.queries import holds_attachment
from service.meetings import outcomes, solving, telling
from service.network.analysing import draw_network
from service.organizations import actions as organizations
from service.organizations.evidence import HOLDERS
from service.pairings import notice, objections
from service.pairings import running as matching
from service.privacy.actions import forget_people
from service.reports import holding, planning, reminding
from service.reports.queries import holds_content as holds_report_file
from service.rounds import applying, checking, timekeeping
from service.rounds.models import RoundStatus
from service.rounds.phases import AFTER_LEAVING, BEFORE_LEAVING
from service.search import actions as search
from service.webhooks import actions as webhooks

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.jobs import Work
    from service.settings import Settings


def _carry_out(work: Work, *, agreement: str) -> None:
    """What follows the last signature under an agreement or an amendment: its books and its reports."""
    ledger.open_ledger(work, agreement=agreement)
    planning.plan_reports(work, agreement=agreement)


HANDLERS: dict[str, Handler] = {
    "send_mail": mail.deliver,
    "clear_jobs": clear_done,
    "clear_keys": clear_keys,
    "clear_expired": accounts.clear_expired,
    "forget_people": forget_people,
    "clear_evidence": organizations.clear_evidence,
    "remind_applicants": applying.remind_applicants,
    "leave_rounds": applying.leave_rounds,
    "remind_phases": timekeeping.remind_phases,
    "advance_phases": timekeeping.advance_phases,
    "expire_listings": listings.expire_due,
    "remind_expiring": listings.remind_expiring,
    "lapse_requests": requests.lapse_requests,
    "import_listings": importing.import_listings,
    "embed_listings": search.embed_listings,
    "reindex": search.reindex,
    "send_digests": search.send_digests,
    "match_round": matching.match_round,
    "make_timetable": solving.make_timetable,
    "tell_meetings": telling.tell_meetings,
    "cancel_fallen": solving.cancel_fallen,
    "ask_outcomes": outcomes.ask_outcomes,
    "lapse_pairings": lapsing.lapse_pairings,
    "find_next": next_in_line.find_next,
    "find_more": next_in_line.find_more,
    "tell_choice": tell_choice,
    "remind_reports": reminding.remind_reports,
    "open_ledger": _carry_out,
    "remind_money": funding_reminding.remind_money,
    "tell_agreement": tell_agreement,
    "announce": webhooks.announce,
    "deliver_webhook": webhooks.deliver,
    "draw_network": draw_network,
}
"""By the name under which a job is promised."""

MOURNERS: dict[str, Mourner] = {"match_round": matching.give_up}
"""By the name of a job that somebody waits for: what says that it was given up."""

TIMERS: list[tuple[timedelta, str]] = [
    (timedelta(days=1), "clear_jobs"),
    (timedelta(hours=1), "clear_keys"),
    (timedelta(days=1), "clear_expired"),
    (timedelta(days=1), "forget_people"),
    (timedelta(minutes=10), "expire_listings"),
    (timedelta(hours=1), "remind_expiring"),
    (timedelta(hours=1), "remind_applicants"),
    (timedelta(minutes=10), "remind_phases"),
    (timedelta(minutes=1), "advance_phases"),
    (timedelta(minutes=10), "lapse_requests"),
    (timedelta(minutes=1), "lapse_pairings"),
    (timedelta(hours=1), "reindex"),
    (timedelta(hours=1), "send_digests"),
    (timedelta(minutes=5), "cancel_fallen"),
    (timedelta(minutes=10), "ask_outcomes"),
    (timedelta(hours=1), "remind_money"),
    (timedelta(hours=1), "remind_reports"),
    (timedelta(seconds=5), "announce"),
    (timedelta(minutes=1), "draw_network"),
]
"""How often each of these is promised by itself."""


BEFORE_LEAVING[RoundStatus.MATCHING] = [notice.nothing_to_show]
BEFORE_LEAVING[RoundStatus.NOTICE] = [notice.open_objections]
AFTER_LEAVING[RoundStatus.NOTICE] = [objections.confirmed]
checking.OVERDUE[:] = [holding.overdue_reports]
BEFORE_AMENDING[:] = [ledger.keeps_what_was_paid]
BEFORE_COMPLETING[:] = [
    holding.unaccepted_final,
    completing.unpaid_tranche,
    completing.unsettled_money,
]
BEFORE_PAYING[:] = [holding.unaccepted_report]
HOLDERS[:] = [
    holds_attachment,
    objections.holds_content,
    holds_scan,
    funding.holds_content,
    holds_report_file,
]


def make_jobs(engine: Engine, settings: Settings) -> Jobs:
    """The jobs of this installation, with all their handlers and timers."""
    return Jobs(engine, settings, dict(HANDLERS), timers=list(TIMERS), mourners=dict(MOURNERS))
