"""The log of one thing, read as somebody reads it who knows nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.house import Program

Entry = dict[str, Any]
RAW = re.compile(r"[0-9a-f]{32}|^$")
"""What tells a reader nothing: an id, or no name at all."""


class Trail:
    """Who did what, when and why, the oldest first; from the API alone."""

    def __init__(self, reader: Program, subject: str) -> None:
        self.entries: list[Entry] = list(reversed(reader.all_of("/audit", subject=subject, limit=100)))

    def of(self, name: str) -> list[Entry]:
        """Every entry with this name."""
        return [entry for entry in self.entries if entry["name"] == name]

    def one(self, name: str) -> Entry:
        """The only entry with this name."""
        [entry] = self.of(name)
        return entry

    def check_readable(self) -> None:
        """Everything says who it was by name, what it is about by name, and is as it was written."""
        assert self.entries
        assert [entry["at"] for entry in self.entries] == sorted(entry["at"] for entry in self.entries)
        for entry in self.entries:
            assert entry["sound"], entry
            assert not RAW.search(entry["who"]["name"]), entry
            assert not RAW.search(entry["title"]), entry
            assert not re.search(r"[._]", entry["text"]), entry
