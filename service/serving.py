"""Serving an installation: its settings, its database brought up to date, the web server and its worker."""

from __future__ import annotations

import gc
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from service.settings import Settings


def installation(port: int | None = None) -> Settings:
    """The settings of the environment; without a public URL, the site is on this machine at `port`."""
    from service.settings import Settings

    settings = Settings.from_environment().ready()
    if port and "public_url" not in settings.model_fields_set:
        settings = settings.model_copy(update={"public_url": f"http://localhost:{port}"})
    return settings


def migrate(settings: Settings) -> None:
    """Bring the database up to date."""
    from service.db import make_engine
    from service.migrations import is_current, upgrade

    engine = make_engine(settings.database_url)
    if not is_current(engine):
        upgrade(engine)
    engine.dispose()


SECONDS_LAST = 5
"""How long running answers may take after the stop; walls that listen would never end by themselves."""


RARELY = (10_000, 20, 20)
"""Requests leave little that only the collector finds, and make a thousand objects in a moment."""


def serve(settings: Settings, host: str, port: int, tell: Callable[[Message], None]) -> None:
    """Serve until somebody stops it, with a worker beside it unless another one does the jobs.

    The door opens at once; what lies behind it is loaded meanwhile.
    """
    import uvicorn

    from service.beside import worker_beside
    from service.entrance import Entrance

    def stop() -> None:
        serving.should_exit = True

    alone = settings.model_copy(update={"worker_in_process": False})
    entrance = Entrance(lambda: _loaded(alone, tell), stop)
    serving = uvicorn.Server(
        uvicorn.Config(
            entrance,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SECONDS_LAST,
        )
    )
    with worker_beside(alone) if settings.worker_in_process else nullcontext(), suppress(KeyboardInterrupt):
        serving.run()
    if entrance.error is not None:
        raise entrance.error


def _loaded(settings: Settings, tell: Callable[[Message], None]) -> FastAPI:
    """The application, and word that it is there."""
    from matching.caching import without_collection

    with without_collection():
        from service.app import create_app
        from service.observing import configure_logs

        configure_logs(as_json=settings.log_json)
        app = create_app(settings)
    gc.freeze()
    gc.set_threshold(*RARELY)
    tell(Message("serving", "Serving on {address}. Stop with Ctrl+C.", address=settings.public_url))
    return app
