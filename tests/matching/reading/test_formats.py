from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from matching.errors import UnreadableFile
from matching.messages import Quantity
from matching.reading import load_profiles

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("gb18030", ","), ("big5", ";")],
)
def test_load_profiles_reads_chinese_in_every_encoding(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [
        ["編號", "供需類型", "標題", "說明", "組織", "資源類型", "金額", "地區"],
        ["N1", "需求", "獨居長者午餐", "每天為四十位獨居長者送午餐", "陽光社工", "資金", "5萬港元", ""],
        ["O1", "資源", "企業贊助", "支持社區服務", "某公司", "資金", "HK$100,000.00", ""],
    ]
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    file = tmp_path / "profiles.csv"
    file.write_bytes(text.encode(encoding))
    expected = tmp_path / "expected.csv"
    expected.write_text(text, encoding="utf-8")
    profiles = load_profiles(file)
    assert profiles == load_profiles(expected)
    assert profiles.needs[0].title == "獨居長者午餐"
    assert profiles.needs[0].lines[0].quantity == Quantity(5_000_000, "HKD")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_load_profiles_reads_russian_in_every_encoding(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [
        ["Номер", "Название", "Описание", "Организация", "Вид ресурса", "Сумма", "Дата начала"],
        [
            "N1",
            "Обеды «Забота»",
            "Обед каждый день",
            "Фонд «Доброе сердце»",
            "деньги",
            "20 тыс. руб.",
            "24.11.2021",
        ],
    ]
    file = tmp_path / "потребности.csv"
    file.write_bytes("\n".join(separator.join(row) for row in rows).encode(encoding))
    need = load_profiles(file).needs[0]
    assert (need.title, need.organization.name) == ("Обеды «Забота»", "Фонд «Доброе сердце»")
    assert need.lines[0].quantity == Quantity(2_000_000, "RUB")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
def test_load_profiles_reads_spanish_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "needs.csv"
    file.write_bytes(
        "Título;Organización;Recurso;Importe;Moneda;Inicio\n"
        "Niños en la escuela;Fundación Luz;dinero;2.500,00;EUR;03/04/2021\n".encode(encoding)
    )
    need = load_profiles(file).needs[0]
    assert need.title == "Niños en la escuela"
    assert need.lines[0].quantity == Quantity(250_000, "EUR")
    assert str(need.starts) == "2021-04-03"


@pytest.mark.parametrize("encoding", ["gb18030", "cp1251", "cp1252"])
def test_load_profiles_tells_encodings_apart_by_the_text_alone(tmp_path: Path, encoding: str) -> None:
    title = {
        "gb18030": "为独居老人送午餐",
        "cp1251": "Горячие обеды для пожилых",
        "cp1252": "Comidas para niños pequeños",
    }[encoding]
    file = tmp_path / "needs.csv"
    file.write_bytes(f"title,organization,kind\n{title},A,services\n".encode(encoding))
    assert load_profiles(file).needs[0].title == title


def test_load_profiles_never_returns_rubbish(tmp_path: Path) -> None:
    file = tmp_path / "needs.csv"
    file.write_bytes("title,organization,kind\nΠρόγραμμα,A,services\n".encode("iso-8859-7"))
    with pytest.raises(UnreadableFile, match="save it as CSV in UTF-8"):
        load_profiles(file)


def test_load_profiles_reads_json_and_json_lines(tmp_path: Path) -> None:
    need = {"id": "N1", "title": "Lunches", "organization": "Sunrise", "themes": ["health", "education"]}
    lines = [{"kind": "money", "amount": 1234.5, "unit": "CNY"}, {"kind": "volunteers", "amount": "20 hours"}]
    offer = {
        "id": "O1",
        "title": "Grant",
        "organization": "Acme",
        "kind": "money",
        "amount": 9000,
        "unit": "CNY",
    }
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps({"needs": [{**need, "lines": lines}], "offers": [offer]}), encoding="utf-8")
    listed = tmp_path / "listed.json"
    both = [{**need, "lines": lines, "side": "need"}, {**offer, "side": "offer"}]
    listed.write_text(json.dumps(both), encoding="utf-8")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n\n".join(map(json.dumps, both)), encoding="utf-8")
    profiles = load_profiles(whole)
    assert profiles.needs[0].lines[0].amount == 123_450
    assert profiles.needs[0].themes == {"health", "education"}
    assert profiles == load_profiles(listed) == load_profiles(rows)
