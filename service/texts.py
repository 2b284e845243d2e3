"""What people type, as it is kept."""

from __future__ import annotations

import unicodedata

from matching.messages import Message
from service.errors import BadInput

_JOINERS = "\u200c\u200d"
"""Invisible, but part of how words and emoji are written."""


MISSING = Message("field-missing", "Please fill this in.")


def tidy(text: str) -> str:
    """Text as it is kept: no control characters, bidirectional overrides, lone surrogates."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(
        letter
        for letter in lines
        if letter in _JOINERS or letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
    ).strip()


def folded(name: str) -> str:
    """A name as it is compared: without case, width and doubled spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def too_long(most: int) -> Message:
    """What is said of a text with more than so many characters."""
    return Message("too-long", "Use at most {most} characters.", most=most)


def said(text: str, field: str, most: int) -> str:
    """A remark or reason, as it is kept, if any. Raises BadInput where it is too long."""
    kept = tidy(text)
    if len(kept) > most:
        raise BadInput.one(field, too_long(most))
    return kept


def written(text: str, field: str, most: int) -> str:
    """The same, with something in it. Raises BadInput where there is nothing."""
    kept = said(text, field, most)
    if not kept:
        raise BadInput.one(field, MISSING)
    return kept
