"""Geometry of the report's pictures; the template draws it as inline SVG.

Heights are CSS pixels. Ribbons run from x = 0 to x = 100 and are stretched to the width there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.outcome import Matching, Pairing
    from matching.profiles import Profile

PITCH = 44
"""Height of one label."""
_THICK = 26.0
"""Thickness of the ribbon that carries the whole of a need."""
_THIN = 2.5
_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Node:
    """A need or an offer at the edge of the picture: `y` is the top of its label's slot, `bar` its mark."""

    profile: Profile
    number: int
    y: float
    height: float
    bar_y: float
    bar_height: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    """One pairing between two nodes; `share` of the need that it carries, in [0, 1]."""

    pairing: Pairing
    need: int
    offer: int
    path: str
    share: float


@dataclass(frozen=True, slots=True)
class Ribbons:
    """Who with whom: nodes of both sides from top to bottom and what runs between them."""

    needs: tuple[Node, ...]
    offers: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    height: float


def carried_share(pairing: Pairing) -> float:
    """The share of the need's lines that this pairing carries, each line counting alike; in [0, 1]."""
    lines = pairing.need.lines
    return sum(gift.quantity.amount / lines[gift.need_line].amount for gift in pairing.gifts) / len(lines)


def ribbons(matching: Matching) -> Ribbons:
    """The picture of who goes with whom, ordered so that few ribbons cross."""
    pairings = matching.pairings
    needs = list({pairing.need.id: pairing.need for pairing in pairings}.values())
    offers = list({pairing.offer.id: pairing.offer for pairing in pairings}.values())
    left, right = _order(
        [need.id for need in needs],
        [offer.id for offer in offers],
        [(pairing.need.id, pairing.offer.id) for pairing in pairings],
    )
    needs.sort(key=lambda need: left[need.id])
    offers.sort(key=lambda offer: right[offer.id])
    height = float(PITCH * max(len(needs), len(offers), 1))
    thickness = {(p.need.id, p.offer.id): max(_THIN, _THICK * carried_share(p)) for p in pairings}
    need_nodes = _nodes(needs, height, [_stack(thickness, 0, need.id) for need in needs])
    offer_nodes = _nodes(offers, height, [_stack(thickness, 1, offer.id) for offer in offers])
    drawn = []
    from_y = {node.profile.id: node.bar_y for node in need_nodes}
    to_y = {node.profile.id: node.bar_y for node in offer_nodes}
    ordered = sorted(pairings, key=lambda p: (left[p.need.id], right[p.offer.id]))
    starts: dict[tuple[str, str], tuple[float, float]] = {}
    for pairing in ordered:
        key = (pairing.need.id, pairing.offer.id)
        node = need_nodes[left[key[0]]]
        thick = thickness[key] * node.bar_height / _stack(thickness, 0, key[0])
        starts[key] = (from_y[key[0]], thick)
        from_y[key[0]] += thick
    for pairing in sorted(ordered, key=lambda p: (right[p.offer.id], left[p.need.id])):
        key = (pairing.need.id, pairing.offer.id)
        node = offer_nodes[right[key[1]]]
        thick = thickness[key] * node.bar_height / _stack(thickness, 1, key[1])
        path = _band(*starts[key], to_y[key[1]], thick)
        to_y[key[1]] += thick
        drawn.append(Ribbon(pairing, left[key[0]], right[key[1]], path, carried_share(pairing)))
    return Ribbons(need_nodes, offer_nodes, tuple(drawn), height)


def _order(
    needs: Sequence[str], offers: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[dict[str, int], dict[str, int]]:
    """Positions of both sides after a few barycentre sweeps (Sugiyama, Tagawa and Toda, 1981)."""
    left = {id_: position for position, id_ in enumerate(needs)}
    right = {id_: position for position, id_ in enumerate(offers)}
    for _sweep in range(_SWEEPS):
        right = _sorted_by(offers, [(offer, left[need] / len(left)) for need, offer in pairs])
        left = _sorted_by(needs, [(need, right[offer] / len(right)) for need, offer in pairs])
    return left, right


def _sorted_by(ids: Sequence[str], positions: Sequence[tuple[str, float]]) -> dict[str, int]:
    found: dict[str, list[float]] = {id_: [] for id_ in ids}
    for id_, position in positions:
        found[id_].append(position)
    ordered = sorted(ids, key=lambda id_: (sum(found[id_]) / len(found[id_]), id_))
    return {id_: position for position, id_ in enumerate(ordered)}


def _stack(thickness: dict[tuple[str, str], float], side: int, id_: str) -> float:
    return sum(thick for key, thick in thickness.items() if key[side] == id_)


def _nodes(profiles: Sequence[Profile], height: float, stacks: Sequence[float]) -> tuple[Node, ...]:
    slot = height / max(len(profiles), 1)
    nodes = []
    for number, (profile, stack) in enumerate(zip(profiles, stacks, strict=True)):
        bar = min(stack, slot - 8)
        nodes.append(Node(profile, number, number * slot, slot, number * slot + (slot - bar) / 2, bar))
    return tuple(nodes)


def _band(y0: float, thick0: float, y1: float, thick1: float) -> str:
    return (
        f"M0,{y0:.1f}C45,{y0:.1f} 55,{y1:.1f} 100,{y1:.1f}V{y1 + thick1:.1f}"
        f"C55,{y1 + thick1:.1f} 45,{y0 + thick0:.1f} 0,{y0 + thick0:.1f}Z"
    )
