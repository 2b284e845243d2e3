"""Whatever is sent to the API: it answers as its description says, for people of every role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.accounts.queries import SESSION_COOKIE
from service.db import writing
from service.organizations.models import Organization
from service.permissions import Role

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SECONDS = 60


@pytest.mark.parametrize(
    ("role", "examples"),
    [(None, 2), (Role.VIEWER, 2), (Role.OWNER, 5), (Role.FACILITATOR, 3), (Role.ADMINISTRATOR, 3)],
)
def test_every_answer_is_as_described(
    app: FastAPI,
    client: TestClient,
    engine: Engine,
    make_user: Any,
    sign_in: Any,
    role: Role | None,
    examples: int,
) -> None:
    headers = {}
    if role is not None:
        organization = Organization(name="Green Home", kind="ngo", status="verified")
        with writing(engine) as session:
            session.add(organization)
        inside = role in (Role.OWNER, Role.VIEWER)
        user = make_user(roles=[] if inside else [role], member_of={organization.key: role} if inside else {})
        sign_in(client, user)
        headers["Cookie"] = f"{SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}"
    called = set()
    for found in schemathesis.openapi.from_asgi("/api/openapi.json", app).get_all_operations():
        operation = found.ok()

        @hypothesis_settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers(case: Any) -> None:
            called.add(case.operation.label)
            case.call_and_validate(headers=headers, checks=CHECKS, timeout=SECONDS)

        answers()
    assert len(called) > 30
