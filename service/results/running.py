"""Runs a match for somebody who waits: progress on a terminal, and the result checked before it is shown."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from matching.errors import MatchingError
from matching.matcher import match, verify
from matching.messages import Message
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from matching.outcome import Matching
    from service.results.sources import Source

STAGES = {
    "reading": Message("stage-reading", "Reading and comparing texts"),
    "allocating": Message("stage-allocating", "Sharing out"),
    "explaining": Message("stage-explaining", "Finding reasons"),
    "done": Message("stage-finished", "Done"),
}


def done_share(stage: str, share: float) -> float:
    """How much of the whole work is done, in [0, 1]."""
    return _STARTS[stage] + _LENGTHS[stage] * share


_STARTS = {"reading": 0.0, "allocating": 0.4, "explaining": 0.8, "done": 1.0}
_LENGTHS = {"reading": 0.4, "allocating": 0.4, "explaining": 0.2, "done": 0.0}


class BrokenResult(MatchingError):
    """The result breaks its own rules: a defect of the program, never shown as a result."""


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Sends to stderr what compiled code prints meanwhile: the solver sometimes writes lines of its own."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def run(source: Source, notes: Console, language: str) -> Matching:
    """Match the profiles of a source. Raises what `match` raises, and BrokenResult."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    ) as bar:
        task = bar.add_task(say(STAGES["reading"], language), total=1.0)

        def tell(stage: str, share: float) -> None:
            bar.update(task, completed=done_share(stage, share), description=say(STAGES[stage], language))

        profiles = source.profiles
        with stdout_kept_clean():
            matching = match(
                profiles.needs,
                profiles.offers,
                source.rules,
                cooperations=profiles.cooperations,
                progress=tell,
            )
    return checked(matching)


def checked(matching: Matching) -> Matching:
    """The result itself, if it keeps its own rules. Raises BrokenResult."""
    if broken := verify(matching):
        raise BrokenResult(
            Message("broken-result", "The result breaks a rule and is not shown: {reason}", reason=broken[0])
        )
    return matching
