"""A request that makes something may be sent twice: with the same `Idempotency-Key` it is done once.

The key is claimed before the work begins, so two requests at the same time cannot both do it; the answer is
kept with it and given again. A key belongs to whoever uses it and to one address. Another body under the
same key is refused.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from anyio import to_thread
from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint, delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel, col, select
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from matching.messages import Message
from service.db import UtcDateTime, now, reading, writing
from service.errors import BadInput, NotNow, ServiceError
from service.web import respond_to_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from starlette.types import Message as Part

    from service.jobs import Work
    from service.web import Site

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
MOST_KEY = 100
_KEPT_HEADERS = ("content-type", "content-language", "location", "etag", "cache-control")
NOT_KEPT = "no-store"
"""Cache-Control of an answer that holds a secret: it is not kept, only that the work was done."""


class IdempotencyKey(SQLModel, table=True):
    """One key, and the answer that it got; no status yet: somebody is at it."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("key", "asker", "path", name="idempotency_once"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=MOST_KEY)
    asker: str = Field(max_length=64)
    """uid of the person."""
    path: str = Field(max_length=500)
    body_hash: str = Field(max_length=64)
    status: int | None = None
    headers: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    body: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    created: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


class Idempotency:
    """Keeps and repeats answers to POST requests under /api that carry a key."""

    def __init__(self, app: ASGIApp, site: Site, most_bytes: int) -> None:
        self.app = app
        self.site = site
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the work once, and answer the same each time."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get(HEADER)
        if key is None or scope["method"] != "POST" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        body, parts = await _whole_body(receive, self.most_bytes)
        if body is None:
            await self.app(scope, _again(parts, receive), send)
            return
        claim = IdempotencyKey(
            key=key,
            asker="",
            path=scope["path"][:500],
            body_hash=_digest(headers.get("content-type", ""), body),
        )
        request = Request(scope)
        try:
            kept = await to_thread.run_sync(self._claim, claim, request)
        except ServiceError as error:
            await respond_to_error(request, error)(scope, receive, send)
            return
        if kept is not None:
            await _repeat(kept)(scope, receive, send)
        elif claim.id is None:
            await self.app(scope, _again(parts, receive), send)
        else:
            await self._do(claim, scope, _again(parts, receive), send)

    def _claim(self, claim: IdempotencyKey, request: Request) -> IdempotencyKey | None:
        """Claim the key; the answer that it got before, if any. Raises NotNow while somebody is at it.

        Visitors cannot claim one: nobody could tell theirs apart.
        """
        with reading(self.site.engine) as session:
            request.state.actor = self.site.identify(request, session)
        claim.asker = request.state.actor.uid
        if not claim.asker:
            return None
        if not (0 < len(claim.key) <= MOST_KEY and claim.key.isprintable()):
            raise BadInput.one(
                HEADER,
                Message("idempotency-key", "A key has 1 to {most} printable characters.", most=MOST_KEY),
            )
        try:
            with writing(self.site.engine) as session:
                session.add(claim)
        except IntegrityError:
            return self._kept(claim)
        return None

    def _kept(self, claim: IdempotencyKey) -> IdempotencyKey | None:
        with writing(self.site.engine) as session:
            kept = session.exec(
                select(IdempotencyKey).where(
                    IdempotencyKey.key == claim.key,
                    IdempotencyKey.asker == claim.asker,
                    IdempotencyKey.path == claim.path,
                )
            ).one_or_none()
        if kept is None or kept.status is None:
            raise NotNow(
                Message("idempotency-busy", "A request with this key is being worked on. Try again shortly.")
            )
        if kept.body_hash != claim.body_hash:
            raise BadInput.one(
                HEADER,
                Message("idempotency-other", "This key was used before, for a request with other content."),
            )
        if kept.headers.get("cache-control") == NOT_KEPT:
            raise NotNow(
                Message("idempotency-secret", "This was done already. Its answer was told only once.")
            )
        return kept

    async def _do(self, claim: IdempotencyKey, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0
        headers: dict[str, str] = {}
        chunks: list[bytes] = []

        async def noted(part: Part) -> None:
            nonlocal status, headers
            if part["type"] == "http.response.start":
                status = part["status"]
                found = Headers(raw=part["headers"])
                headers = {name: found[name] for name in _KEPT_HEADERS if name in found}
            elif part["type"] == "http.response.body":
                chunks.append(part.get("body", b""))
                if not part.get("more_body", False):
                    await to_thread.run_sync(self._keep, claim.id, status, headers, b"".join(chunks))
            await send(part)

        try:
            await self.app(scope, receive, noted)
        except BaseException:
            await to_thread.run_sync(self._keep, claim.id, 500, headers, b"")
            raise

    def _keep(self, claimed: int | None, status: int, headers: dict[str, str], body: bytes) -> None:
        """Keep the answer, or give the key back where nothing was made."""
        with writing(self.site.engine) as session:
            claim = session.get(IdempotencyKey, claimed)
            if claim is None:
                return
            if 200 <= status < 300:
                secret = headers.get("cache-control") == NOT_KEPT
                claim.status, claim.headers, claim.body = status, headers, b"" if secret else body
                session.add(claim)
            else:
                session.delete(claim)


def clear_keys(work: Work) -> None:
    """The job that forgets old keys."""
    with writing(work.engine) as session:
        session.execute(delete(IdempotencyKey).where(col(IdempotencyKey.created) < now() - KEPT))


def _repeat(kept: IdempotencyKey) -> Response:
    return Response(
        kept.body, status_code=kept.status or 200, headers={**kept.headers, "Idempotency-Replayed": "true"}
    )


async def _whole_body(receive: Receive, most: int) -> tuple[bytes | None, list[Part]]:
    """The body and the parts it came in; no body where it is longer than `most` bytes."""
    parts: list[Part] = []
    length = 0
    while True:
        part = await receive()
        parts.append(part)
        length += len(part.get("body", b""))
        if part["type"] != "http.request" or length > most:
            return None, parts
        if not part.get("more_body", False):
            return b"".join(one.get("body", b"") for one in parts), parts


def _again(parts: list[Part], receive: Receive) -> Receive:
    """What was received already, then the rest."""
    waiting = iter(parts)

    async def received() -> Part:
        part = next(waiting, None)
        return await receive() if part is None else part

    return received


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
