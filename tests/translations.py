"""Are the catalogues complete? `python -m tests.translations` says; with `--write` it brings them up to date.

Every phrase of the source must stand in every catalogue, translated, not fuzzy, with the same named fields
and all plural forms, and the compiled catalogue must be what the text one compiles to.
"""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "service" / "locale"
LANGUAGES = ("zh_Hans", "zh_Hant", "ru", "es")
JINJA = {"silent": "false", "extensions": "jinja2.ext.do"}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "plural": (1, 2),
    "Message": (2,),
    "_forms": (1, 2),
}
FIELD = re.compile(r"\{(\w*)[^}]*\}")
PLURALS = {"zh_Hans": 1, "zh_Hant": 1, "ru": 3, "es": 2}


def source() -> Catalog:
    """Every phrase that the code and the templates say."""
    catalog = Catalog(project="qiao-partnerships", charset="utf-8", header_comment="# Phrases of Qiao.")
    for folder in ("matching", "service"):
        for name, line, phrase, comments, context in extract_from_dir(
            ROOT / folder,
            [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")],
            dict.fromkeys(("**/templates/**.html", "**/templates/**.txt"), JINJA),
            keywords=KEYWORDS,
        ):
            catalog.add(phrase, None, [(f"{folder}/{name}", line)], auto_comments=comments, context=context)
    return catalog


def read(language: str) -> Catalog:
    """The catalogue of a language as it is committed."""
    path = LOCALES / language / "LC_MESSAGES" / "qiao.po"
    if not path.exists():
        return Catalog(locale=language, project="qiao-partnerships", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """What the catalogue compiles to."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def problems(language: str, wanted: Catalog) -> list[str]:
    """What is missing or wrong in one catalogue."""
    catalog, found = read(language), []
    for message in wanted:
        if not message.id:
            continue
        key = message.id[0] if message.pluralizable else message.id
        ours = catalog.get(key, message.context)
        forms = () if ours is None else (ours.string if isinstance(ours.string, tuple) else (ours.string,))
        if ours is None or ours.fuzzy or not forms or not all(forms):
            found.append(f"{language}: not translated: {key!r}")
            continue
        if message.pluralizable and len(forms) != PLURALS[language]:
            found.append(f"{language}: {len(forms)} plural forms, not {PLURALS[language]}: {key!r}")
        fields = set(FIELD.findall(message.id[-1] if message.pluralizable else message.id))
        found += [
            f"{language}: fields {sorted(fields)} differ: {form!r}"
            for form in forms
            if set(FIELD.findall(form)) != fields
        ]
    known = {message.id[0] if message.pluralizable else message.id for message in wanted}
    found += [
        f"{language}: no longer said: {message.id!r}"
        for message in catalog
        if message.id and (message.id[0] if message.pluralizable else message.id) not in known
    ]
    path = LOCALES / language / "LC_MESSAGES" / "qiao.mo"
    if not path.exists() or path.read_bytes() != compiled(catalog):
        found.append(f"{language}: qiao.mo is not what qiao.po compiles to")
    return found


def write(language: str, wanted: Catalog) -> None:
    """Bring a catalogue up to date: new phrases empty, those no longer said dropped, compiled afresh."""
    catalog = read(language)
    catalog.update(wanted, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    save(language, catalog)


def save(language: str, catalog: Catalog) -> None:
    """Write a catalogue and what it compiles to."""
    _tidy(catalog)
    folder = LOCALES / language / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "qiao.po").open("wb") as file:
        write_po(file, catalog, width=100, sort_output=True, omit_header=False, include_lineno=False)
    with (folder / "qiao.po").open("rb") as file:
        (folder / "qiao.mo").write_bytes(compiled(read_po(file, locale=language)))


def _tidy(catalog: Catalog) -> None:
    """A header without placeholders and with fixed days, so that the file changes only with its phrases."""
    catalog.header_comment = f"# Phrases of Qiao: {catalog.locale_identifier}."
    catalog.project, catalog.version = "qiao-partnerships", "1"
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = "Qiao"
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    catalog.fuzzy = False


def main() -> int:
    """Check or write all catalogues; the exit status says whether they are complete."""
    wanted = source()
    if "--write" in sys.argv:
        for language in LANGUAGES:
            write(language, wanted)
    found = [problem for language in LANGUAGES for problem in problems(language, wanted)]
    print("\n".join(found) or f"{len(wanted)} phrases, complete in {len(LANGUAGES) + 1} languages")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
