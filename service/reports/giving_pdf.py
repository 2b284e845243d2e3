"""What giving became as a PDF that can be passed on: set by typst with the fonts of agreements."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matching.messages import Term
from service.agreements.printing import FONTS, STANDARD
from service.i18n import catalogue, date_text, number_text
from service.reports.giving import VALUATIONS
from service.wording import quantity_text, say, term_text

if TYPE_CHECKING:
    from service.reports.giving import Giving, Share, Supported

TEMPLATE = Path(__file__).with_name("giving.typ")
REGIONS = {"zh-Hans": "CN", "zh-Hant": "TW"}
MOST_RESULTS = 3
"""How many reports of one agreement are quoted, the latest first."""


def as_pdf(found: Giving, language: str) -> bytes:
    """The document as PDF/A, in the reader's language."""
    inputs = {"data": json.dumps(_printed(found, language), ensure_ascii=False)}
    made: bytes = _compiler().compile(format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD])
    return made


@cache
def _compiler() -> Any:
    """The compiler with its fonts, read once a process."""
    import typst

    return typst.Compiler(
        str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=[str(FONTS)], ignore_system_fonts=True
    )


def _printed(found: Giving, language: str) -> dict[str, Any]:
    _ = catalogue(language).gettext
    figures = [(len(found.supported), _("agreements")), (found.milestones, _("milestones reached"))]
    if found.reached is not None:
        figures.insert(1, (found.reached, _("people reached, as reported")))
    return {
        "language": {
            "code": language,
            "lang": language.partition("-")[0],
            "region": REGIONS.get(language),
        },
        "organization": found.organization.name,
        "title": _("What giving became"),
        "period": str(found.year) if found.year else _("All years"),
        "figures": [[number_text(number, language), label] for number, label in figures],
        "headings": {"inputs": _("What was given"), "outcome": _("What came of it")},
        "columns": [_("Kind of input"), _("Promised"), _("Given")],
        "inputs": [
            [
                say(VALUATIONS[one.valuation], language),
                quantity_text(one.promised, language),
                quantity_text(one.given, language),
            ]
            for one in found.inputs
        ],
        "note": _(
            "Money counts when it is paid, less what came back; other things when they were delivered and "
            "the other side has said so. Different currencies are not added."
        ),
        "shares": [
            {"title": title, "rows": [_share(one, scheme, language) for one in shares]}
            for title, scheme, shares in (
                (_("By theme"), "themes", found.by_theme),
                (_("By place"), "places", found.by_place),
            )
            if any(one.code for one in shares)
        ],
        "supported": [_supported(one, language) for one in found.supported],
    }


def _share(one: Share, scheme: str, language: str) -> list[str]:
    _ = catalogue(language).gettext
    name = term_text(Term(scheme, one.code), language) if one.code else _("Not stated")
    return [name, quantity_text(one.given, language)]


def _supported(one: Supported, language: str) -> dict[str, Any]:
    catalog = catalogue(language)
    count = len(one.milestones)
    came = [
        catalog.ngettext("one milestone reached", "%(number)s milestones reached", count)
        % {"count": count, "number": number_text(count, language)}
    ]
    if one.reached is not None:
        words = catalog.ngettext("One person reached", "%(number)s people reached", one.reached)
        came.insert(0, words % {"count": one.reached, "number": number_text(one.reached, language)})
    if one.score is not None:
        words = catalog.gettext("evaluated with %(score)s of 100")
        came.append(words % {"score": number_text(one.score, language)})
    return {
        "title": one.agreement.title,
        "about": " · ".join([one.agreement.number, *(partner.name for partner in one.partners)]),
        "given": " · ".join(quantity_text(line.given, language) for line in one.inputs),
        "came": " · ".join(came),
        "results": [
            {
                "text": str(report.answers["results"]),
                "from": catalog.gettext("Report from %(start)s to %(end)s")
                % {
                    "start": date_text(report.period_start, language),
                    "end": date_text(report.period_end, language),
                },
            }
            for report in one.results[:MOST_RESULTS]
        ],
    }
