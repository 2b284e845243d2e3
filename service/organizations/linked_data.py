"""An organization as schema.org has it, for search engines and other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.organizations.models import Identifier, Organization

TYPES = {
    "business": "Corporation",
    "ngo": "NGO",
    "government": "GovernmentOrganization",
    "finance": "FinancialService",
    "media": "NewsMediaOrganization",
    "academia": "EducationalOrganization",
}


def profile_data(
    organization: Organization, numbers: Sequence[Identifier], public_url: str, language: str
) -> dict[str, Any]:
    """The public facts as JSON-LD; places by their names in `language`."""
    address = f"{public_url}/organizations/{organization.uid}"
    label = default_vocabulary().label
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": TYPES.get(organization.kind, "Organization"),
        "@id": address,
        "url": organization.website or address,
        "name": organization.name,
        "alternateName": organization.other_names,
        "description": organization.description,
        "areaServed": [label("places", place, language) for place in organization.places],
        "foundingDate": organization.registered.isoformat() if organization.registered else "",
        "identifier": [
            {"@type": "PropertyValue", "propertyID": one.scheme, "value": one.number} for one in numbers
        ],
        "leiCode": next((one.number for one in numbers if one.scheme == "XI-LEI"), ""),
    }
    return {name: value for name, value in data.items() if value}
