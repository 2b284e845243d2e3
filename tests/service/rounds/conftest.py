"""People who run rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import MakeUser


@pytest.fixture
def facilitator(make_user: MakeUser, as_user: Callable[[User], TestClient]) -> TestClient:
    """The browser of somebody who runs rounds."""
    return as_user(make_user(roles=[Role.FACILITATOR]))
