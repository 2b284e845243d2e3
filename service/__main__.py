"""`python -m service` and the command `qiao`."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line. Both streams speak UTF-8, whatever the console of the machine was set to."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    from service.cli import app

    app(prog_name="qiao")


if __name__ == "__main__":
    main()
