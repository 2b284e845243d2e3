"""Verification as JSON: the same rules as on the desk, told in problem documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.organizations.conftest import PDF

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.jobs import Jobs
    from tests.service.conftest import MakeUser, SignInAs
    from tests.service.organizations.conftest import MakeOrganization

API = "/api/v1/organizations"
FLAG = {"level": "red", "risk": "financial", "text": "The accounts are late."}


@pytest.mark.usefixtures("database_url")
def test_red_flag_is_confirmed_by_a_second_person_only(
    as_olga: TestClient,
    browser: Callable[[], TestClient],
    sign_in: SignInAs,
    make_user: MakeUser,
    make_organization: MakeOrganization,
) -> None:
    flags = f"{API}/{make_organization().uid}/flags"
    raised = as_olga.post(flags, json=FLAG)
    assert raised.status_code == 201
    decisions = f"{flags}/{raised.json()['id']}/decisions"
    confirm = {"step": "confirm", "reason": "Seen in the register."}
    early = as_olga.post(decisions, json=confirm)
    assert (early.status_code, early.json()["code"]) == (409, "escalate-first")
    assert as_olga.post(decisions, json={"step": "escalate"}).json()["status"] == "escalated"
    assert as_olga.post(decisions, json=confirm).json()["code"] == "second-person"
    second = sign_in(browser(), make_user(roles=["facilitator"]))
    [reason] = second.post(decisions, json={"step": "confirm"}).json()["errors"]
    assert reason["field"] == "reason"
    assert second.post(decisions, json=confirm).status_code == 200
    [kept] = as_olga.get(flags).json()
    assert (kept["status"], kept["reason"]) == ("confirmed", "Seen in the register.")


def test_flags_and_screening_are_for_facilitators_only(
    as_li: TestClient, nobody: TestClient, make_organization: MakeOrganization
) -> None:
    here = f"{API}/{make_organization().uid}"
    for path in ("flags", "screening"):
        assert as_li.get(f"{here}/{path}").status_code == 403
        assert nobody.get(f"{here}/{path}").status_code == 401
    assert as_li.post(f"{here}/flags", json=FLAG).status_code == 403


def test_sponsor_is_verified_only_after_a_screening_that_did_not_refuse_it(
    as_olga: TestClient, make_organization: MakeOrganization
) -> None:
    here = f"{API}/{make_organization(kind='business', status='registered').uid}"
    assert as_olga.get(f"{here}/screening").status_code == 404
    verify = {"step": "verify"}
    assert as_olga.post(f"{here}/decisions", json=verify).json()["code"] == "screening-first"
    found = {"concerns": ["tobacco"], "decision": "refused", "reason": "It makes cigarettes."}
    assert as_olga.put(f"{here}/screening", json=found).status_code == 200
    assert as_olga.post(f"{here}/decisions", json=verify).json()["code"] == "screening-refused"
    as_olga.put(f"{here}/screening", json={**found, "decision": "monitored"})
    assert as_olga.post(f"{here}/decisions", json=verify).json()["status"] == "verified"
    kept = as_olga.get(f"{here}/screening").json()
    assert (kept["concerns"], kept["decision"]) == (["tobacco"], "monitored")


@pytest.mark.usefixtures("database_url")
def test_evidence_is_handed_in_read_and_taken_back(
    as_li: TestClient,
    as_olga: TestClient,
    nobody: TestClient,
    jobs: Jobs,
    make_organization: MakeOrganization,
) -> None:
    evidence = f"{API}/{make_organization().uid}/evidence"
    handed = as_li.post(evidence, files={"file": ("../证书.exe", PDF)}, data={"kind": "registration"})
    assert handed.status_code == 201, handed.text
    piece = handed.json()
    assert (piece["filename"], piece["media_type"], piece["kind"]) == (
        "证书.pdf",
        "application/pdf",
        "registration",
    )
    for reader in (as_li, as_olga):
        got = reader.get(f"{evidence}/{piece['id']}")
        assert got.content == PDF
        assert got.headers["content-disposition"].startswith("attachment")
    assert nobody.get(f"{evidence}/{piece['id']}").status_code == 404
    assert nobody.get(evidence).status_code == 404
    wrong = as_li.post(evidence, files={"file": ("x.pdf", b"MZ")})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "file")
    assert as_olga.delete(f"{evidence}/{piece['id']}").status_code == 403
    assert as_li.delete(f"{evidence}/{piece['id']}").status_code == 204
    jobs.run_all()
    assert as_li.get(evidence).json() == []
    assert not list((jobs.settings.data_dir / "evidence").rglob("*.*"))
