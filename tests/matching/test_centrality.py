"""Betweenness against networkx."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.centrality import AT_ONCE, betweenness


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(lambda pair: pair[0] != pair[1])))
def test_small_graphs_in_parts_or_whole(edges: list[tuple[int, int]]) -> None:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(15))
    _same(graph)


def test_more_than_are_counted_at_once() -> None:
    _same(nx.barabasi_albert_graph(2 * AT_ONCE + 7, 2, seed=3))
    _same(nx.path_graph(AT_ONCE + 1))


def test_where_nothing_can_lie_between() -> None:
    for graph in (nx.empty_graph(1), nx.path_graph(2)):
        assert not betweenness(nx.to_scipy_sparse_array(graph)).any()


def _same(graph: nx.Graph) -> None:
    nodes = sorted(graph)
    found = betweenness(nx.to_scipy_sparse_array(graph, nodes, weight=None, format="csr"))
    expected = nx.betweenness_centrality(graph)
    assert found.tolist() == pytest.approx([expected[node] for node in nodes], abs=2e-6)
