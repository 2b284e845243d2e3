"""Which reports an agreement asks for and when: made from its terms, moved by its amendments."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from service.agreements.models import SIGNED, Agreement, Party, PartyRole
from service.agreements.terms import Terms
from service.db import now, writing
from service.events import record
from service.permissions import SYSTEM_ACTOR
from service.reports.models import Report, ReportKind, ReportStatus
from service.rounds.models import Round
from service.rounds.queries import preset_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from service.jobs import Work

MONTHS = {ReportKind.MONTHLY: 1, ReportKind.QUARTERLY: 3}
WRITES = (PartyRole.IMPLEMENTER, PartyRole.PARTNER, PartyRole.OPERATOR)
"""Who owes reports: the first of these that the agreement has."""
EVALUATES = (PartyRole.SUPERVISOR, PartyRole.OPERATOR, PartyRole.FUNDER)
"""Who owes the evaluation: the first party of the first of these."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One report that has to come."""

    kind: ReportKind
    number: int
    start: date
    end: date
    due: date


def kinds_of(terms: Terms, ruled: Iterable[str] = ()) -> set[ReportKind]:
    """The kinds that the terms promise, and those that the rules of the round ask for whatever they say."""
    asked = terms.reports
    promised = {
        ReportKind.MONTHLY: asked.monthly,
        ReportKind.QUARTERLY: asked.quarterly,
        ReportKind.FINAL: asked.final,
        ReportKind.EVALUATION: asked.evaluation,
    }
    return {kind for kind, is_asked in promised.items() if is_asked} | {ReportKind(kind) for kind in ruled}


def plan(terms: Terms, ruled: Iterable[str] = ()) -> list[Planned]:
    """All reports of the term, in the order in which they are due; none without its first and last day.

    Periods are counted from the first day. A month that ends with a quarter is told in the quarter's report,
    and the evaluation comes as long after the final report as that after the end.
    """
    if terms.starts is None or terms.ends is None or terms.ends < terms.starts:
        return []
    kinds, days = kinds_of(terms, ruled), timedelta(days=terms.reports.days)
    found: list[Planned] = []
    quarters: set[date] = set()
    for kind in (ReportKind.QUARTERLY, ReportKind.MONTHLY):
        if kind not in kinds:
            continue
        periods = [one for one in _periods(terms.starts, terms.ends, MONTHS[kind]) if one[1] not in quarters]
        found += [Planned(kind, n, start, end, end + days) for n, (start, end) in enumerate(periods, 1)]
        quarters |= {end for _, end in periods}
    for kind, wait in ((ReportKind.FINAL, days), (ReportKind.EVALUATION, 2 * days)):
        if kind in kinds:
            found.append(Planned(kind, 1, terms.starts, terms.ends, terms.ends + wait))
    return sorted(found, key=lambda one: (one.due, list(ReportKind).index(one.kind)))


def _periods(starts: date, ends: date, months: int) -> Iterator[tuple[date, date]]:
    """The term cut into pieces of so many months; the last may be shorter."""
    count, first = 1, starts
    while first <= ends:
        following = _months_later(starts, months * count)
        yield first, min(following - timedelta(days=1), ends)
        count, first = count + 1, following


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def writers(parties: Sequence[Party]) -> dict[ReportKind, list[int]]:
    """The numbers of the organizations that owe each kind."""
    by_role = {
        role: [one.organization_id for one in parties if one.role == role] for role in (*WRITES, *EVALUATES)
    }
    reporting = next((by_role[role] for role in WRITES if by_role[role]), [])
    judging = next((by_role[role][:1] for role in EVALUATES if by_role[role]), [])
    return {kind: judging if kind is ReportKind.EVALUATION else reporting for kind in ReportKind}


def plan_reports(work: Work, *, agreement: str) -> None:
    """Write down which reports an agreement in force asks for, after a signature; done again, it moves them.

    What was handed in already stays as it is; a draft that is not asked for any more ends, and comes back
    with what was typed should a later amendment ask for it again.
    """
    with writing(work.engine) as session:
        found = session.exec(select(Agreement).where(Agreement.uid == agreement).with_for_update()).one()
        if found.amends_id is not None:
            found = session.get_one(Agreement, found.amends_id, with_for_update=True)
        if found.status in SIGNED:
            settle(session, found)


def settle(session: Session, agreement: Agreement) -> None:
    """Make the reports of an agreement what its terms say."""
    one = session.get(Round, agreement.round_id) if agreement.round_id else None
    ruled = preset_of(one).process.reports if one else ()
    parties = session.exec(
        select(Party).where(Party.agreement_id == agreement.key).order_by(col(Party.position))
    ).all()
    owing = writers(parties)
    wanted = {
        (organization, planned.kind, planned.number): planned
        for planned in plan(Terms.model_validate(agreement.terms), ruled)
        for organization in owing[planned.kind]
    }
    present = {
        (report.organization_id, report.kind, report.number): report
        for report in session.exec(select(Report).where(Report.agreement_id == agreement.key))
    }
    changed = 0
    for key in present.keys() - wanted.keys():
        changed += _end(session, present[key])
    for (organization, kind, number), planned in wanted.items():
        report = present.get((organization, kind, number))
        if report is None:
            report = Report(
                agreement_id=agreement.key,
                organization_id=organization,
                kind=kind,
                number=number,
                period_start=planned.start,
                period_end=planned.end,
                due=planned.due,
            )
            session.add(report)
            changed += 1
        else:
            changed += _move(session, report, planned)
    session.flush()
    if changed:
        about = {"agreement": agreement.uid} | ({"round": one.uid} if one else {})
        record(session, SYSTEM_ACTOR, "report.plan", agreement, reports=len(wanted), changed=changed, **about)


def _end(session: Session, report: Report) -> bool:
    if report.ended is not None or report.status is not ReportStatus.DRAFT:
        return False
    report.ended = now()
    session.add(report)
    return True


def _move(session: Session, report: Report, planned: Planned) -> bool:
    """Give a draft the days that are planned for it; whether anything changed."""
    days = (planned.start, planned.end, planned.due)
    as_planned = (report.period_start, report.period_end, report.due) == days
    if report.status is not ReportStatus.DRAFT or (as_planned and report.ended is None):
        return False
    if report.due != planned.due:
        report.reminder = 0
        report.escalated = None
    report.period_start, report.period_end, report.due = days
    report.ended = None
    session.add(report)
    return True
