"""Every form in which a match run is shown, on a small round made for the purpose."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from rich.console import Console

from matching.allocation import Certificate
from matching.errors import Problem, UnreadableFile
from matching.matcher import match
from matching.messages import Message, Quantity
from matching.profiles import Profiles
from matching.rules import Budget, Quota, Rules
from matching.scenarios import load_scenario
from service.results.console import (
    gap_text,
    print_compactly,
    print_matching,
    print_problems,
    print_remedies,
    print_scenarios,
    print_totals,
)
from service.results.files import write_files
from service.results.pictures import carried_share, ribbons
from service.results.records import record
from service.results.report import report
from service.results.running import BrokenResult, run
from service.results.sources import Options, Source, open_source
from service.results.words import limit_name, names_of, text_width, whole
from service.results.workbook import write_workbook
from tests.builders import line, money, need, offer, organization

if TYPE_CHECKING:
    from pathlib import Path

    from matching.outcome import Matching

SINISTER = '=HYPERLINK("http://example.org","<script>alert(1)</script>")'


@cache
def small() -> Matching:
    needs = [
        need(
            "meals",
            money(1000, labour=300, minimum=500),
            title=SINISTER,
            text="Hot lunches for older people who live alone",
            themes=frozenset({"elderly-care"}),
        ),
        need("tutors", line("volunteers", 40, "hour"), title="Уроки", text="Помощь детям с уроками"),
        need("pool", money(9000, minimum=9000), title="Pool", text="A swimming pool for the village"),
        need("late", money(10), title="Late", text="Too late", expires=date(2020, 1, 1)),
    ]
    offers = [
        offer(
            "fund",
            money(800),
            title="Meals fund",
            text="Money for warm lunches of older people who live alone",
            themes=frozenset({"elderly-care"}),
            pays_labour=False,
        ),
        offer("hours", line("volunteers", 30, "hour"), title="Волонтёры", text="Помощь детям с уроками"),
        offer("paint", line("goods", 5, "box"), title="Paint", text="Paint for walls"),
    ]
    return match(needs, offers, Rules(min_score=0.1))


def source(matching: Matching, **rest: Any) -> Source:
    profiles = Profiles(needs=matching.needs, offers=matching.offers)
    values = {"name": "small", "titles": {"en": "Small"}, "summaries": {}, "rules": matching.rules}
    return Source(profiles=profiles, **(values | rest))


def printed(matching: Matching, language: str, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False)
    print_matching(console, matching, "Small", language)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_record_counts_in_whole_units_and_adds_up() -> None:
    found = record(small(), "en")
    by_need = {pairing["need"]: pairing for pairing in found["pairings"]}
    assert (by_need["meals"]["amount"], by_need["meals"]["unit"]) == (700, "CNY")
    assert (by_need["tutors"]["amount"], by_need["tutors"]["unit"]) == (30, "hour")
    assert [flag["code"] for flag in by_need["meals"]["flags"]] == ["labour-not-covered"]
    for pairing in found["pairings"]:
        assert sum(pairing["parts"].values()) == pytest.approx(pairing["score"], abs=1e-9)
    assert {item["need"]: item["reason_code"] for item in found["unmatched"]}["late"] == "expired"
    assert [item["offer"] for item in found["idle"]] == ["paint"]
    assert {(item["need"], item["missing"], item["unit"]) for item in found["shortfalls"]} == {
        ("meals", 300, "CNY"),
        ("tutors", 10, "hour"),
    }
    json.dumps(found)


def test_whole_is_an_integer_wherever_it_is_one() -> None:
    assert whole(12_300) == 123
    assert isinstance(whole(12_300), int)
    assert whole(12_345) == 123.45


@pytest.mark.parametrize("width", [80, 120])
def test_console_shows_all_that_matters_within_its_width(width: int) -> None:
    text = printed(small(), "en", width)
    assert "Meals fund" in text
    assert "CN¥700" in text
    assert "30 hours" in text
    assert "! This money may not" in text
    assert "The listing expired on Jan 1, 2020." in text
    assert "Paint" in text
    assert small().certificate.fingerprint[:40] in text
    assert max(text_width(row) for row in text.splitlines()) <= width


def test_console_says_when_the_time_limit_ended_the_search_and_what_binds() -> None:
    certificate = replace(
        small().certificate,
        time_limit_hit=True,
        gap=0.0123,
        blocking_pairs=2,
        prices={("budget", "fund/0"): 0.5},
        lock_prices={("meals", "fund"): None, ("tutors", "hours"): 0.25},
    )
    text = printed(replace(small(), certificate=certificate), "en", 120)
    assert "The time limit ended the search" in text
    assert "at most 1.23 %" in text
    assert "Amount of “Meals fund”" in text
    assert "Blocking pairs" in text
    assert "0.25" in text


def test_gap_says_proven_only_where_it_is_nothing() -> None:
    assert "proven" in gap_text(0.0, "en")
    assert gap_text(0.00001, "en") == "at most 0.01 %"


def test_limits_are_named_as_people_know_them() -> None:
    rules = Rules(budgets=(Budget(name="City fund", offers=frozenset({"fund"}), limit=Quantity(100, "CNY")),))
    matching = replace(small(), rules=rules)
    names = names_of(matching, "ru")
    assert limit_name("shared-budget", "City fund", matching, names, "ru") == "Общий фонд: City fund"
    assert limit_name("most-projects", "hours", matching, names, "ru") == "Число проектов: «Волонтёры»"


def test_workbook_keeps_formulas_as_text_and_amounts_as_numbers(tmp_path: Path) -> None:
    write_workbook(small(), tmp_path / "pairings.xlsx", "Small", "en")
    book = load_workbook(tmp_path / "pairings.xlsx")
    assert book.sheetnames == ["Pairings", "Unmatched", "Not used", "Certificate"]
    sheet = book["Pairings"]
    headings = [cell.value for cell in sheet[1]]
    row = next(row for row in sheet.iter_rows(min_row=2) if row[headings.index("Need's id")].value == "meals")
    assert row[0].value == SINISTER
    assert row[0].data_type == "s"
    assert row[0].quotePrefix
    assert row[headings.index("Money")].value == 700
    assert "CNY" in row[headings.index("Money")].number_format
    assert sheet.freeze_panes == "A2"
    assert all(cell.data_type != "f" for page in book for cells in page.iter_rows() for cell in cells)
    parts = [cell.value for cell in row[headings.index("Attention") + 1 : headings.index("Need's id")]]
    assert sum(parts) == pytest.approx(row[headings.index("Score")].value, abs=1e-9)


def test_workbook_holds_texts_that_its_format_forbids(tmp_path: Path) -> None:
    odd = replace(small().pairings[0], need=replace(small().pairings[0].need, title="a\x0bb" + "x" * 40_000))
    write_workbook(replace(small(), pairings=(odd,)), tmp_path / "odd.xlsx", "Small", "es")
    value = load_workbook(tmp_path / "odd.xlsx").worksheets[0]["A2"].value
    assert isinstance(value, str)
    assert value.startswith("ab")
    assert len(value) <= 32_767


def test_report_escapes_what_people_wrote_and_marks_its_language() -> None:
    page = report(small(), source(small()), "en")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert '<span lang="ru">Уроки</span>' in page
    assert "Content-Security-Policy" in page
    assert page.count("<script") == 1


def test_report_of_an_empty_result_says_what_to_do_next() -> None:
    empty = match([need("n1", text="A swimming pool")], [], Rules())
    page = report(empty, source(empty), "en")
    assert "No pairing was possible" in page
    assert "<script" not in page
    assert "Needs without a partner" in page


def test_ribbons_carry_every_pairing_inside_the_picture() -> None:
    flow = ribbons(small())
    assert len(flow.ribbons) == len(small().pairings)
    for nodes in (flow.needs, flow.offers):
        assert all(node.bar_y >= 0 and node.bar_y + node.bar_height <= flow.height for node in nodes)
    shares = {ribbon.pairing.need.id: ribbon.share for ribbon in flow.ribbons}
    assert shares == pytest.approx({"meals": 0.7, "tutors": 0.75})
    assert all(0 < carried_share(pairing) <= 1 for pairing in small().pairings)


def test_problems_are_shown_with_place_value_and_remedy() -> None:
    console = Console(file=io.StringIO(), width=100)
    problems = [
        Problem(
            3,
            "amount",
            "lots",
            Message("no-number", "There is no number here; write one in digits."),
            "needs.csv",
        ),
        Problem(None, "seed", "", Message("missing-key", "This key is needed.")),
    ]
    print_problems(
        console, Message("bad", "The rules in {source} cannot be used.", source="x.toml"), problems, "ru"
    )
    file = console.file
    assert isinstance(file, io.StringIO)
    text = file.getvalue()
    for expected in ("x.toml", "2 ошибки", "needs.csv", "lots", "Здесь нет числа", "Этот ключ обязателен"):
        assert expected in text


def test_files_that_cannot_be_written_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(Exception, match="cannot be written to") as caught:
        write_files(small(), source(small()), tmp_path / "taken", "en")
    assert getattr(caught.value, "message").code == "cannot-write"  # noqa: B009


def test_options_stand_over_the_rules_of_the_source() -> None:
    rules = Rules(seed=3, locks=(("a", "b"),))
    over = Options(seed=0, locks=(("a", "b"), ("c", "d")), fairness="leximin").over(rules)
    assert (over.seed, over.fairness) == (0, "leximin")
    assert over.locks == (("a", "b"), ("c", "d"))
    assert Options().over(rules) == rules


def test_a_preset_takes_the_place_of_a_scenarios_rules_but_not_its_day() -> None:
    opened = open_source("kaifeng", Options(preset="flood-relief"))
    assert opened.rules.preset == "flood-relief"
    assert opened.rules.as_of == open_source("kaifeng", Options()).rules.as_of
    assert opened.title("ru").startswith("Лекция")


def test_a_folder_whose_settings_name_no_rules_is_read_as_tables(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text('language = "en"\n', encoding="utf-8")
    head = "id,title,text,organization,kind,amount,unit\n"
    (tmp_path / "needs.csv").write_text(head + "n1,Meals,Lunches,Sun,money,5,CNY\n", encoding="utf-8")
    (tmp_path / "offers.csv").write_text(head + "o1,Fund,Lunches,Bank,money,9,CNY\n", encoding="utf-8")
    opened = open_source(str(tmp_path), Options())
    assert opened.rules == Rules()
    assert opened.title("en") == tmp_path.name


def test_run_shows_progress_only_on_a_terminal_and_checks_the_result() -> None:
    silent = Console(file=io.StringIO(), width=80)
    matching = run(source(small()), silent, "en")
    assert [p.need.id for p in matching.pairings] == [p.need.id for p in small().pairings]
    assert isinstance(silent.file, io.StringIO)
    assert silent.file.getvalue() == ""
    terminal = Console(file=io.StringIO(), width=80, force_terminal=True)
    run(source(small()), terminal, "en")
    assert isinstance(terminal.file, io.StringIO)
    assert "Reading" in terminal.file.getvalue() or "Finding" in terminal.file.getvalue()
    assert issubclass(BrokenResult, Exception)


def test_organizations_are_told_apart_by_name_not_id() -> None:
    ours = organization("x-1", name="Sunrise")
    matching = match(
        [need("n1", organization=ours, text="pool")], [offer("o1", text="pool")], Rules(min_score=0.0)
    )
    assert names_of(matching, "en")["x-1"] == "Sunrise"
    assert isinstance(matching.certificate, Certificate)


def console(width: int = 100) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, markup=False, emoji=False), file


def test_the_demo_says_each_pairing_on_one_line_and_sums_up() -> None:
    out, file = console()
    print_compactly(out, small(), "Small", "es")
    print_totals(out, [(source(small()), small())], "es")
    text = file.getvalue()
    assert text.count("←") == len(small().pairings)
    assert "Diferencia: ninguna" in text
    assert "2 / 4" in text
    assert max(text_width(row) for row in text.splitlines()) <= 100


def test_scenarios_are_listed_with_their_sizes() -> None:
    out, file = console()
    print_scenarios(out, [load_scenario("kaifeng")], "zh-Hant")
    assert "開封講座" in file.getvalue()
    assert "40" in file.getvalue()


def test_remedies_stand_below_what_is_wrong() -> None:
    out, file = console()
    remedy = Message("lower-quota", "Lower the quota “{name}” by {count}.", name="education", count=2)
    print_remedies(out, Message("infeasible", "The locks and quotas cannot all hold."), [remedy], "ru")
    assert file.getvalue().splitlines() == [
        "Закрепления и квоты нельзя выполнить все сразу.",
        "→ Уменьшите квоту «education» на 2.",
    ]


def test_a_broken_file_of_rules_is_told_without_a_table() -> None:
    out, file = console()
    print_problems(out, Message("x", "The scenario {name} is incomplete.", name="x"), [], "en")
    assert file.getvalue() == "The scenario x is incomplete.\n"


def test_four_files_are_written(tmp_path: Path) -> None:
    message = write_files(small(), source(small()), tmp_path / "a" / "b", "en")
    assert message.code == "written-files"
    assert {file.name for file in (tmp_path / "a" / "b").iterdir()} == {
        "pairings.xlsx",
        "pairings.json",
        "certificate.json",
        "report.html",
    }


def test_an_empty_result_can_be_shown_everywhere(tmp_path: Path) -> None:
    empty = match([need("n1", text="A swimming pool")], [], Rules())
    write_files(empty, source(empty), tmp_path, "ru")
    assert "Потребности без партнёра" in printed(empty, "ru", 80)
    assert record(empty, "ru")["pairings"] == []


def test_a_result_that_breaks_its_rules_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Message("veto", "One side has ruled out the other.")
    monkeypatch.setattr("service.results.running.verify", lambda _matching: [broken])
    with pytest.raises(BrokenResult, match="ruled out"):
        run(source(small()), console()[0], "en")


def test_settings_that_are_no_toml_leave_the_tables_to_say_so(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text("not = = toml", encoding="utf-8")
    with pytest.raises(UnreadableFile):
        open_source(str(tmp_path), Options())


def test_quotas_are_named_by_their_word() -> None:
    quota = Quota(scheme="themes", code="education", at_least=1)
    matching = replace(small(), rules=Rules(quotas=(quota,)))
    assert limit_name("quota", "education", matching, {}, "es") == "Cuota de Educación"
    assert limit_name("quota", "other", matching, {}, "en") == "Quota for other"


def test_what_compiled_code_prints_does_not_reach_the_result() -> None:
    code = (
        "import os; from service.results.running import stdout_kept_clean\n"
        "with stdout_kept_clean(): os.write(1, b'noise')\n"
        "print('result')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert done.stderr == "noise"
