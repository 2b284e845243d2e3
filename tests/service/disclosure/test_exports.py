"""Open data: valid by the official schemas, complete, safe to open, under a licence that is stated."""

from __future__ import annotations

import csv
import json
import re
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import networkx as nx
import pytest
from openpyxl import load_workbook

from service.agreements.models import Agreement, AgreementKind
from service.db import writing
from service.disclosure.exports import Format, export
from service.disclosure.models import LICENCE, LICENCE_NAME
from service.organizations.models import Identifier

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.conftest import MakeAgreement, MakeParty
    from tests.service.disclosure.conftest import Settle, Story

REFERENCE = Path(__file__).parents[4] / "shared" / "reference"
URL = "https://qiao.example.org"


def _written(engine: Engine, form: Format) -> bytes:
    return b"".join(export(engine, form, URL))


def _schema(*names: str) -> dict[str, Any]:
    path = REFERENCE.joinpath(*names)
    if not path.is_file():
        pytest.skip("the official schemas lie in ../shared/reference, which is not here")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _is_moment(value: object) -> bool:
    """RFC 3339, which jsonschema checks only with a package of its own."""
    moment = r"[\d-]{10}T[\d:.]{8,15}(Z|[+-]\d\d:\d\d)"
    return not isinstance(value, str) or bool(re.fullmatch(moment, value))


def _problems(document: Any, schema: dict[str, Any], part: dict[str, Any], name: str) -> list[str]:
    """What a validator says; `part` is the schema that `schema` refers to by `name`."""
    from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker
    from referencing import Registry
    from referencing.jsonschema import DRAFT4, DRAFT202012

    old = "draft-04" in schema["$schema"]
    kind, draft = (Draft4Validator, DRAFT4) if old else (Draft202012Validator, DRAFT202012)
    checker = FormatChecker()
    checker.checks("date-time")(_is_moment)
    known = {key: value for key, value in part.items() if key not in ("$id", "id", "$schema")}
    registry: Any = Registry().with_resource(name, draft.create_resource(known))
    found = kind(schema, registry=registry, format_checker=checker).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_grants_are_valid_360giving(story: Story, engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Identifier(organization_id=story.ngo.organization.key, scheme="CN-USCI", number="51X"))
    package = json.loads(_written(engine, Format.GIVING))
    whole = _schema("360giving", "360-giving-package-schema.json")
    part = _schema("360giving", "360-giving-schema.json")
    name = whole["properties"]["grants"]["items"]["$ref"]
    assert _problems(package, whole, part, name) == []
    assert _problems({**package, "grants": [{"id": "x"}]}, whole, part, name) != []


def test_grants_say_what_was_awarded_to_whom(story: Story, engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Identifier(organization_id=story.ngo.organization.key, scheme="CN-USCI", number="51X"))
    package = json.loads(_written(engine, Format.GIVING))
    assert (package["version"], package["license"]) == ("1.4", LICENCE)
    (grant,) = package["grants"]
    company = story.company.organization.uid
    assert grant["id"] == f"360G-qiao-{story.agreement.uid}-{company}-CNY"
    assert (grant["amountAwarded"], grant["amountDisbursed"], grant["currency"]) == (5000, 5000, "CNY")
    assert grant["recipientOrganization"] == [{"id": "CN-USCI-51X", "name": "Green Home"}]
    assert grant["fundingOrganization"] == [{"id": f"360G-qiao-ORG:{company}", "name": "Blue River Ltd"}]
    assert grant["url"] == f"{URL}/cooperations/{story.agreement.uid}"
    assert grant["plannedDates"] == [{"startDate": "2026-01-01", "endDate": "2026-12-31"}]
    assert grant["grantProgramme"][0]["title"] == "Spring forum"
    assert {one["code"] for one in grant["classifications"]} >= {"water-sanitation"}
    assert [one["value"] for one in grant["disbursementTransaction"]] == [2500, 2500]


@pytest.fixture
def purchase(
    make_party: MakeParty, make_agreement: MakeAgreement, settle: Settle, engine: Engine
) -> Agreement:
    bureau, ngo = make_party("Civil Affairs Bureau", kind="government"), make_party("Le Lin")
    agreement = make_agreement(bureau, ngo, title="Home visits", tranches=2)
    settle(agreement, paid=1)
    with writing(engine) as session:
        session.merge(agreement).kind = AgreementKind.PURCHASE
    return agreement


def test_purchases_are_valid_ocds(purchase: Agreement, story: Story, engine: Engine) -> None:
    package = json.loads(_written(engine, Format.OCDS))
    (release,) = package["releases"]
    assert release["ocid"] == f"ocds-qiao00-{purchase.uid}"
    assert release["buyer"]["name"] == "Civil Affairs Bureau"
    (contract,) = release["contracts"]
    assert contract["value"] == {"amount": 5000, "currency": "CNY"}
    assert contract["status"] == "active"
    (payment,) = contract["implementation"]["transactions"]
    assert (payment["value"]["amount"], payment["payee"]["name"]) == (2500, "Le Lin")
    assert [one["status"] for one in contract["milestones"]] == ["scheduled"]
    whole, part = _schema("ocds", "release-package-schema.json"), _schema("ocds", "release-schema.json")
    name = whole["properties"]["releases"]["items"]["$ref"]
    assert _problems(package, whole, part, name) == []
    assert _problems({**package, "releases": [{"ocid": ""}]}, whole, part, name) != []
    assert story.agreement.uid not in str(package)


def test_linked_data_names_funder_and_project(story: Story, engine: Engine) -> None:
    whole = json.loads(_written(engine, Format.JSONLD))
    assert (whole["@context"], whole["license"]) == ("https://schema.org", LICENCE)
    (grant,) = whole["@graph"]
    assert grant["@type"] == "MonetaryGrant"
    assert grant["amount"] == {"@type": "MonetaryAmount", "value": 5000, "currency": "CNY"}
    assert [one["@type"] for one in grant["funder"]] == ["Corporation"]
    assert grant["fundedItem"]["member"][0]["name"] == "Green Home"


@pytest.mark.parametrize("form", [Format.GRAPHML, Format.GEXF])
def test_graph_files_hold_who_signed_with_whom(story: Story, engine: Engine, form: Format) -> None:
    content = _written(engine, form)
    read = nx.read_graphml if form is Format.GRAPHML else nx.read_gexf
    graph = read(BytesIO(content))
    a, b = story.company.organization.uid, story.ngo.organization.uid
    assert set(graph) == {a, b}
    assert graph.nodes[a]["kind"] == "business"
    assert graph.edges[a, b]["weight"] == 1
    assert LICENCE in content.decode()
    assert ElementTree.fromstring(content) is not None  # noqa: S314 — we wrote it


def test_tables_hold_no_formula_and_state_the_licence(
    make_party: MakeParty, make_agreement: MakeAgreement, settle: Settle, engine: Engine
) -> None:
    company, ngo = make_party("=HYPERLINK(1)", kind="business"), make_party("+7 Days")
    settle(make_agreement(company, ngo, title='@SUM(1+1)*cmd|" /C calc"!A0'))
    rows = list(csv.DictReader(StringIO(_written(engine, Format.CSV).decode("utf-8-sig"))))
    (row,) = rows
    assert (row["title"][0], row["funders"][0], row["implementers"][0]) == ("'", "'", "'")
    assert (row["promised"], row["currency"], row["licence"]) == ("5000.0", "CNY", LICENCE_NAME)
    book = load_workbook(BytesIO(_written(engine, Format.XLSX)))
    head, first = book["Cooperations"].iter_rows()
    cells = dict(zip([cell.value for cell in head], first, strict=True))
    assert {cells[name].data_type for name in ("title", "funders", "implementers")} == {"s"}
    assert cells["promised"].value == 5000
    assert LICENCE in str([cell.value for cell in book["About"]["B"]])


@pytest.mark.parametrize("form", list(Format))
def test_each_form_is_handed_out_by_screen_and_api(client: TestClient, story: Story, form: Format) -> None:
    for address in (f"/cooperations/export/{form}", f"/api/v1/cooperations/export/{form}"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "attachment" in answer.headers["Content-Disposition"]
        assert LICENCE in answer.headers["Link"]
        assert len(answer.content) > 100
    assert story.agreement.uid not in client.get("/cooperations/export/csv?q=nothing-of-this").text
    assert client.get("/api/v1/cooperations/export/pdf").status_code == 422


def test_export_of_nothing_is_whole(engine: Engine) -> None:
    assert json.loads(_written(engine, Format.GIVING))["grants"] == []
    assert json.loads(_written(engine, Format.JSONLD))["@graph"] == []
    assert _written(engine, Format.CSV).decode("utf-8-sig").startswith("id,address,")
    for form in (Format.XLSX, Format.GRAPHML, Format.GEXF):
        assert _written(engine, form)
