"""The main job as people run it: the real command on the real scenarios, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from matching.resources import data_path

if TYPE_CHECKING:
    from pathlib import Path

KAIFENG = data_path("scenarios", "kaifeng")


def qiao(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"QIAO_LANG": "en", "COLUMNS": "120", "PYTHONIOENCODING": "ascii", **environment}
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **settings},
        check=False,
        timeout=300,
    )


@cache
def as_json(*arguments: str) -> Any:
    done = qiao("match", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_is_there_without_loading_the_library() -> None:
    code = (
        "import sys; from service.cli import app; "
        "print([m for m in ('numpy', 'scipy', 'fastapi', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "scenarios" in qiao("--help").stdout


def test_version_is_that_of_the_distribution() -> None:
    assert qiao("--version").stdout.startswith("qiao 0.")


def test_json_holds_what_it_promises() -> None:
    found = as_json("kaifeng")
    assert {"pairings", "unmatched", "idle", "shortfalls", "certificate"} <= set(found)
    for pairing in found["pairings"]:
        assert {
            "need", "offer", "need_title", "offer_title", "need_organization", "offer_organization",
            "amount", "unit", "amounts", "gifts", "score", "parts", "evidence", "flags",
        } <= set(pairing)  # fmt: skip
        assert sum(pairing["parts"].values()) == pytest.approx(pairing["score"], abs=1e-9)
        assert pairing["amount"] > 0
    for item in found["unmatched"]:
        assert item["reason"]
        assert item["remedy"]
        assert item["reason_code"].islower()
    certificate = found["certificate"]
    assert {
        "objective", "bound", "gap", "fingerprint", "seed", "blocking_pairs", "coverage",
    } <= set(certificate)  # fmt: skip
    assert certificate["objective"] <= certificate["bound"] + 1e-6
    assert 0 <= certificate["gap"] < 0.01


def test_every_need_is_either_carried_or_told_why() -> None:
    found = as_json("kaifeng")
    carried = {pairing["need"] for pairing in found["pairings"]}
    told = {item["need"] for item in found["unmatched"]}
    with (KAIFENG / "needs.csv").open(encoding="utf-8", newline="") as file:
        needs = {row["id"] for row in csv.DictReader(file)}
    assert carried | told == needs
    assert not carried & told


def test_money_is_given_to_the_yuan_and_never_twice() -> None:
    found = as_json("kaifeng")
    with (KAIFENG / "offers.csv").open(encoding="utf-8", newline="") as file:
        money = {row["id"]: int(row["amount"]) for row in csv.DictReader(file) if row["kind"] == "money"}
    given: dict[str, int] = dict.fromkeys(money, 0)
    for pairing in found["pairings"]:
        for gift in pairing["gifts"]:
            if gift["kind"] == "money":
                assert isinstance(gift["used"], int)
                given[pairing["offer"]] += gift["used"]
    assert all(given[offer] <= money[offer] for offer in money)
    assert sum(given.values()) > 0


def test_the_same_twice_and_from_shuffled_rows(tmp_path: Path) -> None:
    for file in KAIFENG.iterdir():
        text = file.read_text(encoding="utf-8")
        if file.name in {"needs.csv", "offers.csv"}:
            with file.open(encoding="utf-8", newline="") as lines:
                head, *rows = list(csv.reader(lines))
            blocks: dict[str, list[list[str]]] = {}
            for row in rows:
                blocks.setdefault(row[0], []).append(row)
            order = list(blocks)
            random.Random(7).shuffle(order)
            with (tmp_path / file.name).open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows([head, *(row for id_ in order for row in blocks[id_])])
        else:
            (tmp_path / file.name).write_text(text, encoding="utf-8")
    first, shuffled = as_json("kaifeng"), as_json(str(tmp_path))
    first, shuffled = {**first, "source": ""}, {**shuffled, "source": ""}
    assert shuffled == first
    again = qiao("match", "kaifeng", "--json", PYTHONHASHSEED="1")
    assert {**json.loads(again.stdout), "source": ""} == first


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        ("zh-Hans", ["配对结果", "未获配对的需求", "证书", "同一领域"]),
        ("zh-Hant", ["配對結果", "未獲配對的需求", "證書", "同一領域"]),
        ("en", ["Pairings", "Needs without a partner", "Certificate", "Same theme"]),
        ("ru", ["Пары", "Потребности без партнёра", "Сертификат", "Общая тема"]),
        ("es", ["Parejas", "Necesidades sin pareja", "Certificado", "Mismo tema"]),
    ],
)
def test_each_language_speaks_throughout(language: str, phrases: list[str], tmp_path: Path) -> None:
    done = qiao("match", "kaifeng", "--lang", language, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for phrase in phrases:
        assert phrase in done.stdout
    assert f'<html lang="{language}">' in page
    if language != "en":
        english = ("Same theme", "Texts close", "Needs ", "Certificate", "The offer", "not covered", "{")
        assert not [phrase for phrase in english if phrase in done.stdout]
        assert not [phrase for phrase in english[:-1] if phrase in page]


def test_out_writes_four_files_that_agree(tmp_path: Path) -> None:
    done = qiao("match", "kaifeng", "--out", str(tmp_path / "new" / "folder"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "new" / "folder"
    found = json.loads((folder / "pairings.json").read_text(encoding="utf-8"))
    assert found == as_json("kaifeng")
    certificate = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    assert certificate == found["certificate"]
    book = load_workbook(folder / "pairings.xlsx")
    assert len(book.sheetnames) == 4
    assert book.worksheets[0].max_row == 1 + len(found["pairings"])
    assert book.worksheets[1].max_row == 1 + len(found["unmatched"])
    assert found["certificate"]["fingerprint"] in [row[1].value for row in book.worksheets[3].iter_rows()]


class Page(HTMLParser):
    """What a page loads, and the languages it names."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.languages: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        found = dict(attrs)
        self.loads += [
            value for name in ("src", "href", "srcset", "data", "action") if (value := found.get(name))
        ]
        if lang := found.get("lang"):
            self.languages.add(lang)


def test_the_report_needs_nothing_from_outside_and_names_languages(tmp_path: Path) -> None:
    done = qiao("match", "kaifeng", "--lang", "ru", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.loads == []
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert {"ru", "zh-Hans"} <= page.languages


def test_an_unknown_name_gets_suggestions_and_status_2() -> None:
    done = qiao("match", "kaifen", "--lang", "es")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "kaifeng" in done.stderr
    assert "No existe el escenario" in done.stderr


def test_a_missing_file_is_said_so_with_status_1() -> None:
    done = qiao("match", "nowhere.csv")
    assert done.returncode == 1
    assert "nowhere.csv" in done.stderr


def test_a_lock_without_two_ids_is_wrong_usage() -> None:
    assert qiao("match", "kaifeng", "--lock", "n-lelin-home").returncode == 2


def test_an_impossible_lock_names_its_remedy_with_status_3() -> None:
    done = qiao("match", "kaifeng", "--lock", "n-lelin-home=o-heart-money", "--lang", "zh-Hans")
    assert done.returncode == 3
    assert "→" in done.stderr
    assert "乐邻小家" in done.stderr


def test_a_ban_keeps_the_pair_apart_and_a_lock_makes_it() -> None:
    pair = ("n-lelin-home", "o-amity-community")
    pairs = {(p["need"], p["offer"]) for p in as_json("kaifeng", "--lock", "=".join(pair))["pairings"]}
    assert pair in pairs
    pairs = {(p["need"], p["offer"]) for p in as_json("kaifeng", "--ban", "=".join(pair))["pairings"]}
    assert pair not in pairs


def test_all_that_is_wrong_in_a_file_is_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "round"
    folder.mkdir()
    head = "id,title,text,organization,kind,amount,unit,themes\n"
    good = "n1,Hot meals,Warm lunches for older people living alone,Sunrise,money,5000,CNY,elderly-care\n"
    bad = "n2,Tutors,Tutors after school,Sunrise,moony,lots,CNY,education\n"
    offer = "o1,Meals fund,Money for meals of older people,River Bank,money,9000,CNY,elderly-care\n"
    (folder / "needs.csv").write_text(head + good + bad, encoding="utf-8")
    (folder / "offers.csv").write_text(head + offer, encoding="utf-8")
    done = qiao("match", str(folder))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "moony" in done.stderr
    assert "lots" in done.stderr
    assert "needs.csv" in done.stderr
    kept = qiao("match", str(folder), "--keep-good", "--json")
    assert kept.returncode == 0, kept.stderr
    assert "moony" in kept.stderr
    assert [p["need"] for p in json.loads(kept.stdout)["pairings"]] == ["n1"]


def test_narrow_and_wide_consoles_keep_their_width() -> None:
    import unicodedata

    for columns in (80, 120):
        done = qiao("match", "kaifeng", "--lang", "zh-Hans", COLUMNS=str(columns))
        widths = {
            sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line.rstrip())
            for line in done.stdout.splitlines()
        }
        assert max(widths) == columns


def test_scenarios_lists_them_in_the_readers_language() -> None:
    found = json.loads(qiao("scenarios", "--json", "--lang", "ru").stdout)
    names = {scenario["name"] for scenario in found["scenarios"]}
    assert "kaifeng" in names
    assert all(scenario["title"] and scenario["needs"] >= 30 for scenario in found["scenarios"])
    assert "Сценарии" in qiao("scenarios", "--lang", "ru").stdout


def test_template_can_be_written_and_says_what_comes_next(tmp_path: Path) -> None:
    done = qiao("template", str(tmp_path / "empty.xlsx"), "--lang", "zh-Hant")
    assert done.returncode == 0, done.stderr
    assert "qiao match" in done.stdout
    assert "需求" in load_workbook(tmp_path / "empty.xlsx").sheetnames


def test_demo_matches_every_scenario() -> None:
    done = qiao("demo", "--no-serve", "--lang", "en")
    assert done.returncode == 0, done.stderr
    names = json.loads(qiao("scenarios", "--json", "--lang", "en").stdout)["scenarios"]
    for scenario in names:
        assert done.stdout.count(scenario["title"]) >= 1


def test_evaluate_puts_every_pair_of_languages_beside_the_baselines() -> None:
    done = qiao("evaluate", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["pairs"]) == 25
    for pair in found["pairs"]:
        assert {"listing", "tf-idf", "bm25"} <= set(pair["methods"])
        for figures in pair["methods"].values():
            assert 0 <= figures["recall@1"] <= figures["recall@5"] <= figures["recall@20"] <= 1
            assert 0 < figures["mrr"] <= 1
    assert found["mixed"]["listing"]["recall@1"] > found["mixed"]["bm25"]["recall@1"]
    printed = qiao("evaluate", "--lang", "es", COLUMNS="80").stdout
    assert "zh-Hans → ru" in printed
    assert "Pareja de idiomas más débil" in printed
    assert max(map(len, printed.splitlines())) <= 80
