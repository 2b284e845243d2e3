"""Needs and offers in five languages, matched provably well.

>>> from matching import load_scenario, match
>>> scenario = load_scenario("liaocheng")
>>> profiles = scenario.profiles
>>> matching = match(profiles.needs, profiles.offers, scenario.preset.rules)
>>> bool(matching.pairings)
True
"""

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
