"""The bundled scenarios: real systems of partnership as data, each with its preset and day."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from matching.errors import InvalidRules, Problem, UnknownName
from matching.messages import Message
from matching.reading import load_profiles
from matching.resources import data_path
from matching.rules import load_preset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from matching.profiles import Profiles
    from matching.rules import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A folder of needs and offers with the rules they are matched under.

    `published` is what is known to have come out (pairs signed, needs refused); tests and reports compare
    with it, the matcher never sees it.
    """

    name: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    language: str
    as_of: date
    preset: Preset
    profiles: Profiles
    sources: tuple[str, ...] = ()
    published: Mapping[str, Any] = field(default_factory=dict)


def scenario_names() -> tuple[str, ...]:
    """The bundled scenarios, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in data_path("scenarios").glob("*/scenario.toml")))


def load_scenario(name: str) -> Scenario:
    """The bundled scenario `name`. Raises UnknownName with suggestions."""
    if name not in scenario_names():
        near = difflib.get_close_matches(name, scenario_names(), n=3, cutoff=0.4) or list(scenario_names())
        message = Message(
            "unknown-scenario",
            "There is no scenario “{name}”. Known ones: {known}.",
            name=name,
            known=", ".join(near),
        )
        raise UnknownName(message, near)
    return read_scenario(data_path("scenarios", name))


def read_scenario(folder: Path) -> Scenario:
    """The scenario in a folder. Raises InvalidRules and what `load_profiles` raises."""
    table = tomllib.loads((folder / "scenario.toml").read_text(encoding="utf-8"))
    missing = [key for key in ("title", "summary", "language", "as_of", "preset") if key not in table]
    if missing:
        raise InvalidRules(
            Message("invalid-scenario", "The scenario {name} is incomplete.", name=folder.name),
            [Problem(None, key, "", Message("missing-key", "This key is needed.")) for key in missing],
        )
    preset = load_preset(table["preset"], table.get("rules"))
    preset = replace(preset, rules=replace(preset.rules, as_of=table["as_of"]))
    return Scenario(
        name=folder.name,
        title=table["title"],
        summary=table["summary"],
        language=table["language"],
        as_of=table["as_of"],
        preset=preset,
        profiles=load_profiles(folder),
        sources=tuple(table.get("sources", ())),
        published=table.get("published", {}),
    )
