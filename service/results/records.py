"""A match run as JSON: pairings, who got nothing, what is left, and the certificate.

Amounts are in whole units, integers wherever they are whole; sentences are in the reader's language and
come with their stable codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.results.words import limit_name, names_of, whole
from service.wording import quantity_text, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matching.messages import Message, Quantity
    from matching.outcome import Gift, Matching, Pairing, Shortfall, Unmatched


def record(matching: Matching, language: str) -> dict[str, Any]:
    """The whole result as one JSON object."""
    names = names_of(matching, language)
    return {
        "pairings": [_pairing(pairing, language, names) for pairing in matching.pairings],
        "unmatched": [_unmatched(item, "need", language, names) for item in matching.unmatched],
        "idle": [_unmatched(item, "offer", language, names) for item in matching.idle],
        "shortfalls": [_shortfall(item, language, names) for item in matching.shortfalls],
        "certificate": certificate_record(matching, language),
    }


def certificate_record(matching: Matching, language: str) -> dict[str, Any]:
    """The certificate as a JSON object, with the rules that it stands on."""
    certificate, rules, names = matching.certificate, matching.rules, names_of(matching, language)
    return {
        "objective": certificate.objective,
        "bound": certificate.bound,
        "gap": certificate.gap,
        "total": certificate.total,
        "stage": certificate.stage,
        "fairness": certificate.fairness,
        "seed": certificate.seed,
        "time_limit_hit": certificate.time_limit_hit,
        "needs": len(matching.needs),
        "offers": len(matching.offers),
        "projects": certificate.projects,
        "projects_ahead": certificate.projects_ahead,
        "coverage": certificate.coverage,
        "amount_coverage": certificate.amount_coverage,
        "organizations": certificate.organizations,
        "organizations_served": certificate.organizations_served,
        "worst_off": certificate.worst_off,
        "gini": certificate.gini,
        "blocking_pairs": certificate.blocking_pairs,
        "binding_limits": [
            {
                "rule": rule,
                "id": key,
                "name": limit_name(rule, key, matching, names, language),
                "price": price,
            }
            for (rule, key), price in certificate.prices.items()
        ],
        "locks": [
            {"need": need, "offer": offer, "price": price}
            for (need, offer), price in certificate.lock_prices.items()
        ],
        "preset": rules.preset or None,
        "as_of": rules.as_of.isoformat() if rules.as_of else None,
        "weights": {
            "need": dict(rules.weights.need),
            "offer": dict(rules.weights.offer),
            "base": rules.weights.base,
        },
        "fingerprint": certificate.fingerprint,
    }


def _pairing(pairing: Pairing, language: str, names: Mapping[str, str]) -> dict[str, Any]:
    need, offer, amounts = pairing.need, pairing.offer, pairing.amounts
    return {
        "need": need.id,
        "offer": offer.id,
        "need_title": need.title,
        "offer_title": offer.title,
        "need_organization": need.organization.name,
        "offer_organization": offer.organization.name,
        "amount": whole(amounts[0].amount),
        "unit": amounts[0].unit,
        "amounts": [_quantity(quantity, language) for quantity in amounts],
        "gifts": [_gift(gift) for gift in pairing.gifts],
        "score": pairing.score,
        "need_side": pairing.need_side,
        "offer_side": pairing.offer_side,
        "parts": dict(pairing.parts),
        "evidence": _sentences(pairing.evidence, language, names),
        "flags": _sentences(pairing.flags, language, names),
    }


def _gift(gift: Gift) -> dict[str, Any]:
    return {
        "need_line": gift.need_line + 1,
        "offer_line": gift.offer_line + 1,
        "kind": gift.kind,
        "part": gift.part,
        "amount": whole(gift.quantity.amount),
        "unit": gift.quantity.unit,
        "used": whole(gift.used.amount),
        "used_unit": gift.used.unit,
    }


def _unmatched(item: Unmatched, side: str, language: str, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        side: item.profile.id,
        "title": item.profile.title,
        "organization": item.profile.organization.name,
        "reason": say(item.reason, language, names),
        "reason_code": item.reason.code,
        "remedy": say(item.remedy, language, names),
        "remedy_code": item.remedy.code,
    }


def _shortfall(item: Shortfall, language: str, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "need": item.need.id,
        "title": item.need.title,
        "line": item.line + 1,
        "part": item.part,
        "missing": whole(item.missing.amount),
        "unit": item.missing.unit,
        "message": say(item.message, language, names),
    }


def _quantity(quantity: Quantity, language: str) -> dict[str, Any]:
    return {
        "amount": whole(quantity.amount),
        "unit": quantity.unit,
        "text": quantity_text(quantity, language),
    }


def _sentences(messages: Iterable[Message], language: str, names: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"code": message.code, "text": say(message, language, names)} for message in messages]
