"""The web application: every part put together, nothing decided here."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import OperationalError
from starlette.routing import BaseRoute, Match

from matching.messages import Message
from service.accounts import api as accounts_api
from service.accounts import pages as accounts_pages
from service.accounts.actions import hold
from service.accounts.queries import held, identify, says_who
from service.agreements import api as agreements_api
from service.agreements import drafting_pages
from service.agreements import pages as agreements_pages
from service.agreements.queries import of_pairings as agreements_of
from service.assets import STATIC
from service.audit import api as audit_api
from service.audit import pages as audit_pages
from service.choices import api as choices_api
from service.choices import pages as choices_pages
from service.choices.wall_pages import make_hub
from service.db import Turns, make_engine
from service.disclosure import api as disclosure_api
from service.disclosure import pages as disclosure_pages
from service.errors import ServiceError, Unavailable
from service.funding import api as funding_api
from service.funding import earlier_api, earlier_pages
from service.funding import pages as funding_pages
from service.home import desk as home_desk
from service.home import pages as home_pages
from service.idempotency import Idempotency
from service.listings import api as listings_api
from service.listings import pages as listings_pages
from service.listings.pages import section_of_organization
from service.meetings import api as meetings_api
from service.meetings import pages as meetings_pages
from service.network import api as network_api
from service.network import pages as network_pages
from service.observing import Figures, Watching, unready
from service.openapi import PROBLEMS, VERSION, describe
from service.organizations import api as organizations_api
from service.organizations import desk_api
from service.organizations import pages as organizations_pages
from service.pairings import api as pairings_api
from service.pairings import notice_api, notice_pages, pairing_pages
from service.pairings import pages as pairings_pages
from service.pairings.queries import carried_needs
from service.privacy import api as privacy_api
from service.privacy import pages as privacy_pages
from service.protection import SECURITY_HEADERS, Bounded, Heads, Protection
from service.reports import api as reports_api
from service.reports import giving_api, giving_pages
from service.reports import pages as reports_pages
from service.reviews import api as reviews_api
from service.reviews import pages as reviews_pages
from service.rounds import api as rounds_api
from service.rounds import applications_api, applying_pages, screening_pages, showcase_pages
from service.rounds import pages as rounds_pages
from service.search import api as search_api
from service.search import pages as search_pages
from service.search.pages import section_of_listing
from service.search.queries import is_warming, warm
from service.templating import make_templates
from service.web import Site, install_errors, respond_to_error
from service.webhooks import api as webhooks_api
from service.webhooks import pages as webhooks_pages
from service.worker import make_jobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import Scope

    from service.settings import Settings

log = structlog.get_logger(__name__)


API = (
    accounts_api,
    audit_api,
    organizations_api,
    desk_api,
    listings_api,
    search_api,
    webhooks_api,
    rounds_api,
    applications_api,
    reviews_api,
    pairings_api,
    notice_api,
    choices_api,
    meetings_api,
    reports_api,
    privacy_api,
    funding_api,
    earlier_api,
    giving_api,
    disclosure_api,
    network_api,
    agreements_api,
)
PAGES = (
    home_pages,
    home_desk,
    accounts_pages,
    privacy_pages,
    audit_pages,
    organizations_pages,
    listings_pages,
    search_pages,
    webhooks_pages,
    funding_pages,
    earlier_pages,
    drafting_pages,
    agreements_pages,
    meetings_pages,
    choices_pages,
    pairings_pages,
    notice_pages,
    reviews_pages,
    rounds_pages,
    applying_pages,
    screening_pages,
    showcase_pages,
    reports_pages,
    giving_pages,
    disclosure_pages,
    network_pages,
)
SECONDS_FIRST = 0.2
"""How long the first answers come before work in the background, which loads much."""
FORM_OVERHEAD = 1_000_000
"""Bytes that the other fields of a form may take beside its file."""


def create_app(settings: Settings) -> FastAPI:
    """One application for one installation."""
    from limits.storage import MemoryStorage
    from limits.strategies import MovingWindowRateLimiter

    settings = settings.ready()
    engine = make_engine(settings.database_url)
    jobs = make_jobs(engine, settings)
    figures = Figures(engine)
    site = Site(
        settings=settings,
        engine=engine,
        jobs=jobs,
        templates=make_templates(),
        says_who=says_who,
        identify=identify,
        limiter=MovingWindowRateLimiter(MemoryStorage()),
        hold=hold,
        held=held,
        turns=Turns(engine),
    )
    jobs.site = site

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        def begin() -> None:
            if settings.worker_in_process:
                jobs.start()
            if settings.warm_search:
                warm(site)

        jobs.deliver_after_commit()
        beginning = asyncio.get_running_loop().call_later(SECONDS_FIRST, begin)
        yield
        beginning.cancel()
        jobs.stop()
        engine.dispose()

    app = FastAPI(
        title="Qiao",
        version=VERSION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = site
    app.state.hub = make_hub(site)
    app.state.organization_sections = [
        funding_pages.section_of_organization,
        section_of_organization,
        disclosure_pages.section_of_organization,
        reports_pages.section_of_organization,
    ]
    app.state.listing_sections = [
        section_of_listing(site),
        applying_pages.section_of_listing,
        disclosure_pages.section_of_listing,
    ]
    app.state.listing_ends = [applying_pages.section_of_listing]
    app.state.carried_needs = carried_needs
    app.state.agreements_of = agreements_of
    app.state.round_sections = [
        applying_pages.section_of_round,
        pairing_pages.section_of_round,
        meetings_pages.section_of_round,
        agreements_pages.section_of_round,
        disclosure_pages.section_of_round,
    ]
    install_errors(app)
    _install_failures(app)
    _install_health(app, site, figures)
    app.mount("/static", _Static(directory=STATIC, check_dir=False), name="static")
    app.routes.extend(_rooms())
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    most_bytes = settings.upload_bytes + FORM_OVERHEAD
    app.add_middleware(Bounded, most_bytes=most_bytes)
    app.add_middleware(Idempotency, site=site, most_bytes=most_bytes)
    app.add_middleware(Protection)
    app.add_middleware(Watching, figures=figures)
    app.add_middleware(Heads)
    return app


@cache
def _rooms() -> list[BaseRoute]:
    """The routes of all slices, put together once for all applications of a process."""
    house = APIRouter()
    for one in API:
        house.include_router(Wing(one.router), responses=PROBLEMS)
    for one in PAGES:
        house.include_router(Wing(one.router))
    return house.routes


class Wing(APIRouter):
    """A room's routes, tried only where an address begins as one of them does: there are hundreds more."""

    def __init__(self, room: APIRouter) -> None:
        super().__init__()
        self.routes = room.routes
        self._stems = tuple(set(_stems(room)))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any router's, for addresses that begin alike."""
        return super().matches(scope) if scope["path"].startswith(self._stems) else (Match.NONE, {})


def _stems(room: APIRouter, prefix: str = "") -> Iterator[str]:
    """How the addresses of a room begin, up to their first parameter."""
    for route in room.routes:
        if isinstance(route, APIRoute):
            yield f"{prefix}{route.path}".partition("{")[0]
        else:
            inner: Any = route
            yield from _stems(inner.original_router, prefix + inner.include_context.prefix)


class _Static(StaticFiles):
    """Static files; an address that names the content's version is kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if versioned else "public, max-age=300"
        )
        return response


def _install_failures(app: FastAPI) -> None:
    """Say that something broke, in the one shape of errors; the cause goes to the log and up."""

    @app.exception_handler(OperationalError)
    def waits(request: Request, error: OperationalError) -> Response:
        log.error("database refused", exc_info=error)
        away = Unavailable(
            Message("database-away", "The database does not answer just now. Please try again in a moment.")
        )
        return respond_to_error(request, away)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        log.error("request broke", exc_info=error)
        failure = ServiceError(
            Message("broken", "Something went wrong here. It has been noted; please try again later.")
        )
        response = respond_to_error(request, failure)
        for name, value in SECURITY_HEADERS:
            response.headers[name.decode()] = value.decode()
        return response


def _install_health(app: FastAPI, site: Site, figures: Figures) -> None:
    @app.get("/healthz", include_in_schema=False)
    def alive() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz", include_in_schema=False)
    def ready() -> Response:
        missing = unready(site.engine, site.jobs) + (["search"] if is_warming(site) else [])
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    @app.get("/metrics", include_in_schema=False)
    def measured() -> Response:
        return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
