"""Cooperations in the words of open standards: 360Giving 1.4, OCDS 1.1, schema.org.

Identifiers never change: they are made of our own ids under a prefix, whatever else becomes known later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from matching.vocabulary import default_vocabulary
from service.agreements.models import AgreementKind, AgreementStatus, PartyRole
from service.disclosure.models import LICENCE, LICENCE_NAME, PaymentStatus
from service.funding.models import CommitmentKind, MilestoneStatus
from service.organizations.linked_data import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.disclosure.models import DisclosureOut, PublicParty, PublicPayment, PublicPromise

GRANT_PREFIX = "360G-qiao"
OCID_PREFIX = "ocds-qiao00"
"""Prefixes of this software; a publisher who registers one of its own replaces it here."""
LANGUAGE = "en"
"""Labels of codes in open data; titles stay in the language they were written in."""
_RECEIVING = (PartyRole.IMPLEMENTER, PartyRole.OPERATOR, PartyRole.PARTNER)
_MET = {
    MilestoneStatus.PLANNED: "scheduled",
    MilestoneStatus.REPORTED: "scheduled",
    MilestoneStatus.ACCEPTED: "met",
    MilestoneStatus.RETURNED: "notMet",
}
_CONTRACT = {
    AgreementStatus.IN_FORCE: "active",
    AgreementStatus.SUSPENDED: "active",
    AgreementStatus.COMPLETED: "terminated",
    AgreementStatus.TERMINATED: "terminated",
}


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes, where, and when it was written."""

    url: str
    at: datetime
    name: str = "Qiao"

    def page(self, uid: str) -> str:
        """The address of a cooperation."""
        return f"{self.url}/cooperations/{uid}"


def _whole(amount: int) -> float | int:
    """Hundredths as a number of whole units."""
    return amount // 100 if amount % 100 == 0 else amount / 100


def _moment(day: date) -> str:
    return datetime.combine(day, time(), UTC).isoformat()


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _org_id(party: PublicParty) -> str:
    """By org-id.guide where the organization's number is known, else under our own prefix."""
    return party.identifiers[0] if party.identifiers else f"{GRANT_PREFIX}-ORG:{party.id}"


def _label(scheme: str, code: str) -> str:
    return default_vocabulary().label(scheme, code, LANGUAGE)


def described(one: DisclosureOut) -> str:
    """A description where a standard asks for one: what is given, or the title."""
    return "; ".join(dict.fromkeys(p.description for p in one.promises if p.description)) or one.title


# 360Giving --------------------------------------------------------------------------------------------


def grant_package(publisher: Publisher) -> dict[str, Any]:
    """The head of a 360Giving package; `grants` follow."""
    return {
        "version": "1.4",
        "title": f"{publisher.name}: signed cooperations",
        "description": f"Money promised in cooperations that all parties have signed. {LICENCE_NAME}.",
        "publisher": {"name": publisher.name, "website": publisher.url},
        "issued": publisher.at.date().isoformat(),
        "modified": publisher.at.isoformat(),
        "accessURL": f"{publisher.url}/cooperations",
        "downloadURL": f"{publisher.url}/api/v1/cooperations/export/360giving",
        "license": LICENCE,
    }


def grants(one: DisclosureOut, publisher: Publisher) -> Iterator[dict[str, Any]]:
    """A cooperation as grants: one for each giver of money and each currency."""
    parties = {party.id: party for party in one.parties}
    by_grant: dict[tuple[str, str], list[PublicPromise]] = {}
    for promise in one.promises:
        if promise.kind is CommitmentKind.CASH and not promise.ended and promise.giver in parties:
            by_grant.setdefault((promise.giver, promise.unit), []).append(promise)
    for (giver, currency), promises in by_grant.items():
        payments = [p for p in one.payments if (p.payer, p.currency) == (giver, currency)]
        payees = dict.fromkeys(p.payee for p in payments if p.payee in parties)
        yield _grant(
            one, publisher, parties[giver], currency, promises, payments, _payees(one, giver, payees)
        )


def _payees(one: DisclosureOut, giver: str, payees: dict[str, None]) -> list[PublicParty]:
    """Who gets the money: the payees of its tranches, else who carries the cooperation out."""
    named = [party for party in one.parties if party.id in payees]
    doing = [
        party for role in _RECEIVING for party in one.parties if party.role is role and party.id != giver
    ]
    return named or doing[:1] or [party for party in one.parties if party.id != giver][:1]


def _grant(
    one: DisclosureOut,
    publisher: Publisher,
    giver: PublicParty,
    currency: str,
    promises: Sequence[PublicPromise],
    payments: Sequence[PublicPayment],
    recipients: Sequence[PublicParty],
) -> dict[str, Any]:
    paid = [p for p in payments if p.status is not PaymentStatus.PLANNED]
    need, held = one.need, one.round
    return _kept(
        {
            "id": f"{GRANT_PREFIX}-{one.id}-{giver.id}-{currency}",
            "title": one.title,
            "description": described(one),
            "currency": currency,
            "amountAwarded": _whole(sum(p.quantity for p in promises)),
            "amountDisbursed": _whole(sum(p.amount - p.recovered_amount for p in paid)) if payments else None,
            "awardDate": one.signed.isoformat(),
            "url": publisher.page(one.id),
            "plannedDates": [
                _kept(
                    {
                        "startDate": one.starts.isoformat() if one.starts else "",
                        "endDate": one.ends.isoformat() if one.ends else "",
                    }
                )
            ]
            if one.starts or one.ends
            else [],
            "actualDates": [{"endDate": one.ended.isoformat()}] if one.ended else [],
            "recipientOrganization": [_organization(party) for party in recipients],
            "fundingOrganization": [_organization(giver)],
            "beneficiaryLocation": [
                {"name": _label("places", code), "geoCode": code, "geoCodeType": "Qiao places"}
                for code in one.places
            ],
            "grantProgramme": [
                {"code": held.id, "title": held.title, "url": f"{publisher.url}/rounds/{held.id}"}
            ]
            if held
            else [],
            "fromOpenCall": "" if one.origin else "Yes" if held else "No",
            "classifications": [
                {"vocabulary": vocabulary, "code": code, "title": _label(scheme, code)}
                for vocabulary, scheme, codes in (
                    ("Qiao themes", "themes", one.themes),
                    ("SDG", "goals", need.goals if need else []),
                )
                for code in codes
            ],
            "disbursementTransaction": [
                _kept(
                    {
                        "id": p.id,
                        "transactionDate": p.paid.isoformat() if p.paid else "",
                        "currency": p.currency,
                        "value": _whole(p.amount - p.recovered_amount),
                    }
                )
                for p in paid
            ],
            "dateModified": one.modified.isoformat(),
            "dataSource": one.origin.source if one.origin else publisher.page(one.id),
        }
    )


def _organization(party: PublicParty) -> dict[str, Any]:
    return {"id": _org_id(party), "name": party.name}


# OCDS -------------------------------------------------------------------------------------------------


def is_purchase(one: DisclosureOut) -> bool:
    """Whether a public body buys a service with it."""
    return one.kind in (AgreementKind.PURCHASE, AgreementKind.THREE_PARTY) and buyer(one) is not None


def buyer(one: DisclosureOut) -> PublicParty | None:
    """The public body that promises money."""
    paying = {promise.giver for promise in one.promises if promise.kind is CommitmentKind.CASH}
    return next((party for party in one.parties if party.id in paying and party.sector == "government"), None)


def release_package(publisher: Publisher) -> dict[str, Any]:
    """The head of an OCDS release package; `releases` follow."""
    return {
        "uri": f"{publisher.url}/api/v1/cooperations/export/ocds",
        "version": "1.1",
        "publishedDate": publisher.at.isoformat(),
        "publisher": {"name": publisher.name, "uri": publisher.url},
        "license": LICENCE,
        "publicationPolicy": f"{publisher.url}/cooperations",
    }


def release(one: DisclosureOut, publisher: Publisher) -> dict[str, Any]:
    """A purchase as one OCDS release, from the call to the last payment."""
    bought_by = buyer(one)
    assert bought_by is not None  # noqa: S101 — only purchases come here
    suppliers = _payees(one, bought_by.id, dict.fromkeys(p.payee for p in one.payments))
    sums = [t for t in one.totals if t.promised]
    value = {"amount": _whole(sums[0].promised), "currency": sums[0].currency} if sums else {}
    period = _kept(
        {
            "startDate": _moment(one.starts) if one.starts else "",
            "endDate": _moment(one.ends) if one.ends else "",
        }
    )
    roles = {party.id: "buyer" if party.id == bought_by.id else "" for party in one.parties} | {
        party.id: "supplier" for party in suppliers
    }
    award = f"{one.id}-award"
    return _kept(
        {
            "ocid": f"{OCID_PREFIX}-{one.id}",
            "id": f"{one.id}-{one.modified:%Y%m%d%H%M%S}",
            "date": one.modified.isoformat(),
            "tag": ["award", "contract", "implementation"],
            "initiationType": "tender",
            "language": LANGUAGE,
            "parties": [
                _kept(
                    {
                        "id": party.id,
                        "name": party.name,
                        "identifier": _identifier(party),
                        "roles": [roles[party.id] or "interestedParty"],
                    }
                )
                for party in one.parties
            ],
            "buyer": {"id": bought_by.id, "name": bought_by.name},
            "tender": _kept(
                {
                    "id": one.round.id if one.round else f"{one.id}-tender",
                    "title": one.round.title if one.round else one.title,
                    "status": "complete",
                    "procurementMethod": "open" if one.round else "direct",
                    "mainProcurementCategory": "services",
                }
            ),
            "awards": [
                _kept(
                    {
                        "id": award,
                        "title": one.title,
                        "status": "active",
                        "date": _moment(one.signed),
                        "value": value,
                        "suppliers": [{"id": party.id, "name": party.name} for party in suppliers],
                        "contractPeriod": period,
                    }
                )
            ],
            "contracts": [_contract(one, publisher, award, value, period)],
        }
    )


def _identifier(party: PublicParty) -> dict[str, Any]:
    if not party.identifiers:
        return {}
    scheme, _, number = party.identifiers[0].rpartition("-")
    return {"scheme": scheme, "id": number, "legalName": party.name}


def _contract(
    one: DisclosureOut, publisher: Publisher, award: str, value: dict[str, Any], period: dict[str, Any]
) -> dict[str, Any]:
    names = {party.id: party.name for party in one.parties}
    return _kept(
        {
            "id": one.id,
            "awardID": award,
            "title": one.title,
            "description": described(one),
            "status": _CONTRACT[one.status],
            "dateSigned": _moment(one.signed),
            "value": value,
            "period": period,
            "documents": [
                {
                    "id": f"{one.id}-page",
                    "title": one.title,
                    "url": publisher.page(one.id),
                    "format": "text/html",
                }
            ],
            "milestones": [
                _kept(
                    {
                        "id": m.item,
                        "title": m.title,
                        "dueDate": _moment(m.due) if m.due else "",
                        "dateMet": _moment(m.accepted) if m.accepted else "",
                        "status": _MET[m.status],
                    }
                )
                for m in one.milestones
                if not m.ended
            ],
            "amendments": [
                {"id": number, "date": _moment(on)}
                for number, on in dict.fromkeys((c.amendment, c.on) for c in one.corrections)
            ],
            "implementation": _kept(
                {
                    "transactions": [
                        _kept(
                            {
                                "id": p.id,
                                "date": _moment(p.paid) if p.paid else "",
                                "value": {
                                    "amount": _whole(p.amount - p.recovered_amount),
                                    "currency": p.currency,
                                },
                                "payer": {"id": p.payer, "name": names.get(p.payer, "")},
                                "payee": {"id": p.payee, "name": names.get(p.payee, "")},
                            }
                        )
                        for p in one.payments
                        if p.status is not PaymentStatus.PLANNED
                    ]
                }
            ),
        }
    )


# schema.org -------------------------------------------------------------------------------------------


def catalogue(publisher: Publisher) -> dict[str, Any]:
    """The head of a data set in JSON-LD; `@graph` follows."""
    return {
        "@context": "https://schema.org",
        "@id": f"{publisher.url}/cooperations",
        "@type": "Dataset",
        "name": f"{publisher.name}: signed cooperations",
        "license": LICENCE,
        "dateModified": publisher.at.isoformat(),
    }


def linked(one: DisclosureOut, publisher: Publisher) -> dict[str, Any]:
    """A cooperation as a schema.org Grant that funds a Project."""
    given = [promise.giver for promise in one.promises if not promise.ended]
    sums = [t for t in one.totals if t.promised]
    amounts = [{"@type": "MonetaryAmount", "value": _whole(t.promised), "currency": t.currency} for t in sums]
    return _kept(
        {
            "@type": "MonetaryGrant" if sums else "Grant",
            "@id": publisher.page(one.id),
            "url": publisher.page(one.id),
            "identifier": one.number,
            "name": one.title,
            "inLanguage": one.language,
            "license": LICENCE,
            "isBasedOn": one.origin.source if one.origin else "",
            "amount": amounts[0] if len(amounts) == 1 else amounts,
            "funder": [_linked(party, publisher) for party in one.parties if party.id in given],
            "fundedItem": _kept(
                {
                    "@type": "Project",
                    "name": one.title,
                    "foundingDate": one.starts.isoformat() if one.starts else "",
                    "dissolutionDate": one.ended.isoformat() if one.ended else "",
                    "keywords": [_label("themes", code) for code in one.themes],
                    "areaServed": [_label("places", code) for code in one.places],
                    "member": [_linked(party, publisher) for party in one.parties if party.id not in given],
                }
            ),
        }
    )


def _linked(party: PublicParty, publisher: Publisher) -> dict[str, Any]:
    address = f"{publisher.url}/organizations/{party.id}"
    return {
        "@type": TYPES.get(party.kind, "Organization"),
        "@id": address,
        "name": party.name,
        **({"identifier": party.identifiers} if party.identifiers else {}),
    }
