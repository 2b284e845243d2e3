"""Pictures to look at and to keep: the graph, growth and the sectors, as SVG; as PNG through typst.

They are files of their own, drawn light on every screen, and hold no script. Organizations and ties are
strokes of a few paths, so that 5,000 and 20,000 of them weigh less than a photo.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from service.network.analysing import SIZE, Edge, Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

INK, FAINT, PAPER = "#26302e", "#5c6b68", "#ffffff"
LINKS = {
    "government-society": "#b45309",
    "enterprise-society": "#0f766e",
    "finance-society": "#6d28d9",
    "society-society": "#2563eb",
    "": "#8a9694",
}
"""Colours of the link types, those of other pairs last."""
KINDS = {
    "government": "#b45309",
    "business": "#0f766e",
    "finance": "#6d28d9",
    "ngo": "#2563eb",
    "association": "#0284c7",
    "academia": "#be185d",
    "media": "#4d7c0f",
}
_LABELLED = 24


def _svg(width: int, height: int, title: str, body: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" '
        f'font-family="Inter, Noto Sans CJK SC, Noto Sans SC, sans-serif"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>{"".join(body)}</svg>'
    )


def _text(x: float, y: float, words: str, size: int = 22, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{INK}" {more}>{escape(words)}</text>'


def graph_svg(
    layout: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    title: str,
    legend: Mapping[str, str],
    until: int | None = None,
    link: str | None = None,
) -> str:
    """The graph, of signatures up to a year, of one type of link; the largest with their names."""
    nodes = [Node(*row) for row in layout["nodes"]]
    edges = [edge for row in layout["edges"] if _shown(edge := Edge(*row), until, link)]
    there = {end for edge in edges for end in (edge.a, edge.b)}
    weight = max(0.9, min(4.0, 60 / max(1.0, len(edges) ** 0.5)))
    faint = max(0.18, min(0.7, 12 / max(1.0, len(edges) ** 0.5)))
    lines: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        one, other = nodes[edge.a], nodes[edge.b]
        lines[edge.link].append(f"M{one.x} {one.y}L{other.x} {other.y}")
    body = [
        f'<path d="{"".join(lines[code])}" stroke="{colour}" stroke-width="{weight:.2g}" '
        f'stroke-opacity="{faint:.2g}" fill="none"/>'
        for code, colour in LINKS.items()
        if code in lines
    ]
    dots: dict[tuple[str, int], list[str]] = defaultdict(list)
    for number in sorted(there):
        node = nodes[number]
        dots[node.kind, _width(node, len(there))].append(f"M{node.x} {node.y}h0")
    body += [
        f'<path d="{"".join(strokes)}" stroke="{KINDS.get(kind, FAINT)}" stroke-width="{width}" '
        'stroke-linecap="round" fill="none"/>'
        for (kind, width), strokes in sorted(dots.items())
    ]
    largest = sorted((nodes[number] for number in there), key=lambda node: (-node.partners, node.id))
    body += _labels([node for node in largest[:_LABELLED] if node.id in names], names)
    body.append(_text(40, 64, title, 34, 'font-weight="600"'))
    for row, (code, words) in enumerate(legend.items()):
        y = SIZE - 40 - 40 * (len(legend) - 1 - row)
        colour = KINDS.get(code, FAINT)
        body.append(f'<path d="M56 {y - 8}h0" stroke="{colour}" stroke-width="24" stroke-linecap="round"/>')
        body.append(_text(80, y, words, 26))
    return _svg(SIZE, SIZE, title, body)


def _shown(edge: Edge, until: int | None, link: str | None) -> bool:
    return (until is None or edge.year <= until) and (link is None or edge.link == link)


def _width(node: Node, shown: int) -> int:
    """How thick an organization's dot is: its area grows with its partners, in few steps."""
    least = 26 if shown < 200 else 14 if shown < 1_500 else 7
    return int(least * min(4.0, 1 + 0.35 * (node.partners**0.5 - 1)) / 2) * 2


def _labels(nodes: Sequence[Node], names: Mapping[str, str]) -> list[str]:
    """Names beside the largest, those left out that would lie over another."""
    placed: list[tuple[int, int, int]] = []
    found = []
    for node in nodes:
        name = names[node.id] if len(names[node.id]) <= 28 else f"{names[node.id][:27]}…"
        wide = sum(26 if ord(letter) > 0x2E80 else 14 for letter in name)
        left = node.x + 22 if node.x + 22 + wide < SIZE else node.x - 22 - wide
        if all(abs(node.y - y) > 32 or left > x + w or left + wide < x for x, y, w in placed):
            placed.append((left, node.y, wide))
            found.append(
                _text(left, node.y + 9, name, 26, 'stroke="#ffffff" stroke-width="6" paint-order="stroke"')
            )
    return found


def growth_svg(months: Sequence[Sequence[Any]], *, title: str, axis: tuple[str, str]) -> str:
    """Cooperations month by month: new ones as columns, all so far as a line. `axis`: their names."""
    width, height, left, floor, top = 1_200, 520, 80, 440, 100
    body = [_text(40, 50, title, 28, 'font-weight="600"')]
    if not months:
        return _svg(width, height, title, body)
    most, whole = max(row[1] for row in months) or 1, months[-1][2] or 1
    step = (width - left - 120) / len(months)
    columns = "".join(
        f"M{left + step * (n + 0.5):.1f} {floor}V{floor - (floor - top) * row[1] / most:.1f}"
        for n, row in enumerate(months)
        if row[1]
    )
    line = " ".join(
        f"{left + step * (n + 0.5):.1f},{floor - (floor - top) * row[2] / whole:.1f}"
        for n, row in enumerate(months)
    )
    body += [
        f'<path d="M{left} {floor}H{width - 120}" stroke="{FAINT}"/>',
        f'<path d="{columns}" stroke="#5eaaa3" stroke-width="{max(1.0, step * 0.7):.1f}"/>',
        f'<polyline points="{line}" fill="none" stroke="#b45309" stroke-width="4"/>',
        _text(left - 12, top + 8, str(most), 22, 'text-anchor="end"'),
        _text(left - 12, floor, "0", 22, 'text-anchor="end"'),
        _text(width - 108, top + 8, str(whole)),
    ]
    years = [(n, row[0][:4]) for n, row in enumerate(months)]
    firsts = [years[0], *(after for before, after in pairwise(years) if before[1] != after[1])]
    every = -(-len(firsts) // 14)
    for n, year in firsts[::every]:
        body.append(_text(left + step * (n + 0.5), floor + 34, year, 22, 'text-anchor="middle"'))
    for n, (words, colour) in enumerate(zip(axis, ("#5eaaa3", "#b45309"), strict=True)):
        y = height - 20
        body.append(f'<path d="M{left + 420 * n} {y - 8}h28" stroke="{colour}" stroke-width="10"/>')
        body.append(_text(left + 420 * n + 40, y, words))
    return _svg(width, height, title, body)


def matrix_svg(
    matrix: Sequence[Mapping[str, Any]], *, title: str, kinds: Mapping[str, str], cold: str
) -> str:
    """Who signs with whom: how often above how often by chance; cold pairs are outlined."""
    cell, left, top = 130, 330, 130
    size = len(kinds)
    place = {kind: number for number, kind in enumerate(kinds)}
    most = max((pair["observed"] for pair in matrix), default=0) or 1
    body = [_text(40, 50, title, 28, 'font-weight="600"')]
    for kind, words in kinds.items():
        at = place[kind]
        body.append(_text(left - 16, top + cell * (at + 0.5) + 8, words, 22, 'text-anchor="end"'))
    for pair in matrix:
        row, column = sorted((place[one] for one in pair["kinds"]), reverse=True)
        x, y = left + cell * column, top + cell * row
        strength = (pair["observed"] / most) ** 0.5
        edge = 'stroke="#b91c1c" stroke-width="5"' if pair["cold"] else 'stroke="#d6dedc"'
        body.append(
            f'<rect x="{x + 4}" y="{y + 4}" width="{cell - 8}" height="{cell - 8}" rx="12" fill="#0f766e" '
            f'fill-opacity="{strength * 0.45:.2f}" {edge}/>'
        )
        middle = 'text-anchor="middle"'
        body.append(_text(x + cell / 2, y + 62, str(pair["observed"]), 32, f'{middle} font-weight="600"'))
        body.append(_text(x + cell / 2, y + 96, f"({pair['expected']:.1f})", 20, middle))
    for kind, words in kinds.items():
        at = place[kind]
        body.append(_text(left + cell * (at + 0.1), top + cell * at - 12, words, 18))
    body.append(_text(40, top + cell * size + 50, cold, 20))
    return _svg(left + cell * size + 160, top + cell * size + 80, title, body)


def png(svg: str) -> bytes:
    """The same picture in pixels, for those who cannot place an SVG."""
    import typst

    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "picture.svg").write_text(svg, encoding="utf-8")
        (place / "page.typ").write_text(
            '#set page(width: 12in, height: auto, margin: 0pt)\n#image("picture.svg", width: 100%)\n',
            encoding="utf-8",
        )
        typst.compile(str(place / "page.typ"), output=str(place / "picture.png"), format="png", ppi=150.0)
        return (place / "picture.png").read_bytes()
