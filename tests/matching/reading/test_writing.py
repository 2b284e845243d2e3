from __future__ import annotations

import csv
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.messages import Quantity
from matching.profiles import Cooperation, Organization, Profile, Profiles, ResourceLine, Side, Strings
from matching.reading import load_profiles
from matching.reading.numerals import InvalidValue
from matching.reading.records import clean_text
from matching.reading.writing import write_profiles

_SIGNS = st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co"])
_TEXTS = st.one_of(
    st.text(_SIGNS, max_size=30),
    st.sampled_from(
        ["=1+1", "'=x", "''+x", "-5", "@me", "＝1", "第一行\n第二行", "'quoted'", "獨居長者", 'a "b", c; d']
    ),
).map(clean_text)
_TITLES = _TEXTS.map(lambda text: " ".join(text.split())).filter(bool)
_DAYS = st.none() | st.dates(date(1900, 1, 1), date(2100, 12, 31))
_AMOUNTS = st.integers(1, 10**12)
_ORGANIZATIONS = [
    Organization(
        id="A", name="阳光社工", places=frozenset({"liaocheng"}), registered=date(2015, 6, 1),
        inspection_passed=True,
        rating=4, verified=False, bad_record=True, barred_until=date(2022, 1, 1), conflicts=frozenset({"B"}),
    ),
    Organization(id="B", name="=Acme", kind="business", inspection_passed=False, conflicts=frozenset({"Z"})),
]  # fmt: skip


def _codes(*codes: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(codes))


@st.composite
def _lines(draw: st.DrawFn, side: Side) -> ResourceLine:
    amount = draw(_AMOUNTS)
    kind, unit = draw(st.sampled_from([("money", "CNY"), ("volunteers", "hour"), ("goods", "RUB")]))
    part = draw(st.integers(0, amount))
    worth = draw(st.none() | st.builds(Quantity, _AMOUNTS, st.just("EUR")))
    if side is Side.OFFER:
        most = draw(st.none() | st.integers(part, 10**13))
        return ResourceLine(
            kind=kind, amount=amount, unit=unit, worth=worth, cheque_min=part, cheque_max=most
        )
    labour = draw(st.integers(0, part)) if kind == "money" else 0
    return ResourceLine(
        kind=kind, amount=amount, unit=unit, worth=worth, minimum=part, labour=labour,
        overhead=part - labour if kind == "money" else 0, critical=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def _profiles(draw: st.DrawFn) -> Profiles:
    found: dict[Side, list[Profile]] = {Side.NEED: [], Side.OFFER: []}
    for side, prefix in ((Side.NEED, "N"), (Side.OFFER, "O")):
        for number in range(draw(st.integers(1, 3))):
            starts, ends = draw(_DAYS), draw(_DAYS)
            profile = Profile(
                id=f"{prefix}{number}",
                side=side,
                title=draw(_TITLES),
                text=draw(_TEXTS),
                organization=draw(st.sampled_from(_ORGANIZATIONS)),
                lines=tuple(draw(st.lists(_lines(side), min_size=1, max_size=3, unique=True))),
                themes=draw(_codes("health", "education")),
                groups=draw(_codes("elderly", "children")),
                goals=draw(_codes("sdg-1", "sdg-17")),
                places=draw(_codes("liaocheng", "cn")),
                languages=draw(_codes("zh-Hans", "zh-Hant", "en", "ru", "es")),
                starts=starts,
                ends=ends if not starts or not ends or ends >= starts else None,
                published=draw(_DAYS),
                beneficiaries=draw(st.none() | st.integers(0, 10**6)) if side is Side.NEED else None,
                preferences=("O0",) if side is Side.NEED and draw(st.booleans()) else (),
                synthetic=draw(st.booleans()),
            )
            if side is Side.OFFER:
                profile = replace(
                    profile,
                    most_projects=draw(st.none() | st.integers(1, 99)),
                    strings=Strings(
                        places=draw(_codes("cn")),
                        organization_kinds=draw(_codes("ngo", "association")),
                        languages=draw(_codes("en")),
                        min_rating=draw(st.none() | st.integers(1, 5)),
                        min_beneficiaries=draw(st.none() | st.integers(0, 500)),
                        verified=draw(st.booleans()),
                        pays_labour=draw(st.booleans()),
                        pays_overhead=draw(st.booleans()),
                        vetoes=draw(_codes("A", "B", "Y")),
                    ),
                )
            found[side].append(profile)
    cooperations = (
        Cooperation(
            id="K1", need_organization="A", offer_organization="Q", title=draw(_TITLES),
            signed=draw(_DAYS), offer="O0",
            quantity=Quantity(12_345, "CNY"), kind="money", theme="health", synthetic=True,
        ),
        Cooperation(id="K2", need_organization="B", offer_organization="A"),
    )  # fmt: skip
    return Profiles(needs=tuple(found[Side.NEED]), offers=tuple(found[Side.OFFER]), cooperations=cooperations)


@settings(max_examples=40, deadline=None)
@given(_profiles(), st.sampled_from(["out", "out.xlsx", "out.json"]))
def test_write_profiles_is_read_back_unchanged(profiles: Profiles, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_profiles(profiles, path)
        assert load_profiles(path) == profiles


def _one(title: str, id_: str = "N1") -> Profiles:
    line = ResourceLine(kind="goods", amount=100, unit="box")
    need = Profile(
        id=id_, side=Side.NEED, title=title, text="", organization=_ORGANIZATIONS[1], lines=(line,)
    )
    return Profiles(needs=(need,), offers=())


@pytest.mark.parametrize("title", ["=HYPERLINK(0)", "+1", "-1", "@x", "＝1"])
def test_write_profiles_lets_no_cell_become_a_formula(tmp_path: Path, title: str) -> None:
    write_profiles(_one(title), tmp_path / "x.xlsx")
    write_profiles(_one(title), tmp_path / "x")
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx")["needs"]
    assert [cell.value for cell in sheet["B"]] == ["title", f"'{title}"]
    assert sheet["B2"].data_type == "s"
    with (tmp_path / "x" / "needs.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1][1] == f"'{title}"


def test_write_profiles_refuses_other_suffixes_and_ids_with_separators(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"\.xlsx, \.json or a folder"):
        write_profiles(_one("A"), tmp_path / "x.pdf")
    with pytest.raises(InvalidValue, match="separator"):
        write_profiles(_one("A", "N;1"), tmp_path / "x.json")
