"""Groups in a graph against networkx, whose method is the same with chance in it."""

from __future__ import annotations

import networkx as nx
import pytest

from matching.communities import louvain


def _groups(graph: nx.Graph) -> list[set[int]]:
    """Its nodes are numbers from 0."""
    weights = [
        {other: data.get("weight", 1) for other, data in sorted(graph[one].items())} for one in sorted(graph)
    ]
    numbers = louvain(weights)
    return [{one for one, number in enumerate(numbers) if number == group} for group in sorted(set(numbers))]


def test_planted_groups_are_found() -> None:
    graph = nx.planted_partition_graph(6, 25, 0.4, 0.01, seed=5)
    assert sorted(map(sorted, _groups(graph))) == [list(range(n, n + 25)) for n in range(0, 150, 25)]


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_as_good_as_those_of_networkx(seed: int) -> None:
    graph = nx.barabasi_albert_graph(300, 2, seed=seed)
    for a, b, data in graph.edges(data=True):
        data["weight"] = 1 + (a + b) % 3
    theirs = nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=0))
    assert nx.community.modularity(graph, _groups(graph)) > theirs - 0.02


def test_who_is_alone_stays_alone() -> None:
    assert louvain([]) == []
    assert louvain([{}, {2: 1}, {1: 1}, {}]) == [0, 1, 1, 2]
