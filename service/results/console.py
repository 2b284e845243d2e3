"""A match run on the console: pairings as a table, who got nothing and why, what is left, the certificate.

Columns follow the width of the terminal: below `WIDE` the offer, its amount and the reasons share a column.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from matching.messages import Message
from service.i18n import catalogue, number_text, percent_text, plural
from service.results.words import (
    amounts_text,
    certificate_rows,
    gap_text,
    names_of,
    ordered_parts,
    part_name,
)
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

    from matching.errors import Problem
    from matching.outcome import Matching, Pairing, Shortfall, Unmatched
    from matching.scenarios import Scenario
    from service.results.sources import Source

WIDE = 100
MOST_PARTS = 4
"""How many parts of a score are printed; the files have all of them."""
ACCENT = "cyan"


def print_matching(console: Console, matching: Matching, title: str, language: str) -> None:
    """Print the whole result in the reader's language."""
    _ = catalogue(language).gettext
    names = names_of(matching, language)
    console.print(Text(title, style=f"bold {ACCENT}"))
    console.print(Text(summary_line(matching, language), style="dim"))
    if matching.pairings:
        console.print(_pairings(matching, language, names, wide=console.width >= WIDE))
    if matching.unmatched:
        heading = _("Needs without a partner")
        console.print(_reasons(heading, matching.unmatched, language, names))
    if matching.shortfalls:
        console.print(_shortfalls(matching.shortfalls, language, names))
    if matching.idle:
        console.print(_reasons(_("Offers not used"), matching.idle, language, names))
    console.print(_certificate(matching, language, names))


def summary_line(matching: Matching, language: str) -> str:
    """How many needs are carried by how many offers, in one sentence."""
    carried = len({pairing.need.id for pairing in matching.pairings})
    giving = len({pairing.offer.id for pairing in matching.pairings})
    message = Message(
        "summary-line",
        "{carried} of {needs} needs carried · {giving} of {offers} offers used · pairings: {pairings}",
        carried=carried,
        needs=len(matching.needs),
        giving=giving,
        offers=len(matching.offers),
        pairings=len(matching.pairings),
    )
    return say(message, language)


def _pairings(matching: Matching, language: str, names: Mapping[str, str], *, wide: bool) -> Table:
    _ = catalogue(language).gettext
    table = _table(_("Pairings"))
    table.add_column(_("Need"), ratio=3, overflow="fold")
    table.add_column(_("Carried by"), ratio=4 if wide else 5, overflow="fold")
    if wide:
        table.add_column(_("Amount"), ratio=2, justify="right", overflow="fold")
    table.add_column(_("Score"), justify="right", no_wrap=True)
    if wide:
        table.add_column(_("Why"), ratio=5, overflow="fold")
    for _id, group in groupby(matching.pairings, key=lambda pairing: pairing.need.id):
        for number, pairing in enumerate(sponsors := list(group)):
            need = _who(pairing.need.title, pairing.need.organization.name) if number == 0 else Text("")
            offer = _who(pairing.offer.title, pairing.offer.organization.name)
            score = Text(percent_text(pairing.score, language), style="bold")
            last = number == len(sponsors) - 1
            why = _why(pairing, language, names)
            amounts = Text(amounts_text(pairing, language), style=ACCENT)
            cells: list[RenderableType] = [need, offer, amounts, score, why]
            if not wide:
                sponsor = Group(offer, amounts, why)
                cells = [need, sponsor if last else Padding(sponsor, (0, 0, 1, 0)), score]
            table.add_row(*cells, end_section=last)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.ROUNDED,
        border_style="bright_black",
        header_style=f"bold {ACCENT}",
        expand=True,
    )


def _who(title: str, organization: str) -> Text:
    return Text.assemble((title, "bold"), "\n", (organization, "dim"))


def _why(pairing: Pairing, language: str, names: Mapping[str, str]) -> Text:
    text = Text(" · ").join(Text(say(reason, language, names), style="green") for reason in pairing.evidence)
    for flag in pairing.flags:
        text.append(f"\n! {say(flag, language, names)}" if text else say(flag, language, names), "yellow")
    parts = " · ".join(
        f"{part_name(name, language)} {number_text(round(100 * share), language)}"
        for name, share in ordered_parts(pairing)[:MOST_PARTS]
        if round(100 * share)
    )
    if text:
        text.append("\n")
    return text.append(parts, style="dim")


def _reasons(title: str, items: Sequence[Unmatched], language: str, names: Mapping[str, str]) -> Table:
    _ = catalogue(language).gettext
    table = _table(title)
    table.add_column(_("Who"), ratio=3, overflow="fold")
    table.add_column(_("Why, and what would change it"), ratio=5, overflow="fold")
    for item in items:
        table.add_row(
            _who(item.profile.title, item.profile.organization.name),
            Text.assemble(
                say(item.reason, language, names),
                "\n",
                (f"→ {say(item.remedy, language, names)}", ACCENT),
            ),
            end_section=True,
        )
    return table


def _shortfalls(items: Iterable[Shortfall], language: str, names: Mapping[str, str]) -> Table:
    _ = catalogue(language).gettext
    table = _table(_("Still missing"))
    table.add_column(_("Need"), ratio=3, overflow="fold")
    table.add_column(_("What"), ratio=5, overflow="fold")
    for _id, group in groupby(items, key=lambda item: item.need.id):
        missing = list(group)
        said = Text("\n").join(Text(say(item.message, language, names)) for item in missing)
        table.add_row(Text(missing[0].need.title, style="bold"), said, end_section=True)
    return table


def _certificate(matching: Matching, language: str, names: Mapping[str, str]) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in certificate_rows(matching, language, names):
        grid.add_row(name, Text(value))
    title = catalogue(language).gettext("Certificate")
    return Panel(grid, title=title, title_align="left", border_style=ACCENT, box=box.ROUNDED)


def print_compactly(console: Console, matching: Matching, title: str, language: str) -> None:
    """Print one line for each pairing, cut at the width of the console, and the gap."""
    console.print(Text(title, style=f"bold {ACCENT}"))
    table = Table(box=None, expand=True, show_header=False, padding=(0, 1))
    table.add_column(ratio=5, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=6, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=3, no_wrap=True, overflow="ellipsis", justify="right")
    table.add_column(no_wrap=True, justify="right")
    before = ""
    for pairing in matching.pairings:
        again = pairing.need.id == before
        before = pairing.need.id
        table.add_row(
            Text("+" if again else pairing.need.title, style="bold", justify="right" if again else "left"),
            Text.assemble("← ", pairing.offer.organization.name, " · ", (pairing.offer.title, "dim")),
            Text(amounts_text(pairing, language), style=ACCENT),
            percent_text(pairing.score, language),
        )
    console.print(table)
    gap = Message("gap-line", "Gap: {gap}", gap=gap_text(matching.certificate.gap, language))
    console.print(Text(f"{summary_line(matching, language)} · {say(gap, language)}\n", style="dim"))


def print_problems(console: Console, message: Message, problems: Sequence[Problem], language: str) -> None:
    """Print everything that is wrong with what was given, place by place."""
    _ = catalogue(language).gettext
    console.print(Text(say(message, language), style="bold red"))
    if not problems:
        return
    columns = {
        "sheet": _("Sheet"),
        "row": _("Row"),
        "column": _("Column"),
        "value": _("Value"),
        "what": _("What to do"),
    }
    rows = [
        {
            "sheet": problem.sheet,
            "row": "" if problem.row is None else str(problem.row),
            "column": problem.column,
            "value": problem.value,
            "what": say(problem.message, language),
        }
        for problem in problems
    ]
    table = _table(plural("{n} problem", "{n} problems", len(rows), language).format(n=len(rows)))
    shown = [key for key in columns if any(row[key] for row in rows)]
    for key in shown:
        ratio = {"what": 5, "value": 2, "column": 2, "sheet": 2}.get(key)
        table.add_column(columns[key], ratio=ratio, overflow="fold", no_wrap=key == "row")
    for row in rows:
        table.add_row(*(Text(row[key]) for key in shown), end_section=True)
    console.print(table)


def print_remedies(console: Console, message: Message, remedies: Sequence[Message], language: str) -> None:
    """Print why locks and quotas cannot all hold, and what would let them."""
    console.print(Text(say(message, language), style="bold red"))
    for remedy in remedies:
        console.print(Text(f"→ {say(remedy, language)}"))


def print_scenarios(console: Console, scenarios: Sequence[Scenario], language: str) -> None:
    """Print name, title, size and summary of each scenario."""
    _ = catalogue(language).gettext
    table = _table(_("Scenarios"))
    table.add_column(_("Name"), no_wrap=True)
    table.add_column(_("What it is"), ratio=1, overflow="fold")
    table.add_column(_("Needs"), justify="right")
    table.add_column(_("Offers"), justify="right")
    for scenario in scenarios:
        what = Text.assemble((scenario.title[language], "bold"), "\n", (scenario.summary[language], "dim"))
        sizes = (len(scenario.profiles.needs), len(scenario.profiles.offers))
        table.add_row(scenario.name, what, *(number_text(size, language) for size in sizes), end_section=True)
    console.print(table)


def print_totals(console: Console, done: Sequence[tuple[Source, Matching]], language: str) -> None:
    """Print one line for each source that was matched."""
    _ = catalogue(language).gettext
    table = _table(_("All together"))
    table.add_column(_("Scenario"), ratio=1, overflow="fold")
    for heading in (_("Needs carried"), _("Offers used"), _("Pairings"), _("Gap")):
        table.add_column(heading, justify="right")
    for source, matching in done:
        carried = len({pairing.need.id for pairing in matching.pairings})
        giving = len({pairing.offer.id for pairing in matching.pairings})
        table.add_row(
            source.title(language),
            f"{carried} / {len(matching.needs)}",
            f"{giving} / {len(matching.offers)}",
            str(len(matching.pairings)),
            say(Message("share", "{share} %", share=round(100 * matching.certificate.gap, 2)), language),
        )
    console.print(table)
