"""The database's tables, brought from any earlier state to the present one, and back.

A change of a model comes with a migration: `alembic revision --autogenerate --rev-id 0006 -m "what changes"`
in a checkout, against a database at the present head; files are numbered in their order. Both databases run
the same ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine

HERE = Path(__file__).parent


def is_current(engine: Engine) -> bool:
    """Whether the database is at the newest revision already; cheaper than to ask alembic."""
    newest = max(path.name for path in (HERE / "versions").glob("[0-9]*.py")).partition("_")[0]
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to a revision; several processes may try at once."""
    from alembic import command

    command.upgrade(_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the database back to a revision (`base`: no tables)."""
    from alembic import command

    command.downgrade(_config(engine), revision)


def _config(engine: Engine) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config
