"""Profiles to files: the inverse of `load_profiles`.

`write_profiles` writes a directory of CSV files, an XLSX workbook or a JSON file, with codes instead of
labels, plain numbers and ISO dates, and one row per resource line. What `load_profiles` reads from it equals
what was written. A text that a spreadsheet program could take for a formula gets an apostrophe in front,
which the reader takes off again.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from matching.messages import Message, Quantity
from matching.profiles import Side
from matching.reading.columns import COOPERATIONS, NEEDS, OFFERS, ORGANIZATIONS, PROFILES, tables
from matching.reading.numerals import InvalidValue
from matching.reading.records import GUARD, SEPARATORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from pathlib import Path

    from matching.profiles import Cooperation, Organization, Profile, Profiles, ResourceLine

_FACTS = frozenset(
    ["registered", "inspection", "rating", "verified", "bad_record", "barred_until", "conflicts"]
)


def write_profiles(profiles: Profiles, path: Path) -> None:
    """Write everything to `path`: `.xlsx`, `.json`, or a directory of CSV files where there is no suffix.

    Raises:
        InvalidValue: another suffix, or an id that cannot stand in a list of ids.
    """
    found = {name: rows for name, rows in _tables(profiles).items() if len(rows) > 1}
    match path.suffix.casefold():
        case ".xlsx":
            _write_workbook(found, path)
        case ".json":
            objects = {name: [_record(rows[0], row) for row in rows[1:]] for name, rows in found.items()}
            path.write_text(json.dumps(objects, ensure_ascii=False, indent=1), encoding="utf-8")
        case "":
            path.mkdir(parents=True, exist_ok=True)
            for name, rows in found.items():
                with (path / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
                    csv.writer(file).writerows([[guarded(cell) for cell in row] for row in rows])
        case _:
            raise InvalidValue(
                Message(
                    "suffix-unknown", "Profiles are written as .xlsx, .json or a folder without a suffix."
                )
            )


def guarded(text: str) -> str:
    """`text` with an apostrophe in front where a spreadsheet could take it for a formula."""
    return f"'{text}" if GUARD.match(text) else text


def _write_workbook(found: dict[str, list[list[str]]], path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for name, rows in found.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([guarded(cell) or None for cell in row])
    book.save(path)


def _record(keys: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    return {key: guarded(cell) for key, cell in zip(keys, row, strict=True) if cell}


def _tables(profiles: Profiles) -> dict[str, list[list[str]]]:
    organizations = {
        profile.organization.id: profile.organization for profile in (*profiles.needs, *profiles.offers)
    }
    columns = {
        side: [code for code, column in tables()[PROFILES].items() if _is_written(code, column.side, side)]
        for side in Side
    }
    listed = [code for code in tables()[ORGANIZATIONS] if code not in {"source", "note", "synthetic"}]
    known = [*organizations.values(), *_only_in_cooperations(profiles, organizations)]
    unsaid = {"source", "note", "ends", "places", "partners", "status"}
    signed = [code for code in tables()[COOPERATIONS] if code not in unsaid]
    return {
        NEEDS: [columns[Side.NEED], *_rows(profiles.needs, columns[Side.NEED])],
        OFFERS: [columns[Side.OFFER], *_rows(profiles.offers, columns[Side.OFFER])],
        ORGANIZATIONS: [listed, *([_organization(item)[code] for code in listed] for item in known)],
        COOPERATIONS: [
            signed,
            *([_cooperation(item)[code] for code in signed] for item in profiles.cooperations),
        ],
    }


def _only_in_cooperations(profiles: Profiles, known: dict[str, Organization]) -> list[Organization]:
    """Parties of cooperations that have no profile, so that their ids are known to the reader."""
    from matching.profiles import Organization

    parties = dict.fromkeys(
        party for item in profiles.cooperations for party in (item.need_organization, item.offer_organization)
    )
    others = dict.fromkeys(
        id_
        for profile in (*profiles.needs, *profiles.offers)
        for id_ in sorted(profile.organization.conflicts | profile.strings.vetoes)
    )
    return [Organization(id=id_, name=id_) for id_ in {**parties, **others} if id_ not in known]


def _is_written(code: str, side: str, wanted: Side) -> bool:
    return (
        code not in {"side", "source", "note", "organization_kind", "organization_places"}
        and code not in _FACTS
        and side in {"both", wanted}
    )


def _rows(found: Iterable[Profile], columns: Sequence[str]) -> list[list[str]]:
    rows = []
    for profile in found:
        whole = _profile(profile)
        for number, line in enumerate(profile.lines):
            cells = {**(whole if number == 0 else {"id": profile.id}), **_line(line, profile.side)}
            rows.append([cells.get(code, "") for code in columns])
    return rows


def _profile(profile: Profile) -> dict[str, str]:
    strings = profile.strings
    return {
        "id": _listable(profile.id),
        "title": profile.title,
        "text": profile.text,
        "organization": profile.organization.id,
        "themes": _several(profile.themes),
        "groups": _several(profile.groups),
        "goals": _several(profile.goals),
        "places": _several(profile.places),
        "languages": _several(profile.languages),
        "starts": _day(profile.starts),
        "ends": _day(profile.ends),
        "published": _day(profile.published),
        "expires": _day(profile.expires),
        "beneficiaries": _number(profile.beneficiaries),
        "most_projects": _number(profile.most_projects),
        "preferences": ";".join(map(_listable, profile.preferences)),
        "only_places": _several(strings.places),
        "only_groups": _several(strings.groups),
        "only_themes": _several(strings.themes),
        "only_organization_kinds": _several(strings.organization_kinds),
        "only_languages": _several(strings.languages),
        "min_rating": _number(strings.min_rating),
        "min_beneficiaries": _number(strings.min_beneficiaries),
        "only_verified": _answer(strings.verified or None),
        "pays_labour": _answer(None if strings.pays_labour else False),
        "pays_overhead": _answer(None if strings.pays_overhead else False),
        "vetoes": _several(map(_listable, strings.vetoes)),
        "synthetic": _answer(profile.synthetic or None),
    }


def _line(line: ResourceLine, side: Side) -> dict[str, str]:
    cells = {
        "kind": line.kind,
        "amount": _hundredths(line.amount),
        "unit": line.unit,
        "worth": _quantity(line.worth),
    }
    if side is Side.NEED:
        return cells | {
            "minimum": _hundredths(line.minimum) if line.minimum else "",
            "labour": _hundredths(line.labour) if line.labour else "",
            "overhead": _hundredths(line.overhead) if line.overhead else "",
            "critical": _answer(None if line.critical else False),
        }
    return cells | {
        "cheque_min": _hundredths(line.cheque_min) if line.cheque_min else "",
        "cheque_max": "" if line.cheque_max is None else _hundredths(line.cheque_max),
    }


def _organization(organization: Organization) -> dict[str, str]:
    passed = organization.inspection_passed
    return {
        "id": _listable(organization.id),
        "name": organization.name,
        "kind": organization.kind,
        "places": _several(organization.places),
        "registered": _day(organization.registered),
        "inspection": "" if passed is None else "passed" if passed else "failed",
        "rating": _number(organization.rating),
        "verified": _answer(organization.verified),
        "bad_record": _answer(organization.bad_record or None),
        "barred_until": _day(organization.barred_until),
        "conflicts": _several(map(_listable, organization.conflicts)),
    }


def _cooperation(cooperation: Cooperation) -> dict[str, str]:
    quantity = cooperation.quantity
    return {
        "id": _listable(cooperation.id),
        "signed": _day(cooperation.signed),
        "need_organization": cooperation.need_organization,
        "offer_organization": cooperation.offer_organization,
        "offer": cooperation.offer,
        "theme": cooperation.theme,
        "title": cooperation.title,
        "kind": cooperation.kind,
        "amount": "" if quantity is None else _hundredths(quantity.amount),
        "unit": "" if quantity is None else quantity.unit,
        "synthetic": _answer(cooperation.synthetic or None),
    }


def _several(codes: Iterable[str]) -> str:
    return ";".join(sorted(codes))


def _listable(id_: str) -> str:
    if any(sign in id_ for sign in SEPARATORS):
        raise InvalidValue(Message("id-listed", "The ID “{id}” has a separator in it; take it out.", id=id_))
    return id_


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _answer(answer: bool | None) -> str:  # noqa: FBT001
    return "" if answer is None else "yes" if answer else "no"


def _hundredths(amount: int) -> str:
    whole, rest = divmod(amount, 100)
    return f"{whole}.{rest:02}" if rest else str(whole)


def _quantity(quantity: Quantity | None) -> str:
    return "" if quantity is None else f"{_hundredths(quantity.amount)} {quantity.unit}"
