"""Days on which people answer: counted over Monday to Friday, or over a calendar that knows better."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SATURDAY = 5


def is_weekday(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() < SATURDAY


def after_working_days(day: date, count: int, works: Callable[[date], bool] = is_weekday) -> date:
    """The day `count` working days after `day`."""
    while count > 0:
        day += timedelta(days=1)
        count -= works(day)
    return day
