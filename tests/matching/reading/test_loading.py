from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from matching.errors import InvalidProfiles, Problem, UnreadableFile
from matching.messages import Quantity
from matching.profiles import Side
from matching.reading import load_profiles

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "id,title,organization,kind,amount,unit"
NEED = "N1,Lunches,Sunrise,money,5000,CNY"
OFFER = "O1,Grant,Acme,money,9000,CNY"


def _folder(tmp_path: Path, **tables: str) -> Path:
    for name, text in tables.items():
        suffix = "toml" if name == "scenario" else "csv"
        (tmp_path / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return tmp_path


def _problems(tmp_path: Path, **tables: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(_folder(tmp_path, **tables))
    return error.value.problems


def _needs(*rows: str, head: str = HEAD) -> str:
    return "\n".join([head, *rows, ""])


def _only(problems: tuple[Problem, ...]) -> tuple[int | None, str, str, str]:
    assert len(problems) == 1, problems
    return problems[0].row, problems[0].column, problems[0].value, problems[0].message.code


def test_load_profiles_reads_a_folder_with_all_its_tables(tmp_path: Path) -> None:
    profiles = load_profiles(
        _folder(
            tmp_path,
            needs=(
                "id,title,text,organization,kind,amount,unit,minimum,labour,overhead,critical,themes,groups,goals,places,"
                "languages,starts,ends,beneficiaries,preferences,synthetic,source\n"
                "N1,独居老人午餐,每天送餐,A,资金,5万,,2万,1万,3000,是,养老；健康,老年人,sdg-3,聊城,中文,2021年12月1日,2022-03-01,120人,O1,是,公告\n"
                "N1,,,,volunteers,20,小时,,,,否,,,,,,,,,,,\n"
            ),
            offers=(
                "id,title,organization,kind,amount,worth,cheque_min,cheque_max,most_projects,only_places,only_groups,"
                "only_themes,only_organization_kinds,only_languages,min_rating,min_beneficiaries,only_verified,pays_labour,"
                "pays_overhead,vetoes\n"
                "O1,企业赞助,某公司,资金,10万元,,1万,5万元,3,聊城,老年人,养老,公益组织,简体中文,3A,50,是,否,否,B\n"
                "O2,拍摄,某公司,服务,,6000元,,,,,,,,,,,,,,\n"
            ),
            organizations=(
                "id,name,kind,places,registered,inspection,rating,verified,bad_record,barred_until,conflicts\n"
                "A,阳光社工,ngo,聊城,2015-06-01,合格,4A,是,否,2021-01-01,C\n"
                "B,某协会,association,,,,,,,,\nC,某公司,企业,,,,,,,,\n"
            ),
            cooperations=(
                "id,signed,need_organization,offer_organization,offer,title,kind,amount,unit,theme,synthetic\n"
                "K1,2021-03-01,A,某公司,O1,旧合作,money,2万,元,养老,yes\n,,A,C,,,,,,,\n"
            ),
            scenario='language = "zh-Hans"\ncurrency = "CNY"\n',
        )
    )
    need, (grant, filming) = profiles.needs[0], profiles.offers
    money, hours = need.lines
    assert (money.kind, money.quantity, money.minimum, money.labour, money.overhead) == (
        "money", Quantity(5_000_000, "CNY"), 2_000_000, 1_000_000, 300_000,
    )  # fmt: skip
    assert (hours.quantity, hours.critical) == (Quantity(2000, "hour"), False)
    assert (need.themes, need.groups, need.goals, need.places) == (
        {"elderly-care", "health"}, {"elderly"}, {"sdg-3"}, {"liaocheng"},
    )  # fmt: skip
    assert need.languages == {"zh-Hans", "zh-Hant"}
    assert (need.beneficiaries, need.preferences, need.synthetic) == (120, ("O1",), True)
    assert (need.organization.name, need.organization.rating, need.organization.inspection_passed) == (
        "阳光社工",
        4,
        True,
    )
    assert need.organization.conflicts == {"C"}
    assert (grant.lines[0].cheque_min, grant.lines[0].cheque_max, grant.most_projects) == (
        1_000_000,
        5_000_000,
        3,
    )
    strings = grant.strings
    assert (strings.min_rating, strings.min_beneficiaries, strings.verified, strings.vetoes) == (
        3,
        50,
        True,
        {"B"},
    )
    assert not strings.pays_labour
    assert not strings.pays_overhead
    assert filming.lines[0].quantity == Quantity(100, "project")
    assert filming.lines[0].worth == Quantity(600_000, "CNY")
    assert [(item.offer_organization, item.offer, item.quantity) for item in profiles.cooperations] == [
        ("C", "O1", Quantity(2_000_000, "CNY")),
        ("C", "", None),
    ]


def test_load_profiles_reports_the_entry_of_a_json_list(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text(
        json.dumps([{"side": "need", "title": "A", "organization": "B", "kind": "moon"}]), encoding="utf-8"
    )
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(file)
    assert error.value.problems[0].row == 1


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("N1,,Sunrise,money,5000,CNY", ("title", "", "cell-empty")),
        ("N1,Lunches,,money,5000,CNY", ("organization", "", "cell-empty")),
        ("N1,Lunches,Sunrise,,5000,CNY", ("kind", "", "cell-empty")),
        ("N1,Lunches,Sunrise,mony,5000,CNY", ("kind", "mony", "word-unknown")),
        ("N1,Lunches,Sunrise,☃,5000,CNY", ("kind", "☃", "word-unknown-at-all")),
        ("N1,Lunches,Sunrise,money,,CNY", ("amount", "", "amount-missing")),
        ("N1,Lunches,Sunrise,goods,,tonne", ("amount", "", "amount-missing")),
        ("N1,Lunches,Sunrise,money,5000,", ("amount", "5000", "unit-missing")),
        ("N1,Lunches,Sunrise,money,5000,xyzzy", ("unit", "xyzzy", "unit-unknown-at-all")),
        ("N1,Lunches,Sunrise,money,5000,hour", ("unit", "hour", "money-unit")),
        ("N1,Lunches,Sunrise,money,5000 hours,", ("amount", "5000 hours", "money-unit")),
        ("N1,Lunches,Sunrise,money,5000元,EUR", ("amount", "5000元", "unit-other")),
        ("N1,Lunches,Sunrise,money,-5,CNY", ("amount", "-5", "number-negative")),
        ("N1;N2,Lunches,Sunrise,money,5,CNY", ("id", "N1;N2", "id-odd")),
        ("N1,Lunches,Sunrise,money,5,000,CNY", ("7", "CNY", "cell-outside")),
    ],
)
def test_load_profiles_reports_row_column_value_and_remedy(
    tmp_path: Path, row: str, expected: tuple[str, str, str]
) -> None:
    problems = _problems(tmp_path, needs=_needs("N0,Fine,Sunrise,money,1,CNY", row))
    assert (3, *expected) in [(item.row, item.column, item.value, item.message.code) for item in problems]
    assert all(item.sheet == "needs.csv" and item.row == 3 for item in problems)


_MORE = "id,title,organization,kind,amount,unit,"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("minimum", "6000", "minimum-exceeds"),
        ("labour", "6000", "parts-exceed"),
        ("overhead", "5001", "parts-exceed"),
        ("minimum", "5 EUR", "unit-other"),
        ("critical", "perhaps", "yes-or-no"),
        ("worth", "5 hours", "worth-money"),
        ("starts", "31.02.2021", "date-impossible"),
        ("beneficiaries", "2.5", "count-fraction"),
        ("languages", "Klingon", "language-unknown"),
        ("places", "Atlantis", "word-unknown"),
        ("preferences", "O9", "preference-unknown"),
        ("rating", "7A", "rating-unknown"),
        ("inspection", "perhaps", "inspection-unknown"),
        ("conflicts", "Nobody", "organization-unknown-at-all"),
        ("conflicts", "Acmee", "organization-unknown"),
        ("cheque_max", "5", "column-of-offers"),
        ("text", "x" * 20_001, "text-too-long"),
    ],
)
def test_load_profiles_checks_a_need(tmp_path: Path, column: str, value: str, code: str) -> None:
    problems = _problems(tmp_path, needs=_needs(f"{NEED},{value}", head=_MORE + column), offers=_needs(OFFER))
    shown = value if len(value) <= 80 else f"{value[:79]}…"
    assert _only(problems) == (2, column, shown, code)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("minimum", "5", "column-of-needs"),
        ("cheque_min", "9001", "cheque-exceeds"),
        ("most_projects", "0", "number-zero"),
        ("min_rating", "x", "rating-unknown"),
        ("vetoes", "Nobody", "organization-unknown-at-all"),
    ],
)
def test_load_profiles_checks_an_offer(tmp_path: Path, column: str, value: str, code: str) -> None:
    problems = _problems(tmp_path, needs=_needs(NEED), offers=_needs(f"{OFFER},{value}", head=_MORE + column))
    assert _only(problems) == (2, column, value, code)


def test_load_profiles_compares_days_and_cheques(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        offers=_needs(
            f"{OFFER},2021-05-01,2021-04-01,2021-02-01,2021-01-01,500,400",
            head=_MORE + "starts,ends,published,expires,cheque_min,cheque_max",
        ),
    )
    assert [(item.column, item.message.code) for item in problems] == [
        ("ends", "dates-reversed"), ("expires", "dates-reversed"), ("cheque_max", "cheques-reversed"),
    ]  # fmt: skip


def test_load_profiles_lets_only_money_have_labour(tmp_path: Path) -> None:
    row = "N1,Hands,Sunrise,volunteers,20,hours,5,5"
    problems = _problems(tmp_path, needs=_needs(row, head=_MORE + "labour,overhead"))
    assert [item.message.code for item in problems] == ["money-only", "money-only"]


def test_load_profiles_keeps_good_rows(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        needs=_needs(NEED, "N2,Bad,Sunrise,money,much,CNY", "N2,,,volunteers,5,hours"),
        offers=_needs(OFFER),
    )
    profiles = load_profiles(folder, keep_good=True)
    assert [need.id for need in profiles.needs] == ["N1"]
    assert [(item.row, item.column) for item in profiles.problems] == [(3, "amount")]


def test_load_profiles_forgets_preferences_for_what_was_left_out(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        needs=_needs(f"{NEED},O2;O1", head=_MORE + "preferences"),
        offers=_needs(OFFER, "O2,Bad,Acme,money,much,CNY"),
    )
    assert load_profiles(folder, keep_good=True).needs[0].preferences == ("O1",)


def test_load_profiles_makes_stable_ids_from_content(tmp_path: Path) -> None:
    rows = [",Lunches,Sunrise,services,,", ",Trips,Sunrise,services,,"]
    first = load_profiles(_folder(tmp_path, needs=_needs(*rows)))
    second = load_profiles(_folder(tmp_path, needs=_needs(*reversed(rows))))
    assert {need.id: need.title for need in first.needs} == {need.id: need.title for need in second.needs}
    assert all(need.id.startswith("need-") for need in first.needs)


def test_load_profiles_refuses_twins_without_ids(tmp_path: Path) -> None:
    rows = (",Lunches,Sunrise,services,,", ",Lunches,Sunrise,volunteers,5,hours")
    folder = _folder(tmp_path, needs=_needs(*rows, NEED))
    assert _only(_problems(tmp_path, needs=_needs(*rows, NEED))) == (3, "id", "", "id-needed")
    assert [need.id for need in load_profiles(folder, keep_good=True).needs] == ["N1"]


def test_load_profiles_reports_rows_that_contradict_or_repeat(tmp_path: Path) -> None:
    problems = _problems(tmp_path, needs=_needs(NEED, "N1,Dinners,,volunteers,5,hours", NEED))
    assert [(item.row, item.column, item.message.code) for item in problems] == [
        (3, "title", "row-contradicts"), (4, "id", "row-repeated"),
    ]  # fmt: skip


def test_load_profiles_reports_contradicting_facts_of_an_organization(tmp_path: Path) -> None:
    head = HEAD + ",rating,organization_kind"
    problems = _problems(
        tmp_path,
        needs=_needs(
            f"{NEED},3A,ngo", "N2,Trips,Sunrise,services,,,4A,", "N3,Walks,Sunrise,services,,,3A,", head=head
        ),
    )
    assert _only(problems) == (3, "rating", "4A", "organization-contradicts")


def test_load_profiles_checks_names_against_the_table_of_organizations(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        needs=_needs(
            NEED, "N2,A,Twin,services,,", "N3,A,Nobody,services,,", "N4,A,A,services,,", "N5,A,D,services,,"
        ),
        organizations=("id,name,kind\nA,Sunset,ngo\nB,Twin,ngo\nC,Twin,ngo\nA,Again,ngo\nE,,ngo\nD,Dawn,\n"),
        cooperations=(
            "id,need_organization,offer_organization,offer,kind,amount\nK1,A,Sunset,,,\nK1,A,A,,,\nK2,,Zzz,,money,\n"
        ),
    )
    assert [(item.sheet, item.row, item.column, item.message.code) for item in problems] == [
        ("organizations.csv", 5, "id", "id-twice"),
        ("organizations.csv", 6, "name", "cell-empty"),
        ("organizations.csv", 7, "kind", "cell-empty"),
        ("needs.csv", 2, "organization", "organization-unknown"),
        ("needs.csv", 3, "organization", "organization-shared"),
        ("needs.csv", 4, "organization", "organization-unknown-at-all"),
        ("cooperations.csv", 3, "id", "id-twice"),
        ("cooperations.csv", 4, "need_organization", "cell-empty"),
        ("cooperations.csv", 4, "offer_organization", "organization-unknown-at-all"),
        ("cooperations.csv", 4, "amount", "amount-missing"),
    ]
    kept = load_profiles(tmp_path, keep_good=True)
    assert [need.id for need in kept.needs] == ["N4"]
    assert [item.id for item in kept.cooperations] == ["K1"]


def test_load_profiles_checks_the_offer_of_a_cooperation(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        offers=_needs(OFFER),
        cooperations="need_organization,offer_organization,offer\nA,B,O9\n",
    )
    assert _only(problems) == (2, "offer", "O9", "offer-unknown")


def test_load_profiles_lets_one_side_name_organizations_that_it_lacks(tmp_path: Path) -> None:
    folder = _folder(tmp_path, offers=_needs(f"{OFFER},Elsewhere,N7", head=_MORE + "vetoes,preferences"))
    offer = load_profiles(folder).offers[0]
    assert (offer.strings.vetoes, offer.preferences) == ({"Elsewhere"}, ("N7",))


def test_load_profiles_reads_sides_from_a_column(tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    rows = ("需求," + NEED, "Oferta," + OFFER)
    file.write_text(_needs(*rows, head="side," + HEAD), encoding="utf-8")
    profiles = load_profiles(file)
    assert (len(profiles.needs), len(profiles.offers)) == (1, 1)
    file.write_text(_needs(*rows, "x,N1,,,goods,,", ",N9,A,B,goods,,", head="side," + HEAD), encoding="utf-8")
    with pytest.raises(InvalidProfiles) as error:
        load_profiles(file)
    assert [(item.row, item.message.code) for item in error.value.problems] == [
        (4, "side-unknown"),
        (5, "side-unknown"),
    ]
    assert load_profiles(file, keep_good=True).needs == ()


def test_load_profiles_reports_a_row_among_the_others(tmp_path: Path) -> None:
    problems = _problems(tmp_path, needs=_needs("offer," + NEED, head="side," + HEAD))
    assert _only(problems) == (2, "side", "offer", "side-other")


def test_load_profiles_takes_the_side_from_the_caller_or_the_file_name(tmp_path: Path) -> None:
    for name, as_sheet, side in (
        ("x.csv", "offers", Side.OFFER),
        ("需求.csv", None, Side.NEED),
        ("ofertas.csv", None, Side.OFFER),
    ):
        (tmp_path / name).write_text(_needs(NEED), encoding="utf-8")
        profiles = load_profiles(tmp_path / name, as_sheet=as_sheet)
        assert {profile.side for profile in (*profiles.needs, *profiles.offers)} == {side}


def test_load_profiles_asks_for_missing_columns(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("title,text\nA,B\n", encoding="utf-8")
    for keep_good in (False, True):
        with pytest.raises(InvalidProfiles) as error:
            load_profiles(file, keep_good=keep_good)
        assert [(item.row, item.column) for item in error.value.problems] == [
            (1, "organization"), (1, "kind"), (1, "side"),
        ]  # fmt: skip


def test_load_profiles_reports_unknown_and_double_headings(tmp_path: Path) -> None:
    head = HEAD + ",titel,zzzzzz,#mine,备注,金额"
    problems = _problems(tmp_path, needs=_needs(NEED + ",a,b,c,d,5", head=head))
    assert [(item.row, item.column, item.message.code) for item in problems] == [
        (1, "titel", "heading-unknown"), (1, "zzzzzz", "heading-unknown-at-all"),
        (1, "金额", "heading-twice"),
    ]  # fmt: skip
    assert "“Title”" in str(problems[0].message)
    assert "amount" in str(problems[2].message)


def test_load_profiles_skips_rows_of_notes_and_empty_columns(tmp_path: Path) -> None:
    text = _needs(NEED + ",,,", ",,,,,,,only a note,", head=HEAD + ",,备注")
    assert len(load_profiles(_folder(tmp_path, needs=text, scenario="")).needs) == 1


def test_load_profiles_names_the_first_row_where_no_headings_are_found(tmp_path: Path) -> None:
    problems = _problems(tmp_path, needs="a,b,c,d\nTitle,e,f,g\n")
    assert {item.row for item in problems} == {2}


def test_load_profiles_ignores_columns_that_say_so(tmp_path: Path) -> None:
    assert (
        load_profiles(_folder(tmp_path, needs=_needs(NEED + ",a,b", head=HEAD + ",#mine,备注"))).problems
        == ()
    )


@pytest.mark.parametrize(
    ("heading", "value", "expected"),
    [
        ("金额（万元）", "5", 5_000_000),
        ("金额（万元）", "5万", 5_000_000),
        ("Amount (CNY)", "5000", 500_000),
        ("Amount, CNY", "5000 元", 500_000),
        ("金额（必填）", "5元", 500),
        ("金额（万元）", "5元", None),
        ("金额（某某）", "5", None),
    ],
)
def test_load_profiles_reads_units_in_headings(
    tmp_path: Path, heading: str, value: str, expected: int | None
) -> None:
    head = f'title,organization,kind,"{heading}",受益人数（人）'
    folder = _folder(tmp_path, needs=_needs(f"A,B,money,{value},50", head=head))
    if expected is None:
        with pytest.raises(InvalidProfiles) as error:
            load_profiles(folder)
        assert error.value.problems[0].column == heading
    else:
        need = load_profiles(folder).needs[0]
        assert (need.lines[0].quantity, need.beneficiaries) == (Quantity(expected, "CNY"), 50)


def test_load_profiles_refuses_an_unknown_remark_on_a_count(tmp_path: Path) -> None:
    head = "title,organization,kind,beneficiaries (thousands of moons)"
    problems = _problems(tmp_path, needs=_needs("A,B,goods,5", head=head))
    assert problems[0].message.code.startswith("unit-unknown")


def test_load_profiles_cleans_text_and_keeps_its_script(tmp_path: Path) -> None:
    file = tmp_path / "needs.csv"
    file.write_text(
        'title,organization,kind,text\n"獨居\u202e長者\u200b  午餐","A\x07\nB",goods,"一\r\n\r\n\r\n\r\n'
        '二\t三\x00"\n',
        encoding="utf-8",
    )
    with pytest.raises(UnreadableFile):
        load_profiles(file)
    file.write_text(file.read_text(encoding="utf-8").replace("\x00", ""), encoding="utf-8", newline="")
    need = load_profiles(file).needs[0]
    assert (need.title, need.organization.name, need.text) == ("獨居長者 午餐", "A B", "一\n\n二 三")


def test_load_profiles_splits_known_words_at_commas(tmp_path: Path) -> None:
    need = load_profiles(_folder(tmp_path, needs=_needs(NEED + ",养老，健康", head=_MORE + "themes"))).needs[
        0
    ]
    assert need.themes == {"elderly-care", "health"}


def test_load_profiles_finds_headings_below_a_title(tmp_path: Path) -> None:
    assert len(load_profiles(_folder(tmp_path, needs=f"2021年需求汇总,,,,,\n\n{_needs(NEED)}")).needs) == 1


def test_load_profiles_says_that_a_file_is_empty(tmp_path: Path) -> None:
    with pytest.raises(InvalidProfiles, match="holds no needs and no offers"):
        load_profiles(_folder(tmp_path, needs=HEAD + "\n\n", offers=""))


def test_load_profiles_refuses_a_folder_without_tables(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"neither needs\.csv nor offers\.csv"):
        load_profiles(tmp_path)


def test_load_profiles_checks_the_settings_of_a_scenario(tmp_path: Path) -> None:
    problems = _problems(tmp_path, needs=_needs(NEED), scenario='language = "de"\ncurrency = 5\n')
    assert [(item.sheet, item.column, item.value) for item in problems] == [
        ("scenario.toml", "language", "de"), ("scenario.toml", "currency", "5"),
    ]  # fmt: skip
    _folder(tmp_path, scenario="language =")
    with pytest.raises(UnreadableFile, match="not valid TOML"):
        load_profiles(tmp_path)
