"""What must never be public, taken out of texts that people wrote: addresses, telephone numbers, names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEFT_OUT = "[…]"
_REACHABLE = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w+])\+\d[\d\s().-]{7,18}\d"
    r"|(?<!\d)1[3-9]\d(?:[\s-]?\d{4}){2}(?!\d)"
    r"|(?<!\d)8[\s-]?\(?\d{3}\)?[\s-]?\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)"
)
"""E-mail addresses; telephone numbers as they are written internationally, in China and in Russia."""


def discreet(text: str, names: Iterable[str] = ()) -> str:
    """The text without addresses, numbers and these names.

    >>> discreet("Ask Li Na, li.na@example.org or +86 138 0013 8000.", ["Li Na"])
    'Ask […], […] or […].'
    """
    text = _REACHABLE.sub(LEFT_OUT, text)
    for name in names:
        if name in text:
            text = re.sub(_whole(name), LEFT_OUT, text)
    return text


def tells_a_person(name: str) -> bool:
    """Whether a name can be looked for in a text: a given name alone, such as `May`, is also a word."""
    stripped = name.strip()
    return " " in stripped or len(stripped) > 5 or (len(stripped) > 1 and not stripped.isascii())


def _whole(name: str) -> str:
    """The name, and no longer word that begins or ends with it where words have spaces between them."""
    before = r"(?<!\w)" if name[0].isascii() else ""
    after = r"(?!\w)" if name[-1].isascii() else ""
    return before + re.escape(name) + after
