"""A match run as one HTML file: pictures, pairings with reasons, who got nothing, the certificate.

The file needs nothing from outside: styles, pictures and the few lines of script stand in it, and its
content security policy forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from matching.rules import load_preset, preset_names
from service.i18n import catalogue, date_text, number_text, percent_text, plural
from service.results.pictures import ribbons
from service.results.words import (
    LIMITS,
    PARTS,
    amounts_text,
    certificate_rows,
    gap_text,
    given_by_kind,
    limit_name,
    names_of,
    ordered_parts,
    part_name,
    text_language,
)
from service.wording import quantity_text, say, term_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matching.messages import Message, Quantity
    from matching.outcome import Matching
    from matching.profiles import Profile
    from service.results.sources import Source

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_MOST_LIMITS = 8


def report(matching: Matching, source: Source, language: str) -> str:
    """The report as HTML, in the reader's language."""
    names = names_of(matching, language)
    script = (TEMPLATES / "results" / "report.js").read_text(encoding="utf-8").strip()
    return (
        _environment()
        .get_template("results/report.html")
        .render(
            _words(language, names),
            language=language,
            title=source.title(language),
            summary=source.summaries.get(language, ""),
            rules=_rules_title(matching, language),
            matching=matching,
            certificate=matching.certificate,
            groups=[
                list(group) for _id, group in groupby(matching.pairings, key=lambda pairing: pairing.need.id)
            ],
            missing=[
                list(group) for _id, group in groupby(matching.shortfalls, key=lambda item: item.need.id)
            ],
            flow=ribbons(matching),
            funnel=_funnel(matching, language),
            parts=[part for part in PARTS if any(part in pairing.parts for pairing in matching.pairings)],
            kinds=given_by_kind(matching),
            limits=[
                (limit_name(rule, key, matching, names, language), price)
                for (rule, key), price in list(matching.certificate.prices.items())[:_MOST_LIMITS]
                if rule in LIMITS
            ],
            certificate_rows=certificate_rows(matching, language, names, limits=False)[1:],
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _funnel(matching: Matching, language: str) -> list[tuple[str, int]]:
    """From all needs to those carried wholly: names and counts, each at most the one before."""
    _ = catalogue(language).gettext
    carried = {pairing.need.id for pairing in matching.pairings}
    partly = {item.need.id for item in matching.shortfalls}
    return [
        (_("Needs published"), len(matching.needs)),
        (_("Admitted by the rules"), sum(need.id not in matching.refused for need in matching.needs)),
        (_("Carried"), len(carried)),
        (_("Carried completely"), len(carried - partly)),
    ]


def _words(language: str, names: Mapping[str, str]) -> dict[str, Any]:
    """What the template calls to say something."""

    def spoken(message: Message) -> str:
        return say(message, language, names)

    def other_language(profile: Profile) -> str:
        """The language of a profile's own words, empty where it is the page's or cannot be told."""
        theirs = text_language(profile)
        return "" if theirs in (language, "und") else theirs

    def quantity(value: Quantity) -> str:
        return quantity_text(value, language)

    return {
        "_": catalogue(language).gettext,
        "plural": lambda one, many, count: plural(one, many, count, language).format(
            n=number_text(count, language)
        ),
        "say": spoken,
        "other_language": other_language,
        "quantity": quantity,
        "amounts": lambda pairing: amounts_text(pairing, language),
        "term": lambda term: term_text(term, language),
        "part_name": lambda part: part_name(part, language),
        "ordered_parts": ordered_parts,
        "percent": lambda share: percent_text(share, language),
        "number": lambda value: number_text(value, language),
        "gap_text": lambda gap: gap_text(gap, language),
        "day": lambda value: date_text(value, language),
    }


def _rules_title(matching: Matching, language: str) -> str:
    preset = matching.rules.preset
    return load_preset(preset).title[language] if preset in preset_names() else preset


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
