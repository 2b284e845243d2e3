"""What stands in the way of signing: what is missing in an agreement's terms, or does not fit together.

Each problem is a sentence beside the field of the form (`tranches-2-due`); signing opens only without any.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from matching.messages import Message, Quantity, Term
from matching.reading.quantities import is_currency
from service.agreements.clauses import NEEDED, book
from service.agreements.models import PartyRole
from service.errors import FieldProblem
from service.texts import MISSING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from service.agreements.models import AgreementKind
    from service.agreements.terms import Terms

SETTLING = timedelta(days=90)
"""How long after the end of the project a payment may still be planned."""
PURPOSES = {
    "programme": Message("purpose-programme", "Programme"),
    "management": Message("purpose-management", "Management fee"),
    "labour": Message("purpose-labour", "Labour"),
}
_HOW_MUCH = Message("quantity-none", "Say how much is given.")
_CASH_UNIT = Message("cash-unit", "Choose a currency for money.")


def problems(
    kind: AgreementKind, terms: Terms, languages: Sequence[str], no_overhead: Collection[str] = ()
) -> list[FieldProblem]:
    """All that has to be mended before the terms can be signed.

    `no_overhead`: uids of parties whose offers pay no management fee.
    """
    return [
        *_heads(terms, languages),
        *_parties(kind, terms),
        *_clauses(terms, languages),
        *_commitments(terms, no_overhead),
        *_milestones(terms),
        *_tranches(terms),
        *_budget(terms),
    ]


def _heads(terms: Terms, languages: Sequence[str]) -> Iterator[FieldProblem]:
    for language in languages:
        if not terms.title.get(language, "").strip():
            yield FieldProblem(f"title-{language}", MISSING)
    for name in ("starts", "ends"):
        if getattr(terms, name) is None:
            yield FieldProblem(name, Message("term-missing", "Say when the project begins and ends."))
    if terms.starts and terms.ends and terms.ends < terms.starts:
        yield FieldProblem("ends", Message("term-backwards", "The end lies before the beginning."))


def _parties(kind: AgreementKind, terms: Terms) -> Iterator[FieldProblem]:
    roles = Counter(one.role for one in terms.parties)
    if len(terms.parties) < 2 or not roles[PartyRole.IMPLEMENTER]:
        yield FieldProblem(
            "parties",
            Message("parties-few", "Name at least two parties, one of whom carries the project out."),
        )
    if kind.value == "three-party" and len(terms.parties) < 3:
        yield FieldProblem(
            "parties",
            Message("parties-three", "A three-party agreement has at least three parties; name the third."),
        )
    for n, party in enumerate(terms.parties):
        if not party.name.strip():
            yield FieldProblem(f"parties-{n}-name", MISSING)


def _clauses(terms: Terms, languages: Sequence[str]) -> Iterator[FieldProblem]:
    there = {one.key for one in terms.clauses if any(text.strip() for text in one.text.values())}
    for key in NEEDED:
        if key not in there:
            heading = book("en")["clauses"][key]["heading"]
            yield FieldProblem(
                "clauses",
                Message(
                    "clause-missing",
                    "A clause is missing: “{clause}”. Add it from the list below the clauses.",
                    clause=Message(f"clause-{key}", heading),
                ),
            )
    for n, clause in enumerate(terms.clauses):
        for language in languages:
            for part in ("heading", "text"):
                if not getattr(clause, part).get(language, "").strip():
                    yield FieldProblem(f"clauses-{n}-{part}-{language}", MISSING)


def _commitments(terms: Terms, no_overhead: Collection[str]) -> Iterator[FieldProblem]:
    if not terms.commitments:
        yield FieldProblem("commitments", Message("commitments-none", "Say what each party gives."))
    parties = {one.organization for one in terms.parties}
    first = next((one.currency for one in terms.commitments if one.kind == "cash"), "")
    for n, one in enumerate(terms.commitments):
        if one.organization not in parties:
            yield FieldProblem(
                f"commitments-{n}-organization", Message("giver-unknown", "Choose one of the parties.")
            )
        if not one.quantity and one.kind != "endorsement":
            yield FieldProblem(f"commitments-{n}-quantity", _HOW_MUCH)
        if one.kind == "cash":
            if not is_currency(one.unit) or one.currency != one.unit or one.value != one.quantity:
                yield FieldProblem(f"commitments-{n}-unit", _CASH_UNIT)
            elif one.currency != first:
                yield FieldProblem(
                    f"commitments-{n}-unit",
                    Message(
                        "currencies-mixed",
                        "All money of one agreement is in one currency, and it begins with {currency}. "
                        "Make an agreement of its own for another.",
                        currency=Term("currencies", first),
                    ),
                )
        elif one.value is not None and not is_currency(one.currency):
            yield FieldProblem(
                f"commitments-{n}-currency", Message("value-currency", "Say in which currency it is valued.")
            )
        if one.purpose == "management" and one.organization in no_overhead:
            yield FieldProblem(
                f"commitments-{n}-purpose",
                Message(
                    "no-overhead",
                    "This organization's offer pays no management fee. "
                    "Take the fee out, or have another party pay it.",
                ),
            )


def _repeated(name: str, items: Sequence[str]) -> Iterator[FieldProblem]:
    for n, item in enumerate(items):
        if item in items[:n]:
            yield FieldProblem(
                f"{name}-{n}-item",
                Message("item-repeated", "Two lines have the id “{item}”; each has its own.", item=item),
            )


def _milestones(terms: Terms) -> Iterator[FieldProblem]:
    yield from _repeated("milestones", [one.item for one in terms.milestones])
    for n, one in enumerate(terms.milestones):
        if one.due is None:
            yield FieldProblem(f"milestones-{n}-due", Message("due-missing", "Say by when."))
        elif terms.starts and terms.ends and not terms.starts <= one.due <= terms.ends:
            yield FieldProblem(
                f"milestones-{n}-due",
                Message(
                    "due-outside",
                    "This day lies outside the term of the project, {starts} to {ends}.",
                    starts=terms.starts,
                    ends=terms.ends,
                ),
            )


def _tranches(terms: Terms) -> Iterator[FieldProblem]:
    yield from _repeated("commitments", [one.item for one in terms.commitments])
    yield from _repeated("tranches", [one.item for one in terms.tranches])
    cash = {one.item: one for one in terms.commitments if one.kind == "cash"}
    parties = {one.organization for one in terms.parties}
    milestones = {one.item: one for one in terms.milestones}
    planned: Counter[str] = Counter()
    for n, one in enumerate(terms.tranches):
        field = f"tranches-{n}"
        planned[one.commitment] += one.amount
        giver = cash.get(one.commitment)
        if giver is None:
            yield FieldProblem(
                f"{field}-commitment",
                Message("tranche-commitment", "Choose the money that it is a part of."),
            )
        if one.payee not in parties or (giver and one.payee == giver.organization):
            yield FieldProblem(
                f"{field}-payee", Message("tranche-payee", "Choose the party that gets it, not who gives it.")
            )
        if one.milestone and one.milestone not in milestones:
            yield FieldProblem(
                f"{field}-milestone",
                Message("milestone-unknown", "There is no such milestone. Choose one, or none."),
            )
        if not one.amount:
            yield FieldProblem(f"{field}-amount", MISSING)
        if one.due is None:
            yield FieldProblem(f"{field}-due", Message("due-missing", "Say by when."))
        elif terms.starts and terms.ends and not terms.starts <= one.due <= terms.ends + SETTLING:
            yield FieldProblem(
                f"{field}-due",
                Message(
                    "payment-outside",
                    "A payment lies between the beginning, {starts}, and {last}, {days} days after the end.",
                    starts=terms.starts,
                    last=terms.ends + SETTLING,
                    days=SETTLING.days,
                ),
            )
        elif one.milestone in milestones and (due := milestones[one.milestone].due) and one.due < due:
            yield FieldProblem(
                f"{field}-due",
                Message(
                    "payment-early",
                    "It waits for a milestone that is due on {due}; pay it then or later.",
                    due=due,
                ),
            )
    for n, given in enumerate(terms.commitments):
        if given.kind == "cash" and is_currency(given.unit) and planned[given.item] != given.quantity:
            yield FieldProblem(
                f"commitments-{n}-quantity",
                Message(
                    "tranches-sum",
                    "The payments of this money add up to {planned}; {promised} is promised.",
                    planned=Quantity(planned[given.item], given.unit),
                    promised=Quantity(given.quantity, given.unit),
                ),
            )


def _budget(terms: Terms) -> Iterator[FieldProblem]:
    yield from _repeated("budget", [one.item for one in terms.budget])
    cash = [one for one in terms.commitments if one.kind == "cash" and is_currency(one.unit)]
    currency = cash[0].currency if cash else ""
    promised: Counter[str] = Counter()
    for one in cash:
        promised[one.purpose] += one.quantity
    planned: Counter[str] = Counter()
    for n, line in enumerate(terms.budget):
        planned[line.purpose] += line.amount
        if line.currency != currency:
            yield FieldProblem(
                f"budget-{n}-amount",
                Message("budget-currency", "The budget is in the currency of the money that is given."),
            )
    if not cash:
        return
    for purpose, words in PURPOSES.items():
        if planned[purpose] != promised[purpose]:
            yield FieldProblem(
                "budget",
                Message(
                    "budget-sum",
                    "{purpose}: the budget plans {planned}, {promised} is given for it. "
                    "The three purposes are never mixed.",
                    purpose=words,
                    planned=Quantity(planned[purpose], currency),
                    promised=Quantity(promised[purpose], currency),
                ),
            )
