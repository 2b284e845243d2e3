"""The job that looks at the graph of cooperations: its figures and a layout."""

from __future__ import annotations

from collections import Counter
from math import asin, cos, hypot, log1p, pi, sin, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from sqlmodel import col, delete

from service.db import reading, writing
from service.disclosure import graph as signed
from service.network import queries
from service.network.models import Snapshot
from service.wording import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import networkx as nx

    from matching import profiles
    from matching.cooperation import Introduction, Standing
    from matching.rules import Budget
    from service.jobs import Work

MOST = 12
"""Organizations, groups and bridges that a list of the page has."""
MOST_TIES = 60
GAP = 1.2
"""Room around a part, where an organization has room of about 1."""
SIZE = 2_000
"""Width and height of the picture in its own units."""
ITERATIONS = 50
STEPS = 60_000
"""Iterations times organizations of the layout, so that large graphs are drawn in seconds too."""


class Node(NamedTuple):
    """An organization: where it lies in the picture and what it is in the graph."""

    id: str
    kind: str
    x: int
    y: int
    group: int
    partners: int
    cooperations: int
    sectors: int
    between: float
    brokers: int
    cut_off: int


class Edge(NamedTuple):
    """Two organizations (by place among the nodes) that have signed: how often, since when, of which link."""

    a: int
    b: int
    times: int
    year: int
    link: str


class Figures(TypedDict):
    """What the page says in numbers; organizations by uid."""

    organizations: int
    cooperations: int
    pairs: int
    parts: int
    largest: int
    links: dict[str, int]
    matrix: list[dict[str, Any]]
    hubs: list[str]
    brokers: list[str]
    between: list[str]
    fragile: list[str]
    bridges: list[tuple[str, str, int]]
    groups: list[dict[str, Any]]
    months: list[tuple[str, int, int, int, int]]
    years: list[dict[str, Any]]
    ties: list[dict[str, Any]]
    across: list[dict[str, Any]]


def draw_network(work: Work) -> None:
    """The job: look at the graph anew if something was signed since the last time."""
    with reading(work.engine) as session:
        print_ = queries.fingerprint(session)
        if queries.is_drawn(session, print_):
            return
        cooperations, organizations = signed.cooperations(session), signed.organizations(session)
        funds = queries.funds(session)
    figures, layout = looked_at(organizations, cooperations, funds, work.progress)
    with writing(work.engine) as session:
        if not queries.is_drawn(session, print_):
            session.execute(delete(Snapshot).where(col(Snapshot.fingerprint) != print_))
            session.add(Snapshot(fingerprint=print_, figures=dict(figures), layout=layout))


def looked_at(
    organizations: Iterable[profiles.Organization],
    cooperations: Sequence[profiles.Cooperation],
    funds: Iterable[Budget] = (),
    progress: Callable[[float], None] = lambda _share: None,
) -> tuple[Figures, dict[str, Any]]:
    """Figures and layout of the graph of these cooperations."""
    import networkx as nx

    from matching.cooperation import (
        bridges,
        communities,
        graph_of,
        growth,
        introductions,
        sector_pairs,
        standings,
        yearly,
    )

    graph = graph_of(organizations, cooperations)
    standing = standings(graph)
    progress(0.4)
    nodes, edges = _layout(graph, standing)
    progress(0.8)
    pairs = sector_pairs(graph)
    sizes = sorted((len(part) for part in nx.connected_components(graph)), reverse=True)
    figures = Figures(
        organizations=len(graph),
        cooperations=len({one.id for one in cooperations}),
        pairs=graph.number_of_edges(),
        parts=len(sizes),
        largest=sizes[0] if sizes else 0,
        links=dict(Counter(edge.link for edge in edges for _ in range(edge.times))),
        matrix=[
            {
                "kinds": list(pair.kinds),
                "link": pair.link_type,
                "observed": pair.observed,
                "expected": round(pair.expected, 2),
                "cold": pair.cold,
            }
            for pair in pairs
        ],
        hubs=_first(standing, lambda one: one.partners),
        brokers=_first(standing, lambda one: one.brokers),
        between=_first(standing, lambda one: one.between),
        fragile=_first(standing, lambda one: one.cut_off),
        bridges=bridges(graph)[:MOST],
        groups=[_group(graph, members) for members in communities(graph)[:MOST] if len(members) > 1],
        months=[
            (one.month, one.signed, one.total, one.newcomers, one.organizations)
            for one in growth(cooperations)
        ],
        years=[
            {
                "year": one.year,
                "cooperations": one.cooperations,
                "organizations": one.organizations,
                "money": [[sum_.amount, sum_.unit] for sum_ in one.money],
                "funds": [
                    [fund.name, fund.limit.amount, fund.limit.unit, fund.given.amount, fund.projects]
                    for fund in one.funds
                    if fund.projects
                ],
            }
            for one in yearly(cooperations, funds)
        ],
        ties=[_tie(one) for one in introductions(graph, pairs, most=MOST_TIES)],
        across=[_tie(one) for one in introductions(graph, pairs, most=MOST_TIES, across=True)],
    )
    return figures, {"nodes": [list(node) for node in nodes], "edges": [list(edge) for edge in edges]}


def _first(standing: Mapping[str, Standing], by: Callable[[Standing], float]) -> list[str]:
    """Those that have most of something, the most first; who has none of it is not among them."""
    ranked = sorted(standing.values(), key=lambda one: (-by(one), one.id))
    return [one.id for one in ranked[:MOST] if by(one) > 0]


def _group(graph: nx.Graph, members: Sequence[str]) -> dict[str, Any]:
    inside = graph.subgraph(members)
    themes: Counter[str] = Counter()
    for _, _, edge_themes in inside.edges(data="themes"):
        themes.update(edge_themes)
    return {
        "size": len(members),
        "kinds": dict(Counter(graph.nodes[one]["kind"] for one in members).most_common()),
        "themes": [theme for theme, _ in sorted(themes.items(), key=lambda one: (-one[1], one[0]))[:3]],
        "members": sorted(members, key=lambda one: (-graph.degree(one), one))[:6],
    }


def _tie(one: Introduction) -> dict[str, Any]:
    return {
        "ends": list(one.ends),
        "score": round(one.score, 4),
        "reasons": [stored(reason) for reason in one.reasons],
        "through": list(one.through[:3]),
    }


# The layout -------------------------------------------------------------------------------------------


def _layout(graph: nx.Graph, standing: Mapping[str, Standing]) -> tuple[list[Node], list[Edge]]:
    from matching.cooperation import link_type

    ids = sorted(graph)
    place = {one: number for number, one in enumerate(ids)}
    spots = _spots(graph, ids, place, standing)
    kinds = graph.nodes(data="kind")
    nodes = [
        Node(
            one,
            kinds[one],
            *spots[place[one]],
            standing[one].community,
            standing[one].partners,
            standing[one].cooperations,
            standing[one].sectors,
            round(standing[one].between, 5),
            standing[one].brokers,
            standing[one].cut_off,
        )
        for one in ids
    ]
    edges = [
        Edge(
            place[a],
            place[b],
            data["count"],
            data["first"].year if data["first"] else 0,
            link_type(kinds[a], kinds[b]),
        )
        for a, b, data in sorted(graph.edges(data=True), key=lambda edge: edge[:2])
    ]
    return nodes, edges


def _spots(
    graph: nx.Graph, ids: Sequence[str], place: Mapping[str, int], standing: Mapping[str, Standing]
) -> list[tuple[int, int]]:
    """Where each lies: what is joined in a disc of its own, the largest disc in the middle."""
    import networkx as nx

    parts = sorted(
        (sorted(part) for part in nx.connected_components(graph)), key=lambda one: (-len(one), one)
    )
    radii = [sqrt(len(part)) + GAP for part in parts]
    spots = [(0.0, 0.0)] * len(ids)
    for part, radius, (x, y) in zip(parts, radii, _packed(radii), strict=True):
        for one, (left, up) in zip(part, _disc(graph, part, standing), strict=True):
            spots[place[one]] = (x + left * (radius - GAP), y + up * (radius - GAP))
    widest = max((max(abs(x), abs(y)) for x, y in spots), default=1.0) or 1.0
    scale = 0.46 * SIZE / widest
    return [(round(SIZE / 2 + x * scale), round(SIZE / 2 + y * scale)) for x, y in spots]


def _packed(radii: Sequence[float]) -> list[tuple[float, float]]:
    """Centres of discs, the largest first: one in the middle, the others in rings around it."""
    spots = [(0.0, 0.0)][: len(radii)]
    reached = radii[0] if radii else 0.0
    while len(spots) < len(radii):
        thick = radii[len(spots)]
        ring, angle = reached + thick, 0.0
        while len(spots) < len(radii):
            wide = 2 * asin(min(1.0, radii[len(spots)] / ring))
            if angle + wide > 2 * pi + 1e-9:
                break
            spots.append((ring * cos(angle + wide / 2), ring * sin(angle + wide / 2)))
            angle += wide
        reached = ring + thick
    return spots


def _disc(
    graph: nx.Graph, part: Sequence[str], standing: Mapping[str, Standing]
) -> list[tuple[float, float]]:
    """One part in the unit disc: springs between partners, beginning with each group together."""
    import rustworkx as rx

    place = {one: number for number, one in enumerate(part)}
    springs = rx.PyGraph(multigraph=False)
    springs.add_nodes_from(list(part))
    springs.add_edges_from_no_data([(place[a], place[b]) for a, b in graph.subgraph(part).edges])
    drawn = rx.spring_layout(
        springs,
        pos=_beginning(part, standing),
        num_iter=max(10, min(ITERATIONS, STEPS // len(part))),
        seed=0,
    )
    return _tamed([tuple(drawn[number]) for number in range(len(part))])


def _beginning(ids: Sequence[str], standing: Mapping[str, Standing]) -> dict[int, tuple[float, float]]:
    """Groups on a sunflower, the members of each around its place."""
    counts: Counter[int] = Counter()
    spots = {}
    for number, one in enumerate(ids):
        group = standing[one].community
        counts[group] += 1
        turn, inner = group * pi * (3 - sqrt(5)), counts[group] * pi * (3 - sqrt(5))
        radius, near = sqrt(group + 0.5), 0.05 * sqrt(counts[group])
        spots[number] = (radius * cos(turn) + near * cos(inner), radius * sin(turn) + near * sin(inner))
    return spots


def _tamed(spots: Sequence[tuple[float, ...]]) -> list[tuple[float, float]]:
    """In the unit disc; what flew far away is drawn back to its edge."""
    middle = [sum(axis) / len(spots) for axis in zip(*spots, strict=True)]
    moved = [(x - middle[0], y - middle[1]) for x, y in spots]
    radii = sorted(hypot(x, y) for x, y in moved)
    common = radii[int(0.9 * (len(radii) - 1))] or 1.0
    pulled = []
    for x, y in moved:
        far = hypot(x, y) / common
        pull = 1.0 if far <= 1 else (1 + 0.25 * log1p(far - 1)) / far
        pulled.append((x * pull / common, y * pull / common))
    widest = max(hypot(x, y) for x, y in pulled) or 1.0
    return [(x / widest, y / widest) for x, y in pulled]
