"""The case clinic: faults noted by code, counted over time, handed back as a list to look at beforehand.

The codes are a scheme of the vocabulary (`data/vocabulary/faults.csv`): a new one takes a line there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message, Term
from matching.vocabulary import default_vocabulary
from service.agreements.models import Agreement
from service.db import now
from service.errors import BadInput
from service.reports.models import MOST_FAULTS, REASON_CHARACTERS, Fault, Report, SiteVisit
from service.rounds.models import Round
from service.texts import said
from service.wording import term_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.permissions import Actor

SCHEME = "faults"
YEAR = timedelta(days=365)
MOST_CHECKS = 6
"""How many faults are put before somebody who writes: a longer list is not read."""


def codes() -> tuple[str, ...]:
    """The codes of faults, in the order of the file."""
    return default_vocabulary().codes(SCHEME)


def labels(listed: Iterable[str], language: str) -> list[str]:
    """What faults are called."""
    return [term_text(Term(SCHEME, code), language) for code in listed]


def note(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    faults: Sequence[str],
    text: str,
    *,
    report: Report | None = None,
    visit: SiteVisit | None = None,
) -> list[Fault]:
    """Write down what went wrong, each code once for this report or visit. Raises BadInput."""
    chosen = list(dict.fromkeys(faults))
    if set(chosen) - set(codes()):
        raise BadInput.one("faults", Message("choose-listed", "Choose from the list."))
    if len(chosen) > MOST_FAULTS:
        raise BadInput.one("faults", Message("faults-many", "Choose at most {most}.", most=MOST_FAULTS))
    kept = said(text, "remark", REASON_CHARACTERS)
    noted = [
        Fault(
            agreement_id=agreement.key,
            report_id=report.key if report else None,
            visit_id=visit.key if visit else None,
            code=code,
            text=kept,
            user_id=actor.user_id,
        )
        for code in chosen
    ]
    session.add_all(noted)
    session.flush()
    return noted


# Counting -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recurring:
    """How often a fault was noted: in all, in the last year, in the year before; in how many agreements."""

    code: str
    count: int
    this_year: int
    year_before: int
    agreements: int


@dataclass(frozen=True, slots=True)
class Case:
    """One noted fault, for those who look closer."""

    fault: Fault
    agreement: Agreement
    preset: str


@dataclass(frozen=True, slots=True)
class Clinic:
    """What went wrong, by code the most frequent first, by preset, by quarter, and the latest cases."""

    recurring: tuple[Recurring, ...]
    presets: tuple[str, ...]
    by_preset: dict[tuple[str, str], int]
    """(code, preset) → how often."""
    quarters: tuple[str, ...]
    by_quarter: dict[tuple[str, str], int]
    """(code, `2026-Q1`) → how often."""
    latest: tuple[Case, ...]


def clinic(session: Session, preset: str = "") -> Clinic:
    """All faults there are; of the rounds of one preset."""
    cases = _cases(session)
    presets = tuple(sorted({case.preset for case in cases}))
    chosen = [case for case in cases if not preset or case.preset == preset]
    quarters = tuple(sorted({_quarter(case.fault.created) for case in chosen}))[-8:]
    return Clinic(
        recurring=tuple(_recurring([case.fault for case in chosen])),
        presets=presets,
        by_preset=dict(Counter((case.fault.code, case.preset) for case in cases)),
        quarters=quarters,
        by_quarter=dict(Counter((case.fault.code, _quarter(case.fault.created)) for case in chosen)),
        latest=tuple(reversed(chosen[-20:])),
    )


def _cases(session: Session) -> list[Case]:
    found = session.exec(
        select(Fault, Agreement, Round.preset)
        .join(Agreement, col(Agreement.id) == col(Fault.agreement_id))
        .outerjoin(Round, col(Round.id) == col(Agreement.round_id))
        .order_by(col(Fault.id))
    )
    return [Case(fault, agreement, preset or "") for fault, agreement, preset in found]


def _quarter(moment: datetime) -> str:
    return f"{moment.year}-Q{(moment.month + 2) // 3}"


def _recurring(faults: Sequence[Fault]) -> list[Recurring]:
    last, before = now() - YEAR, now() - 2 * YEAR
    found = []
    for code in {one.code for one in faults}:
        of_code = [one for one in faults if one.code == code]
        found.append(
            Recurring(
                code,
                len(of_code),
                sum(one.created >= last for one in of_code),
                sum(before <= one.created < last for one in of_code),
                len({one.agreement_id for one in of_code}),
            )
        )
    return sorted(found, key=lambda one: (-one.this_year, -one.count, one.code))


def checklist(session: Session, agreement: Agreement) -> list[str]:
    """What to look at before a report of this agreement is handed in or accepted.

    First what was noted in this agreement before, then what recurs in rounds of its preset, then anywhere, of
    the last year; a fault of which nobody has had trouble is not on it.
    """
    one = session.get(Round, agreement.round_id) if agreement.round_id else None
    recent = [case for case in _cases(session) if case.fault.created >= now() - YEAR]
    own = [case.fault for case in recent if case.agreement.id == agreement.id]
    alike = [case.fault for case in recent if one is not None and case.preset == one.preset]
    listed = [
        *(row.code for row in _recurring(own)),
        *(row.code for row in _recurring(alike)),
        *(row.code for row in _recurring([case.fault for case in recent])),
    ]
    return [code for code in dict.fromkeys(listed) if code in codes()][:MOST_CHECKS]


def faults_of(session: Session, reports: Iterable[int], visits: Iterable[int] = ()) -> list[Fault]:
    """The faults noted at these reports and visits."""
    return list(
        session.exec(
            select(Fault)
            .where(
                col(Fault.report_id).in_(list(reports)) | col(Fault.visit_id).in_(list(visits)),
            )
            .order_by(col(Fault.id))
        )
    )
