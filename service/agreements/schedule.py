"""What is given when, from what is known: commitments, milestones, payments and a budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from matching.messages import Term
from matching.reading.quantities import is_currency
from service.agreements.clauses import book
from service.agreements.models import AgreementKind
from service.agreements.terms import BudgetTerms, CommitmentTerms, MilestoneTerms, Terms, TrancheTerms
from service.wording import term_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from service.organizations.models import Organization

PAID_IN = timedelta(days=15)
SHARES: dict[AgreementKind, tuple[int, ...]] = {
    AgreementKind.DONATION: (100,),
    AgreementKind.COOPERATION: (60, 40),
    AgreementKind.PURCHASE: (30, 50, 20),
    AgreementKind.THREE_PARTY: (50, 30, 20),
}
"""How the money of each kind is paid unless the parties agree otherwise, per cent: on signature, at the
middle, at the end."""
GIFTS = {
    "money": ("cash", "cash"),
    "goods": ("goods", "in-kind"),
    "volunteers": ("volunteers", "time"),
    "staff": ("volunteers", "time"),
    "venue": ("venue", "in-kind"),
    "media": ("media", "in-kind"),
    "endorsement": ("endorsement", "in-kind"),
}
"""By resource kind: kind of the commitment and how it is valued; everything else is a service."""


@dataclass(frozen=True, slots=True)
class Gift:
    """What one organization gives: so much of a line of its listing."""

    giver: Organization
    kind: str
    part: str
    amount: int
    unit: str
    worth: tuple[int, str] | None = None


def worth_of(line: dict[str, Any], amount: int) -> tuple[int, str] | None:
    """What so much of a line of an offer is worth."""
    worth = line.get("worth")
    if not worth or not line.get("amount"):
        return None
    return round(worth["amount"] * amount / line["amount"]), worth["unit"]


def commitments(gifts: Iterable[Gift], language: str) -> Iterator[CommitmentTerms]:
    """One line for each giver, kind, purpose and unit."""
    sums: dict[tuple[str, str, str, str], tuple[int, tuple[int, str] | None]] = {}
    for gift in gifts:
        place = (gift.giver.uid, gift.kind, _purpose(gift), gift.unit)
        amount, worth = sums.get(place, (0, None))
        if gift.worth is not None:
            worth = (gift.worth[0] + (worth[0] if worth else 0), gift.worth[1])
        sums[place] = (amount + gift.amount, worth)
    for n, ((giver, kind, purpose, unit), (amount, worth)) in enumerate(sums.items(), 1):
        commitment, valuation = GIFTS.get(
            kind, ("services", "time" if unit in ("hour", "day") else "in-kind")
        )
        if is_currency(unit):
            worth = (amount, unit)
        yield CommitmentTerms.model_validate(
            {
                "item": f"c{n}",
                "organization": giver,
                "kind": commitment,
                "purpose": purpose,
                "description": "" if commitment == "cash" else term_text(Term("kinds", kind), language),
                "quantity": amount,
                "unit": unit,
                "value": worth[0] if worth else None,
                "currency": worth[1] if worth else "",
                "valuation": valuation,
            }
        )


def _purpose(gift: Gift) -> str:
    return {"labour": "labour", "overhead": "management"}.get(gift.part, "programme")


def planned(terms: Terms, kind: AgreementKind, implementer: Organization, language: str) -> Terms:
    """With milestones, payments and a budget for the money that is given."""
    cash = [one for one in terms.commitments if one.kind == "cash"]
    if not cash or terms.starts is None or terms.ends is None:
        return terms
    shares = SHARES[kind]
    words = book(language)["plan"]
    middle = terms.starts + (terms.ends - terms.starts) / 2
    ends_of = {"midterm": middle, "conclusion": terms.ends}
    milestones = [
        MilestoneTerms(item=f"m{n}", title=words[name], condition=words[f"{name}_condition"], due=due)
        for n, (name, due) in enumerate(ends_of.items(), 1)
    ]
    stages = [
        (None, terms.starts + PAID_IN),
        *((f"m{n}", due + PAID_IN) for n, due in enumerate(ends_of.values(), 1)),
    ]
    tranches = [
        TrancheTerms(
            item=f"t{n}-{place}",
            commitment=one.item,
            payee=implementer.uid,
            milestone=milestone,
            amount=amount,
            due=due,
        )
        for n, one in enumerate(cash, 1)
        for place, ((milestone, due), amount) in enumerate(
            zip(stages, _split(one.quantity, shares), strict=False), 1
        )
        if amount
    ]
    sums: dict[str, int] = {}
    for one in cash:
        sums[one.purpose] = sums.get(one.purpose, 0) + one.quantity
    purposes = book(language)["purposes"]
    budget = [
        BudgetTerms.model_validate(
            {
                "item": f"b{n}",
                "purpose": purpose,
                "label": purposes[purpose],
                "amount": amount,
                "currency": cash[0].currency,
            }
        )
        for n, (purpose, amount) in enumerate(sums.items(), 1)
    ]
    return terms.model_copy(
        update={"milestones": tuple(milestones), "tranches": tuple(tranches), "budget": tuple(budget)}
    )


def _split(amount: int, shares: Sequence[int]) -> list[int]:
    """A sum in whole units by per cent; what does not divide goes to the last."""
    parts = [amount * share // 10_000 * 100 for share in shares[:-1]]
    return [*parts, amount - sum(parts)]
