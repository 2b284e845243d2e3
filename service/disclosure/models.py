"""The public fields of a cooperation: the whole list, nothing else is ever shown.

Amounts are integers in hundredths of their currency or unit.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic import Field as Limits

from service.agreements.models import AgreementKind, AgreementStatus, PartyRole
from service.funding.models import CommitmentKind, MilestoneStatus, Purpose, Valuation
from service.reports.models import ReportKind

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
LICENCE_NAME = "CC BY 4.0"
PAGE = 20
"""Cooperations on one page of the register."""


class PublicParty(BaseModel):
    """An organization that has signed."""

    id: str
    name: str
    language: str
    kind: str
    """A code of organization_kinds."""
    sector: str
    role: PartyRole
    identifiers: list[str]
    """As org-id.guide has them, such as `CN-USCI-51100000500000001A`."""
    listed: bool
    """Whether it has a public page of its own now."""


class PublicLine(BaseModel):
    """How much of what a need asked for."""

    kind: str
    amount: int
    unit: str


class PublicNeed(BaseModel):
    """The need that a cooperation answers, as it was published."""

    id: str
    title: str
    language: str
    organization: str
    """Its name."""
    published: date
    themes: list[str]
    goals: list[str]
    places: list[str]
    beneficiaries: int | None
    asked: list[PublicLine]
    open: bool
    """Whether its page is public now."""


class PublicOrigin(BaseModel):
    """Where a cooperation is written down that was signed elsewhere and brought in."""

    source: str
    reference: str
    """What it is called by there."""
    themes: list[str]
    places: list[str]


class PublicRound(BaseModel):
    """The match round in which it was found."""

    id: str
    title: str
    language: str
    host: str
    """The name of the organization that held it."""
    result: bool
    """Whether the round's result has a public page."""


class PublicPromise(BaseModel):
    """What one party gives, and how much of it was given."""

    item: str
    giver: str
    """The id of a party."""
    kind: CommitmentKind
    purpose: Purpose
    description: str
    quantity: int
    unit: str
    value: int | None
    currency: str
    valuation: Valuation
    given: int
    """Of cash: paid and not recovered; of anything else: confirmed by who got it. In hundredths of `unit`."""
    ended: date | None
    """Since when an amendment has taken it out."""


class PublicMilestone(BaseModel):
    """What had to be reached, and whether it was."""

    item: str
    title: str
    due: date | None
    status: MilestoneStatus
    accepted: date | None
    ended: date | None


class PaymentStatus(StrEnum):
    """What everybody may know of a tranche."""

    PLANNED = "planned"
    PAID = "paid"
    RECOVERED = "recovered"


class PublicPayment(BaseModel):
    """A tranche."""

    id: str
    item: str
    payer: str
    payee: str
    """Ids of parties."""
    amount: int
    currency: str
    due: date | None
    status: PaymentStatus
    paid: date | None
    recovered_amount: int
    recovered: date | None
    ended: date | None


class PublicReport(BaseModel):
    """The public part of a report that was accepted."""

    id: str
    kind: ReportKind
    by: str
    """The id of a party."""
    period_start: date
    period_end: date
    accepted: date
    language: str
    answers: dict[str, str | int]
    """By question, those that are public."""
    score: int | None
    photos: list[str]
    """Addresses of those that show nobody, or people who agreed."""


class CorrectedField(StrEnum):
    """What an amendment has changed."""

    TITLE = "title"
    STARTS = "starts"
    ENDS = "ends"
    PARTY = "party"
    PROMISE = "promise"
    MILESTONE = "milestone"
    TRANCHE = "tranche"


class Correction(BaseModel):
    """What was published before and when it changed. Empty `before`: it is new; empty `after`: it is gone."""

    on: date
    amendment: str
    """The number of the amendment."""
    field: CorrectedField
    subject: str
    """What the field is of: a promise, a milestone; empty: the whole."""
    before: str
    after: str
    """A text, a day, or a sum in hundredths and its unit, such as `500000 CNY`."""


class Total(BaseModel):
    """Money in one currency; currencies are never added up."""

    currency: str
    promised: int
    paid: int
    """Without what was recovered."""
    recovered: int


class DisclosureOut(BaseModel):
    """All that is public of a cooperation."""

    id: str
    number: str
    title: str
    language: str
    kind: AgreementKind
    status: AgreementStatus
    signed: date
    starts: date | None
    ends: date | None
    ended: date | None
    """When it was completed or terminated."""
    modified: datetime
    """When anything of this last changed."""
    synthetic: bool
    """Example data."""
    parties: list[PublicParty]
    link_types: list[str]
    """Codes of link_types: which sectors it joins."""
    need: PublicNeed | None
    round: PublicRound | None
    origin: PublicOrigin | None
    """Of one that was signed elsewhere; its payments and reports are kept there."""
    promises: list[PublicPromise]
    totals: list[Total]
    milestones: list[PublicMilestone]
    payments: list[PublicPayment]
    reports: list[PublicReport]
    corrections: list[Correction]
    licence: str = LICENCE

    @property
    def themes(self) -> list[str]:
        """What it is about: the themes of its need, else those that its source names."""
        about = self.need or self.origin
        return about.themes if about else []

    @property
    def places(self) -> list[str]:
        """Where it is carried out, as `themes`."""
        about = self.need or self.origin
        return about.places if about else []


# The register -----------------------------------------------------------------------------------------


class Sort(StrEnum):
    """In which order the register is shown."""

    NEWEST = "newest"
    OLDEST = "oldest"
    AMOUNT = "amount"
    TITLE = "title"


def _or_nothing(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


Code = Annotated[str, Limits(max_length=60)]


class Wanted(BaseModel):
    """What somebody looks for in the register; what is left empty asks for nothing."""

    model_config = ConfigDict(frozen=True)

    q: Annotated[str, Limits(max_length=200, description="Words in any language.")] = ""
    year: Annotated[
        int | None, Limits(ge=1949, le=2200, description="Signed in it."), BeforeValidator(_or_nothing)
    ] = None
    link: Annotated[Code, Limits(description="A code of link_types, such as `enterprise-society`.")] = ""
    kinds: Annotated[Code, Limits(description="Two codes of organization_kinds, such as `business,ngo`.")] = (
        ""
    )
    theme: Code = ""
    place: Code = ""
    round: Annotated[str, Limits(max_length=32, description="Id of a round.")] = ""
    organization: Annotated[str, Limits(max_length=32, description="Id of a party.")] = ""
    state: Annotated[
        Literal["in-force", "suspended", "completed", "terminated"] | None, BeforeValidator(_or_nothing)
    ] = None
    sort: Sort = Sort.NEWEST
    page: Annotated[int, Limits(ge=1, le=100_000)] = 1


class FacetOut(BaseModel):
    """How many cooperations there would be with another choice."""

    value: str
    label: str
    count: int


class RegisterOut(BaseModel):
    """One page of the register."""

    total: int
    page: int
    pages: int
    items: list[DisclosureOut]
    facets: dict[str, list[FacetOut]]
    """By parameter: year, link, theme, place, round, state."""
    licence: str = LICENCE
