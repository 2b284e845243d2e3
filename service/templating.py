"""The environment of the pages' templates: words, numbers, days and sums in each language."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zlib import crc32

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    Template,
    pass_context,
)
from markupsafe import Markup

from matching.caching import cache_directory
from matching.messages import Quantity, Term
from service import i18n
from service.wording import quantity_text, say, term_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from jinja2.bccache import Bucket
    from jinja2.environment import TemplateModule
    from jinja2.runtime import Context

LANGUAGE_NAMES = {
    "zh-Hans": "简体中文",
    "zh-Hant": "繁體中文",
    "en": "English",
    "ru": "Русский",
    "es": "Español",
}


class _Loader(FileSystemLoader):
    """Compiles each template once, also where sixteen ask for it at the same moment."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._turn = Lock()
        self._loaded: dict[str, Template] = {}

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 — Jinja2 calls it so
    ) -> Template:
        """The template of a name, as it was first loaded."""
        with self._turn:
            if name not in self._loaded:
                self._loaded[name] = super().load(environment, name, globals)
            return self._loaded[name]


class _Bytecode(FileSystemBytecodeCache):
    """What was compiled, in the folder of what can be made again; where nothing can be written, nothing is.

    To compile all templates takes seconds. What a changed version of this file makes of them has other names.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), f"{crc32(Path(__file__).read_bytes()):08x}-%s")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Find what was compiled, if that can be read."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled, if that can be kept."""
        with suppress(OSError):
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)


class _Template(Template):
    """Gives its macros once a page, and not once for each template of the page that imports them."""

    def make_module(
        self,
        vars: dict[str, Any] | None = None,  # noqa: A002 — Jinja2 calls it so
        shared: bool = False,  # noqa: FBT001 — and so
        locals: Mapping[str, Any] | None = None,  # noqa: A002
    ) -> TemplateModule:
        """The macros, which know what the page knows (`render` gives it an empty `macros`)."""
        made = (vars or {}).get("macros")
        if made is None:
            return super().make_module(vars, shared, locals)
        if self.name not in made:
            made[self.name] = super().make_module(vars, shared, locals)
        module: TemplateModule = made[self.name]
        return module


@cache
def make_templates() -> Environment:
    """The pages' templates, with the words and numbers of each language; one set for a whole process."""
    environment = Environment(
        loader=_Loader(Path(__file__).parent / "templates"),
        bytecode_cache=_Bytecode(cache_directory() / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        auto_reload=False,
    )
    environment.template_class = _Template
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        _gettext, _ngettext, newstyle=True
    )
    environment.globals |= {"_": _gettext, "gettext": _gettext, "drawn": _drawn}
    environment.filters |= {
        "say": pass_context(
            lambda context, message, names=MappingProxyType({}): say(message, context["language"], names)
        ),
        "money": pass_context(lambda context, given: quantity_text(_quantity(given), context["language"])),
        "day": pass_context(lambda context, day: i18n.date_text(day, context["language"])),
        "weekday": pass_context(lambda context, day: i18n.weekday_text(day, context["language"])),
        "moment": pass_context(
            lambda context, moment: i18n.moment_text(moment, context["language"], context["actor"].time_zone)
        ),
        "moment_in": pass_context(
            lambda context, moment, zone: i18n.moment_text(moment, context["language"], zone)
        ),
        "clock": pass_context(
            lambda context, moment, zone: i18n.clock_text(moment, context["language"], zone)
        ),
        "day_in": pass_context(
            lambda context, moment, zone: i18n.local_day_text(moment, context["language"], zone)
        ),
        "zone_name": pass_context(lambda context, zone: i18n.time_zones(context["language"]).get(zone, zone)),
        "span": pass_context(lambda context, span: i18n.span_text(span, context["language"])),
        "country": pass_context(lambda context, code: i18n.country_name(code, context["language"])),
        "number": pass_context(lambda context, value: i18n.number_text(value, context["language"])),
        "listed": pass_context(lambda context, parts: i18n.list_text(parts, context["language"])),
        "percent": pass_context(lambda context, share: i18n.percent_text(share, context["language"])),
        "term": pass_context(
            lambda context, code, scheme: term_text(Term(scheme, code), context["language"])
        ),
    }
    environment.globals |= {"LANGUAGE_NAMES": LANGUAGE_NAMES}
    return environment


def _quantity(given: Any) -> Quantity:
    """How much of what, of a Quantity, a resource line, or a line as it is stored."""
    if isinstance(given, dict):
        return Quantity(given["amount"], given["unit"])
    return Quantity(given.amount, given.unit)


@pass_context
def _gettext(context: Context, phrase: str, **values: Any) -> Markup:
    """As Jinja's own in its new style, which makes three calls of it, two hundred times a page."""
    text = _phrase(phrase, context["language"])
    return i18n.ended_once(text % values) if values or "%" in text else text


@cache
def _phrase(phrase: str, language: str) -> Markup:
    return Markup(i18n.catalogue(language).gettext(phrase))  # noqa: S704 — our own words


@pass_context
def _ngettext(context: Context, singular: str, plural: str, number: int) -> str:
    return i18n.catalogue(context["language"]).ngettext(singular, plural, number)


@pass_context
def _drawn(context: Context, what: Any, *part: Any, caller: Callable[[], str]) -> str:
    """A part of a page that always looks the same for `what`: drawn once a language, if that keeps it."""
    kept = getattr(what, "drawn", None)
    if kept is None:
        return caller()
    key = (context["language"], *part)
    if key not in kept:
        kept[key] = caller()
    found: str = kept[key]
    return found
