"""From what somebody names on the command line to profiles and the rules they are matched under."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from matching.reading import load_profiles
from matching.rules import Rules, load_preset
from matching.scenarios import load_scenario, read_scenario, scenario_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from matching.errors import Problem
    from matching.profiles import Profiles
    from matching.rules import Fairness
    from matching.scenarios import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is matched: `titles` by language (one language may serve all), profiles and rules."""

    name: str
    titles: Mapping[str, str]
    profiles: Profiles
    rules: Rules
    summaries: Mapping[str, str]

    def title(self, language: str) -> str:
        """The title in a language; the name where there is none."""
        return self.titles.get(language, self.name)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Rows that were left out."""
        return self.profiles.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line puts over the rules of the source. None and empty: as the source has it."""

    preset: str | None = None
    keep_good: bool = False
    as_of: date | None = None
    fairness: Fairness | None = None
    seed: int | None = None
    time_limit: float | None = None
    locks: Sequence[tuple[str, str]] = ()
    bans: Sequence[tuple[str, str]] = ()

    def over(self, rules: Rules) -> Rules:
        """The rules with these options in their place; locks and bans come on top."""
        return replace(
            rules,
            as_of=self.as_of or rules.as_of,
            fairness=self.fairness or rules.fairness,
            seed=rules.seed if self.seed is None else self.seed,
            time_limit=rules.time_limit if self.time_limit is None else self.time_limit,
            locks=tuple(dict.fromkeys((*rules.locks, *self.locks))),
            bans=tuple(dict.fromkeys((*rules.bans, *self.bans))),
        )


def open_source(source: str, options: Options) -> Source:
    """The scenario of that name, the scenario or tables in that directory, or the file at that path.

    Raises what `matching.scenarios` and `matching.reading` raise: UnknownName with suggestions,
    UnreadableFile, InvalidProfiles and InvalidRules with every problem.
    """
    path = Path(source)
    if source not in scenario_names():
        if (path / "scenario.toml").is_file() and _is_complete(path / "scenario.toml"):
            return _of_scenario(read_scenario(path), options)
        if path.exists() or path.suffix or len(path.parts) > 1:
            return _of_file(path, options)
    return _of_scenario(load_scenario(source), options)


def _is_complete(file: Path) -> bool:
    """Whether the settings name rules; a folder whose settings only help to read its tables does not."""
    import tomllib

    try:
        return "preset" in tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return False


def _of_scenario(scenario: Scenario, options: Options) -> Source:
    rules = scenario.preset.rules
    if options.preset is not None:
        rules = replace(load_preset(options.preset).rules, as_of=scenario.as_of)
    return Source(
        name=scenario.name,
        titles=scenario.title,
        profiles=scenario.profiles,
        rules=options.over(rules),
        summaries=scenario.summary,
    )


def _of_file(path: Path, options: Options) -> Source:
    rules = load_preset(options.preset).rules if options.preset is not None else Rules()
    return Source(
        name=path.stem,
        titles={},
        profiles=load_profiles(path, keep_good=options.keep_good),
        rules=options.over(rules),
        summaries={},
    )
