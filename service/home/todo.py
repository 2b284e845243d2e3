"""What waits for somebody: the one shape in which each part of the service tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matching.messages import Message


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing that waits for the actor: what, where to go, and what the way there is called."""

    picture: str
    message: Message
    address: str
    action: Message
