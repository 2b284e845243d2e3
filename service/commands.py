"""The commands that run and keep the service: serve, worker, migrate, user, backup, import, export, …"""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matching.messages import Message
from service.serving import installation, migrate, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import Engine

    from matching.errors import Problem
    from service.jobs import Work

INVALID = 1
server = typer.Typer(rich_markup_mode=None)
users = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
server.add_typer(users, name="user", help="Add people, give them roles, set their passwords.")
audits = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
server.add_typer(audits, name="audit", help="The log of what happened.")

Email = Annotated[str, typer.Argument(metavar="EMAIL")]
ROLES = "reviewer, facilitator or administrator"


@server.command("serve")
def serve_command(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
) -> None:
    """Serve the web site and the API; the database is brought up to date first."""
    with _refusals():
        settings = installation(port)
    migrate(settings)
    serve(settings, host, port, _tell)


@server.command("worker")
def worker_command(
    threads: Annotated[int, typer.Option(min=1, max=64, help="Jobs done at the same time.")] = 2,
) -> None:
    """Work off jobs beside a web process that runs with QIAO_WORKER_IN_PROCESS=false."""
    from service.app import create_app
    from service.observing import configure_logs

    with _refusals():
        settings = installation()
    configure_logs(as_json=settings.log_json)
    jobs = create_app(settings).state.site.jobs
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    jobs.start(workers=threads)
    _tell(Message("worker-works", "Working. Stop with Ctrl+C."))
    stopping.wait()
    jobs.stop()


@server.command("migrate")
def migrate_command() -> None:
    """Bring the database up to date."""
    with _refusals():
        settings = installation()
    migrate(settings)
    _tell(Message("migrated", "The database is up to date."))


@server.command("backup")
def backup_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, such as qiao.zip.")],
) -> None:
    """Write everything, the database and the files, into one file; others may go on working."""
    from service.backup import backup

    with _database() as engine, _refusals():
        kept = backup(engine, installation(), path)
    _tell(
        Message(
            "backup-made",
            "Written to {file}: {rows} rows, {files} files. It holds personal data and the secret of this "
            "installation; keep it safe.",
            file=str(path),
            rows=sum(kept.rows.values()),
            files=kept.files,
        )
    )


@server.command("restore")
def restore_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
) -> None:
    """Bring a backup back into an installation that holds nothing yet, on either kind of database."""
    from service.backup import restore
    from service.db import make_engine

    with _refusals():
        settings = installation()
        engine = make_engine(settings.database_url)
        kept = restore(engine, settings, path)
        engine.dispose()
    _tell(
        Message(
            "backup-restored",
            "Restored: {rows} rows, {files} files.",
            rows=sum(kept.rows.values()),
            files=kept.files,
        )
    )


@users.command("create")
def user_create_command(
    email: Email,
    name: Annotated[str, typer.Option(help="Shown to others.")] = "",
    role: Annotated[list[str] | None, typer.Option(metavar="ROLE", help=f"{ROLES}; may be repeated.")] = None,
    lang: Annotated[str, typer.Option("--lang", help="Language the person reads.")] = "en",
) -> None:
    """Add a person who can sign in at once; prints the password."""
    from service.accounts.actions import add_user
    from service.accounts.memberships import service_roles
    from service.db import writing
    from service.permissions import SYSTEM_ACTOR, Role

    with _database() as engine, _refusals(), writing(engine) as session:
        add_user(
            session,
            SYSTEM_ACTOR,
            email=email,
            name=name or email.partition("@")[0],
            password=(password := new_password()),
            roles=[Role(one) for one in service_roles(role or [])],
            language=lang,
        )
    typer.echo(password)


@users.command("role")
def user_role_command(
    email: Email,
    role: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE]...", help=f"{ROLES}; none: no role.")
    ] = None,
) -> None:
    """Set a person's roles in the whole service."""
    from service.accounts.actions import set_service_roles
    from service.accounts.queries import user_by_email
    from service.db import writing
    from service.errors import NotFound
    from service.permissions import SYSTEM_ACTOR

    with _database() as engine, _refusals(), writing(engine) as session:
        user = user_by_email(session, email)
        if user is None:
            raise NotFound
        roles = set_service_roles(session, SYSTEM_ACTOR, user.uid, role or []).roles
    typer.echo(" ".join(roles))


@users.command("password")
def user_password_command(email: Email) -> None:
    """Give a person a new password, end their sessions, print it."""
    from service.accounts.actions import give_password
    from service.accounts.queries import user_by_email
    from service.db import writing
    from service.errors import NotFound
    from service.permissions import SYSTEM_ACTOR

    password = new_password()
    with _database() as engine, _refusals(), writing(engine) as session:
        user = user_by_email(session, email)
        if user is None:
            raise NotFound
        give_password(session, SYSTEM_ACTOR, user, password)
    typer.echo(password)


@audits.command("verify")
def audit_verify_command(
    known: Annotated[
        str, typer.Option(metavar="HASH", help="Of an entry noted earlier, which must still be there.")
    ] = "",
) -> None:
    """Check that no entry of the log was changed, removed or put in between; print the last one's hash."""
    from service.audit.queries import chain, holds
    from service.db import reading
    from service.permissions import SYSTEM_ACTOR

    with _database() as engine, reading(engine) as session:
        found = chain(session, SYSTEM_ACTOR)
        lost = bool(known) and not holds(session, known)
    for event in found.broken:
        _note(f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.name}  {event.subject}  {event.hash}")
    if found.broken:
        _tell(Message("log-broken", "Entries that are not what they were: {count}.", count=len(found.broken)))
    if lost:
        _tell(Message("log-lost", "The entry {hash} is no longer there.", hash=known))
    if found.broken or lost:
        raise typer.Exit(INVALID)
    _tell(Message("log-whole", "All {count} entries of the log are whole and in order.", count=found.entries))
    typer.echo(found.last)


@server.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX or JSON, as for `qiao match`.")],
    organization: Annotated[str, typer.Option(metavar="UID", help="Whose needs and offers they are.")] = "",
    side: Annotated[str, typer.Option(help="need or offer, where the file does not say it.")] = "",
    publish: Annotated[bool, typer.Option(help="Publish them at once.")] = False,
    keep_good: Annotated[
        bool, typer.Option("--keep-good", help="Leave out rows that cannot be read instead of stopping.")
    ] = False,
    cooperations: Annotated[
        bool, typer.Option("--cooperations", help="They are cooperations that were signed elsewhere.")
    ] = False,
    source: Annotated[str, typer.Option(help="Where cooperations are written down that do not say it.")] = "",
) -> None:
    """Read needs and offers of an organization, or cooperations signed elsewhere, from a spreadsheet."""
    if cooperations:
        _bring(file, source, keep_good=keep_good)
        return
    if not organization:
        raise typer.BadParameter("Say whose needs and offers they are.", param_hint="--organization")
    from service.db import reading, writing
    from service.listings import importing, queries
    from service.organizations.queries import get
    from service.permissions import SYSTEM_ACTOR

    with _database() as engine, _refusals():
        content = file.read_bytes()
        with writing(engine) as session:
            found = get(session, SYSTEM_ACTOR, organization)
            kept = importing.upload(
                session, SYSTEM_ACTOR, found, filename=file.name, content=content, side=side
            )
            wrong = importing.preview(session, kept).wrong
            _note_all(one.problem for one in wrong)
            if wrong and not keep_good:
                raise typer.Exit(INVALID)
            importing.start(session, SYSTEM_ACTOR, kept, publish=publish)
        with _progress() as work_of:
            importing.import_listings(work_of(engine), uid=kept.uid)
        with reading(engine) as session:
            done = queries.import_(session, SYSTEM_ACTOR, kept.uid)
    counts = f"{done.created_count} made, {done.updated_count} changed, {done.skipped_count} there already"
    typer.echo(f"{counts}, {done.left_out} left out")


def _note_all(problems: Iterable[Problem]) -> None:
    from service.i18n import environment_language
    from service.wording import say

    for one in problems:
        where = ":".join(str(part) for part in (one.sheet, one.row, one.column) if part)
        _note(f"{where}  {say(one.message, environment_language())}")


def _bring(file: Path, source: str, *, keep_good: bool) -> None:
    from service.db import writing
    from service.funding import earlier
    from service.permissions import SYSTEM_ACTOR

    with _database() as engine, _refusals(), writing(engine) as session:
        kept = earlier.read(SYSTEM_ACTOR, filename=file.name, content=file.read_bytes(), source=source)
        found = earlier.look(session, SYSTEM_ACTOR, kept)
        _note_all([one.problem for one in found.wrong])
        if found.wrong and not keep_good:
            raise typer.Exit(INVALID)
        made = earlier.bring(session, SYSTEM_ACTOR, kept, found) if found.ready else []
    typer.echo(f"{len(made)} made, {found.here} there already, {found.wrong_rows} left out")


@server.command("export")
def export_command(
    what: Annotated[
        str,
        typer.Argument(
            metavar="DIR|FORMAT",
            help="A folder for needs and offers, or the form of open data about signed cooperations: "
            "360giving, ocds, csv, xlsx, graphml, gexf, jsonld.",
        ),
    ],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="For open data; else stdout.")] = None,
) -> None:
    """Write needs and offers into a folder that `qiao match` can read, or cooperations as open data."""
    from service.disclosure.exports import Format, export

    if what not in tuple(Format):
        if out is not None:
            forms = ", ".join(Format)
            raise typer.BadParameter(f"“{what}” is no form of open data; those are {forms}.")
        _export_listings(Path(what))
        return
    with _database() as engine:
        pieces = export(engine, Format(what), installation().public_url)
        with out.open("wb") if out else nullcontext(sys.stdout.buffer) as file:
            file.writelines(pieces)


def _export_listings(folder: Path) -> None:
    from sqlmodel import col

    from matching.profiles import Profiles, Side
    from matching.reading.writing import write_profiles
    from service.db import reading
    from service.listings.models import Listing
    from service.listings.queries import profile_of, visible_to
    from service.permissions import VISITOR

    with _database() as engine, reading(engine) as session:
        listings = session.exec(visible_to(VISITOR).order_by(col(Listing.id)))
        found = [profile_of(session, listing) for listing in listings]
    write_profiles(
        Profiles(
            needs=tuple(one for one in found if one.side is Side.NEED),
            offers=tuple(one for one in found if one.side is Side.OFFER),
        ),
        folder,
    )
    typer.echo(f"{len(found)} needs and offers written to {folder}")


@server.command("reindex")
def reindex_command() -> None:
    """Encode what the search does not know yet, or not with the model in use."""
    from service.search.actions import reindex

    with _database() as engine, _progress() as work_of:
        reindex(work_of(engine))


# What several commands need ----------------------------------------------------------------------------


def demonstrate(language: str, host: str | None, port: int) -> None:
    """Put the scenarios into the database, say who can sign in, serve where `host` is given.

    Unless the environment names a data folder or a database, the demonstration has a folder of its own.
    """
    from service import demo, demo_agreements, demo_books, demo_rounds
    from service.db import make_engine
    from service.search.actions import reindex
    from service.settings import Settings
    from service.wording import say
    from service.worker import make_jobs

    with _refusals():
        settings = Settings.from_environment()
        if not settings.model_fields_set & {"data_dir", "database_url"}:
            settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})
        changes = {"public_url": f"http://localhost:{port}", "log_json": False}
        changes = {name: value for name, value in changes.items() if name not in settings.model_fields_set}
        settings = settings.ready().model_copy(update=changes)
    migrate(settings)
    engine = make_engine(settings.database_url)
    demo.load(engine)
    with _progress() as work_of:
        reindex(work_of(engine))
    jobs = make_jobs(engine, settings)
    demo_rounds.hold(engine, jobs)
    people = demo.sign_ins(engine, settings, language)
    signed = demo_agreements.sign(engine, jobs)
    demo_books.keep(engine, signed, demo.facilitator(engine), settings.data_dir)
    jobs.run_all()
    organizations, listings = demo.counts(engine)
    _note("")
    _tell(
        Message(
            "demo-holds",
            "The web site holds {organizations} organizations, {listings} needs and offers, and {rounds} "
            "match rounds in different phases.",
            organizations=organizations,
            listings=listings,
            rounds=len(demo_rounds.SHOWN),
        ),
        language,
    )
    _tell(
        Message("demo-sign-in", "Sign in at {address}:", address=f"{settings.public_url}/accounts/sign-in"),
        language,
    )
    for sample, password in people:
        _note(f"  {sample.email:<28}{password}   {say(sample.what, language)}")
    _tell(
        Message(
            "demo-synthetic",
            "All of this is demonstration data; it lies in {folder}.",
            folder=str(settings.data_dir),
        ),
        language,
    )
    engine.dispose()
    if host is not None:
        serve(settings, host, port, _tell)


@contextmanager
def _progress() -> Iterator[Callable[[Engine], Work]]:
    """A bar on a terminal for work that is otherwise a job's."""
    from rich.console import Console
    from rich.progress import Progress

    from service.jobs import Work

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        class Shown(Work):
            def progress(self, share: float) -> None:
                bar.update(task, completed=share)

        yield lambda engine: Shown(engine, installation(), None, "")


def new_password() -> str:
    """A password that cannot be guessed and can be read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


@contextmanager
def _database() -> Iterator[Engine]:
    """The installation's database, up to date."""
    from service.db import make_engine

    with _refusals():
        settings = installation()
    migrate(settings)
    engine = make_engine(settings.database_url)
    yield engine
    engine.dispose()


@contextmanager
def _refusals() -> Iterator[None]:
    """Say in the reader's language what the service refuses, and leave with status 1."""
    from pydantic import ValidationError

    from service.errors import BadInput, ServiceError

    try:
        yield
    except ServiceError as error:
        from service.i18n import environment_language
        from service.wording import say

        _note(say(error.message, language := environment_language()))
        for problem in error.problems if isinstance(error, BadInput) else ():
            _note(f"  {problem.field}: {say(problem.message, language)}")
        raise typer.Exit(INVALID) from error
    except ValidationError as error:
        for wrong in error.errors():
            _note(f"QIAO_{'_'.join(str(part) for part in wrong['loc']).upper()}: {wrong['msg']}")
        raise typer.Exit(INVALID) from error


def _tell(message: Message, language: str = "") -> None:
    """Say something in the reader's language beside the result."""
    from service.i18n import environment_language
    from service.wording import say

    _note(say(message, language or environment_language()))


def _note(text: str) -> None:
    """stdout carries results; everything else goes here."""
    typer.echo(text, err=True)
