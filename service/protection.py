"""What stands before every request: HEAD asks as GET does, foreign sites are refused, bodies bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from matching.messages import Message
from service.errors import NotAllowed
from service.web import respond_to_error, too_large

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CONTENT_SECURITY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Heads:
    """Answers HEAD as GET is answered, without the body; nothing behind it knows of HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def headless(message: Any) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        await self.app({**scope, "method": "GET"}, receive, headless)


class Protection:
    """Refuses changes that other sites ask for, and tells browsers what a page may load.

    A browser says with `Sec-Fetch-Site` (or `Origin`) where a request comes from. Requests with a bearer
    token carry no cookie that could be misused, so they pass.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def protected(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                kept = any(name.lower() == b"cache-control" for name, _ in given)
                message["headers"] = [*given, *SECURITY_HEADERS, *(() if kept else (PRIVATE,))]
            await send(message)

        if scope["method"] not in ("GET", "OPTIONS") and not _own_request(Headers(scope=scope)):
            await respond_to_error(Request(scope), _foreign())(scope, receive, protected)
            return
        await self.app(scope, receive, protected)


class Bounded:
    """Refuses bodies that are too long: at once where their length is told, else as soon as they are."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isdecimal() or int(told) > self.most_bytes:
            await respond_to_error(Request(scope), too_large())(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Any:
            nonlocal taken
            part = await receive()
            taken += len(part.get("body", b""))
            if taken > self.most_bytes:
                raise HTTPException(413)
            return part

        await self.app(scope, bounded, send)


PRIVATE = (b"cache-control", b"private, no-cache")
"""What shows depends on who asks: no proxy keeps it, and browsers ask again, also after signing out."""
SECURITY_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]


def _own_request(headers: Headers) -> bool:
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    if (origin := headers.get("origin")) is not None:
        return urlsplit(origin).netloc == headers.get("host", "")
    return True


def _foreign() -> NotAllowed:
    return NotAllowed(
        Message(
            "cross-site",
            "Another site asked for this in your name; nothing was done. Open the page here and try again.",
        )
    )
