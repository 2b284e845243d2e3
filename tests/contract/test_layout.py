"""What the project has agreed about its own files."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 500
SOURCES = ("*.py", "*.html", "*.css", "*.js")
BUILT = {ROOT / "service/static/app.css", ROOT / "tests/browser/vendor", ROOT / "service/static/vendor"}


@pytest.mark.parametrize("folder", ["matching", "service", "tests", "notebooks"])
def test_no_source_is_longer_than_one_can_keep_in_mind(folder: str) -> None:
    sources = [path for pattern in SOURCES for path in (ROOT / folder).rglob(pattern)]
    written = [path for path in sources if BUILT.isdisjoint({path, *path.parents})]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in written}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}
