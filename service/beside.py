"""A worker in a process of its own beside the web server, for as long as that runs.

Jobs think for seconds, and one process runs Python in one thread at a time: a match run in the web server's
own process would hold up every page. It starts once the first answers are given, comes again if it is lost,
and goes when the web server goes, even if that was killed.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import SpawnProcess

    from service.settings import Settings

log = structlog.get_logger(__name__)

SECONDS_FIRST = 0.5
"""How long the first answers come before the worker, which loads much."""
SECONDS_AGAIN = 1.0
SECONDS_LAST = 15.0
"""How long the worker has for what it is doing when everything stops."""


@contextmanager
def worker_beside(settings: Settings) -> Iterator[None]:
    """Keep a worker running while the block does."""
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep, args=(settings, stopping), name="worker beside", daemon=True)
    keeper.start()
    before = signal.signal(
        signal.SIGTERM, lambda *_: sys.exit()
    )  # a web server that has stopped raises it again
    try:
        yield
    finally:
        stopping.set()
        keeper.join(SECONDS_LAST + 5)
        signal.signal(signal.SIGTERM, before)


def _keep(settings: Settings, stopping: threading.Event) -> None:
    """Start the worker, and again whenever it ends without having been asked to."""
    pause = SECONDS_FIRST
    while not stopping.wait(pause):
        process = multiprocessing.get_context("spawn").Process(target=_work, args=(settings,), daemon=True)
        process.start()
        while process.is_alive() and not stopping.wait(0.2):
            pass
        if stopping.is_set():
            _end(process)
        else:
            log.error("worker was lost", exit_code=process.exitcode)
        process.close()
        pause = SECONDS_AGAIN


def _end(process: SpawnProcess) -> None:
    process.terminate()
    process.join(SECONDS_LAST)
    if process.is_alive():
        process.kill()
        process.join()


def _work(settings: Settings) -> None:
    """Work off jobs until told to stop, or until whoever started this is gone."""
    from service.app import create_app
    from service.observing import configure_logs

    configure_logs(as_json=settings.log_json)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    jobs = create_app(settings).state.site.jobs
    jobs.start()
    parent = multiprocessing.parent_process()
    while not stopping.is_set() and not (parent and wait([parent.sentinel], timeout=0.5)):
        pass
    jobs.stop()
