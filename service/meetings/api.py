"""Meetings as JSON."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1/rounds", tags=["meetings"])
