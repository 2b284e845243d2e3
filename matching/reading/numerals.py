"""Numbers as people write them, read exactly or refused.

What counts as one number: digits of any width, grouped by spaces of any kind, apostrophes, commas or
dots, with a decimal comma or point; Chinese numerals (`六百万`, `伍仟`), also mixed with digits (`3万5千`);
and the words for thousands and millions of English, Russian and Spanish.

The one case that languages read differently is a single comma or dot before exactly three digits
(`1.234`, `2,500`). It is decided by evidence, never by habit:

1. the separator groups thousands where the convention of the cell says so (`2,500` in Chinese or English);
2. it is decimal where the convention says so and a word of scale follows (`1,250 тыс.`), because nobody
   writes thousandths of a coin;
3. everything else is refused as ambiguous.

Spaces decide nothing by themselves: `1 200,50` has a decimal comma because two digits follow it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from matching.messages import Message


class InvalidValue(ValueError):
    """What stands in a cell is not the kind of value that is asked for; `.message` says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


@dataclass(frozen=True, slots=True)
class Convention:
    """Which sign groups thousands (or either of two) and which one begins the decimals; empty: none does."""

    group: str
    decimal: str


COMMA_GROUPS = Convention(",", ".")
"""`1,200.50`: Chinese, English, Mexican."""
DOT_GROUPS = Convention(".", ",")
"""`1.200,50`: Spain and most of the continent."""
DECIMAL_COMMA = Convention("", ",")
"""`1 200,50`: Russian, where spaces group and a dot means nothing."""

_DIGITS = {
    **{sign: value for value, sign in enumerate("〇一二三四五六七八九")},
    **{sign: value for value, sign in enumerate("零壹贰叁肆伍陆柒捌玖")},
    "貳": 2, "參": 3, "叄": 3, "陸": 6, "○": 0, "两": 2, "兩": 2,
}  # fmt: skip
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_HAN = "".join([*_DIGITS, *_TENS, *_MYRIADS])
_SCALES = {
    **dict.fromkeys(["k", "thousand", "тыс", "тысяч", "тысяча", "тысячи", "mil"], 10**3),
    **dict.fromkeys(["million", "millions", "mn", "mln", "млн", "миллион", "миллиона", "миллионов"], 10**6),
    **dict.fromkeys(["millón", "millon", "millones"], 10**6),
    **dict.fromkeys(["billion", "billions", "bn", "млрд", "миллиард", "миллиарда", "миллиардов"], 10**9),
}

_ARABIC = r"(?:[0-9]{1,3}(?:[ '’][0-9]{3})+(?:[.,][0-9]+)*(?![0-9])|[0-9]+(?:[.,'’][0-9]+)*)"
# 千克 and 千米 are units: their 千 is no numeral.
_PART = rf"(?:{_ARABIC}|千(?![克米瓦卡])|[{_HAN.replace('千', '')}])"
_NUMBER = re.compile(rf"{_PART}(?:{_PART}| (?=[{_HAN}]){_PART})*")
_PARTS = re.compile(rf"{_ARABIC}|[{_HAN}]")
_SCALE = re.compile(r" ?([^\W\d_]+)\.?(?: de\b)?")
_POWER = re.compile(r"(?<=[mMмМ])[23](?![0-9])")
_THOUSAND_ROUBLES = re.compile(r"т\.? ?р\.?$", re.IGNORECASE)
_INEXACT = re.compile(
    r"[~≈<>≤≥±+]|[约約余餘多近]|左右|以[上下]|超[过過]|至少|"
    r"\b(?:about|approx|around|circa|ca|over|under|up to|"
    r"около|примерно|приблизительно|более|менее|свыше|до|от|"
    r"unos|unas|aprox|alrededor|hasta|más|menos)\b",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """`text` with compatibility forms made ordinary (full width, thin spaces, `￥`) and spaces collapsed."""
    folded = unicodedata.normalize("NFKC", text).replace("−", "-").replace("\u2011", "-")
    visible = "".join(
        sign for sign in folded if sign.isspace() or unicodedata.category(sign) not in {"Cc", "Cf"}
    )
    return " ".join(visible.split())


@dataclass(frozen=True, slots=True)
class Found:
    """The one number in a text: how it is written, how much to multiply it by, the words around it."""

    written: str
    scale: int
    before: str
    after: str
    scale_words: str = ""

    @property
    def words(self) -> str:
        """Everything around the number, words of scale included."""
        return f"{self.before} {self.scale_words} {self.after}"


def find_number(text: str) -> Found:
    """Split a cell into its one number and the words before and after it.

    Raises:
        InvalidValue: no number, several, a negative one, one with “about”.
    """
    clean = _THOUSAND_ROUBLES.sub("тыс. руб.", _POWER.sub(lambda match: "²³"[match[0] == "3"], plain(text)))
    numbers = list(_NUMBER.finditer(clean))
    if not numbers:
        raise InvalidValue(Message("number-missing", "There is no number here; write one in digits."))
    first = numbers[0]
    before, after = clean[: first.start()], clean[first.end() :]
    if _INEXACT.search(before) or _INEXACT.search(after):
        raise InvalidValue(
            Message(
                "number-inexact", "This is a limit or an estimate, not one number; write the number alone."
            )
        )
    if before.rstrip().endswith("-") or before.startswith("-"):
        raise InvalidValue(
            Message("number-negative", "A negative number cannot stand here; write a positive one.")
        )
    if len(numbers) > 1:
        raise InvalidValue(
            Message(
                "number-several",
                "There are several numbers here; write one, and use the columns for the least and "
                "the most for a range.",
            )
        )
    if after.startswith("%"):
        raise InvalidValue(
            Message("number-percent", "A percentage cannot stand here; write the amount itself.")
        )
    scale, words = 1, ""
    while (word := _SCALE.match(after)) and (factor := _scale(word, before, after)):
        scale, words, after = scale * factor, f"{words} {word[1]}", after[word.end() :]
    return Found(first[0], scale, before.strip(), after.strip(), words)


def _scale(word: re.Match[str], before: str, after: str) -> int:
    """What a word after a number multiplies it by; `M` is a million only beside a currency (`$5M`)."""
    name = word[1].casefold()
    if name == "m" and (before.strip() or after[word.end() :].strip()):
        return 10**6
    return _SCALES.get(name, 0)


def number_value(found: Found, convention: Convention | None) -> Decimal:
    """The exact value of `found`; `convention` is used only where the writing alone does not decide.

    Raises:
        InvalidValue: separators out of place, an ambiguous separator, a numeral that is no number.
    """
    parts = _PARTS.findall(found.written)
    if len(parts) == 1 and parts[0][0].isascii():
        return _arabic(parts[0], convention, scaled=found.scale > 1) * found.scale
    return _numeral(parts, convention) * found.scale


def _arabic(written: str, convention: Convention | None, *, scaled: bool) -> Decimal:
    tight = re.sub(r"[ '’]", "", written)
    signs = re.findall(r"[.,]", tight)
    if not signs:
        _check_groups(re.split(r"[ '’]", written))
        return Decimal(tight)
    head, _, tail = tight.rpartition(signs[-1])
    if len(signs) == 1 and (tight != written or len(tail) != 3 or head == "0" or len(head) > 3):
        _check_groups(re.split(r"[ '’]", written[: written.index(signs[0])]))
        return Decimal(f"{head}.{tail}")
    if len(set(signs)) == 1 and len(signs) > 1:
        _check_groups(re.split(r"[.,]", written))
        return Decimal(re.sub(r"[.,]", "", tight))
    if len(signs) > 1:
        if signs[-1] in head or tight != written:
            raise _unclear()
        _check_groups(re.split(r"[.,]", head))
        return Decimal(f"{re.sub(r'[.,]', '', head)}.{tail}")
    if convention is not None and signs[0] in convention.group:
        return Decimal(head + tail)
    if convention is not None and signs[0] == convention.decimal and scaled:
        return Decimal(f"{head}.{tail}")
    raise InvalidValue(
        Message(
            "number-ambiguous",
            "This can mean {first} or {second}; write {first} without a separator, or no more than "
            "two decimals.",
            first=head + tail,
            second=f"{head}.{tail}",
        )
    )


def _check_groups(groups: list[str]) -> None:
    if len(groups) > 1 and (not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:])):
        raise _unclear()


def _numeral(parts: list[str], convention: Convention | None) -> Decimal:
    """A numeral with Chinese signs. `两万五` (short for 25,000) is refused: written out it is `两万五千`."""
    total = section = Decimal(0)
    current: Decimal | None = None
    seen: list[int] = []
    step = 10**9
    gap = False
    for index, part in enumerate(parts):
        if part in _TENS:
            factor = _TENS[part]
            if factor >= step or (current is None and index > 0 and not (gap and factor == 10)):
                raise _unclear()
            section += (1 if current is None else current) * factor
            current, step, gap = None, factor, False
        elif part in _MYRIADS:
            factor = _MYRIADS[part]
            value = section + (current or 0)
            if (not value and not (factor == 10**8 and total)) or factor in seen:
                raise _unclear()
            total = (total + value) * factor if factor == 10**8 else total + value * factor
            seen.append(factor)
            section, current, step, gap = Decimal(0), None, factor, False
        elif part in _DIGITS and not _DIGITS[part]:
            if current is not None:
                raise _unclear()
            gap = True
        else:
            if current is not None:
                raise _unclear()
            following = "".join(parts[index + 1 : index + 2])
            current = (
                Decimal(_DIGITS[part])
                if part in _DIGITS
                else _arabic(part, convention, scaled=following in {*_TENS, *_MYRIADS})
            )
            if (
                following in {"", *_DIGITS}
                and step < 10**9
                and (current >= step or (step > 10 > current and not gap))
            ):
                raise _unclear()
    return total + section + (current or 0)


def _unclear() -> InvalidValue:
    return InvalidValue(
        Message("number-unclear", "This is not written like a number; write it in digits without separators.")
    )
