"""One row to one resource line: how much of what, and the parts and bounds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message, Quantity
from matching.profiles import MONEY, ResourceLine
from matching.reading.quantities import is_currency
from matching.reading.records import empty_cell

if TYPE_CHECKING:
    from matching.reading.records import Record

ONE_ENGAGEMENT = Quantity(100, "project")
"""What a line that is not money means where it states neither amount nor unit."""


def read_line(record: Record) -> ResourceLine | None:
    """The resource line of a row; None (with problems) where it has no kind or no amount."""
    kind = record.code("kind")
    if not record.given("kind"):
        record.fail("kind", empty_cell())
    quantity = read_quantity(record, kind)
    worth = record.amount("worth", record.currency)
    if worth is not None and not is_currency(worth.unit):
        record.fail("worth", Message("worth-money", "This must be a sum of money with its currency."))
    critical = record.yes_no("critical")
    if not kind or quantity is None:
        return None
    parts = {code: _part(record, code, quantity) for code in ("minimum", "labour", "overhead")}
    smallest, largest = _part(record, "cheque_min", quantity), None
    if record.given("cheque_max"):
        largest = _part(record, "cheque_max", quantity)
    if kind != MONEY:
        for code in ("labour", "overhead"):
            if parts[code]:
                record.fail(code, Message("money-only", "Only money has this part; empty the cell."))
    elif parts["labour"] + parts["overhead"] > quantity.amount:
        record.fail(
            "overhead" if record.given("overhead") else "labour",
            Message(
                "parts-exceed",
                "Labour and overhead together exceed the amount ({amount}).",
                amount=quantity,
            ),
        )
    if parts["minimum"] > quantity.amount:
        record.fail(
            "minimum",
            Message("minimum-exceeds", "The least needed exceeds the amount ({amount}).", amount=quantity),
        )
    if smallest > quantity.amount:
        record.fail(
            "cheque_min",
            Message(
                "cheque-exceeds", "The least per project exceeds the amount ({amount}).", amount=quantity
            ),
        )
    if largest is not None and smallest > largest:
        record.fail(
            "cheque_max",
            Message(
                "cheques-reversed",
                "The most per project is below the least ({least}).",
                least=Quantity(smallest, quantity.unit),
            ),
        )
    return ResourceLine(
        kind=kind,
        amount=quantity.amount,
        unit=quantity.unit,
        critical=critical is not False,
        worth=worth,
        cheque_min=smallest,
        cheque_max=largest,
        **parts,
    )


def read_quantity(record: Record, kind: str) -> Quantity | None:
    """How much of what; reports money without amount or currency, and two units."""
    stated = record.unit("unit")
    if record.given("unit") and stated is None:
        return None
    if not record.given("amount"):
        if kind != MONEY and stated is None:
            return ONE_ENGAGEMENT
        record.fail("amount", Message("amount-missing", "The amount is missing; write it."))
        return None
    quantity = record.amount("amount", stated or (record.currency if kind == MONEY else None))
    if quantity is None:
        return None
    if stated is not None and quantity.unit != stated:
        _other_unit(record, "amount", quantity.unit, stated)
        return None
    if kind == MONEY and not is_currency(quantity.unit):
        record.fail(
            "unit" if stated else "amount",
            Message("money-unit", "Money needs a currency; write for example CNY, RUB or EUR."),
        )
        return None
    return quantity


def _part(record: Record, code: str, whole: Quantity) -> int:
    part = record.amount(code, whole.unit, allow_zero=True)
    if part is None:
        return 0
    if part.unit != whole.unit:
        _other_unit(record, code, part.unit, whole.unit)
        return 0
    return part.amount


def _other_unit(record: Record, code: str, unit: str, stated: str) -> None:
    record.fail(
        code,
        Message(
            "unit-other",
            "This is in {unit} and the row is in {stated}; write both in one.",
            unit=Quantity(100, unit),
            stated=Quantity(100, stated),
        ),
    )
