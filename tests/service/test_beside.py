"""The worker beside the web server comes again when it is lost, and goes when the web server goes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from service.beside import worker_beside
from service.db import reading, writing
from service.jobs import Job, JobStatus, promise
from service.worker import make_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess

    from sqlalchemy import Engine

    from service.settings import Settings

PATIENCE = 300.0


def _worker(before: int | None = None) -> BaseProcess:
    """The worker that is running, being another than the one before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for child in multiprocessing.active_children():
            if child.pid != before and child.is_alive():
                return child
        time.sleep(0.05)
    raise AssertionError("no worker beside")


def _work_off(engine: Engine) -> None:
    """Promise something, and wait until it is done."""
    with writing(engine) as session:
        uid = promise(session, "clear_keys").uid
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with reading(engine) as session:
            if session.exec(select(Job.status).where(Job.uid == uid)).one() is JobStatus.DONE:
                return
        time.sleep(0.1)
    raise AssertionError("the promise was not kept")


@contextmanager
def _promises_delivered(engine: Engine, settings: Settings) -> Iterator[None]:
    """What is promised here is delivered at once, as by a web server."""
    jobs = make_jobs(engine, settings)
    jobs.deliver_after_commit()
    try:
        yield
    finally:
        jobs.stop()


def test_worker_that_was_killed_is_started_again_and_keeps_what_was_promised(
    engine: Engine, settings: Settings
) -> None:
    with _promises_delivered(engine, settings), worker_beside(settings):
        first = _worker()
        _work_off(engine)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        second = _worker(before=first.pid)
        _work_off(engine)
        assert second.is_alive()
    with pytest.raises(ValueError, match="closed"):
        second.is_alive()
    assert multiprocessing.active_children() == []
