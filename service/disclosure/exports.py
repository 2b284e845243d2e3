"""All cooperations, or those found in the register, as files in open formats, written as they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any

from service.db import now, reading
from service.disclosure import open_data, tables
from service.disclosure.models import LICENCE, LICENCE_NAME, DisclosureOut, Wanted
from service.disclosure.open_data import Publisher
from service.disclosure.queries import everything
from service.disclosure.register import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import networkx as nx
    from sqlalchemy import Engine

_PIECE = 64 * 1024
"""Characters sent at once."""


class Format(StrEnum):
    """In which form cooperations are handed out."""

    GIVING = "360giving"
    OCDS = "ocds"
    CSV = "csv"
    XLSX = "xlsx"
    GRAPHML = "graphml"
    GEXF = "gexf"
    JSONLD = "jsonld"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file in a format is called and how it is announced."""

    ending: str
    media_type: str
    pieces: Callable[[Iterable[DisclosureOut], Publisher], Iterator[bytes]]


def export(engine: Engine, format_: Format, url: str, wanted: Wanted | None = None) -> Iterator[bytes]:
    """The file, a piece at a time; `wanted`: only what the register finds. It has a session of its own."""
    publisher = Publisher(url=url, at=now())
    with reading(engine) as session:
        found = everything(session, chosen(wanted) if wanted else None)
        yield from KINDS[format_].pieces(found, publisher)


def filename(format_: Format) -> str:
    """What the file is called when it is saved."""
    return f"cooperations-{now():%Y-%m-%d}.{KINDS[format_].ending}"


def _giving(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    grants = (grant for one in found for grant in open_data.grants(one, publisher))
    return _json(open_data.grant_package(publisher), "grants", grants)


def _ocds(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    releases = (open_data.release(one, publisher) for one in found if open_data.is_purchase(one))
    return _json(open_data.release_package(publisher), "releases", releases)


def _linked(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    things = (open_data.linked(one, publisher) for one in found)
    return _json(open_data.catalogue(publisher), "@graph", things)


def _json(head: dict[str, Any], name: str, items: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A JSON object whose last member is a list that never lies in memory as a whole."""
    before = json.dumps(head, ensure_ascii=False, indent=1).rstrip("}").rstrip()
    texts = chain(
        [f'{before},\n "{name}": ['],
        (
            ("\n  " if number == 0 else ",\n  ") + json.dumps(item, ensure_ascii=False)
            for number, item in enumerate(items)
        ),
        ["\n ]\n}\n"],
    )
    return _gathered(texts)


def _gathered(texts: Iterable[str]) -> Iterator[bytes]:
    """Texts in pieces worth sending."""
    held, size = [], 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join(held).encode()


# The graph --------------------------------------------------------------------------------------------


def _graphml(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    import networkx as nx

    return _gathered(f"{line}\n" for line in nx.generate_graphml(_graph(found, publisher)))


def _gexf(found: Iterable[DisclosureOut], publisher: Publisher) -> Iterator[bytes]:
    import networkx as nx

    about = f"<description>{LICENCE_NAME} {LICENCE}</description></meta>"
    lines = nx.generate_gexf(_graph(found, publisher), version="1.2draft")
    return _gathered(line.replace("</meta>", about) + "\n" for line in lines)


def _graph(found: Iterable[DisclosureOut], publisher: Publisher) -> nx.Graph:
    """Parties as nodes, pairs that have signed as edges, with what these file formats can hold."""
    from itertools import combinations

    import networkx as nx

    graph = nx.Graph(license=LICENCE, source=f"{publisher.url}/cooperations")
    for one in found:
        for party in one.parties:
            graph.add_node(party.id, label=party.name, kind=party.kind, sector=party.sector)
        signed = one.signed.isoformat()
        for a, b in combinations(sorted(party.id for party in one.parties), 2):
            if not graph.has_edge(a, b):
                graph.add_edge(a, b, weight=0, first=signed, last=signed)
            edge = graph.edges[a, b]
            edge.update(
                weight=edge["weight"] + 1, first=min(edge["first"], signed), last=max(edge["last"], signed)
            )
    return graph


KINDS = {
    Format.GIVING: Kind("360giving.json", "application/json", _giving),
    Format.OCDS: Kind("ocds.json", "application/json", _ocds),
    Format.CSV: Kind("csv", "text/csv; charset=utf-8", tables.csv_lines),
    Format.XLSX: Kind(
        "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", tables.workbook
    ),
    Format.GRAPHML: Kind("graphml", "application/graphml+xml", _graphml),
    Format.GEXF: Kind("gexf", "application/gexf+xml", _gexf),
    Format.JSONLD: Kind("jsonld", "application/ld+json", _linked),
}
