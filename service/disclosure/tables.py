"""Cooperations as tables: one row for each cooperation and currency; no text in them can act as a formula."""

from __future__ import annotations

import csv
from io import StringIO
from itertools import chain
from typing import TYPE_CHECKING

from matching.reading.writing import guarded
from service.agreements.models import PartyRole
from service.disclosure import workbooks
from service.disclosure.models import LICENCE, LICENCE_NAME, Total
from service.funding.models import CommitmentKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.disclosure.models import DisclosureOut
    from service.disclosure.open_data import Publisher
    from service.disclosure.workbooks import Cell

COLUMNS = (
    "id",
    "address",
    "number",
    "title",
    "language",
    "kind",
    "status",
    "signed",
    "starts",
    "ends",
    "ended",
    "funders",
    "implementers",
    "other_parties",
    "link_types",
    "themes",
    "goals",
    "places",
    "need",
    "round",
    "currency",
    "promised",
    "paid",
    "recovered",
    "other_promises",
    "milestones",
    "milestones_reached",
    "reports_accepted",
    "people_reached",
    "source",
    "reference",
    "modified",
    "licence",
)
_PIECE = 500
"""Rows of text sent at once."""


def rows(one: DisclosureOut, publisher: Publisher) -> Iterator[list[Cell]]:
    """The rows of a cooperation: one for each currency, one where there is no money."""
    by_role: dict[PartyRole, list[str]] = {}
    for party in one.parties:
        by_role.setdefault(party.role, []).append(party.name)
    others = [
        n
        for role, names in by_role.items()
        if role not in (PartyRole.FUNDER, PartyRole.IMPLEMENTER)
        for n in names
    ]
    in_kind = [
        f"{promise.quantity / 100:g} {promise.unit} {promise.description or promise.kind}".strip()
        for promise in one.promises
        if promise.kind is not CommitmentKind.CASH and not promise.ended
    ]
    reached = [m for m in one.milestones if m.accepted]
    totals: list[Total | None] = [*one.totals] or [None]
    for total in totals:
        yield [
            one.id,
            publisher.page(one.id),
            one.number,
            one.title,
            one.language,
            one.kind.value,
            one.status.value,
            one.signed.isoformat(),
            one.starts.isoformat() if one.starts else "",
            one.ends.isoformat() if one.ends else "",
            one.ended.isoformat() if one.ended else "",
            "; ".join(by_role.get(PartyRole.FUNDER, [])),
            "; ".join(by_role.get(PartyRole.IMPLEMENTER, [])),
            "; ".join(others),
            "; ".join(one.link_types),
            "; ".join(one.themes),
            "; ".join(one.need.goals if one.need else []),
            "; ".join(one.places),
            one.need.id if one.need else "",
            one.round.id if one.round else "",
            total.currency if total else "",
            total.promised / 100 if total else None,
            total.paid / 100 if total else None,
            total.recovered / 100 if total else None,
            "; ".join(in_kind),
            len(one.milestones),
            len(reached),
            len(one.reports),
            people_reached(one),
            one.origin.source if one.origin else "",
            one.origin.reference if one.origin else "",
            one.modified.isoformat(),
            LICENCE_NAME,
        ]


def people_reached(one: DisclosureOut) -> int | None:
    """What the newest accepted report with that number says."""
    counts = [n for report in one.reports if isinstance(n := report.answers.get("beneficiaries"), int)]
    return counts[-1] if counts else None


def csv_lines(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    """A CSV file that spreadsheets open as UTF-8, a piece at a time."""
    held = StringIO(newline="")
    writer = csv.writer(held)
    writer.writerow(COLUMNS)
    yield b"\xef\xbb\xbf"
    for number, row in enumerate((row for one in found for row in rows(one, publisher)), 1):
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
        if number % _PIECE == 0:
            yield held.getvalue().encode()
            held.seek(0)
            held.truncate()
    yield held.getvalue().encode()


def workbook(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    """An XLSX file, sent while it is written."""
    about: tuple[list[Cell], ...] = (
        [f"{publisher.name}: signed cooperations", f"{publisher.url}/cooperations"],
        ["Licence", f"{LICENCE_NAME}, {LICENCE}"],
        ["Written", publisher.at.isoformat()],
    )
    table = (row for one in found for row in rows(one, publisher))
    return workbooks.workbook(
        {"About": about, "Cooperations": chain([[*COLUMNS]], table)}, headed=["Cooperations"]
    )
