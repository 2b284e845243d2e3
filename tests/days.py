"""Days that lie ahead in whatever year the tests run."""

from __future__ import annotations

from datetime import date, timedelta

from service.db import now

FORUM_DAY = date(now().year + 1, 5, 14)


def last_sunday_of_march(year: int) -> date:
    """When clocks go forward in the European Union."""
    last = date(year, 3, 31)
    return last - timedelta(days=last.isoweekday() % 7)
