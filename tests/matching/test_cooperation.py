"""The graph of signed cooperations, against definitions written out the slow way and small cases by hand."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.cooperation import (
    bridges,
    communities,
    cut_off,
    graph_of,
    growth,
    introductions,
    link_type,
    sector_pairs,
    standings,
    yearly,
)
from matching.messages import Quantity
from matching.profiles import Cooperation
from matching.scenarios import load_scenario
from tests.builders import organization

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("ngo", "business", "government", "finance")


def signed(id_: str, a: str, b: str, day: date | None = None, theme: str = "") -> Cooperation:
    return Cooperation(id=id_, need_organization=a, offer_organization=b, signed=day, theme=theme)


def drawn(pairs: Sequence[tuple[int, int]]) -> nx.Graph:
    """The graph of numbered pairs; organization n is of the kind n modulo four."""
    organizations = [organization(f"o{n:02}", kind=KINDS[n % len(KINDS)]) for n in range(12)]
    return graph_of(
        organizations, [signed(f"c{n:03}", f"o{a:02}", f"o{b:02}") for n, (a, b) in enumerate(pairs)]
    )


pairs = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30)


def test_graph_counts_signatures_and_keeps_first_and_last_day() -> None:
    one, other = organization("a", kind="ngo"), organization("b", kind="business")
    graph = graph_of(
        [one, other],
        [
            signed("2", "a", "b", date(2021, 11, 1), "education"),
            signed("1", "b", "a", date(2020, 5, 1)),
            signed("3", "a", "a"),
        ],
    )
    edge = graph.edges["a", "b"]
    assert (edge["count"], edge["first"], edge["last"]) == (2, date(2020, 5, 1), date(2021, 11, 1))
    assert edge["themes"] == {"education"}
    assert edge["links"] == ("1", "2")
    assert graph.nodes["b"]["sector"] == "enterprise"


def test_cooperation_with_an_unknown_organization_is_refused() -> None:
    with pytest.raises(KeyError):
        graph_of([organization("a")], [signed("1", "a", "nobody")])


@pytest.mark.parametrize(
    ("kind", "other", "code"),
    [
        ("government", "ngo", "government-society"),
        ("association", "business", "enterprise-society"),
        ("finance", "media", "finance-society"),
        ("ngo", "association", "society-society"),
        ("business", "government", ""),
    ],
)
def test_link_types_are_the_four_of_the_field(kind: str, other: str, code: str) -> None:
    assert link_type(kind, other) == link_type(other, kind) == code


@given(pairs)
def test_sector_pairs_hold_every_cooperation_and_as_many_are_expected(found: list[tuple[int, int]]) -> None:
    graph = drawn(found)
    table = sector_pairs(graph)
    signatures = sum(count for *_, count in graph.edges(data="count"))
    assert sum(pair.observed for pair in table) == signatures
    assert sum(pair.expected for pair in table) == pytest.approx(signatures)


def test_sectors_that_avoid_each_other_are_cold() -> None:
    within = [(a, b) for a, b in combinations(range(0, 12, 2), 2) if a % 4 == b % 4]
    apart = [(a, b) for a, b in combinations(range(1, 12, 2), 2) if a % 4 == b % 4]
    cold = {pair.kinds for pair in sector_pairs(drawn((within + apart) * 3), KINDS) if pair.cold}
    assert ("ngo", "business") in cold
    assert all(a != b for a, b in cold)


@given(pairs)
def test_cut_off_is_what_is_lost_when_it_leaves(found: list[tuple[int, int]]) -> None:
    graph = drawn(found)
    for one in graph:
        home = nx.node_connected_component(graph, one)
        rest = graph.subgraph(home - {one})
        parts = [len(part) for part in nx.connected_components(rest)]
        assert cut_off(graph).get(one, 0) == sum(parts) - max(parts, default=0)


@given(pairs)
def test_bridges_say_how_large_the_smaller_side_is(found: list[tuple[int, int]]) -> None:
    graph = drawn(found)
    for a, b, size in bridges(graph):
        without = graph.copy()
        without.remove_edge(a, b)
        assert not nx.has_path(without, a, b)
        assert size == min(len(nx.node_connected_component(without, end)) for end in (a, b))


@given(pairs)
def test_brokers_are_counted_as_defined(found: list[tuple[int, int]]) -> None:
    graph = drawn(found)
    for one, standing in standings(graph).items():
        sectors = nx.get_node_attributes(graph, "sector")
        expected = sum(
            sectors[a] != sectors[b] and not graph.has_edge(a, b) for a, b in combinations(graph[one], 2)
        )
        assert standing.brokers == expected
        assert standing.partners == len(graph[one])


def test_communities_are_the_same_whatever_the_order() -> None:
    rings = [(n, (n + 1) % 4) for n in range(4)] + [(4 + n, 4 + (n + 1) % 4) for n in range(4)] + [(0, 4)]
    assert communities(drawn(rings)) == communities(drawn(rings[::-1]))
    assert communities(drawn(rings))[0] == ["o00", "o01", "o02", "o03"]
    assert communities(drawn([])) == []


def test_growth_counts_quiet_months_and_newcomers_once() -> None:
    months = growth(
        [
            signed("1", "a", "b", date(2021, 11, 3)),
            signed("2", "a", "c", date(2022, 1, 9)),
            signed("3", "a", "b", date(2022, 1, 9)),
            signed("4", "x", "y"),
        ]
    )
    assert [(m.month, m.signed, m.total, m.newcomers, m.organizations) for m in months] == [
        ("2021-11", 1, 1, 2, 2),
        ("2021-12", 0, 1, 0, 2),
        ("2022-01", 2, 3, 1, 3),
    ]
    assert growth([]) == []


@given(pairs)
def test_introductions_are_missing_ties_in_order_of_the_score_as_published(
    found: list[tuple[int, int]],
) -> None:
    graph = drawn(found)
    told = introductions(graph)
    wanted = {(a, b): score for a, b, score in nx.adamic_adar_index(graph) if score > 0}
    assert {tuple(sorted(pair)): pytest.approx(score) for pair, score in wanted.items()} == {
        one.ends: one.score for one in told
    }
    assert [one.score for one in told] == sorted((one.score for one in told), reverse=True)
    assert all(set(one.through) == set(graph[one.ends[0]]) & set(graph[one.ends[1]]) for one in told)


def test_introduction_across_sectors_says_why() -> None:
    people = [organization("ngo", kind="ngo"), organization("firm", kind="business")]
    middle = organization("hall", kind="government", name="City hall")
    graph = graph_of(
        [*people, middle],
        [signed("1", "ngo", "hall", theme="education"), signed("2", "hall", "firm", theme="education")],
    )
    [only] = introductions(graph, across=True)
    assert only.ends == ("firm", "ngo")
    assert [reason.code for reason in only.reasons] == ["shares-partner", "shares-theme"]
    assert "City hall" in str(only.reasons[0])
    cold = [pair for pair in sector_pairs(graph) if set(pair.kinds) == {"ngo", "business"}]
    assert not cold[0].cold, "too few signatures to say so"


def test_cooperation_of_three_parties_counts_once() -> None:
    organizations = [organization(one, kind="ngo") for one in "abc"]
    day = date(2021, 5, 1)
    entries = [signed("1", *pair, day) for pair in (("a", "b"), ("b", "c"), ("a", "c"))]
    entries.append(signed("1", "a", "b", day))
    graph = graph_of(organizations, entries)
    assert [count for _, _, count in graph.edges(data="count")] == [1, 1, 1]
    (month,) = growth(entries)
    assert (month.signed, month.organizations) == (1, 3)
    (year,) = yearly(entries)
    assert (year.year, year.cooperations, year.organizations) == (2021, 1, 3)


def test_futian_gave_twelve_of_its_twenty_million_to_108_projects() -> None:
    """As was published: a fund of 20 million yuan a year, 108 projects, about 12 million."""
    scenario = load_scenario("futian")
    before, year = yearly(scenario.profiles.cooperations, scenario.preset.rules.budgets)
    (fund,) = year.funds
    assert (year.year, fund.limit) == (2015, Quantity(20_000_000_00, "CNY"))
    assert fund.projects == 108
    assert 11_500_000_00 <= fund.given.amount <= 12_500_000_00
    assert before.cooperations + year.cooperations == len(scenario.profiles.cooperations)


def test_years_keep_currencies_apart_and_leave_undated_out() -> None:
    def money(id_: str, day: date | None, amount: int, unit: str) -> Cooperation:
        return Cooperation(
            id=id_,
            need_organization="a",
            offer_organization="b",
            signed=day,
            kind="money",
            quantity=Quantity(amount, unit),
        )

    years = yearly(
        [
            money("1", date(2020, 1, 1), 5, "CNY"),
            money("2", date(2021, 1, 1), 7, "CNY"),
            money("2", date(2021, 1, 1), 9, "EUR"),
            money("3", None, 100, "CNY"),
            signed("4", "a", "c", date(2021, 2, 2)),
        ]
    )
    assert [(one.year, one.cooperations, one.organizations) for one in years] == [(2020, 1, 2), (2021, 2, 3)]
    assert [one.money for one in years] == [
        (Quantity(5, "CNY"),),
        (Quantity(7, "CNY"), Quantity(9, "EUR")),
    ]
