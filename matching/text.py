"""Text as it is searched: one spelling for what reads the same, the language it is in, its words.

People write 兒童 and 儿童, ＮＧＯ and NGO, with a no-break space or an invisible mark in between. What is
indexed, hashed and embedded is always `fold(text)`; what is shown is always the original.
"""

from __future__ import annotations

import marshal
import re
import threading
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from matching.caching import cache_directory, without_collection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LANGUAGES = ("zh-Hans", "zh-Hant", "en", "ru", "es")
UNDETERMINED = "und"

_HAN = "々〇㐀-䶿一-鿿豈-\ufaff\U00020000-\U000323af"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
_RUN = re.compile(f"(?P<han>[{_HAN}]+)|(?:(?![{_HAN}])[^\\W_])+")
_KANA_OR_HANGUL = re.compile("[\u3041-\u30ff\u31f0-\u31ff\u1100-\u11ff\uac00-\ud7af]")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_RUSSIAN = re.compile("[А-Яа-яЁё]")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ɏ]")
_OTHER_LETTER = re.compile(r"[^\W\d_]")

# Variation selectors change how a character looks, not what it says.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Function words that only one of the two languages has: the quick and, in short texts, the surer sign.
_SIGNS = {
    "en": _words("the and of for with to our we are is that this from who by will their have be "
        "need needs can your or an on at it"),
    "es": _words("el los las y del una con por un su sus nuestro nuestra nuestros necesitamos busca "
        "buscamos se al es son que para más niños años mayores"),
}  # fmt: skip
_NEAR_LANGUAGES = ["en", "es", "fr", "pt", "it", "de", "nl"]

_STOP_WORDS = {
    "en": _words("a an the and or of for with to in on at by from as is are be been was were will can "
        "we our us you your they their it its this that these those who which not no but if "
        "so than then there here have has had do does also any all more most other"),
    "es": _words("el la los las un una unos unas y e o u de del a al en con por para que se su sus es "
        "son ser lo le les nos nuestro nuestra nuestros nuestras como más pero si no este "
        "esta estos estas ese esa hay ha han muy también donde cuando sin sobre entre"),
    "ru": _words("и в во на с со к ко по за из от до для о об у не но а или что как это этот эта эти мы "
        "наш наша наши нас вы ваш они их он она его ее мой при над под же бы ли то так также "
        "есть быть был была были будет который которая которые"),
    "zh": _words("的 了 和 与 及 或 在 是 我 我们 你 你们 他 她 它 他们 这 那 这些 那些 有 也 都 就 而 并 "
        "为 对 把 被 从 到 由 于 之 其 等 能 会 可 可以 一个 一些 以及 以 将 该 各 每"),
}  # fmt: skip

_loading = threading.RLock()
_stemming = threading.Lock()


@cache
def _converter(name: str) -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC(name).convert
    return convert


def _convert(name: str, text: str) -> str:
    with _loading:
        convert = _converter(name)
    return convert(text)


class _Visible(dict[int, str]):
    """For `str.translate`: characters as they are, white space as a space, the invisible as nothing."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isspace():
            kept = " "
        elif unicodedata.category(character) in _INVISIBLE or _SELECTORS.match(character):
            kept = ""
        else:
            kept = character
        self[code] = kept
        return kept


_VISIBLE = _Visible()


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """One spelling for what reads the same; what is indexed, hashed and embedded.

    Control and format characters go (zero-width marks, bidirectional overrides, soft hyphens, lone
    surrogates; line breaks and tabs become spaces), then NFKC, Traditional to Simplified Chinese (OpenCC
    `t2s`), and every run of white space becomes one space. Letter case stays. Folding twice changes
    nothing more.

    >>> fold("長者 Ｃａｆé\\n２０２４")
    '长者 Café 2024'
    """
    text = unicodedata.normalize("NFKC", text.translate(_VISIBLE)).translate(_VISIBLE)
    if _HAN_CHARACTER.search(text):
        # Twice, since OpenCC takes one character (薴) to another that it would convert again.
        text = unicodedata.normalize("NFKC", _convert("t2s", _convert("t2s", text)))
    return " ".join(text.split())


def _chinese_script(text: str) -> str:
    """Simplified or Traditional: which of the two conversions would change more characters."""
    han = "".join(_HAN_CHARACTER.findall(text))
    simplified, traditional = (
        sum(before != after for before, after in zip(han, _convert(name, han), strict=False))
        for name in ("s2t", "t2s")
    )
    return "zh-Hant" if traditional > simplified else "zh-Hans"


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_NEAR_LANGUAGES)
    return identifier


def _latin_language(text: str) -> str:
    """English, Spanish or undetermined, for text in Latin letters.

    First function words, then py3langid among English, Spanish and the languages most often taken for
    them. One of the others must be nearly certain (.9) on at least four words before it is believed,
    since profiles are short and names of places mislead; between English and Spanish .7 is enough.
    """
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    signs = {code: sum(word in listed for word in words) for code, listed in _SIGNS.items()}
    first, second = sorted(signs, key=lambda code: -signs[code])
    if signs[first] >= 3 and signs[first] >= 4 * signs[second]:
        return first
    if sum(map(len, words)) < 4:
        return UNDETERMINED
    with _loading:
        ranked = {str(code): float(share) for code, share in _identifier().rank(" ".join(words))}
    best = max(ranked, key=lambda code: ranked[code])
    if best not in _SIGNS and ranked[best] >= 0.9 and len(words) >= 4:
        return UNDETERMINED
    english = ranked["en"] / (ranked["en"] + ranked["es"])
    if english >= 0.7:
        return "en"
    return "es" if english <= 0.3 else UNDETERMINED


@lru_cache(maxsize=16384)
def detect_language(text: str) -> str:
    """The language of a text: one of `LANGUAGES`, or "und" where none of them is clear.

    The script with most letters decides; a Chinese character counts as five letters. Chinese is
    Simplified unless Traditional forms prevail. Japanese, Korean, Ukrainian, French … are "und".
    """
    text = unicodedata.normalize("NFKC", text.translate(_VISIBLE))
    han, foreign, cyrillic, latin = (
        len(pattern.findall(text)) for pattern in (_HAN_CHARACTER, _KANA_OR_HANGUL, _CYRILLIC, _LATIN)
    )
    letters = len(_OTHER_LETTER.findall(text))
    weights = {
        "han": 5 * han,
        "foreign": 30 * foreign,
        "cyrillic": cyrillic,
        "latin": latin,
        "other": letters - han - foreign - cyrillic - latin,
    }
    script = max(weights, key=lambda name: weights[name])
    if weights[script] == 0:
        return UNDETERMINED
    if script == "han":
        return _chinese_script(text)
    if script == "cyrillic":
        return "ru" if len(_RUSSIAN.findall(text)) >= 0.98 * cyrillic else UNDETERMINED
    return _latin_language(text) if script == "latin" else UNDETERMINED


@cache
def _segmenter() -> Any:
    """jieba with its own dictionary cache in our folder, and quiet."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports the deprecated pkg_resources where that exists
        import jieba
    jieba.setLogLevel(logging.CRITICAL)
    segmenter = jieba.Tokenizer()
    cache = cache_directory() / "jieba" / f"dictionary-{jieba.__version__}.cache"
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        pass  # read-only home: the dictionary is read anew, .7 s
    else:
        segmenter.tmp_dir, segmenter.cache_file = str(cache.parent), cache.name
    with without_collection():  # it makes 500,000 words
        try:  # what jieba does, which reads the file word by word: 3 times as long
            segmenter.FREQ, segmenter.total = marshal.loads(cache.read_bytes())  # noqa: S302 — jieba's own
            segmenter.initialized = True
        except (OSError, EOFError, ValueError, TypeError):
            segmenter.initialize()
    return segmenter


def _segment(han: str) -> list[str]:
    with _loading:
        segmenter = _segmenter()
    return [word for word in segmenter.cut(han) if word.strip()]


@cache
def _stemmer(language: str) -> Any:
    from Stemmer import Stemmer

    return Stemmer({"en": "english", "es": "spanish", "ru": "russian"}[language])


@lru_cache(maxsize=65536)
def stem(word: str, language: str) -> str:
    """The Snowball stem of a word in lower case; `language`: en, es or ru."""
    with _stemming:  # a Snowball stemmer holds the word it works on
        return str(_stemmer(language).stemWord(word))


def _worded(text: str, *, stop_words: bool) -> Iterator[tuple[str, str]]:
    """Each word of a text as it is indexed and as it is written (folded, in lower case)."""
    folded = fold(text)
    latin = "es" if _LATIN.search(folded) and detect_language(folded) == "es" else "en"
    for run in _RUN.finditer(folded.lower()):
        word = run.group()
        if run.group("han"):
            for part in _segment(word):
                if stop_words or part not in _STOP_WORDS["zh"]:
                    yield part, part
        elif word[0].isdigit() or not (_CYRILLIC.match(word) or _LATIN.match(word)):
            yield word, word
        else:
            language = "ru" if _CYRILLIC.match(word) else latin
            plain = word.replace("ё", "е")
            if stop_words or plain not in _STOP_WORDS[language]:
                yield stem(plain, language), word


def tokens(text: str) -> list[str]:
    """The words of a text, folded and in lower case, for full-text search.

    Runs of Chinese characters are cut by jieba; everything else splits at what is not a letter or digit.
    Cyrillic words get Russian stems, Latin ones Spanish stems where the text is Spanish and English
    stems otherwise. The same text always gives the same words.

    >>> tokens("Volunteers, 兒童")
    ['volunt', '儿童']
    """
    return [token for token, _ in _worded(text, stop_words=True)]


def content_tokens(text: str) -> list[str]:
    """`tokens` without function words (the, и, de, 的 …), for scoring how much two texts share."""
    return [token for token, _ in _worded(text, stop_words=False)]


def spelled(text: str) -> list[tuple[str, str]]:
    """`content_tokens` with the word that each comes from, as it is written but in lower case.

    >>> spelled("the Volunteers")
    [('volunt', 'volunteers')]
    """
    return list(_worded(text, stop_words=False))


def to_traditional(text: str) -> str:
    """Chinese in Traditional characters; everything else stays as it is."""
    return _convert("s2t", text)
