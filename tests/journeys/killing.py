"""Forks workers and web servers of an installation, to be killed with SIGKILL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

PATIENCE = 90.0


class Processes:
    """Forks workers and web servers, and kills them."""

    def __init__(self, pipe: subprocess.Popen[str]) -> None:
        self._pipe = pipe

    def start(self, what: str) -> int:
        assert self._pipe.stdin is not None
        assert self._pipe.stdout is not None
        self._pipe.stdin.write(f"{what}\n")
        self._pipe.stdin.flush()
        return int(self._pipe.stdout.readline())

    @contextmanager
    def running(self, what: str) -> Iterator[int]:
        number = self.start(what)
        try:
            yield number
        finally:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    command = [
        sys.executable,
        "-m",
        "tests.journeys.processes",
        str(settings.data_dir),
        settings.database_url,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as pipe:
        assert pipe.stdout is not None
        assert pipe.stdout.readline() == "ready\n"
        yield Processes(pipe)
        assert pipe.stdin is not None
        pipe.stdin.close()


def free_port() -> int:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_answer(browser: httpx.Client) -> None:
    """Until the server answers that it is well."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(httpx.HTTPError):
            if browser.get("/healthz").status_code == 200:
                return
        time.sleep(0.05)
    pytest.fail("the server never answered")
