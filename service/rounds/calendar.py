"""Working days: the public holidays of a country, and what facilitators know better."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.messages import Message
from service.errors import BadInput, NotFound
from service.events import record
from service.permissions import require
from service.rounds.models import DayOff
from service.texts import tidy
from service.working_days import after_working_days, is_weekday

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.permissions import Actor

_LANGUAGES = {
    "zh-Hans": ("zh_CN",),
    "zh-Hant": ("zh_HK", "zh_TW"),
    "en": ("en_US", "en_HK", "en_GB"),
    "ru": ("ru",),
    "es": ("es",),
}
_WEEKEND = frozenset({5, 6})
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that is not what its weekday says, or that somebody has set; `own` is the row that says so."""

    day: date
    works: bool
    name: str
    own: DayOff | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of a country; without one, Monday to Friday."""

    country: str = ""
    own: Mapping[date, DayOff] = field(default_factory=dict)

    def works(self, day: date) -> bool:
        """Whether people work on that day."""
        if day in self.own:
            return self.own[day].works
        if not self.country:
            return is_weekday(day)
        works: bool = _holidays(self.country, day.year, "en").is_working_day(day)
        return works

    def after(self, day: date, count: int) -> date:
        """The day `count` working days after `day`."""
        return after_working_days(day, count, self.works)

    def special(self, year: int, language: str) -> list[SpecialDay]:
        """The days of a year that are not what their weekday says, in order, named in a language."""
        public: Any = _holidays(self.country, year, language) if self.country else {}
        weekend = public.weekend if self.country else _WEEKEND
        found = []
        day = date(year, 1, 1)
        while day.year == year:
            own, works = self.own.get(day), self.works(day)
            if own or works == (day.weekday() in weekend):
                found.append(SpecialDay(day, works, (own.name if own else "") or public.get(day, ""), own))
            day += timedelta(days=1)
        return found


@lru_cache(maxsize=512)
def _holidays(country: str, year: int, language: str) -> Any:
    """One year of a country's public holidays, named in the language if the package can."""
    from holidays import country_holidays

    wanted = country_holidays(country, years=year, expand=False)
    known = [one for one in _LANGUAGES[language] if one in wanted.supported_languages]
    if not known:
        return wanted
    return country_holidays(country, years=year, expand=False, language=known[0])


@cache
def countries() -> frozenset[str]:
    """The countries and regions whose public holidays are known, ISO 3166."""
    from holidays import list_supported_countries

    return frozenset(code for code in list_supported_countries() if len(code) == 2)


def calendar_of(session: Session, country: str) -> Calendar:
    """The calendar of a country with the days set by hand."""
    own = session.exec(select(DayOff).where(col(DayOff.calendar) == country))
    return Calendar(country, {one.day: one for one in own})


def known_calendar(country: str) -> str:
    """The code of a country whose holidays are known, or nothing. Raises NotFound."""
    code = country.upper()
    if code and code not in countries():
        raise NotFound
    return code


def set_day(
    session: Session, actor: Actor, country: str, day: date, *, works: bool, name: str = ""
) -> DayOff:
    """Say that a day is worked or not, whatever the country's calendar says."""
    require(actor, "round:run")
    calendar = known_calendar(country)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BadInput.one("day", Message("moment-far", "This lies too far from today. Check the year."))
    one = _own_day(session, calendar, day) or DayOff(calendar=calendar, day=day)
    one.works, one.name = works, tidy(name)[:120]
    session.add(one)
    session.flush()
    record(session, actor, "day_off.set", one, calendar=calendar, day=day.isoformat(), works=works)
    return one


def forget_day(session: Session, actor: Actor, country: str, day: date) -> None:
    """Let the country's calendar decide about a day again. Raises NotFound."""
    require(actor, "round:run")
    one = _own_day(session, known_calendar(country), day)
    if one is None:
        raise NotFound
    record(session, actor, "day_off.forget", one, calendar=one.calendar, day=day.isoformat())
    session.delete(one)


def _own_day(session: Session, calendar: str, day: date) -> DayOff | None:
    return session.exec(select(DayOff).where(DayOff.calendar == calendar, DayOff.day == day)).first()
