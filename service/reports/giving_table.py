"""What giving became as one table: for CSV, a line for each agreement and kind of input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Term
from service.i18n import catalogue
from service.reports.giving import VALUATIONS
from service.results.workbook import csv_bytes
from service.wording import say, term_text

if TYPE_CHECKING:
    from matching.messages import Quantity
    from service.reports.giving import Giving, Supported
    from service.results.workbook import Value

HUNDREDTHS = 100


def as_csv(found: Giving, language: str) -> bytes:
    """The table in the reader's language; amounts in whole units of the currency named beside them."""
    _ = catalogue(language).gettext
    headings = [
        _("Agreement"),
        _("Title"),
        _("Partners"),
        _("Theme"),
        _("Place"),
        _("Kind of input"),
        _("Currency"),
        _("Promised"),
        _("Given"),
        _("People reached"),
        _("Milestones reached"),
        _("Score of the evaluation"),
    ]
    rows = [row for one in found.supported for row in _rows(one, language)]
    return csv_bytes(headings, rows)


def _rows(one: Supported, language: str) -> list[list[Value]]:
    about: list[Value] = [
        one.agreement.number,
        one.agreement.title,
        " · ".join(partner.name for partner in one.partners),
        term_text(Term("themes", one.theme), language) if one.theme else "",
        term_text(Term("places", one.place), language) if one.place else "",
    ]
    came: list[Value] = [one.reached, len(one.milestones), one.score]
    return [
        [
            *about,
            say(VALUATIONS[line.valuation], language),
            line.given.unit,
            _whole(line.promised),
            _whole(line.given),
            *(came if number == 0 else [None] * len(came)),
        ]
        for number, line in enumerate(one.inputs)
    ] or [[*about, "", "", None, None, *came]]


def _whole(quantity: Quantity) -> Value:
    return quantity.amount / HUNDREDTHS
