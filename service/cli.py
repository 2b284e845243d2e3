"""The command `qiao`: thin commands over `matching` and `service.results`.

stdout carries the result and nothing else; progress and notes go to stderr. Exit status: 0 done, 1 the input
cannot be used, 2 wrong usage, 3 locks or quotas that cannot all hold.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import datetime  # noqa: TC003 — typer reads the annotation at run time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from service.commands import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from matching.errors import MatchingError
    from matching.outcome import Matching
    from service.results.sources import Source

INVALID, USAGE, INFEASIBLE = 1, 2, 3
PLAIN_WIDTH = 120
"""Columns of a table that goes into a file or a pipe."""

app = typer.Typer(
    help="Qiao matches what organizations need with what others offer, provably well, in five languages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(server)

Language: TypeAlias = Annotated[
    Literal["zh-Hans", "zh-Hant", "en", "ru", "es"] | None,
    typer.Option("--lang", help="Language of the result; otherwise that of the environment."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Locks: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--lock", metavar="NEED=OFFER", help="A pair that must be made; may be repeated."),
]
Bans: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--ban", metavar="NEED=OFFER", help="A pair that must not be made; may be repeated."),
]


def _version(wanted: bool) -> None:  # noqa: FBT001 — typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"qiao {version('qiao-partnerships')}")
        raise typer.Exit


@app.callback()
def _start(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before any command."""


@app.command("match")
def match_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A scenario's name, or a CSV, XLSX, JSON or JSON-lines file, or a folder."
        ),
    ],
    preset: Annotated[str | None, typer.Option(help="Rules of a bundled preset.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for pairings.xlsx, pairings.json, certificate.json and report.html."),
    ] = None,
    as_json: AsJson = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides between equally good results.")] = None,
    time_limit: Annotated[float | None, typer.Option(min=0.1, help="Seconds for the search.")] = None,
    fairness: Annotated[
        Literal["none", "first-seat", "bottleneck", "leximin"] | None,
        typer.Option(help="How strongly the worst-off organization counts."),
    ] = None,
    lock: Locks = None,
    ban: Bans = None,
    keep_good: Annotated[
        bool, typer.Option("--keep-good", help="Leave out rows that cannot be read instead of stopping.")
    ] = False,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day for which deadlines are judged.")
    ] = None,
    lang: Language = None,
) -> None:
    """Match the needs and offers of a source; print pairings, who got nothing and why, and a certificate."""
    from service.results.sources import Options, open_source

    language = _language(lang)
    options = Options(
        preset=preset,
        keep_good=keep_good,
        as_of=as_of.date() if as_of else None,
        fairness=fairness,
        seed=seed,
        time_limit=time_limit,
        locks=_pairs(lock, "--lock"),
        bans=_pairs(ban, "--ban"),
    )
    with _errors(language):
        opened = open_source(source, options)
        _note_left_out(opened, language)
        matching = _run(opened, language)
    title = opened.title(language)
    if as_json:
        from service.results.records import record

        _write_json({"source": opened.name, "title": title, **record(matching, language)})
    else:
        from service.results.console import print_matching

        print_matching(_console(), matching, title, language)
    if out is not None:
        from service.results.files import write_files
        from service.wording import say

        with _errors(language):
            written = write_files(matching, opened, out, language)
        _notes().print(say(written, language), style="dim", highlight=False, soft_wrap=True)


@app.command("scenarios")
def scenarios_command(as_json: AsJson = False, lang: Language = None) -> None:
    """List the bundled scenarios."""
    from matching.scenarios import load_scenario, scenario_names

    language = _language(lang)
    scenarios = [load_scenario(name) for name in scenario_names()]
    if as_json:
        found = [
            {
                "name": scenario.name,
                "title": scenario.title[language],
                "summary": scenario.summary[language],
                "language": scenario.language,
                "preset": scenario.preset.name,
                "as_of": scenario.as_of.isoformat(),
                "needs": len(scenario.profiles.needs),
                "offers": len(scenario.profiles.offers),
            }
            for scenario in scenarios
        ]
        _write_json({"scenarios": found})
        return
    from service.results.console import print_scenarios

    print_scenarios(_console(), scenarios, language)


@app.command("template")
def template_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The XLSX file to write.")] = Path(
        "qiao-template.xlsx"
    ),
    lang: Language = None,
) -> None:
    """Write an empty spreadsheet with instructions."""
    from matching.messages import Message
    from matching.reading.template import write_template
    from service.wording import say

    language = _language(lang)
    with _errors(language):
        write_template(path, language)
    written = Message(
        "written-template",
        "{file} is written. Fill it in, then: {command}",
        file=str(path),
        command=f"qiao match {path}",
    )
    _console().print(say(written, language), highlight=False, soft_wrap=True)


@app.command("evaluate")
def evaluate_command(
    split: Annotated[
        Literal["held-out", "held-in"], typer.Option(help="Which part of the benchmark's needs to ask with.")
    ] = "held-out",
    as_json: AsJson = False,
    lang: Language = None,
) -> None:
    """Measure on the benchmark how well fitting offers are found, in every pair of languages."""
    from matching.evaluation import evaluate
    from service.results.quality import evaluation_record, print_evaluation

    language = _language(lang)
    with _errors(language):
        evaluation = evaluate(split)
    if as_json:
        _write_json(evaluation_record(evaluation))
    else:
        print_evaluation(_console(), evaluation, language)


@app.command("demo")
def demo_command(
    serve: Annotated[bool, typer.Option(help="Serve the web site afterwards.")] = True,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    lang: Language = None,
) -> None:
    """Match all bundled scenarios, put them into a database of their own and serve the web site with them."""
    from matching.scenarios import scenario_names
    from service.commands import demonstrate
    from service.results.console import print_compactly, print_totals
    from service.results.sources import Options, open_source

    language, console, done = _language(lang), _console(), []
    for name in scenario_names():
        with _errors(language):
            opened = open_source(name, Options())
            matching = _run(opened, language)
        print_compactly(console, matching, opened.title(language), language)
        done.append((opened, matching))
    print_totals(console, done, language)
    demonstrate(language, host if serve else None, port)


def _language(wanted: str | None) -> str:
    from service.i18n import environment_language

    return wanted or environment_language()


def _console() -> Console:
    """Where the result goes."""
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() or _columns() else PLAIN_WIDTH, emoji=False, markup=False
    )


def _columns() -> bool:
    import os

    return os.environ.get("COLUMNS", "").isdigit()


def _notes() -> Console:
    """Where progress, notes and errors go."""
    from rich.console import Console

    return Console(
        stderr=True,
        width=None if sys.stderr.isatty() or _columns() else PLAIN_WIDTH,
        emoji=False,
        markup=False,
    )


def _pairs(texts: list[str] | None, option: str) -> list[tuple[str, str]]:
    pairs = []
    for text in texts or []:
        need, sign, offer = text.partition("=")
        if not (need and sign and offer):
            raise typer.BadParameter(f"“{text}” is not of the form NEED=OFFER.", param_hint=option)
        pairs.append((need.strip(), offer.strip()))
    return pairs


def _run(source: Source, language: str) -> Matching:
    """Match, with progress on a terminal, and check the result before anybody sees it."""
    from service.results.running import run

    return run(source, _notes(), language)


def _note_left_out(source: Source, language: str) -> None:
    if source.problems:
        from matching.messages import Message
        from service.results.console import print_problems

        message = Message(
            "left-out",
            "These rows were left out; the others take part. Rows: {count}.",
            count=len(source.problems),
        )
        print_problems(_notes(), message, source.problems, language)


def _write_json(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def _errors(language: str) -> Iterator[None]:
    """Say what the library raises in the reader's language and leave with the status that belongs to it."""
    from matching.errors import MatchingError

    try:
        yield
    except MatchingError as error:
        raise typer.Exit(_tell(error, language)) from error
    except KeyboardInterrupt as stop:
        from service.i18n import catalogue

        _notes().print(catalogue(language).gettext("Stopped."))
        raise typer.Exit(130) from stop


def _tell(error: MatchingError, language: str) -> int:
    from matching.errors import Infeasible, InvalidProfiles, InvalidRules, UnknownName
    from service.results.console import print_problems, print_remedies
    from service.wording import say

    match error:
        case InvalidProfiles() | InvalidRules():
            print_problems(_notes(), error.message, error.problems, language)
            return INVALID
        case Infeasible():
            print_remedies(_notes(), error.message, error.remedies, language)
            return INFEASIBLE
        case _:
            _notes().print(say(error.message, language), style="bold red", highlight=False)
            return USAGE if isinstance(error, UnknownName) else INVALID
