"""Needs and offers in five languages, matched provably well.

>>> from matching import load_scenario, match
>>> scenario = load_scenario("liaocheng")
>>> profiles = scenario.profiles
>>> matching = match(profiles.needs, profiles.offers, scenario.preset.rules)
>>> bool(matching.pairings)
True

Names are loaded when they are first asked for, so that importing one small module of the library does not
bring all of it along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matching.embedding import default_embedder
    from matching.errors import (
        Infeasible,
        InvalidProfiles,
        InvalidRules,
        MatchingError,
        UnknownName,
        UnreadableFile,
    )
    from matching.matcher import match, verify
    from matching.outcome import Matching, Pairing
    from matching.profiles import Organization, Profile, ResourceLine, Side, Strings
    from matching.reading import load_profiles
    from matching.rules import Rules, load_preset
    from matching.scenarios import load_scenario

_HOMES = {
    "default_embedder": "embedding",
    "Infeasible": "errors",
    "InvalidProfiles": "errors",
    "InvalidRules": "errors",
    "MatchingError": "errors",
    "UnknownName": "errors",
    "UnreadableFile": "errors",
    "match": "matcher",
    "verify": "matcher",
    "Matching": "outcome",
    "Pairing": "outcome",
    "Organization": "profiles",
    "Profile": "profiles",
    "ResourceLine": "profiles",
    "Side": "profiles",
    "Strings": "profiles",
    "load_profiles": "reading",
    "Rules": "rules",
    "load_preset": "rules",
    "load_scenario": "scenarios",
}

__all__ = [
    "Infeasible",
    "InvalidProfiles",
    "InvalidRules",
    "Matching",
    "MatchingError",
    "Organization",
    "Pairing",
    "Profile",
    "ResourceLine",
    "Rules",
    "Side",
    "Strings",
    "UnknownName",
    "UnreadableFile",
    "default_embedder",
    "load_preset",
    "load_profiles",
    "load_scenario",
    "match",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
