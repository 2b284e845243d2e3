"""What one installation decides: read once from the environment, then frozen.

Every field is set by `QIAO_` and its name in capitals, as in `QIAO_DATABASE_URL`.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, field_validator


class Settings(BaseModel):
    """All settings, with defaults that suit one laptop without a network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(default_factory=lambda: user_data_path("qiao", appauthor=False))
    """Where the database, uploads, outgoing mail and the secret lie by default."""
    database_url: str = Field(default="", repr=False)
    public_url: str = "http://localhost:8000"
    secret: str = Field(default="", repr=False)
    """Signs links in mail. Made once and kept in `data_dir` where it is not given."""
    smtp_url: str = Field(default="", repr=False)
    """smtp://user:password@host:port or smtps://…; empty: mail is written to data_dir/outbox."""
    mail_from: str = "Qiao <qiao@localhost>"
    time_zone: str = "UTC"
    upload_bytes: int = 5_000_000
    """The largest file that is accepted."""
    session_days: int = 30
    worker_in_process: bool = True
    """Whether whoever serves works off jobs too: `qiao serve` in a process beside it, an application that is
    served otherwise in a thread. Off where `qiao worker` does it."""
    warm_search: bool = True
    """Whether the language model is loaded in the background after the start, before anybody searches."""
    secure_cookies: bool | None = None
    """Defaults to whether public_url is https."""
    rate_limit: bool = True
    private_webhooks: bool = False
    """Whether webhooks may go to addresses inside this network."""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = Field(default="", repr=False)
    oidc_name: str = "OpenID"
    log_json: bool = True

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @classmethod
    def from_environment(cls) -> Self:
        """The settings that the environment gives; names that are not settings are refused."""
        prefix = "QIAO_"
        elsewhere = {"QIAO_LANG", "QIAO_CACHE_DIR", "QIAO_EMBEDDING_MODEL"}
        given = {
            name.removeprefix(prefix).lower(): value
            for name, value in os.environ.items()
            if name.startswith(prefix) and name not in elsewhere
        }
        return cls.model_validate(given)

    def ready(self) -> Self:
        """The same settings with the folder made, the secret found and the database named."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        return self.model_copy(
            update={
                "secret": self.secret or _kept_secret(self.data_dir / "secret"),
                "database_url": self.database_url or f"sqlite:///{self.data_dir / 'qiao.db'}",
                "secure_cookies": self.public_url.startswith("https://")
                if self.secure_cookies is None
                else self.secure_cookies,
            }
        )


def _kept_secret(path: Path) -> str:
    """The installation's secret, made on first use and readable by its owner alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret := secrets.token_urlsafe(48))
    return secret
