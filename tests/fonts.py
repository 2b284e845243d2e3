"""Makes the fonts of printed agreements from those of Debian: `python -m tests.fonts`.

Needs the packages fonts-noto-cjk and fonts-noto-core, and fonttools.

Noto Sans for Latin and Cyrillic, Noto Sans CJK for the common characters of Simplified (GB2312) and of
Traditional Chinese (Big5, first level); bold for what our own headings need.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matching.resources import data_path
from service.agreements.printing import BOLD_FILE, FONTS

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTO = Path("/usr/share/fonts")
CJK = NOTO / "opentype" / "noto"
LATIN = NOTO / "truetype" / "noto"
SIMPLIFIED, TRADITIONAL = 2, 3
"""Their places in Debian's collections."""
NAMES = "喆堃镕赟玥昇淼犇煊垚晟翀旻珺璟祎琛翊瑄骁"
"""Characters of personal names that the old national standard lacks."""


def of_encoding(encoding: str, rows: Iterable[int], columns: Iterable[int]) -> set[str]:
    """All characters of a double-byte encoding in these rows."""
    columns = list(columns)
    found = {bytes([row, column]).decode(encoding, "replace") for row in rows for column in columns}
    return {one for one in found if len(one) == 1 and one != "\ufffd"}


def own_words() -> set[str]:
    """Every character of our clauses, headings and labels."""
    return {letter for file in data_path("agreements").glob("*.toml") for letter in file.read_text("utf-8")}


def headings() -> str:
    """The characters that are printed bold: titles, headings, labels."""
    found: set[str] = set()
    for file in sorted(data_path("agreements").glob("*.toml")):
        book = tomllib.loads(file.read_text("utf-8"))
        words: list[Any] = [*book["titles"].values(), *book["labels"].values(), *book["parties"]]
        words += [clause["heading"] for clause in book["clauses"].values()]
        words += [name for roles in book["roles"].values() for name in roles.values()]
        found |= {letter for word in words for letter in word}
    return "".join(sorted(found))


def subset(source: Path, target: str, letters: set[str], place: int | None = None) -> None:
    """Write the part of a font that draws these characters."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTCollection, TTFont

    font = TTFont(source) if place is None else TTCollection(source, lazy=True).fonts[place]
    features = ["kern", "locl", "mark", "mkmk", "liga"]
    options = Options(hinting=False, layout_features=features, notdef_outline=True)
    options.drop_tables += ["VORG", "vhea", "vmtx"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[ord(letter) for letter in letters])
    subsetter.subset(font)
    font.save(FONTS / target)
    print(f"{target}: {(FONTS / target).stat().st_size / 1e6:.2f} MB")


def main() -> None:
    """Make them all."""
    FONTS.mkdir(exist_ok=True)
    high = range(0xA1, 0xFF)
    signs = {chr(code) for code in [*range(0x20, 0x7F), *range(0x3000, 0x3020), *range(0xFF01, 0xFF5F), 0xA5]}
    signs |= set("“”‘’—…·‰№€")
    simplified = of_encoding("gb2312", range(0xB0, 0xF8), high) | set(NAMES)
    traditional = of_encoding("big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *high])
    own = {letter for letter in own_words() if ord(letter) > 0x2E80}
    bold = {letter for letter in headings() if ord(letter) > 0x2E80}
    regular, heavy = CJK / "NotoSansCJK-Regular.ttc", CJK / "NotoSansCJK-Bold.ttc"
    subset(regular, "NotoSansSC-Regular.otf", simplified | own | signs, SIMPLIFIED)
    subset(regular, "NotoSansTC-Regular.otf", traditional | own | signs, TRADITIONAL)
    subset(heavy, "NotoSansSC-Bold.otf", bold | signs, SIMPLIFIED)
    subset(heavy, "NotoSansTC-Bold.otf", bold | signs, TRADITIONAL)
    latin = {chr(code) for code in [*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x400, 0x460)]}
    latin |= {chr(code) for code in range(0x2010, 0x2060)} | set("№€₽¥£₴₸₹™−×≤≥…")
    subset(LATIN / "NotoSans-Regular.ttf", "NotoSans-Regular.ttf", latin)
    subset(LATIN / "NotoSans-Bold.ttf", "NotoSans-Bold.ttf", latin)
    BOLD_FILE.write_text("".join(sorted(bold | signs)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
