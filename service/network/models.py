"""The picture of the graph as a job has drawn it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field

from service.db import Row


class Snapshot(Row, table=True):
    """Figures and layout of the graph of cooperations, kept until another cooperation is signed."""

    __tablename__ = "network_snapshot"

    fingerprint: str = Field(max_length=64, unique=True)
    """SHA-256 of the cooperations that it was made from."""
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    layout: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """By organization uid: x and y."""
