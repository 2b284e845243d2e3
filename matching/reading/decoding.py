"""Bytes to text, without ever producing rubbish silently.

Byte-order marks and strict UTF-8 decide at once: text in another encoding practically never passes as UTF-8.
What remains is decoded by every candidate that fits without error, and each result is judged twice:
by the number of column headings that are recognised in it, and by how much its non-ASCII signs look like
one of the five languages. The winner must look like a language and beat every other reading clearly;
otherwise the file is refused with the advice to save it as UTF-8.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import TYPE_CHECKING

from matching.errors import UnreadableFile
from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

CANDIDATES = ("gb18030", "big5hkscs", "cp1251", "cp1252")
"""Encodings without a mark of their own. Windows-1252 holds all the printable signs of Latin-1."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 200_000
_ENOUGH = 0.25
_CLEAR = 0.3
_COMMON_HAN = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从"
    "业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位"
    "入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受"
    "联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复"
    "容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参"
    "红细引听该铁价严龙飞独居幼残障孤困贫疾健康护慈善益赠捐助筹款募愿扶帮爱福服项午餐送课童妇街镇村乡湖河州圳聊封协创投這爲個國時來們於對會發動過說產種後學經進電裏現實兩體機當點從業應開還義間樣與關線內"
    "數麼質氣變條沒結問無軍並題黨員總設長頭資邊級圖統較將組見計別論運農幾區強決幹戰則據處隊給門規熱領東導壓爭濟階術極聯認權證採轉單風帶場車務萬達積議聲報鬥類離華確張馬節話況溫傳許羣廣記觀織裝衆書覆兒須"
    "際驗連斷難礦備辦習響約勞團歷構稱準號維劃選標寫親養層卻專狀廠識適屬圓調滿縣參紅細聽該鐵價嚴龍飛獨殘貧護贈籌願幫愛項課婦鎮鄉協創"
)
"""The commonest signs of Chinese prose, simplified and traditional: two thirds of a usual text."""
_SPANISH = frozenset("áéíóúñüÁÉÍÓÚÑÜ")
_MARKS_OF_TEXT = frozenset(
    "¿¡«»“”‘’„…–—№°ºª·€£¥₽§±×²³½\u00a0\u2009\u202f™®©、。，；：？！（）「」『』《》〈〉【】％～￥·•○〇Ⅰ①②③"
)
_RUSSIAN = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")


def decode(data: bytes, headings: Callable[[str], int], *, name: str) -> str:
    """The text of a file whose encoding is not stated.

    `headings` counts the column headings that it recognises in a decoded text; `name` is the file's name.

    Raises:
        UnreadableFile: bytes that are no text, a damaged UTF file, or no reading that is clearly right.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise _damaged(name, encoding.removesuffix("-sig").upper()) from None
    if b"\0" in data:
        raise UnreadableFile(
            Message("not-text", "“{file}” is not a text file; save it as CSV in UTF-8 or as XLSX.", file=name)
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    readings = []
    for encoding in CANDIDATES:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        readings.append((headings(text), plausibility(text[:_SAMPLE]), text))
    readings.sort(key=lambda reading: reading[:2], reverse=True)
    if readings:
        hits, likely, text = readings[0]
        others = [other for other in readings[1:] if other[2] != text]
        clear = all(hits > other or likely - share >= _CLEAR for other, share, _ in others)
        best = all(likely >= share for _, share, _ in others)
        if likely >= _ENOUGH and clear and best:
            return text
    raise UnreadableFile(
        Message(
            "encoding-unclear",
            "The encoding of “{file}” cannot be told for certain; save it as CSV in UTF-8 or as XLSX.",
            file=name,
        )
    )


def plausibility(text: str) -> float:
    """How much the non-ASCII signs of `text` look like Chinese, Russian or Spanish: at most 1.

    Rubbish from a wrong encoding lies near or below 0. A text without non-ASCII signs gives 1.
    """
    scores = [_score(word) for word in re.findall(r"\S*[^\x00-\x7f]\S*", text)]
    signs = sum(count for _, count in scores)
    return sum(points for points, _ in scores) / signs if signs else 1.0


def _score(word: str) -> tuple[float, int]:
    """Points and number of the non-ASCII signs in a run of signs without spaces."""
    points, count = 0.0, 0
    for run in re.findall(r"[^\W\d_]+|[\W\d_]", word):
        foreign = [sign for sign in run if sign > "\x7f"]
        count += len(foreign)
        if not foreign:
            continue
        cyrillic = sum(sign.lower() in _RUSSIAN for sign in run)
        accented = sum(sign in _SPANISH for sign in run)
        if cyrillic == len(run):
            points += cyrillic if _is_russian(run) else -cyrillic
        elif accented == len(foreign) and 2 * accented <= max(len(run), 2):
            points += accented
        else:
            points += sum(map(_sign, foreign))
    return points, count


def _is_russian(run: str) -> bool:
    """Whether Cyrillic letters are cased and voiced like a word: rubbish mixes cases or lacks vowels."""
    vowels = sum(sign.lower() in "аеёиоуыэюя" for sign in run)
    cased = run[1:].islower() or run.isupper() or len(run) == 1
    return cased and (len(run) < 5 or 6 * vowels >= len(run)) and run[0] not in "ъыьЪЫЬ"


def _sign(sign: str) -> float:
    if sign in _COMMON_HAN or sign in _MARKS_OF_TEXT:
        return 1.0
    if "\uff10" <= sign <= "\uff5a":
        return 0.5
    if "\u4e00" <= sign <= "\u9fff":
        return 0.3 if _is_frequent(sign) else -0.5
    return -3.0 if unicodedata.category(sign) in {"Cc", "Cn", "Co", "Cs"} else -1.0


def _is_frequent(sign: str) -> bool:
    """Whether a Chinese sign is of the first level of GB 2312 or of Big5."""
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6)):
        code = sign.encode(encoding, errors="ignore")
        if code and first <= code[0] <= last:
            return True
    return False


def _damaged(name: str, encoding: str) -> UnreadableFile:
    return UnreadableFile(
        Message(
            "encoding-damaged",
            "“{file}” says that it is {encoding} and is damaged; save it again.",
            file=name,
            encoding=encoding,
        )
    )
