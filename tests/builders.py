"""Small profiles for tests: everything not named has the plainest value."""

from __future__ import annotations

from typing import Any

from matching.messages import Quantity
from matching.profiles import Organization, Profile, ResourceLine, Side, Strings


def organization(id_: str = "org", **facts: Any) -> Organization:
    return Organization(id=id_, **({"name": id_} | facts))


def money(amount: int, unit: str = "CNY", **rest: Any) -> ResourceLine:
    """A line of money; every amount in whole units."""
    for key in ("minimum", "labour", "overhead", "cheque_min", "cheque_max"):
        if rest.get(key) is not None:
            rest[key] *= 100
    return ResourceLine(kind="money", amount=amount * 100, unit=unit, **rest)


def line(kind: str = "services", amount: int = 1, unit: str = "project", **rest: Any) -> ResourceLine:
    """A line in kind; every amount in whole units."""
    if "worth" in rest:
        rest["worth"] = Quantity(rest["worth"] * 100, "CNY")
    if "minimum" in rest:
        rest["minimum"] *= 100
    return ResourceLine(kind=kind, amount=amount * 100, unit=unit, **rest)


def need(id_: str = "n1", *lines: ResourceLine, **rest: Any) -> Profile:
    rest.setdefault("organization", organization(f"org-{id_}"))
    rest.setdefault("title", id_)
    return Profile(id=id_, side=Side.NEED, text=rest.pop("text", ""), lines=lines or (money(1000),), **rest)


def offer(id_: str = "o1", *lines: ResourceLine, **rest: Any) -> Profile:
    rest.setdefault("organization", organization(f"org-{id_}", kind="business"))
    rest.setdefault("title", id_)
    strings = {key: rest.pop(key) for key in list(rest) if key in Strings.__dataclass_fields__}
    for key in ("places", "groups", "themes", "languages"):
        if (only := rest.pop(f"only_{key}", None)) is not None:
            strings[key] = only
        elif key in strings:
            rest[key] = strings.pop(key)
    return Profile(
        id=id_,
        side=Side.OFFER,
        text=rest.pop("text", ""),
        lines=lines or (money(1000),),
        strings=Strings(**strings),
        **rest,
    )
