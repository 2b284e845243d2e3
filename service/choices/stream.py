"""News of rounds as server-sent events: one poller for each process, however many listen.

What happened is in the log of events, whose numbers grow in the order of commits: writers take the chain's
lock before they add to it. So a number says exactly what a listener has seen; after a lost connection or a
restart it goes on from there, and nothing comes twice or not at all. The log is read in a thread, and
whatever it takes to say the news is done once for all who hear the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import structlog
from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from matching.messages import Message
from service.choices.queries import newest_event
from service.db import reading
from service.errors import Unavailable
from service.events import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Engine

log = structlog.get_logger(__name__)

PAUSE = 0.2
"""Seconds between two looks at the log."""
HEARTBEAT = 15.0
"""Seconds after which a silent connection is given a sign of life."""
AT_ONCE = 2_000
"""How many entries are read at a time."""
MOST_MISSED = 10_000
"""Who has missed more entries than this is told to load the page anew."""
MOST_WAITING = 200
"""Pieces that wait for a slow listener; beyond that it is let go, and comes again from where it was."""
MOST_LISTENERS = 2_000


class Channel(NamedTuple):
    """What somebody hears: news of one round, in one language, told in one way."""

    round: str
    language: str
    manner: str


class News(NamedTuple):
    """One message: the number of the event after which it holds, its name and its text."""

    id: int
    event: str
    data: str
    to: frozenset[str] = frozenset()
    """Whom it concerns, by uid of the organization; nobody in particular: all who listen."""


@dataclass(eq=False, slots=True)
class _Ear:
    channel: Channel
    of: frozenset[str]
    """The organizations whose news it wants; none: everybody's."""
    pieces: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))


class Hub:
    """Everybody who listens in this process. `tell` says what events of a channel's round mean for it."""

    def __init__(
        self, engine: Engine, tell: Callable[[Session, Channel, Sequence[Event]], Iterable[News]]
    ) -> None:
        self._engine = engine
        self._tell = tell
        self._ears: set[_Ear] = set()
        self._seen = 0
        self._poller: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._thread = CapacityLimiter(2)

    def check_room(self) -> None:
        """Raise Unavailable where too many listen already."""
        if len(self._ears) >= MOST_LISTENERS:
            raise Unavailable(
                Message("too-many-listeners", "Too many screens are watching. Try again later.")
            )

    async def listen(
        self, channel: Channel, after: int, of: frozenset[str] = frozenset()
    ) -> AsyncIterator[bytes]:
        """All news of a channel after the event with this number, as they come, until the connection ends.

        `of`: of what concerns single organizations, only what concerns these.
        """
        ear = _Ear(channel, of)
        async with self._turn:
            if self._poller is None:
                self._seen = await to_thread.run_sync(self._newest, limiter=self._thread)
                self._poller = asyncio.create_task(self._poll())
            until = self._seen
            self._ears.add(ear)
        try:
            yield b"retry: 2000\n\n"
            if after < until:
                yield await to_thread.run_sync(self._missed, channel, after, until, of, limiter=self._thread)
            while True:
                try:
                    piece = await asyncio.wait_for(ear.pieces.get(), HEARTBEAT)
                except TimeoutError:
                    piece = b": alive\n\n"
                if piece is None:
                    return
                yield piece
        finally:
            self._ears.discard(ear)

    async def _poll(self) -> None:
        """Look at the log again and again while anybody listens."""
        try:
            while self._ears:
                await asyncio.sleep(PAUSE)
                async with self._turn:
                    channels = {ear.channel for ear in self._ears}
                    try:
                        told = await to_thread.run_sync(self._look, channels, limiter=self._thread)
                    except SQLAlchemyError:
                        log.exception("news wait for the database")
                        continue
                    for ear in self._ears:
                        if piece := b"".join(_heard(told.get(ear.channel, ()), ear.of)):
                            _hand_over(ear, piece)
        finally:
            self._poller = None
            for ear in self._ears:
                _let_go(ear)

    def _look(self, channels: set[Channel]) -> dict[Channel, list[_Piece]]:
        """What is new for each of these channels."""
        with reading(self._engine) as session:
            events = self._events(session, self._seen)
            if not events:
                return {}
            self._seen = events[-1].id or self._seen
            by_round: dict[str, list[Event]] = {}
            for event in events:
                by_round.setdefault(str(event.details.get("round")), []).append(event)
            return {
                channel: [_written(one) for one in self._tell(session, channel, by_round[channel.round])]
                for channel in channels
                if channel.round in by_round
            }

    def _missed(self, channel: Channel, after: int, until: int, of: frozenset[str]) -> bytes:
        """What a channel was told between two numbers."""
        if until - after > MOST_MISSED:
            return _written(News(until, "reload", "")).text
        found: list[Event] = []
        with reading(self._engine) as session:
            while after < until and (events := self._events(session, after)):
                after = events[-1].id or until
                found += [
                    event
                    for event in events
                    if event.details.get("round") == channel.round and (event.id or 0) <= until
                ]
            told = [_written(one) for one in self._tell(session, channel, found)] if found else []
        return b"".join(_heard(told, of)) or b": nothing missed\n\n"

    @staticmethod
    def _events(session: Session, after: int) -> list[Event]:
        wanted = select(Event).where(col(Event.id) > after).order_by(col(Event.id)).limit(AT_ONCE)
        return list(session.exec(wanted))

    def _newest(self) -> int:
        with reading(self._engine) as session:
            return newest_event(session)


def _hand_over(ear: _Ear, piece: bytes) -> None:
    """Give somebody a piece, unless too many wait already."""
    if ear.pieces.full():
        _let_go(ear)
    else:
        ear.pieces.put_nowait(piece)


def _let_go(ear: _Ear) -> None:
    """End a connection; its browser comes again and asks for what it missed."""
    while not ear.pieces.empty():
        ear.pieces.get_nowait()
    ear.pieces.put_nowait(None)


class _Piece(NamedTuple):
    """A message as the protocol has it, and whom it concerns."""

    text: bytes
    to: frozenset[str]


def _written(one: News) -> _Piece:
    lines = "".join(f"data: {line}\n" for line in one.data.splitlines() or [""])
    return _Piece(f"id: {one.id}\nevent: {one.event}\n{lines}\n".encode(), one.to)


def _heard(pieces: Iterable[_Piece], of: frozenset[str]) -> Iterator[bytes]:
    """What somebody hears of it who wants the news of these organizations."""
    return (piece.text for piece in pieces if not piece.to or not of or not piece.to.isdisjoint(of))
