"""Where the data files lie: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path


def data_path(*parts: str) -> Path:
    """The file or folder `parts` below `data/`; it need not exist."""
    here = Path(__file__).resolve().parent
    inside = here / "data"
    root = inside if inside.is_dir() else here.parent / "data"
    return root.joinpath(*parts)
