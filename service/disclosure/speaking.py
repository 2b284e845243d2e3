"""How much of what, in a reader's language, whatever unit an agreement uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Quantity
from matching.vocabulary import default_vocabulary
from service.i18n import number_text
from service.wording import quantity_text

if TYPE_CHECKING:
    from collections.abc import Callable


def speaker(language: str) -> Callable[[int, str], str]:
    """Says how much of what; a unit that the vocabulary lacks as it stands."""
    vocabulary = default_vocabulary()
    known = {*vocabulary.codes("units"), *vocabulary.codes("currencies")}

    def quantity(amount: int, unit: str) -> str:
        if unit in known:
            return quantity_text(Quantity(amount, unit), language)
        return f"{number_text(amount / 100, language)} {unit}".strip()

    return quantity
