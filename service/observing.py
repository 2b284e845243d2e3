"""How the service is watched: a log line and a measurement for every request, health, and figures."""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select
from starlette.datastructures import Headers, MutableHeaders
from structlog.tracebacks import ExceptionDictTransformer

from service.db import public_id, reading
from service.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.jobs import Jobs

log = structlog.get_logger("qiao.request")

UNMATCHED = "unmatched"
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def configure_logs(*, as_json: bool) -> None:
    """Send everything that is logged to stderr, a JSON object or a readable line at a time.

    What failed is logged without the values of its variables: they hold secrets.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("huey", "httpx", "httpx2", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Figures:
    """What Prometheus collects of one application."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "qiao_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "qiao_request_seconds",
            "Time to answer, in seconds.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.registry.register(_JobFigures(engine))

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self.registry)


class _JobFigures:
    """Jobs by name and status, counted when somebody asks."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def describe(self) -> list[GaugeMetricFamily]:
        """Named without asking the database."""
        return [self._family()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One value for each name and status."""
        family = self._family()
        with reading(self.engine) as session:
            counted = select(Job.name, Job.status, func.count()).group_by(Job.name, Job.status)
            for name, status, count in session.exec(counted):
                family.add_metric([name, str(status)], count)
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily("qiao_jobs", "Jobs by name and status.", labels=["name", "status"])


class Watching:
    """Gives every request an id, measures it and writes one line about it.

    The line names the route, never the address: addresses may carry secrets (links from mail).
    """

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app = app
        self.figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and look at the clock."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else public_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status, started = 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            route = _route(scope)
            self.figures.note(scope["method"], route, status, seconds)
            if scope["path"] not in _QUIET:
                log.info(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                    actor=getattr(scope.get("state", {}).get("actor"), "uid", ""),
                )


def _route(scope: Scope) -> str:
    """The route's pattern (`/listings/{uid}`), with the prefix under which a room's router is included."""
    path = getattr(scope.get("route"), "path", None)
    included = scope.get("fastapi", {}).get("included_router")
    prefix = included.include_context.prefix if included else ""
    return f"{prefix}{path}" if path else UNMATCHED


def unready(engine: Engine, jobs: Jobs) -> list[str]:
    """Which of the things it stands on do not answer: `database`, `queue`."""
    found = []
    try:
        with reading(engine) as session:
            session.execute(text("SELECT 1 FROM job LIMIT 1"))
    except SQLAlchemyError:
        log.exception("database does not answer")
        found.append("database")
    if not jobs.queue_answers():
        found.append("queue")
    return found
