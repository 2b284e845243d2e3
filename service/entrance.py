"""The door, which opens before the house is in order.

To load the application takes seconds, to open the socket a fraction of one. Meanwhile `/healthz` says that
the process lives, `/readyz` that it is not ready, and whoever asks for anything else waits inside.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

_ALIVE = (200, b"text/plain; charset=utf-8", b"ok")
_LOADING = (503, b"application/json", json.dumps({"ready": False, "missing": ["application"]}).encode())
_SIGNS = {"/healthz": _ALIVE, "/readyz": _LOADING}


class Entrance:
    """Takes requests at once, and hands them on as soon as `load`, in a thread, has given the application.

    Where that fails, `error` says why and `give_up` is called, which should stop the server.
    """

    def __init__(self, load: Callable[[], FastAPI], give_up: Callable[[], None]) -> None:
        self.error: Exception | None = None
        self._load = load
        self._give_up = give_up
        self._app: FastAPI | None = None
        self._loaded = asyncio.Event()
        self._leaving = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._app is None and (sign := _SIGNS.get(scope["path"])):
            await _answer(send, *sign)
            return
        await self._loaded.wait()
        if self._app is None:
            await _answer(send, *_LOADING)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        inside = asyncio.create_task(self._keep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._leaving.set()
        await inside
        await send({"type": "lifespan.shutdown.complete"})

    async def _keep(self) -> None:
        """Load the application, and begin and end its life."""
        try:
            app = await asyncio.to_thread(self._load)
            async with app.router.lifespan_context(app):
                self._app = app
                self._loaded.set()
                await self._leaving.wait()
        except Exception as error:  # noqa: BLE001 — whatever it is, the server ends with it
            self.error = error
            self._loaded.set()
            self._give_up()


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
