"""Real processes to be killed: `python -m tests.journeys.processes DATA_DIR URL` forks them on command.

Everything is imported once, so that a process is at work a moment after it was asked for. Lines on stdin:
`worker` forks a worker, `web PORT` a web server; the number of the process is printed. A lost worker is
noticed within a second here instead of a minute, since fifty of them will be lost.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.settings import Settings


def _worker(settings: Settings) -> None:
    from service.db import make_engine
    from service.worker import make_jobs

    jobs = make_jobs(make_engine(settings.database_url), settings)
    jobs.timers.clear()
    jobs.start()
    signal.pause()


def _web(settings: Settings, port: int) -> None:
    import uvicorn

    from service.app import create_app

    uvicorn.run(create_app(settings), host="127.0.0.1", port=port, log_config=None, access_log=False)


def main() -> None:
    """Fork what is asked for until stdin ends."""
    import scipy.optimize
    import uvicorn

    import matching.matcher
    import service.app
    from service import jobs
    from service.settings import Settings

    assert uvicorn.run
    assert scipy.optimize.milp
    assert matching.matcher.match
    assert service.app.create_app
    jobs.LEASE, jobs.REDELIVER, jobs.SWEEP_SECONDS = timedelta(seconds=1), timedelta(seconds=0.5), 0.2
    settings = Settings(
        data_dir=Path(sys.argv[1]),
        database_url=sys.argv[2],
        secret="a secret for tests",
        rate_limit=False,
        worker_in_process=False,
        warm_search=False,
    ).ready()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        what, *port = line.split()
        number = os.fork()
        if number == 0:
            os.close(0)
            os.dup2(2, 1)
            try:
                _worker(settings) if what == "worker" else _web(settings, int(port[0]))
            finally:
                os._exit(1)
        print(number, flush=True)


if __name__ == "__main__":
    main()
