"""People who run rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import MakeUser, SignInAs

    Browser = Callable[[], TestClient]


@pytest.fixture
def facilitator(make_user: MakeUser, as_user: Callable[[User], TestClient]) -> TestClient:
    """The browser of somebody who runs rounds."""
    return as_user(make_user(roles=[Role.FACILITATOR]))


@pytest.fixture
def as_new(browser: Browser, sign_in: SignInAs) -> Callable[[User], TestClient]:
    """A browser of its own for each person."""
    return lambda user: sign_in(browser(), user)


@pytest.fixture
def desk(as_new: Callable[[User], TestClient], make_user: MakeUser) -> TestClient:
    return as_new(make_user(roles=[Role.FACILITATOR]))
