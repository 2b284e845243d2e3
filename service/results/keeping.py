"""A match run as it is kept: profiles, pairings and findings as JSON without a language, and back.

What is kept can be shown, compared and checked again half a year later without running anything.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from matching.allocation import Certificate
from matching.messages import Quantity
from matching.outcome import Gift, Matching, Pairing, Shortfall, Unmatched
from matching.screening import Refusal
from service.wording import restored, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matching.profiles import Profile
    from matching.rules import Rules

Kind = TypeVar("Kind")


def kept(value: Any) -> Any:
    """A value of the library's data classes as JSON; fields that are as by default are left out."""
    match value:
        case Enum():
            return value.value
        case date():
            return value.isoformat()
        case frozenset():
            return sorted(value)
        case tuple():
            return [kept(one) for one in value]
        case _ if is_dataclass(value):
            return {
                name: kept(one)
                for name, default in _defaults(cast("Any", type(value)))
                if (one := getattr(value, name)) != default
            }
        case _:
            return value


def revived(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """The data class whose `kept` form this is."""
    readers = _readers(cast("Any", kind))
    return kind(**{name: readers[name](value) for name, value in given.items()})


@cache
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (one.name, one.default if one.default_factory is MISSING else one.default_factory())
        for one in fields(kind)
    )


@cache
def _readers(kind: Any) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind, localns={"date": date})
    return {one.name: _reader(hints[one.name]) for one in fields(kind)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        return _reader(next(one for one in inner if one is not type(None)))
    if origin is frozenset:
        return frozenset
    if origin is tuple:
        each = _reader(inner[0])
        return lambda value: tuple(each(one) for one in value)
    if hint is date:
        return date.fromisoformat
    if is_dataclass(hint):
        return lambda value: revived(hint, value)  # type: ignore[arg-type]  # a class, by its annotation
    return hint if isinstance(hint, type) and issubclass(hint, Enum) else lambda value: value


# Results ----------------------------------------------------------------------------------------------


def kept_pairing(pairing: Pairing) -> dict[str, Any]:
    """A pairing; needs and offers by their ids."""
    return {
        "need": pairing.need.id,
        "offer": pairing.offer.id,
        "score": pairing.score,
        "need_side": pairing.need_side,
        "offer_side": pairing.offer_side,
        "parts": dict(pairing.parts),
        "evidence": [stored(message) for message in pairing.evidence],
        "flags": [stored(message) for message in pairing.flags],
        "gifts": [kept(gift) for gift in pairing.gifts],
    }


def pairing_of(given: Mapping[str, Any], need: Profile, offer: Profile) -> Pairing:
    """A pairing that was kept, between these two."""
    return Pairing(
        need=need,
        offer=offer,
        gifts=tuple(revived(Gift, gift) for gift in given["gifts"]),
        score=given["score"],
        need_side=given["need_side"],
        offer_side=given["offer_side"],
        parts=given["parts"],
        evidence=tuple(restored(message) for message in given["evidence"]),
        flags=tuple(restored(message) for message in given["flags"]),
    )


def kept_findings(matching: Matching) -> dict[str, Any]:
    """What a result says beside its pairings and its certificate."""
    return {
        "shortfalls": [
            {
                "need": one.need.id,
                "line": one.line,
                "part": one.part,
                "missing": kept(one.missing),
                "message": stored(one.message),
            }
            for one in matching.shortfalls
        ],
        "unmatched": [_kept_unmatched(one) for one in matching.unmatched],
        "idle": [_kept_unmatched(one) for one in matching.idle],
        "refused": sorted(matching.refused),
    }


def _kept_unmatched(one: Unmatched) -> dict[str, Any]:
    return {"profile": one.profile.id, "reason": stored(one.reason), "remedy": stored(one.remedy)}


def kept_certificate(certificate: Certificate) -> dict[str, Any]:
    """A certificate; what is keyed by pairs becomes lists."""
    values = {one.name: getattr(certificate, one.name) for one in fields(certificate)}
    return values | {
        "prices": [[*key, price] for key, price in certificate.prices.items()],
        "lock_prices": [[*key, price] for key, price in certificate.lock_prices.items()],
    }


def certificate_of(given: Mapping[str, Any]) -> Certificate:
    """A certificate that was kept."""
    pairs = {
        name: {(first, second): price for first, second, price in given[name]}
        for name in ("prices", "lock_prices")
    }
    return Certificate(**{**given, **pairs})


def matching_of(
    profiles: Sequence[Profile],
    rules: Rules,
    pairings: Iterable[Pairing],
    findings: Mapping[str, Any],
    certificate: Mapping[str, Any],
) -> Matching:
    """The whole result from its kept parts."""
    by_id = {profile.id: profile for profile in profiles}

    def unmatched(name: str) -> tuple[Unmatched, ...]:
        return tuple(
            Unmatched(
                profile=by_id[one["profile"]], reason=restored(one["reason"]), remedy=restored(one["remedy"])
            )
            for one in findings[name]
        )

    needless, idle = unmatched("unmatched"), unmatched("idle")
    refused = set(findings["refused"])
    return Matching(
        needs=tuple(one for one in profiles if one.side == "need"),
        offers=tuple(one for one in profiles if one.side == "offer"),
        rules=rules,
        pairings=tuple(sorted(pairings, key=lambda p: (p.need.id, -p.score, p.offer.id))),
        shortfalls=tuple(
            Shortfall(
                need=by_id[one["need"]],
                line=one["line"],
                part=one["part"],
                missing=revived(Quantity, one["missing"]),
                message=restored(one["message"]),
            )
            for one in findings["shortfalls"]
        ),
        unmatched=needless,
        idle=idle,
        refused={
            one.profile.id: Refusal(one.reason, one.remedy)
            for one in (*needless, *idle)
            if one.profile.id in refused
        },
        certificate=certificate_of(certificate),
    )
