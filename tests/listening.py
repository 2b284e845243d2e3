"""A screen that follows server-sent events as browsers do: it keeps the last id, and comes again with it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

PATIENCE = 15.0
"""Seconds until what was waited for must have come."""


@dataclass(frozen=True, slots=True)
class News:
    """One event as it arrived."""

    id: int
    event: str
    data: str


class Screen:
    """Listens at an address; everything that has arrived is in `heard`, over all connections."""

    def __init__(self, address: str, *, language: str = "en") -> None:
        self.address = address
        self.language = language
        self.heard: list[News] = []
        self.alive = 0
        """Signs of life that carried no news."""
        self._last: int | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._line: socket.socket
        self._reader: threading.Thread | None = None
        self.connected = threading.Event()
        self.ended = threading.Event()
        """The server has closed the connection, or it was lost."""

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def connect(self) -> None:
        """Listen on a new connection, from where the last one ended."""
        self.connected.clear()
        self.ended.clear()
        self._connection = http.client.HTTPConnection(urlsplit(self.address).netloc)
        self._connection.connect()
        self._line = self._connection.sock
        self._reader = threading.Thread(target=self._read, args=(self._connection,), daemon=True)
        self._reader.start()
        assert self.connected.wait(PATIENCE), "the stream does not open"

    def disconnect(self) -> None:
        """Lose the connection, as a laptop does that is closed."""
        if self._connection is not None and self._reader is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
            self._reader.join(PATIENCE)
            self._connection.close()

    def wait_for(self, wanted: Callable[[News], bool]) -> News:
        """The first piece of news that is wanted, once it is there."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for one in list(self.heard):
                if wanted(one):
                    return one
            time.sleep(0.02)
        raise AssertionError(f"not heard within {PATIENCE} s; heard were {self.heard}")

    def _read(self, connection: http.client.HTTPConnection) -> None:
        headers = {"accept": "text/event-stream", "accept-language": self.language}
        if self._last is not None:
            headers["last-event-id"] = str(self._last)
        address = urlsplit(self.address)
        with suppress(http.client.HTTPException, OSError):
            connection.request("GET", f"{address.path}?{address.query}", headers=headers)
            stream = connection.getresponse()
            assert stream.status == 200, stream.read()
            assert stream.headers.get_content_type() == "text/event-stream"
            self.connected.set()
            parts: dict[str, str] = {}
            for raw in stream:
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    parts[name] = f"{parts[name]}\n{value}" if name in parts else value
                    continue
                self._take(parts)
                parts = {}
        self.ended.set()

    def _take(self, parts: dict[str, str]) -> None:
        if "event" in parts:
            self._last = int(parts["id"])
            self.heard.append(News(self._last, parts["event"], parts.get("data", "")))
        elif "" in parts:
            self.alive += 1
