"""Which bundled presets state a rule, and where each rule of how a round runs is shown to bite."""

from __future__ import annotations

import tomllib

from matching.resources import data_path
from matching.rules import preset_names

BITES = {
    "phases": "rounds",
    "notice_working_days": "rounds",
    "resubmission": "rounds",
    "questions": "rounds",
    "blind_review": "reviews",
    "criteria": "reviews",
    "reviews": "reviews",
    "pass_marks": "reviews",
    "tell_scores": "reviews",
    "reply_days": "pairings",
    "offers_next": "choices",
    "reports": "reports",
}
"""Key of `[process]` → the slice in whose `test_rules_bite.py` there is a `test_<key>_…`."""


def stating(key: str) -> list[str]:
    """The presets whose `[process]` states a key."""
    tables = {
        name: tomllib.loads(data_path("presets", f"{name}.toml").read_text(encoding="utf-8"))
        for name in preset_names()
    }
    return [name for name, table in tables.items() if key in table["process"]]
