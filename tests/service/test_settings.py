"""Settings: from the environment, checked, frozen; the secret made once."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from service.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_every_field_is_set_by_its_name_in_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIAO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("QIAO_UPLOAD_BYTES", "12")
    monkeypatch.setenv("QIAO_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("QIAO_PUBLIC_URL", "https://qiao.example/")
    monkeypatch.setenv("QIAO_LANG", "ru")
    settings = Settings.from_environment()
    assert (settings.data_dir, settings.upload_bytes) == (tmp_path, 12)
    assert not settings.worker_in_process
    assert settings.public_url == "https://qiao.example"


def test_misspelt_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIAO_DATABSE_URL", "sqlite:///x")
    with pytest.raises(ValidationError, match="databse_url"):
        Settings.from_environment()


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(ValidationError):
        settings.public_url = "x"


def test_secret_is_made_once_and_only_for_the_owner(tmp_path: Path) -> None:
    first = Settings(data_dir=tmp_path / "new").ready()
    second = Settings(data_dir=tmp_path / "new").ready()
    assert first.secret == second.secret
    assert len(first.secret) >= 32
    assert stat.S_IMODE((tmp_path / "new" / "secret").stat().st_mode) == 0o600
    assert Settings(data_dir=tmp_path, secret="given").ready().secret == "given"


def test_ready_names_the_database_and_the_cookies_protection(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path).ready()
    assert settings.database_url == f"sqlite:///{tmp_path / 'qiao.db'}"
    assert settings.secure_cookies is False
    assert Settings(data_dir=tmp_path, public_url="https://x.example").ready().secure_cookies is True
    assert Settings(data_dir=tmp_path, secure_cookies=True).ready().secure_cookies is True
    assert (
        Settings(data_dir=tmp_path, database_url="postgresql:///q").ready().database_url == "postgresql:///q"
    )
