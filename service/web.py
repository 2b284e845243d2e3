"""What every page and endpoint shares: transactions, who is asking, language, forms, errors, protection."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import DataError
from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Match

from matching.messages import Message
from matching.text import LANGUAGES
from service import i18n
from service.db import reading, writing
from service.errors import (
    BadInput,
    Changed,
    FieldProblem,
    NotFound,
    ServiceError,
    SignInNeeded,
    TooLarge,
    TooMany,
)
from service.permissions import VISITOR, Actor, may
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from jinja2 import Environment
    from sqlalchemy import Engine

    from service.db import Turns
    from service.jobs import Jobs
    from service.settings import Settings

LANGUAGE_COOKIE = "qiao_language"
HELD_COOKIE = "qiao_held"
Found = TypeVar("Found")


@dataclass(slots=True)
class Site:
    """What one running application holds; `app.state.site`."""

    settings: Settings
    engine: Engine
    jobs: Jobs
    templates: Environment
    says_who: Callable[[Request], bool]
    """Whether a request says at all who sends it."""
    identify: Callable[[Request, Session], Actor]
    limiter: Any
    hold: Callable[[Session, str, Mapping[str, list[str]]], str]
    """Keeps what was typed into the form at a path; the key for a cookie, or nothing."""
    held: Callable[[Session, str, str], Mapping[str, list[str]] | None]
    """What was kept under a key for the form at a path."""
    turns: Turns
    """For the requests that write."""
    search: Any = None
    searching: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))
    """For the threads that search: more at once would only take turns, and wait for each other."""

    @property
    def is_near(self) -> bool:
        """Whether the database is a file here, which answers without letting anybody wait for a network."""
        return self.engine.dialect.name == "sqlite"


def site_of(request: Request) -> Site:
    """The application's own things."""
    site: Site = request.app.state.site
    return site


async def _reading(request: Request) -> AsyncIterator[Session]:
    """Made and closed without a change of threads, of which each waits for its turn behind sixteen others."""
    site = site_of(request)
    with reading(site.engine) as session:
        yield session
        if not site.is_near:
            await run_in_threadpool(session.close)


async def _writing(request: Request, _who: Asking, _sent: Form) -> AsyncIterator[Session]:
    """Its turn comes when the whole request is here and its sender known: nobody waits for a slow phone."""
    async with site_of(request).turns.writing() as session:
        yield session


Reading = Annotated[Session, Depends(_reading)]
Writing = Annotated[Session, Depends(_writing, scope="function")]
"""Committed before the reply is sent: with the default scope a client had its answer before the commit."""


async def briefly(request: Request, work: Callable[..., Found], /, *args: Any, **values: Any) -> Found:
    """Do what takes a few milliseconds and waits for nobody: on the spot, where the database is near.

    Threads take turns at running Python, so under load each change of threads takes longer than such work.
    """
    if site_of(request).is_near:
        return work(*args, **values)
    return await run_in_threadpool(work, *args, **values)


def brief(answer: Callable[..., Found]) -> Callable[..., Awaitable[Found]]:
    """A handler that answers `briefly`; staff, who see much at once, are answered in a thread."""

    @wraps(answer)
    async def answered(*, request: Request, actor: Actor, **values: Any) -> Found:
        if actor.is_staff:
            return await run_in_threadpool(answer, request=request, actor=actor, **values)
        return await briefly(request, answer, request=request, actor=actor, **values)

    return answered


async def _asking(request: Request) -> Actor:
    """Who is asking, found once for each request; the language shown is theirs."""
    if not hasattr(request.state, "actor"):
        site = site_of(request)
        named = site.says_who(request)
        request.state.actor = await run_in_threadpool(_identified, site, request) if named else VISITOR
    actor: Actor = request.state.actor
    return actor


def _identified(site: Site, request: Request) -> Actor:
    with reading(site.engine) as session:
        return site.identify(request, session)


Asking = Annotated[Actor, Depends(_asking)]


def language_of(request: Request, actor: Actor | None = None) -> str:
    """The language to answer in: asked for in the address, chosen before, the person's, the browser's."""
    for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    if actor is not None and actor.signed_in:
        return actor.language
    return i18n.closest_language(_accepted(request.headers.get("accept-language", "")))


def _accepted(header: str) -> list[str]:
    """The tags of an Accept-Language header, the most wanted first."""
    weighed = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag.strip()))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(weighed) if tag.replace("-", "").isalnum()]


# Pages ------------------------------------------------------------------------------------------------


def page(request: Request, actor: Actor, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, in the language of whoever is asking."""
    language = language_of(request, actor)
    shown = {"request": request, "path": request.url.path, "here_in": _here_in(request), **values}
    html = render(site_of(request), template, language, actor, **shown)
    response = HTMLResponse(html, status_code=status, headers={"Content-Language": language})
    if request.query_params.get("lang") in LANGUAGES:
        keep_cookie(request, response, LANGUAGE_COOKIE, language, days=365)
    return response


def _here_in(request: Request) -> str:
    """The address of this page in another language, whose code is to be put behind."""
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"{request.url.path}?{urlencode([*rest, ('lang', '')])}"


def render(site: Site, template: str, language: str, actor: Actor, **values: Any) -> str:
    """A template with the words of a language, as somebody may see it."""
    context = {
        "actor": actor,
        "language": language,
        "problems": {},
        "typed": {},
        "macros": {},
        "may": lambda permission, organization=None: may(actor, permission, organization),
        "static": static_url,
        **values,
    }
    return site.templates.get_template(template).render(context)


def static_url(path: str) -> str:
    """The address of a static file, which changes with its content."""
    from service.assets import version

    return f"/static/{path}?v={version(path)}"


def see_other(address: str) -> RedirectResponse:
    """Go and look there; only addresses of this site."""
    return RedirectResponse(local_address(address), status_code=303)


def local_address(address: str) -> str:
    """The address if it lies on this site, else the front page."""
    parts = urlsplit(address.replace("\\", "/"))
    inside = (
        not parts.scheme
        and not parts.netloc
        and address.startswith("/")
        and not address.startswith("//")
        and address.isprintable()
    )
    return address if inside else "/"


def keep_cookie(
    request: Request, response: Response, name: str, value: str, *, days: float, path: str = "/"
) -> None:
    """Set a cookie that scripts cannot read and other sites cannot send, for the pages below a path."""
    response.set_cookie(
        name,
        value,
        max_age=int(days * 86_400),
        httponly=True,
        samesite="lax",
        secure=bool(site_of(request).settings.secure_cookies),
        path=path,
    )


class StoredFile(Protocol):
    """What is known of a file beside its content."""

    @property
    def filename(self) -> str: ...  # noqa: D102

    @property
    def media_type(self) -> str: ...  # noqa: D102


def file_to_save(path: Path, known: StoredFile) -> FileResponse:
    """A file to be saved and never shown as a page of this site. Raises NotFound where it is gone."""
    if not path.is_file():
        raise NotFound
    return FileResponse(
        path,
        media_type=known.media_type,
        filename=known.filename,
        headers={"Cache-Control": "private, no-store"},
    )


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def download(content: str | bytes, media_type: str, filename: str) -> Response:
    """Something made for whoever asks, to be saved."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(content, media_type=media_type, headers=headers)


# Forms ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into a form, as typed; given back to the form when something in it is wrong."""

    fields: Mapping[str, list[str]]
    files: Mapping[str, list[UploadFile]]

    def text(self, name: str, default: str = "") -> str:
        """The (first) value of a field."""
        values = self.fields.get(name)
        return values[0] if values else default

    def texts(self, name: str) -> list[str]:
        """All values of a field, the empty ones left out."""
        return [value for value in self.fields.get(name, ()) if value]

    def file(self, name: str) -> UploadFile | None:
        """The uploaded file of a field, if one was chosen."""
        found = [file for file in self.files.get(name, ()) if file.filename]
        return found[0] if found else None

    def get(self, name: str, default: str = "") -> str:
        """For templates: as `text`."""
        return self.text(name, default)


async def _typed(request: Request) -> AsyncIterator[Typed]:
    fields: dict[str, list[str]] = {}
    files: dict[str, list[UploadFile]] = {}
    async with request.form(max_files=20, max_fields=2000) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.setdefault(name, []).append(value)
            else:
                fields.setdefault(name, []).append(value)
        request.state.typed = Typed(fields, files)
        yield request.state.typed


Form = Annotated[Typed, Depends(_typed)]
NOTHING_TYPED = Typed({}, {})


def typed_before(request: Request, session: Session) -> Typed:
    """What was typed into this page's form when the session had ended, given back after signing in."""
    key = request.cookies.get(HELD_COOKIE, "")
    if not key or "held" not in request.query_params:
        return NOTHING_TYPED
    return Typed(site_of(request).held(session, key, request.url.path) or {}, {})


def _to_sign_in(request: Request) -> Response:
    """To the sign-in page and back; what was typed into a form is kept meanwhile."""
    here = urlsplit(str(request.url))
    if request.method == "POST":
        referer = urlsplit(request.headers.get("referer", ""))
        here = referer if referer.netloc == here.netloc else here
    path, query, key = here.path, here.query, ""
    typed: Typed = getattr(request.state, "typed", NOTHING_TYPED)
    if typed.fields:
        site = site_of(request)
        with writing(site.engine) as session:
            key = site.hold(session, path, typed.fields)
        rest = [(name, value) for name, value in parse_qsl(query) if name != "held"]
        query = urlencode([*rest, ("held", "1")]) if key else query
    response = see_other("/accounts/sign-in?" + urlencode({"next": f"{path}?{query}" if query else path}))
    if key:
        keep_cookie(request, response, HELD_COOKIE, key, days=1)
    return response


# Errors -----------------------------------------------------------------------------------------------


def problem_document(error: ServiceError, language: str, instance: str) -> dict[str, Any]:
    """An error as RFC 9457 has it, in the reader's language."""
    document: dict[str, Any] = {
        "type": f"urn:qiao:problem:{error.slug}",
        "title": say(error.message, language),
        "status": error.status,
        "code": error.message.code,
        "instance": instance,
    }
    if isinstance(error, BadInput):
        document["errors"] = [
            {"field": problem.field, "code": problem.message.code, "detail": say(problem.message, language)}
            for problem in error.problems
        ]
    return document


def respond_to_error(request: Request, error: ServiceError) -> Response:
    """A problem document under /api, a page elsewhere."""
    actor = getattr(request.state, "actor", Actor())
    language = language_of(request, actor)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else {}
    if request.url.path.startswith("/api/"):
        if isinstance(error, SignInNeeded):
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(
            problem_document(error, language, request.url.path),
            status_code=error.status,
            headers={**headers, "Content-Language": language},
            media_type="application/problem+json",
        )
    if isinstance(error, SignInNeeded):
        return _to_sign_in(request)
    response = page(request, actor, "problems/problem.html", status=error.status, error=error)
    response.headers.update(headers)
    return response


def too_large() -> TooLarge:
    """The error of a body that is longer than is accepted."""
    return TooLarge(Message("body-too-large", "This is more than can be taken at once."))


def install_errors(app: FastAPI) -> None:
    """Say every error in the one shape."""

    @app.exception_handler(ServiceError)
    def refused(request: Request, error: ServiceError) -> Response:
        return respond_to_error(request, error)

    @app.exception_handler(DataError)
    def unstorable(request: Request, _error: DataError) -> Response:
        what = Message("unstorable", "Something in it cannot be stored, such as a NUL character.")
        return respond_to_error(request, BadInput.one("", what))

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        problems = [
            FieldProblem(
                ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]),
                Message("malformed", "{reason}", reason=str(one["msg"])),
            )
            for one in error.errors()
        ]
        return respond_to_error(request, BadInput(problems))

    @app.exception_handler(HTTPException)
    def other(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return respond_to_error(request, NotFound())
        if error.status_code == 413:
            return respond_to_error(request, too_large())
        refused = ServiceError(Message("refused", "This address does not accept that."))
        refused.status, refused.slug = error.status_code, "refused"  # type: ignore[misc]
        response = respond_to_error(request, refused)
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_methods_here(request))
        return response


def _methods_here(request: Request) -> list[str]:
    """All methods that the address takes; the router names only those of the first route that fits."""
    taken = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    ]
    return sorted([*taken, "HEAD"] if "GET" in taken else taken)


# Limits and versions ----------------------------------------------------------------------------------


def limit(request: Request, rate: str, *keys: str) -> None:
    """Count one attempt under `keys`; raise TooMany beyond `rate` (such as `5/minute`)."""
    from time import time

    from limits import parse

    site = site_of(request)
    if not site.settings.rate_limit:
        return
    item = parse(rate)
    if not site.limiter.hit(item, *keys):
        reset, _ = site.limiter.get_window_stats(item, *keys)
        raise TooMany(max(1, int(reset - time())))


def client_address(request: Request) -> str:
    """The address the request came from."""
    return request.client.host if request.client else "unknown"


def etag(version: int) -> str:
    """The entity tag of a row's version."""
    return f'"{version}"'


def require_match(request: Request, version: int) -> None:
    """Raise Changed unless If-Match, where given, names this version."""
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip() not in (etag(version), "*"):
        raise Changed
