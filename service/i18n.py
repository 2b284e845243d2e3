"""The interface's five languages: catalogues, plural forms, numbers, money and dates as each writes them.

English is the language of the source and has no catalogue. A language is offered only when its catalogue is
complete, which the translation check sees to.
"""

from __future__ import annotations

import gettext
import os
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_time, format_timedelta, get_timezone, get_timezone_location
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol

from matching.text import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime, timedelta

Text = TypeVar("Text", bound=str)

DOMAIN = "qiao"
SOURCE_LANGUAGE = "en"
LOCALES = Path(__file__).parent / "locale"
_KEPT = 4096
"""How many numbers, sums and days are kept as they were last written: Babel takes 50 µs for each."""
_FARTHEST = 10
"""The largest langcodes distance at which one language still serves readers of another."""


def closest_language(wanted: Iterable[str]) -> str:
    """The interface language nearest to the first of the `wanted` tags that has one; else English."""
    from langcodes import closest_match
    from langcodes.tag_parser import LanguageTagError

    for tag in wanted:
        try:
            language, _ = closest_match(tag.replace("_", "-"), list(LANGUAGES), max_distance=_FARTHEST)
        except LanguageTagError:
            continue
        if language != "und":
            return language
    return SOURCE_LANGUAGE


def environment_language() -> str:
    """The interface language that the environment asks for (QIAO_LANG, LC_ALL, LC_MESSAGES, LANG)."""
    names = (os.environ.get(name, "") for name in ("QIAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))
    tags = (name.partition(".")[0].partition("@")[0] for name in names)
    return closest_language(tag for tag in tags if tag and tag not in ("C", "POSIX"))


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The catalogue of an interface language."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALES, [language.replace("-", "_")])


@cache
def locale(language: str) -> Locale:
    """The Babel locale of an interface language: how it writes numbers, money and dates."""
    return Locale.parse(language, sep="-")


def plural(singular: str, many: str, count: float, language: str) -> str:
    """The form of a phrase that goes with `count`; a fraction takes the plural."""
    number = int(count) if count == int(count) else 2
    return catalogue(language).ngettext(singular, many, number)


@lru_cache(maxsize=_KEPT)
def number_text(value: float, language: str) -> str:
    """A number with the separators of the language."""
    return format_decimal(value, locale=locale(language))


def percent_text(share: float, language: str) -> str:
    """A share in [0, 1] as whole per cent."""
    return _percent_text(round(share, 2), language)


@lru_cache(maxsize=_KEPT)
def _percent_text(share: float, language: str) -> str:
    return format_percent(
        share, format="#,##0 %" if language in ("ru", "es") else "#,##0%", locale=locale(language)
    )


@lru_cache(maxsize=_KEPT)
def money_text(value: float, currency: str, language: str) -> str:
    """A sum of money: no decimals where it is whole, a space between letters and digits (CLDR)."""
    pattern = locale(language).currency_formats["standard"].pattern
    if value == int(value):
        pattern = pattern.replace(".00", "")
    if get_currency_symbol(currency, locale(language))[-1].isalpha():
        pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
    return format_currency(value, currency, format=pattern, locale=locale(language), currency_digits=False)


@lru_cache(maxsize=_KEPT)
def date_text(day: date, language: str) -> str:
    """A day as the language writes it."""
    return format_date(day, format="medium", locale=locale(language))


def ended_once(sentence: Text) -> Text:
    """A sentence with one full stop: the one of a Russian year (`2026 г.`) ends the sentence too."""
    return cast("Text", sentence.replace("г..", "г."))


def weekday_text(day: date, language: str) -> str:
    """The name of a day's weekday."""
    return format_date(day, format="cccc", locale=locale(language))


def moment_text(moment: datetime, language: str, time_zone: str) -> str:
    """A moment as the language writes it, in the reader's time zone."""
    local = moment.astimezone(get_timezone(time_zone))
    hour = format_time(local, format="short", locale=locale(language))
    return str(locale(language).datetime_formats["medium"]).format(hour, date_text(local, language))


def clock_text(moment: datetime, language: str, time_zone: str) -> str:
    """The time of day as the clocks of a zone show it."""
    local = moment.astimezone(get_timezone(time_zone))
    return format_time(local, format="short", locale=locale(language))


def local_day_text(moment: datetime, language: str, time_zone: str) -> str:
    """The day with its weekday on which a moment lies in a zone."""
    local = moment.astimezone(get_timezone(time_zone))
    return format_date(local, format="full", locale=locale(language))


def span_text(span: timedelta, language: str) -> str:
    """How long until something, or since it: “in 3 days”, “2 hours ago”."""
    text: str = format_timedelta(span, add_direction=True, threshold=1.5, locale=locale(language))
    return text


def list_text(parts: Iterable[str], language: str) -> str:
    """Several things one after the other, as the language writes it: “a, b and c”."""
    return format_list(list(parts), locale=locale(language))


def country_name(code: str, language: str) -> str:
    """What a country or region is called, by its ISO 3166 code."""
    return str(locale(language).territories.get(code, code))


@cache
def time_zones(language: str) -> dict[str, str]:
    """The time zones one may choose from, with the city they are named after, in the language's order."""
    names = sorted(get_global("zone_territories").keys() & available_timezones())
    cities = {
        name: get_timezone_location(name, locale=locale(language), return_city=True)
        for name in names
        if not name.startswith("Etc/")
    }
    return {"UTC": "UTC", **dict(sorted(cities.items(), key=lambda one: one[1].casefold()))}
