"""An agreement as a PDF that can be kept for decades: set by typst, PDF/A, fonts bundled.

What people typed reaches typst as data (JSON among its inputs), never as code of it.
"""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from matching.messages import Quantity
from service.agreements import queries
from service.agreements.clauses import book, label, long_date, party_name, role_name, sums_text
from service.agreements.clauses import money as money_of
from service.agreements.models import SIGNED, Agreement, AgreementStatus
from service.i18n import moment_text
from service.wording import quantity_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlmodel import Session

    from service.agreements.queries import Bound
    from service.agreements.terms import Terms

HERE = Path(__file__).parent
FONTS = HERE / "fonts"
BOLD_FILE = FONTS / "bold.txt"
"""The Chinese characters that the bold fonts have; a heading with others is printed in regular weight."""
STANDARD: Literal["a-2b"] = "a-2b"
_HAN = 0x2E80


def pdf(
    agreement: Agreement,
    terms: Terms,
    bound: Sequence[Bound],
    *,
    public_url: str,
    revision: int | None = None,
    amended: str = "",
    time_zone: str = "UTC",
) -> bytes:
    """The agreement as PDF/A. `revision`: the number of a version that is not the one signed."""
    data = printed(
        agreement,
        terms,
        bound,
        public_url=public_url,
        revision=revision,
        amended=amended,
        time_zone=time_zone,
    )
    made: bytes = typeset("agreement.typ", data)
    return made


def print_out(session: Session, agreement: Agreement, *, public_url: str, time_zone: str) -> bytes:
    """An agreement as PDF/A: as it was signed, or as it stands in the draft."""
    queries.refuse_elsewhere(session, agreement)
    signed = agreement.status in SIGNED
    amended = queries.amended(session, agreement)
    return pdf(
        agreement,
        queries.signed_terms(session, agreement) if signed else queries.terms_of(agreement),
        queries.parties(session, agreement),
        public_url=public_url,
        amended=amended.number if amended else "",
        time_zone=time_zone,
    )


def typeset(template: str, data: dict[str, Any], *, form: Literal["pdf", "png"] = "pdf") -> Any:
    """What a template of this folder makes of data: PDF/A, or PNGs of the pages."""
    compiler = _compiler(template)
    inputs = {"data": json.dumps(data, ensure_ascii=False)}
    if form == "png":
        return compiler.compile(format="png", ppi=110.0, sys_inputs=inputs)
    return compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD])


@cache
def _compiler(template: str) -> Any:
    """The compiler with its fonts, read once a process."""
    import typst

    return typst.Compiler(
        str(HERE / template), root=str(HERE), font_paths=[str(FONTS)], ignore_system_fonts=True
    )


def printed(
    agreement: Agreement,
    terms: Terms,
    bound: Sequence[Bound],
    *,
    public_url: str,
    revision: int | None = None,
    amended: str = "",
    time_zone: str = "UTC",
) -> dict[str, Any]:
    """All that stands on the pages, in words, a column for each language."""
    languages = list(agreement.languages)
    draft = agreement.status in (AgreementStatus.DRAFT, AgreementStatus.ABANDONED) or revision is not None
    address = f"{public_url}/cooperations/{agreement.uid}"

    def each(say: Callable[[str], str]) -> list[str]:
        return [say(language) for language in languages]

    def word(name: str, **values: Any) -> list[str]:
        return each(lambda language: label(language, name, **values))

    names = {one.organization: n for n, one in enumerate(terms.parties)}
    milestones = {one.item: one.title for one in terms.milestones}

    def party(uid: str) -> list[str]:
        return each(lambda language: party_name(language, names.get(uid, 99)))

    def money(amount: int | None, currency: str) -> str:
        return (
            quantity_text(Quantity(amount, currency), languages[0]) if amount is not None and currency else ""
        )

    signatures = {one.organization.uid: one.signature for one in bound}
    return {
        "languages": [
            {
                "lang": one.partition("-")[0],
                "region": {"zh-Hans": "CN", "zh-Hant": "TW"}.get(one),
                "code": one,
            }
            for one in languages
        ],
        "draft": word("draft") if draft else [],
        "number": word("number", number=agreement.number),
        "version": word("version", n=revision) if revision else [],
        "heading": _strong(each(lambda one: str(book(one)["titles"][agreement.kind.value]))),
        "amendment": word("amendment", number=amended) if amended else [],
        "title": _strong([terms.title.get(one, "") for one in languages]),
        "between": word("between"),
        "registration": word("registration"),
        "signatory": word("signatory"),
        "parties": [
            {
                "as": _strong(party(one.organization)),
                "role": each(lambda language, role=one.role: role_name(language, agreement.kind, role)),  # type: ignore[misc]
                "name": one.name,
                "identifier": one.identifier,
                "signatory": one.signatory,
            }
            for one in terms.parties
        ],
        "clauses": [
            {
                "number": word("clause", n=n),
                "heading": _strong([clause.heading.get(one, "") for one in languages]),
                "paragraphs": [
                    [text for text in clause.text.get(one, "").splitlines() if text.strip()]
                    for one in languages
                ],
            }
            for n, clause in enumerate(terms.clauses, 1)
        ],
        "labels": {
            name: word(name)
            for name in (
                "schedule",
                "commitments",
                "giver",
                "gift",
                "quantity",
                "value",
                "milestones",
                "milestone",
                "condition",
                "tranches",
                "after",
                "payee",
                "amount",
                "due",
                "budget",
                "line",
                "total",
                "signatures",
                "signed_by",
                "signed_at",
                "unsigned",
                "digest",
                "public",
            )
        },
        "currency": next(iter(money_of(terms.commitments)), ""),
        "commitments": [
            {
                "giver": party(one.organization),
                "gift": each(lambda language, one=one: _gift(language, one.kind, one.purpose)),  # type: ignore[misc]
                "text": one.description,
                "quantity": quantity_text(Quantity(one.quantity, one.unit), languages[0]),
                "value": money(one.value, one.currency) or " / ".join(word("unvalued")),
            }
            for one in terms.commitments
        ],
        "milestones": [
            {"title": one.title, "condition": one.condition, "due": _day(one.due, languages)}
            for one in terms.milestones
        ],
        "tranches": [
            {
                "n": n,
                "after": [milestones[one.milestone]] if one.milestone in milestones else word("signing"),
                "payee": party(one.payee),
                "amount": money(one.amount, _currency(terms, one.commitment)),
                "due": _day(one.due, languages),
            }
            for n, one in enumerate(terms.tranches, 1)
        ],
        "paid": sums_text(
            _sums((_currency(terms, one.commitment), one.amount) for one in terms.tranches), languages[0]
        ),
        "budget": [
            {
                "label": one.label,
                "purpose": each(lambda language, one=one: str(book(language)["purposes"][one.purpose])),  # type: ignore[misc]
                "amount": money(one.amount, one.currency),
            }
            for one in terms.budget
        ],
        "budgeted": sums_text(_sums((one.currency, one.amount) for one in terms.budget), languages[0]),
        "signatures": [
            {
                "as": _strong(party(one.organization)),
                "name": one.name,
                "signature": _signature(signatures.get(one.organization), languages, time_zone),
            }
            for one in terms.parties
        ],
        "form": each(lambda language: str(book(language)["form"])),
        "hash": "" if draft else agreement.text_hash,
        "address": address,
        "qr": _qr(address),
        "page": [label(one, "page", n="{n}", all="{all}") for one in languages],
    }


def _strong(texts: list[str]) -> dict[str, Any]:
    """Words for a heading, and whether the bold fonts have all their characters."""
    return {"text": texts, "bold": all(ord(one) < _HAN or one in _bold() for text in texts for one in text)}


@cache
def _bold() -> frozenset[str]:
    return frozenset(BOLD_FILE.read_text(encoding="utf-8")) if BOLD_FILE.is_file() else frozenset()


def _gift(language: str, kind: str, purpose: str) -> str:
    words = book(language)
    named = str(words["kinds"][kind])
    return f"{named} · {words['purposes'][purpose]}" if kind == "cash" else named


def _day(day: Any, languages: Sequence[str]) -> list[str]:
    return [long_date(day, language) for language in languages] if day else []


def _currency(terms: Terms, item: str) -> str:
    return next((one.currency for one in terms.commitments if one.item == item), "")


def _sums(amounts: Any) -> dict[str, int]:
    sums: dict[str, int] = {}
    for currency, amount in amounts:
        if currency:
            sums[currency] = sums.get(currency, 0) + amount
    return sums


def _signature(signature: Any, languages: Sequence[str], time_zone: str) -> dict[str, Any] | None:
    if signature is None:
        return None
    return {
        "by": " · ".join(part for part in (signature.name, signature.position) if part),
        "at": [f"{moment_text(signature.created, one, time_zone)} ({time_zone})" for one in languages],
        "method": [label(one, f"method_{signature.method.value}") for one in languages],
    }


def _qr(address: str) -> str:
    import segno

    drawn = BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=0, scale=4)
    return drawn.getvalue().decode()
