"""The API keeps its description: random requests of signed-in people of each role, about things that exist.

Left out on purpose:
- `positive_data_acceptance`: a shape may be right and the content still refused, for check digits of
  identifiers, days that have passed, states that no longer fit, or somebody else's organization.
- `negative_data_rejection`: forms are read generously (`"28万元"` is an amount), and unknown query parameters
  are passed over.
- `ignored_auth`: what is public is answered without a token; who may do what is `test_permissions.py`.
- `use_after_free` and the like need links between operations, which the description does not have.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from sqlmodel import select

from service.accounts import actions
from service.accounts.models import Token
from service.accounts.queries import SESSION_COOKIE
from service.agreements.models import PartyRole
from service.db import now, writing
from service.permissions import Role, table
from service.reports.models import ReportStatus
from service.rounds.models import RoundStatus
from tests import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.conftest import Place, World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = 5
SECONDS = 60
KEYS = ("/api/v1/accounts/tokens", "/api/v1/accounts/sessions")
"""Not changed by random callers: revoking one's own key would end the test."""


def _session(world: World, role: Role, place: Place) -> dict[str, str]:
    """The headers of somebody with this role in a browser."""
    if role is Role.VISITOR:
        return {}
    return {"Cookie": f"{SESSION_COOKIE}={world.sign_in(world.user(role, place.organization))}"}


def _token(world: World, role: Role, place: Place) -> dict[str, str]:
    """The headers of a program that acts for somebody with this role."""
    user = world.user(role, place.organization)
    with writing(world.engine) as session:
        _, secret = actions.create_token(
            session, world.actor(user), name="a program", scopes=sorted(table()), days=30
        )
    return {"Authorization": f"Bearer {secret}"}


def _existing(place: Place) -> list[str]:
    """Ids that lead somewhere."""
    books = place.books(PartyRole.IMPLEMENTER)
    kept = (books.agreement, books.tranche, books.milestone, books.gift, books.line, books.breach)
    talks = [place.pairing(phase) for phase in (RoundStatus.CHOOSING, RoundStatus.SIGNING)]
    return [
        *(one.uid for pair in talks for one in pair),
        *(one.uid for one in kept),
        place.report(ReportStatus.DRAFT, own=True).uid,
        place.report(ReportStatus.SUBMITTED, own=False).uid,
        place.uid,
        place.listing().uid,
        place.listing(publish=False).uid,
        place.question().uid,
        place.request().uid,
        place.round().uid,
        place.forum().uid,
        place.application().uid,
        place.world.place().listing().uid,
        uuid4().hex,
    ]


@pytest.mark.parametrize(("role", "headers_of"), [*((role, _session) for role in Role), (Role.OWNER, _token)])
def test_every_answer_is_as_described(
    world: World, role: Role, headers_of: Callable[[World, Role, Place], dict[str, str]]
) -> None:
    place = world.place()
    headers, ids = headers_of(world, role, place), _existing(place)
    answered: dict[str, set[int]] = {}
    for found in schemathesis.openapi.from_asgi("/api/openapi.json", world.app).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path.startswith(KEYS) and operation.method != "get":
            continue

        @hypothesis_settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), uids=st.lists(st.sampled_from(ids), min_size=3, max_size=3))
        def answers(case: Any, uids: list[str]) -> None:
            for name, uid in zip(sorted(case.path_parameters or {}), uids, strict=False):
                case.path_parameters[name] = uid
            for place_of_id in (case.query, case.body):
                if isinstance(place_of_id, dict) and isinstance(place_of_id.get("organization"), str):
                    place_of_id["organization"] = place.uid
            answer = case.call_and_validate(headers=headers, checks=CHECKS, timeout=SECONDS)
            answered.setdefault(case.operation.label, set()).add(answer.status_code)

        answers()
    assert len(answered) > 30
    good = {label for label, codes in answered.items() if any(code < 300 for code in codes)}
    assert len(good) > (2 if role is Role.VISITOR else 8), "most calls must not be refused at the door"


def test_every_shape_of_an_answer_has_an_example_that_fits_it(world: World) -> None:
    document = world.app.openapi()
    for name in {shape for _, _, shape, _ in examples.answered(document) if shape}:
        shown = document["components"]["schemas"][name].get("examples")
        assert shown, f"{name}: python -m tests.examples"
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        for example in shown:
            Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/organizations", "GET, HEAD, POST"),
        ("/api/v1/organizations/x", "GET, HEAD, PATCH"),
        ("/api/v1/listings/x", "DELETE, GET, HEAD, PATCH"),
        ("/api/v1/search/pins/x", "DELETE, PUT"),
        ("/accounts/sign-in", "GET, HEAD, POST"),
    ],
)
def test_refused_method_is_told_which_are_taken(world: World, path: str, methods: str) -> None:
    answer = world.browser().request("TRACE", path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == methods


def test_token_that_has_ended_is_refused_with_a_problem(world: World) -> None:
    place = world.place()
    headers = _token(world, Role.OWNER, place)
    browser = world.browser()
    assert browser.get("/api/v1/accounts/me", headers=headers).status_code == 200
    with writing(world.engine) as session:
        for token in session.exec(select(Token)):
            token.expires = now() - timedelta(days=1)
    answer = browser.get("/api/v1/accounts/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
