"""The graph in a reader's words: what the pages and pictures are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matching.messages import Message, Term
from matching.vocabulary import default_vocabulary
from service.network import pictures, queries
from service.network.analysing import Edge, Node
from service.wording import say, term_text

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.network.models import Snapshot
    from service.organizations.models import Organization

PICTURES = ("graph", "growth", "matrix")
PAGE = 50
SORTS = ("partners", "cooperations", "sectors", "between", "brokers", "cut_off")
"""By what the list of organizations can be ordered: fields of `Node`, the most first."""
_GRAPH = Message("picture-graph", "Who has signed with whom")
_UNTIL = Message("picture-graph-until", "Who had signed with whom by the end of {year}")
_GROWTH = Message("picture-growth", "Signed cooperations month by month")
_NEW = Message("picture-new", "new in the month")
_ALL = Message("picture-all", "all so far")
_MATRIX = Message("picture-matrix", "Which kinds of organization sign with each other")
_COLD = Message(
    "picture-cold",
    "In brackets: as many as chance would bring. Outlined in red: so few would come by chance in less than "
    "one case of twenty.",
)


def picture(
    session: Session, drawn: Snapshot, name: str, language: str, *, until: int | None, link: str | None
) -> str:
    """One of `PICTURES` as SVG; `until` a year and only one type of `link`, of the graph."""
    vocabulary = default_vocabulary()
    kinds = {
        code: vocabulary.label("organization_kinds", code, language)
        for code in vocabulary.codes("organization_kinds")
    }
    if name == "growth":
        axis = (say(_NEW, language), say(_ALL, language))
        return pictures.growth_svg(drawn.figures["months"], title=say(_GROWTH, language), axis=axis)
    if name == "matrix":
        title, cold = say(_MATRIX, language), say(_COLD, language)
        return pictures.matrix_svg(drawn.figures["matrix"], title=title, kinds=kinds, cold=cold)
    nodes = [Node(*row) for row in drawn.layout["nodes"]]
    largest = sorted(nodes, key=lambda node: (-node.partners, node.id))[:200]
    names = {uid: one.name for uid, one in queries.named(session, [node.id for node in largest]).items()}
    title = (
        say(_GRAPH, language)
        if until is None
        else say(Message(_UNTIL.code, _UNTIL.template, year=str(until)), language)
    )
    if link:
        title += f" · {term_text(Term('link_types', link), language)}"
    present = {node.kind for node in nodes}
    legend = {code: words for code, words in kinds.items() if code in present}
    return pictures.graph_svg(drawn.layout, names, title=title, legend=legend, until=until, link=link)


@dataclass(frozen=True, slots=True)
class Standing:
    """An organization in the list, with what it is in the graph."""

    node: Node
    organization: Organization


def standings(session: Session, drawn: Snapshot, *, sort: str, page: int) -> tuple[list[Standing], int]:
    """A page of all organizations of the graph, ordered by a field of `Node`; how many pages there are."""
    nodes = [Node(*row) for row in drawn.layout["nodes"]]
    nodes.sort(key=lambda node: (-getattr(node, sort), node.id))
    shown = nodes[(page - 1) * PAGE : page * PAGE]
    names = queries.named(session, [node.id for node in shown])
    found = [Standing(node, names[node.id]) for node in shown if node.id in names]
    return found, max(1, -(-len(nodes) // PAGE))


def partners(
    session: Session, drawn: Snapshot, uid: str
) -> tuple[Node, list[tuple[Organization, Edge]]] | None:
    """What one organization is in the graph, and with whom it has signed how often; None: nothing yet."""
    nodes = [Node(*row) for row in drawn.layout["nodes"]]
    here = next((number for number, node in enumerate(nodes) if node.id == uid), None)
    if here is None:
        return None
    ties = [edge for row in drawn.layout["edges"] if here in ((edge := Edge(*row)).a, edge.b)]
    others = {edge.b if edge.a == here else edge.a: edge for edge in ties}
    names = queries.named(session, [nodes[number].id for number in others])
    found = [(names[nodes[number].id], edge) for number, edge in others.items() if nodes[number].id in names]
    return nodes[here], sorted(found, key=lambda one: (-one[1].times, one[0].name))


def years_of(figures: dict[str, Any]) -> list[int]:
    """The years in which something was signed."""
    return [one["year"] for one in figures["years"]]
