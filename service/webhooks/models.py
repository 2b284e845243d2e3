"""Addresses that organizations want to be told at, and what was told them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits
from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step
from service.listings.models import LISTING, REQUEST
from service.organizations.models import ORGANIZATION

ADDRESS_CHARACTERS = 500
MOST_WEBHOOKS = 10
"""How many an organization may have."""
TRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
"""How long to wait after each failed try; after the last one it is given up."""
EVENTS = (
    "organization.register",
    "organization.edit",
    *(f"organization.{one.name}" for one in ORGANIZATION.steps),
    "question.ask",
    "question.answer",
    "listing.draft",
    "listing.change",
    "listing.copy",
    *(f"listing.{name}" for name in dict.fromkeys(one.name for one in LISTING.steps)),
    "listing.discard",
    "inquiry.ask",
    "inquiry.answer",
    "request.send",
    *(f"request.{one.name}" for one in REQUEST.steps),
)
"""What a webhook may be told of, for choosing from."""
MOST_FAILURES = 5
"""After so many deliveries given up in a row the webhook is paused."""


class WebhookStatus(StrEnum):
    """Whether it is told anything."""

    ACTIVE = "active"
    PAUSED = "paused"


WEBHOOK = Lifecycle(
    "webhook",
    step("pause", WebhookStatus.ACTIVE, WebhookStatus.PAUSED),
    step("resume", WebhookStatus.PAUSED, WebhookStatus.ACTIVE),
)


class Webhook(Row, table=True):
    """One address, and the secret with which what is sent there is signed."""

    __tablename__ = "webhook"

    organization_id: int = Field(foreign_key="organization.id", index=True)
    url: str = Field(max_length=ADDRESS_CHARACTERS)
    secret: str = Field(max_length=80)
    names: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Of the events it wants; none: all."""
    status: WebhookStatus = Field(
        default=WebhookStatus.ACTIVE, sa_column=status_column(WebhookStatus, name="webhook_status")
    )
    failures: int = 0
    """Deliveries given up since the last that arrived."""


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


DELIVERY = Lifecycle(
    "delivery",
    step("arrive", DeliveryStatus.WAITING, DeliveryStatus.DELIVERED),
    step("give_up", DeliveryStatus.WAITING, DeliveryStatus.FAILED),
    step("redeliver", (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED), DeliveryStatus.WAITING),
)


class Delivery(Row, table=True):
    """One event on its way to one address; its uid is the same at every try."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (UniqueConstraint("webhook_id", "event_id", name="webhook_delivery_once"),)

    webhook_id: int = Field(foreign_key="webhook.id", index=True, ondelete="CASCADE")
    event_id: int = Field(foreign_key="event.id")
    status: DeliveryStatus = Field(
        default=DeliveryStatus.WAITING,
        sa_column=status_column(DeliveryStatus, name="webhook_delivery_status"),
    )
    tries: int = 0
    answer: int | None = None
    """The HTTP status of the last answer."""
    error: str = Field(default="", max_length=200)
    tried: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Announced(SQLModel, table=True):
    """Up to which entry of the log deliveries have been made; one row."""

    __tablename__ = "webhook_announced"

    id: int = Field(default=1, primary_key=True)
    event_id: int = 0


class WebhookIn(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "organization": "0b8a6c1e5d4f4f0f9f5d6a7b8c9d0e1f",
                    "url": "https://crm.example.org/hooks/qiao",
                    "events": ["request.send", "listing.expire"],
                }
            ]
        },
    )

    organization: Annotated[str, Limits(max_length=32, description="Id of the organization.")]
    url: Annotated[str, Limits(max_length=ADDRESS_CHARACTERS)]
    events: Annotated[
        list[Annotated[str, Limits(max_length=80, pattern=r"^[a-z_]+\.[a-z_-]+$")]], Limits(max_length=50)
    ] = Limits(default_factory=list, description="Names of events; none: all.")


class WebhookOut(BaseModel):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[str]
    status: WebhookStatus
    created: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> WebhookOut:
        """What is told of a webhook."""
        return cls(
            id=webhook.uid,
            url=webhook.url,
            events=webhook.names,
            status=webhook.status,
            created=webhook.created,
        )


class NewWebhookOut(BaseModel):
    """A webhook that has just been made: the only time its secret is told."""

    webhook: WebhookOut
    secret: str


class DeliveryOut(BaseModel):
    """What became of one delivery."""

    id: str
    event: str
    status: DeliveryStatus
    tries: int
    answer: int | None
    error: str
    created: datetime
    tried: datetime | None

    @classmethod
    def of(cls, delivery: Delivery, event: str) -> DeliveryOut:
        """What is told of a delivery of an event with this name."""
        told = delivery.model_dump(include=set(cls.model_fields) - {"id", "event"})
        return cls(id=delivery.uid, event=event, **told)
