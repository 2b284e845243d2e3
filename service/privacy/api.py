"""One's own data for programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Typed

from service.accounts import queries as accounts
from service.accounts.consents import consents, decide
from service.accounts.models import ConsentPurpose
from service.privacy import actions, queries
from service.web import Asking, Reading, Writing, limit

router = APIRouter(prefix="/api/v1/accounts/me", tags=["accounts"])


class ConsentIn(BaseModel):
    """Yes or no to one purpose."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"given": False}]})

    given: bool


class ConsentsOut(BaseModel):
    """By purpose: whether it is allowed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"consents": {"recommendations": False, "digests": True, "introductions": True}}]
        }
    )

    consents: dict[ConsentPurpose, bool]


class TakenOut(BaseModel):
    """All that is kept of the caller."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "exported": "2026-11-26T08:00:00+00:00",
                    "account": {"email": "li.na@example.org", "name": "Li Na"},
                    "consents": {"recommendations": True, "digests": True, "introductions": True},
                    "kept": {"membership": [{"as": "user_id", "role": "editor"}]},
                    "log": [],
                }
            ]
        }
    )

    exported: str
    account: dict[str, Any]
    consents: dict[str, bool]
    kept: dict[str, list[dict[str, Any]]]
    """By table: the rows that are yours; of those about others only that you handled them."""
    log: list[dict[str, Any]]


class ErasureIn(BaseModel):
    """What shows that it is meant: password (where the account has one) and e-mail address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"email": "li.na@example.org", "password": "several words in a row"}]
        },
    )

    email: Annotated[str, Typed(max_length=254)]
    password: Annotated[str, Typed(max_length=1_000)] = ""


@router.get("/data", summary="All that is kept of oneself")
def data(response: Response, session: Reading, actor: Asking) -> TakenOut:
    """All that is kept of the caller, table by table, with what the log says she did."""
    response.headers["Cache-Control"] = "no-store"
    return TakenOut(**queries.taken_along(session, actor))


@router.get("/consents", summary="What one allows")
def get_consents(session: Reading, actor: Asking) -> ConsentsOut:
    """By purpose: whether the caller allows it."""
    return ConsentsOut(consents=dict(consents(session, actor)))


@router.put("/consents/{purpose}", summary="Allow a purpose, or no longer")
def set_consent(
    purpose: Annotated[ConsentPurpose, Path()], session: Writing, actor: Asking, given: ConsentIn
) -> ConsentsOut:
    """Turn a purpose on or off; needs a session."""
    decide(session, actor, purpose, given=given.given)
    return ConsentsOut(consents=dict(consents(session, actor)))


@router.post("/erase", status_code=204, summary="Erase one's account")
def erase(request: Request, reading: Reading, session: Writing, actor: Asking, given: ErasureIn) -> None:
    """Erase the caller's account for good; needs a session."""
    kept_hash = accounts.own(reading, actor).password_hash
    limit(request, "10/hour", "erase", actor.uid)
    actions.erase(session, actor, kept_hash=kept_hash, password=given.password, email=given.email)
