"""The API's description: what FastAPI finds out by itself, and what all endpoints have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from fastapi import FastAPI

VERSION = "1"
EXAMPLES = Path(__file__).with_name("examples.json")
"""An answer of every shape, as it was given: `python -m tests.examples`."""
DESCRIPTION = """\
Needs and offers of organizations, found across five languages.

**Who asks.** Send a token (`Authorization: Bearer qiao_…`), made on your account's page of tokens. What is
public can be read without one.

**Language.** Sentences come in the language of `Accept-Language`: zh-Hans, zh-Hant, en, ru or es. Beside each
stands a `code` that never changes.

**Errors** are problem documents (RFC 9457); `errors` names the wrong fields.

**Long lists** give `next`; send it as `cursor` for what follows.

**Edits.** Answers carry an `ETag`; send it as `If-Match`, and an edit that would overwrite somebody else's is
refused with 412.

**Creating.** Send an `Idempotency-Key` of your own, and a request that is sent twice makes one thing.
"""
PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:qiao:problem:bad-input"]},
        "title": {"type": "string", "examples": ["Some fields need attention."]},
        "status": {"type": "integer", "examples": [422]},
        "code": {"type": "string", "examples": ["bad-input"]},
        "instance": {"type": "string", "examples": ["/api/v1/organizations"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string", "examples": ["name"]},
                    "code": {"type": "string", "examples": ["field-missing"]},
                    "detail": {"type": "string", "examples": ["Please fill this in."]},
                },
            },
        },
    },
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in (("4XX", "Refused, and why."), ("5XX", "Something went wrong here."))
}
"""For `include_router`: every endpoint may answer so."""
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same content is done once, for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Qiao", version=VERSION, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = PROBLEM
        for shape, example in json.loads(EXAMPLES.read_text(encoding="utf-8")).items():
            schemas[shape]["examples"] = [example]
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"token": []}]
        for path in document["paths"].values():
            if "post" in path:
                path["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        app.openapi_schema = document
    return app.openapi_schema
