"""What the log gives to programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

CHECKS = "6/minute"
"""How often somebody may have the whole log looked at."""


class WhoOut(BaseModel):
    """Somebody who did something: an id, or `system` for the service itself."""

    id: str
    name: str


class EntryOut(BaseModel):
    """One entry of the log. `id` is its hash; `sound`: it is what it was, and follows what is there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "8d0f…",
                    "at": "2027-05-04T09:30:00Z",
                    "who": {"id": "3f2c9a…", "name": "Olga"},
                    "name": "flag.dismiss",
                    "kind": "flag",
                    "subject": "91b2c4…",
                    "title": "",
                    "text": "Flag: dismissed",
                    "reason": "The accounts have come in.",
                    "before": "open",
                    "after": "dismissed",
                    "details": {"organization": "0b8a6c…"},
                    "previous": "1c7e…",
                    "sound": True,
                }
            ]
        }
    )

    id: str
    at: datetime
    who: WhoOut
    name: str
    kind: str
    subject: str
    title: str
    text: str
    reason: str
    before: Any
    after: Any
    details: dict[str, Any]
    previous: str
    sound: bool


class ChainOut(BaseModel):
    """The whole log, entry by entry. `last` is worth keeping elsewhere: it vouches for all before."""

    entries: int
    last: str
    broken: list[str]
    """Hashes of entries that are not what they were, or that do not follow the one before."""
