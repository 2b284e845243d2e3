"""The form of a listing in steps: what is typed to what is read, and what is kept back to what is typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matching.messages import Term
from matching.profiles import Side
from matching.vocabulary import default_vocabulary
from service.listings.models import MOST_LINES, Listing
from service.listings.queries import strings_of
from service.listings.reading import LINE_FIELDS, NEED_FIELDS, OFFER_FIELDS, STEP_FIELDS, Draft
from service.wording import term_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STEPS = (1, 2, 3, 4)
LINES_STEP = 2
_LINE = re.compile(r"lines-(\d{1,3})-([a-z_]+)")
_AMOUNTS = ("amount", "minimum", "labour", "overhead", "cheque_min", "cheque_max")
_JOINED = frozenset(
    {"themes", "groups", "goals", "languages", "only_groups", "only_themes", "only_languages"}
) | {"only_organization_kinds"}
"""Fields with boxes to tick."""

Fields = dict[str, list[str]]


def draft_of(side: Side, step: int, fields: Mapping[str, list[str]], language: str) -> Draft:
    """What was typed into a step, ready to be read; numbers and dates as `language` writes them."""
    if step == LINES_STEP:
        lines = lines_of(fields)
        if side is Side.OFFER:
            lines = [{name: value for name, value in line.items() if name != "critical"} for line in lines]
        return Draft(side, {}, lines, language)
    wrong_side = OFFER_FIELDS if side is Side.NEED else NEED_FIELDS
    wanted = {name: ";".join(fields.get(name, ())) for name in STEP_FIELDS[step] if name not in wrong_side}
    for name in ("pays_labour", "pays_overhead"):
        if name in wanted:
            wanted[name] = wanted[name] or "no"
    return Draft(side, wanted, None, language)


def lines_of(fields: Mapping[str, list[str]]) -> list[dict[str, str]]:
    """The resource lines that were typed, in their order; a box that is not ticked says no."""
    rows: dict[int, dict[str, str]] = {}
    for name, values in fields.items():
        if (match := _LINE.fullmatch(name)) and match[2] in LINE_FIELDS and values:
            rows.setdefault(int(match[1]), {})[match[2]] = values[0]
    lines = []
    for number in range(min(max(rows, default=-1) + 1, 100)):
        row = rows.get(number, {})
        filled = any(value.strip() for name, value in row.items() if name not in ("critical", "unit"))
        lines.append({**row, "critical": row.get("critical", "no")} if filled else {})
    return lines


def row_count(fields: Mapping[str, list[str]]) -> int:
    """How many lines the form shows."""
    numbers = [int(match[1]) + 1 for name in fields if (match := _LINE.fullmatch(name))]
    stated = (fields.get("rows") or ["1"])[0]
    wanted = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 4 else 1
    return min(max([*numbers, wanted, 1]), MOST_LINES)


def with_one_more(fields: Mapping[str, list[str]]) -> Fields:
    """The form with another empty line."""
    return {**fields, "rows": [str(min(row_count(fields) + 1, MOST_LINES))]}


def without_line(fields: Mapping[str, list[str]], gone: int) -> Fields:
    """The form without one of its lines."""
    kept: Fields = {"rows": [str(max(row_count(fields) - 1, 1))]}
    for name, values in fields.items():
        match = _LINE.fullmatch(name)
        if match is None:
            kept.setdefault(name, list(values))
        elif int(match[1]) != gone:
            number = int(match[1]) - (int(match[1]) > gone)
            kept[f"lines-{number}-{match[2]}"] = list(values)
    return kept


def as_typed(listing: Listing, step: int, language: str, names: Mapping[str, str]) -> Fields:
    """What is kept as somebody would type it; `names` of the organizations it vetoes, by uid."""
    fields = {1: _first, 2: _second, 3: _third}[step](listing, language)
    if "vetoes" in fields:
        fields["vetoes"] = ["; ".join(names.get(uid, uid) for uid in listing.strings.get("vetoes", []))]
    return {name: values for name, values in fields.items() if values and values != [""]}


def _first(listing: Listing, _language: str) -> Fields:
    return {
        "title": [listing.title],
        "text": [listing.text],
        "language": [listing.language if listing.language_chosen else ""],
        "themes": listing.themes,
        "groups": listing.groups,
        "goals": listing.goals,
        "beneficiaries": [_number(listing.beneficiaries)],
    }


def _second(listing: Listing, _language: str) -> Fields:
    fields: Fields = {"rows": [str(max(1, len(listing.lines)))]}
    for number, line in enumerate(listing.lines):
        for name in LINE_FIELDS:
            fields[f"lines-{number}-{name}"] = [_line_text(line, name)]
    return {name: values for name, values in fields.items() if values != [""]}


def _line_text(line: Mapping[str, Any], name: str) -> str:
    value = line[name]
    if name == "worth":
        return f"{_amount(value['amount'])} {value['unit']}" if value else ""
    if name == "critical":
        return "yes" if value else ""
    if name in _AMOUNTS:
        return _amount(value) if value else ""
    return str(value)


def _third(listing: Listing, language: str) -> Fields:
    strings = strings_of(listing.strings)
    return {
        "places": [place_names(listing.places, language)],
        "languages": listing.languages,
        "starts": [listing.starts.isoformat() if listing.starts else ""],
        "ends": [listing.ends.isoformat() if listing.ends else ""],
        "expires": [listing.expires.isoformat() if listing.expires else ""],
        "most_projects": [_number(listing.most_projects)],
        "only_places": [place_names(sorted(strings.places), language)],
        "only_groups": sorted(strings.groups),
        "only_themes": sorted(strings.themes),
        "only_organization_kinds": sorted(strings.organization_kinds),
        "only_languages": sorted(strings.languages),
        "min_rating": [f"{strings.min_rating}A" if strings.min_rating else ""],
        "min_beneficiaries": [_number(strings.min_beneficiaries)],
        "only_verified": ["yes" if strings.verified else ""],
        "pays_labour": ["yes" if strings.pays_labour else ""],
        "pays_overhead": ["yes" if strings.pays_overhead else ""],
        "vetoes": [],
    }


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _amount(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02}" if rest else str(whole)


def place_names(codes: Iterable[str], language: str) -> str:
    """Places by name where the name leads back to them, else by code."""
    vocabulary = default_vocabulary()
    named = []
    for code in codes:
        name = term_text(Term("places", code), language)
        named.append(
            name if vocabulary.resolve("places", name) == code and not set(name) & set(",;、|") else code
        )
    return "; ".join(named)


def differences(kept: Mapping[str, list[str]], fields: Mapping[str, list[str]]) -> list[tuple[str, str, str]]:
    """Where what was typed differs from what is kept: field, kept, typed."""
    names = sorted((set(kept) | set(fields)) - {"version", "do", "rows"})
    found = []
    for name in names:
        before, after = "; ".join(kept.get(name, [])).strip(), "; ".join(fields.get(name, [])).strip()
        if before != after:
            found.append((name, before, after))
    return found
