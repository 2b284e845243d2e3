"""The graph of signed cooperations: which sectors meet, who holds it together, who should be introduced.

Nodes are organizations (`name`, `kind`, `sector`), edges pairs that have signed something together
(`count`, `first`, `last`, `themes`, `links`). Several entries with one id are one cooperation: of more than
two parties, or of more than one currency. Ties break by id and nothing is drawn at random, so that the same
cooperations give the same picture everywhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from matching.communities import louvain
from matching.messages import Message, Quantity, Term
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import networkx as nx

    from matching.profiles import Cooperation, Organization
    from matching.rules import Budget

COLD = 0.05
"""A pair of sectors is cold if so few cooperations or fewer would be so unlikely by chance."""
WIDEST = 60
"""Partners beyond so many introduce nobody: everybody knows them."""
THEME = 1.5
"""By how much a theme in common makes a tie likelier."""
SMALLEST = 1e-9
"""What is less than this is no score but rounding."""


def graph_of(organizations: Iterable[Organization], cooperations: Iterable[Cooperation]) -> nx.Graph:
    """The cooperations as an undirected graph without loops; organizations nobody names stay out.

    Raises KeyError for a cooperation with an organization that is not among `organizations`.
    """
    import networkx as nx

    known = {one.id: one for one in organizations}
    links: dict[tuple[str, str], list[Cooperation]] = defaultdict(list)
    for one in sorted(cooperations, key=lambda one: one.id):
        ends = sorted((one.need_organization, one.offer_organization))
        if ends[0] != ends[1]:
            links[ends[0], ends[1]].append(one)
    graph = nx.Graph()
    for id_ in sorted({end for pair in links for end in pair}):
        one_kind = known[id_].kind
        graph.add_node(id_, name=known[id_].name, kind=one_kind, sector=sector_of(one_kind))
    for (a, b), signed in sorted(links.items()):
        days = sorted(one.signed for one in signed if one.signed)
        graph.add_edge(
            a,
            b,
            count=len({one.id for one in signed}),
            first=days[0] if days else None,
            last=days[-1] if days else None,
            themes=frozenset(one.theme for one in signed if one.theme),
            links=tuple(dict.fromkeys(one.id for one in signed)),
        )
    return graph


@cache
def sector_of(kind: str) -> str:
    """The sector of a kind of organization: government, enterprise, finance or society."""
    return default_vocabulary().attribute("organization_kinds", kind, "sector")


@cache
def link_type(kind: str, other: str) -> str:
    """The code in `link_types` of two kinds of organization (政社, 企社, 融社, 社社), or nothing."""
    words = default_vocabulary()
    ends = {sector_of(kind), sector_of(other)}
    for code in words.codes("link_types"):
        if ends == {words.attribute("link_types", code, side) for side in ("sector_a", "sector_b")}:
            return code
    return ""


# Sectors ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SectorPair:
    """How often two kinds of organization sign with each other, against chance.

    `expected`: with partners drawn at random among all signatures (the configuration model, Newman 2003);
    `cold`: so few would come by chance, as Poisson has it, in less than `COLD` of cases.
    """

    kinds: tuple[str, str]
    link_type: str
    observed: int
    expected: float
    cold: bool

    @property
    def ratio(self) -> float | None:
        """Observed over expected; None where nothing is expected."""
        return self.observed / self.expected if self.expected else None


def sector_pairs(graph: nx.Graph, kinds: Sequence[str] | None = None) -> list[SectorPair]:
    """Every unordered pair of `kinds` (all of the vocabulary by default), in their order."""
    from scipy.special import pdtr

    kinds = list(kinds or default_vocabulary().codes("organization_kinds"))
    signatures: Counter[str] = Counter()
    observed: Counter[frozenset[str]] = Counter()
    for a, b, count in graph.edges(data="count"):
        ends = (graph.nodes[a]["kind"], graph.nodes[b]["kind"])
        signatures.update({ends[0]: count})
        signatures.update({ends[1]: count})
        observed[frozenset(ends)] += count
    total = sum(signatures.values())
    found = []
    for index, kind in enumerate(kinds):
        for other in kinds[index:]:
            product = signatures[kind] * signatures[other]
            expected = product / total / (2 if kind == other else 1) if total else 0.0
            seen = observed[frozenset((kind, other))]
            cold = bool(seen < expected and pdtr(seen, expected) < COLD)
            found.append(SectorPair((kind, other), link_type(kind, other), seen, expected, cold))
    return found


# Organizations ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """What one organization is in the graph.

    `between` in [0, 1]: on how large a share of the shortest ways between others it lies (see
    `matching.centrality`); `brokers`: pairs of its partners from two sectors that nothing but it connects
    directly, as counted by Gould & Fernandez 1989 for liaisons; `cut_off`: organizations that would lose the
    rest without it.
    """

    id: str
    partners: int
    cooperations: int
    sectors: int
    between: float
    brokers: int
    community: int
    cut_off: int


def standings(graph: nx.Graph) -> dict[str, Standing]:
    """By id, in the order of ids: what each organization is in the graph."""
    import networkx as nx

    from matching.centrality import betweenness

    if not graph:
        return {}
    ids = sorted(graph)
    joined = nx.to_scipy_sparse_array(graph, ids, weight=None, format="csr")
    between = dict(zip(ids, betweenness(joined).tolist(), strict=True))
    community = {one: number for number, group in enumerate(communities(graph)) for one in group}
    losses = cut_off(graph)
    return {
        one: Standing(
            id=one,
            partners=graph.degree(one),
            cooperations=graph.degree(one, weight="count"),
            sectors=len({graph.nodes[other]["sector"] for other in graph[one]}),
            between=between[one],
            brokers=_brokered(graph, one),
            community=community[one],
            cut_off=losses.get(one, 0),
        )
        for one in ids
    }


def _brokered(graph: nx.Graph, one: str) -> int:
    """Unordered pairs of partners, of two sectors, that have signed nothing together."""
    by_sector = Counter(graph.nodes[other]["sector"] for other in graph[one])
    size = sum(by_sector.values())
    across: int = (size * size - sum(count * count for count in by_sector.values())) // 2
    partners = set(graph[one])
    met: int = sum(
        graph.nodes[a]["sector"] != graph.nodes[b]["sector"]
        for a in partners
        for b in partners & set(graph[a])
    )
    return across - met // 2


def communities(graph: nx.Graph) -> list[list[str]]:
    """Organizations that sign more with each other than with others (see `matching.communities`).

    The largest first, members in the order of their ids.
    """
    ids = sorted(graph)
    place = {one: number for number, one in enumerate(ids)}
    neighbours = [{place[other]: edge["count"] for other, edge in sorted(graph[one].items())} for one in ids]
    groups: dict[int, list[str]] = defaultdict(list)
    for one, group in zip(ids, louvain(neighbours), strict=True):
        groups[group].append(one)
    return sorted(groups.values(), key=lambda group: (-len(group), group[0]))


def bridges(graph: nx.Graph) -> list[tuple[str, str, int]]:
    """Pairs that alone hold two parts together, and how many organizations the smaller part has."""
    import networkx as nx

    tree = graph.copy()
    alone = sorted(tuple(sorted(pair)) for pair in nx.bridges(graph))
    tree.remove_edges_from(alone)
    part = {one: number for number, group in enumerate(nx.connected_components(tree)) for one in group}
    sizes = Counter(part.values())
    beyond = _sides(nx.Graph((part[a], part[b]) for a, b in alone), sizes)
    found = [(a, b, min(beyond(part[a], part[b]), beyond(part[b], part[a]))) for a, b in alone]
    return sorted(found, key=lambda one: (-one[2], one[0], one[1]))


def cut_off(graph: nx.Graph) -> dict[str, int]:
    """By id, of those that hold something together: how many others lose the largest part without them.

    From the tree of blocks and articulation points (Hopcroft & Tarjan 1973), in linear time.
    """
    import networkx as nx

    points = set(nx.articulation_points(graph))
    tree, sizes = nx.Graph(), dict.fromkeys((("point", one) for one in points), 1)
    for number, block in enumerate(nx.biconnected_components(graph)):
        sizes["block", number] = len(block - points)
        tree.add_edges_from((("block", number), ("point", one)) for one in block & points)
    beyond = _sides(tree, sizes)
    found: dict[str, int] = {}
    for one in sorted(points):
        parts = [beyond(("point", one), block) for block in tree["point", one]]
        found[one] = sum(parts) - max(parts)
    return found


def _sides(forest: nx.Graph, sizes: Mapping[Any, int]) -> Callable[[Any, Any], int]:
    """Asked with the two ends of an edge: what lies beyond the second, seen from the first, in `sizes`."""
    import networkx as nx

    above: dict[Any, Any] = {}
    below = {node: sizes[node] for node in forest}
    whole: dict[Any, int] = {}
    for group in nx.connected_components(forest):
        edges = list(nx.dfs_edges(forest, next(iter(group))))
        for upper, lower in reversed(edges):
            above[lower] = upper
            below[upper] += below[lower]
        whole |= dict.fromkeys(group, sum(sizes[node] for node in group))
    return lambda here, there: below[there] if above.get(there) == here else whole[there] - below[here]


# Over time --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Month:
    """What was signed in one month (`2021-11`): cooperations and organizations, new in it and so far."""

    month: str
    signed: int
    total: int
    newcomers: int
    organizations: int


def growth(cooperations: Iterable[Cooperation]) -> list[Month]:
    """Month by month from the first signature to the last, quiet months included; undated ones stay out."""
    dated = sorted(
        ((one.signed, one.id, one) for one in cooperations if one.signed), key=lambda found: found[:2]
    )
    if not dated:
        return []
    met: set[str] = set()
    signed = Counter(f"{day:%Y-%m}" for day, _ in {(day, id_) for day, id_, _ in dated})
    newcomers: Counter[str] = Counter()
    for day, _, one in dated:
        month = f"{day:%Y-%m}"
        for organization in (one.need_organization, one.offer_organization):
            if organization not in met:
                met.add(organization)
                newcomers[month] += 1
    first, last = dated[0][0], dated[-1][0]
    found: list[Month] = []
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        month = f"{number // 12}-{number % 12 + 1:02}"
        before = found[-1] if found else Month("", 0, 0, 0, 0)
        found.append(
            Month(
                month,
                signed[month],
                before.total + signed[month],
                newcomers[month],
                before.organizations + newcomers[month],
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class FundUse:
    """How much of a fund's yearly limit was given, to how many projects."""

    name: str
    limit: Quantity
    given: Quantity
    projects: int


@dataclass(frozen=True, slots=True)
class Year:
    """What was signed in one year: cooperations, organizations in them, money by currency, use of funds."""

    year: int
    cooperations: int
    organizations: int
    money: tuple[Quantity, ...]
    funds: tuple[FundUse, ...]


def yearly(cooperations: Iterable[Cooperation], funds: Iterable[Budget] = ()) -> list[Year]:
    """Year by year, the first one first, for a report; undated cooperations stay out."""
    dated: dict[int, list[Cooperation]] = defaultdict(list)
    for one in cooperations:
        if one.signed:
            dated[one.signed.year].append(one)
    known = sorted(funds, key=lambda fund: fund.name)
    return [
        Year(
            year=year,
            cooperations=len({one.id for one in signed}),
            organizations=len(
                {end for one in signed for end in (one.need_organization, one.offer_organization)}
            ),
            money=_money(signed),
            funds=tuple(_use(fund, signed) for fund in known),
        )
        for year, signed in sorted(dated.items())
    ]


def _money(signed: Iterable[Cooperation]) -> tuple[Quantity, ...]:
    sums: Counter[str] = Counter()
    for one in signed:
        if one.kind == "money" and one.quantity:
            sums[one.quantity.unit] += one.quantity.amount
    return tuple(Quantity(amount, unit) for unit, amount in sorted(sums.items()))


def _use(fund: Budget, signed: Iterable[Cooperation]) -> FundUse:
    own = [one for one in signed if one.offer in fund.offers and one.quantity]
    given = sum(one.quantity.amount for one in own if one.quantity and one.quantity.unit == fund.limit.unit)
    return FundUse(fund.name, fund.limit, Quantity(given, fund.limit.unit), len({one.id for one in own}))


# Who should meet --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Introduction:
    """Two organizations that have signed nothing together and probably would: how likely, and why."""

    ends: tuple[str, str]
    score: float
    reasons: tuple[Message, ...]
    through: tuple[str, ...]
    """Partners that both have, the one with the fewest others first: who could introduce them."""


def introductions(
    graph: nx.Graph, cold: Iterable[SectorPair] = (), *, most: int = 50, across: bool = False
) -> list[Introduction]:
    """The likeliest missing ties, the likeliest first.

    The score is that of Adamic & Adar 2003, the sum over partners they share of 1 / log(number of its
    partners), half as much again where they also work on a theme in common. `across`: only ties between two
    sectors; pairs of `cold` kinds get a reason of their own and come before equals.
    """
    import networkx as nx
    import numpy as np
    from scipy.sparse import diags_array, triu

    ids = sorted(graph)
    if len(ids) < 3:
        return []
    joined = nx.to_scipy_sparse_array(graph, ids, weight=None, dtype=float, format="csr")
    degree = joined.sum(axis=0)
    tells = np.where((degree > 1) & (degree <= WIDEST), 1 / np.log(np.maximum(degree, 2)), 0.0)
    shared = joined @ diags_array(tells) @ joined
    missing = triu(shared - shared.multiply(joined), k=1).tocoo()
    first, second, score = missing.row, missing.col, missing.data
    sector = np.unique([graph.nodes[one]["sector"] for one in ids], return_inverse=True)[1]
    likely = (score > SMALLEST) & ((sector[first] != sector[second]) if across else True)
    if (count := np.count_nonzero(likely)) > most:
        likely &= score * THEME >= np.partition(score[likely], count - most)[count - most]
    cold_kinds = {frozenset(pair.kinds) for pair in cold if pair.cold}
    found = [
        _introduction(graph, ids[a], ids[b], value, cold_kinds)
        for a, b, value in zip(first[likely], second[likely], score[likely].tolist(), strict=True)
    ]
    found.sort(key=lambda one: (-one.score, not _is_cold(graph, one, cold_kinds), one.ends))
    return found[:most]


def _is_cold(graph: nx.Graph, one: Introduction, cold: set[frozenset[str]]) -> bool:
    return frozenset(graph.nodes[end]["kind"] for end in one.ends) in cold


def _introduction(graph: nx.Graph, a: str, b: str, score: float, cold: set[frozenset[str]]) -> Introduction:
    themes = _themes(graph, a) & _themes(graph, b)
    through = sorted(set(graph[a]) & set(graph[b]), key=lambda one: (graph.degree(one), one))
    name = graph.nodes[through[0]]["name"]
    reasons = [
        Message("shares-partner", "Both have signed with {name}.", name=name)
        if len(through) == 1
        else Message(
            "shares-partners",
            "They share {count} partners, among them {name}.",
            count=len(through),
            name=name,
        )
    ]
    if themes:
        reasons.append(Message("shares-theme", "Both work on {theme}.", theme=Term("themes", min(themes))))
    kinds = sorted(graph.nodes[end]["kind"] for end in (a, b))
    if frozenset(kinds) in cold:
        reasons.append(
            Message(
                "cold-sectors",
                "{kind} and {other} sign less with each other than chance would have it.",
                kind=Term("organization_kinds", kinds[0]),
                other=Term("organization_kinds", kinds[-1]),
            )
        )
    weighed = score * (THEME if themes else 1.0)
    return Introduction((a, b), weighed, tuple(reasons), tuple(through))


def _themes(graph: nx.Graph, one: str) -> frozenset[str]:
    return frozenset().union(*(edge["themes"] for edge in graph[one].values()))
