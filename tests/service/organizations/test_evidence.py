"""Files that are handed in: what is taken, where it goes, who gets it back."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, select

from service.organizations import evidence as files
from service.organizations.models import MOST_EVIDENCE, Evidence, OrganizationStatus
from service.permissions import Role
from tests.service.organizations.conftest import PDF

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from httpx import Response
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.organizations.models import Organization
    from service.settings import Settings
    from tests.service.organizations.conftest import MakeOrganization

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 20 + b"\xff\xd9"


def docx(*names: str) -> bytes:
    """A zip file with these entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "<x/>")
    return buffer.getvalue()


DOCX = docx("[Content_Types].xml", "word/document.xml")


@pytest.fixture
def organization(make_organization: MakeOrganization) -> Organization:
    """One that waits to be verified."""
    return make_organization(status=OrganizationStatus.REGISTERED)


@pytest.fixture
def hand_in(as_li: TestClient, organization: Organization) -> Callable[..., Response]:
    """Hands in a file as Li."""

    def sent(content: bytes, name: str = "paper.pdf", kind: str = "registration") -> Response:
        return as_li.post(
            f"/organizations/{organization.uid}/evidence",
            data={"evidence_kind": kind},
            files={"file": (name, content, "application/pdf")},
        )

    return sent


def _kept(engine: Engine) -> list[Evidence]:
    with Session(engine) as session:
        return list(session.exec(select(Evidence)))


@pytest.mark.parametrize(
    ("content", "name", "shown", "media_type"),
    [
        (PDF, "证书.pdf", "证书.pdf", "application/pdf"),
        (PNG, "C:\\scans\\photo.exe", "photo.png", "image/png"),
        (JPEG, "../../etc/passwd", "passwd.jpg", "image/jpeg"),
        (DOCX, "plan.doc", "plan.docx", files.DOCX),
        (PDF, "....", "file.pdf", "application/pdf"),
    ],
)
def test_a_file_is_known_by_its_content_and_comes_back_as_a_download(
    engine: Engine,
    as_li: TestClient,
    hand_in: Callable[..., Response],
    organization: Organization,
    settings: Settings,
    content: bytes,
    name: str,
    shown: str,
    media_type: str,
) -> None:
    assert hand_in(content, name).status_code == 303
    (piece,) = _kept(engine)
    assert (piece.filename, piece.media_type, piece.size) == (shown, media_type, len(content))
    path = files.path_of(settings.data_dir, piece.sha256)
    assert path.read_bytes() == content
    assert path.is_relative_to(settings.data_dir / files.FOLDER)
    answer = as_li.get(f"/organizations/{organization.uid}/evidence/{piece.uid}")
    assert answer.content == content
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in answer.headers["cache-control"]


def test_a_name_cannot_break_out_of_a_header_or_folder() -> None:
    assert files.shown_name('a"b\r\nX: y\u202e.docx', "application/pdf") == "abX y.pdf"
    assert files.shown_name("/a/../..", "image/png") == "file.png"
    assert files.shown_name("x" * 500, "image/png") == "x" * 150 + ".png"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><script>alert(1)</script></html>",
        b"MZ\x90\x00 an executable",
        b"%PDF-1.7 cut off",
        docx("[Content_Types].xml", "xl/workbook.xml"),
        docx("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
        b"PK\x03\x04 no zip at all",
        b"GIF89a\x01\x00\x01\x00",
    ],
)
def test_other_files_are_refused_whatever_they_are_called(
    engine: Engine, settings: Settings, hand_in: Callable[..., Response], content: bytes
) -> None:
    answer = hand_in(content)
    assert answer.status_code == 422
    assert 'href="#field-file"' in answer.text
    assert _kept(engine) == []
    assert not list((settings.data_dir / files.FOLDER).rglob("*"))


def test_a_file_over_the_limit_is_refused(
    engine: Engine, settings: Settings, hand_in: Callable[..., Response]
) -> None:
    answer = hand_in(PDF + b"\x00" * settings.upload_bytes)
    assert answer.status_code == 413
    assert "5" in answer.text
    assert _kept(engine) == []


def test_a_form_without_a_file_or_kind_says_so(as_li: TestClient, organization: Organization) -> None:
    address = f"/organizations/{organization.uid}/evidence"
    assert as_li.post(address, data={"evidence_kind": "registration"}).status_code == 422
    answer = as_li.post(address, data={"evidence_kind": "poem"}, files={"file": ("a.pdf", PDF)})
    assert 'href="#field-evidence_kind"' in answer.text


def test_the_same_file_is_kept_once(engine: Engine, hand_in: Callable[..., Response]) -> None:
    hand_in(PDF)
    hand_in(PDF, "again.pdf")
    assert len(_kept(engine)) == 1
    hand_in(PDF, kind="rating")
    assert len(_kept(engine)) == 2


def test_there_is_an_end_to_how_many(engine: Engine, hand_in: Callable[..., Response]) -> None:
    for number in range(MOST_EVIDENCE):
        assert hand_in(PDF.replace(b"1.7", b"1.%d" % number)).status_code == 303
    assert hand_in(PNG).status_code == 409
    assert len(_kept(engine)) == MOST_EVIDENCE


def test_only_members_and_facilitators_open_a_file(
    engine: Engine,
    as_li: TestClient,
    as_olga: TestClient,
    nobody: TestClient,
    browser: Callable[[], TestClient],
    sign_in: Callable[..., TestClient],
    make_user: Callable[..., User],
    make_organization: MakeOrganization,
    hand_in: Callable[..., Response],
    organization: Organization,
) -> None:
    hand_in(PDF)
    (piece,) = _kept(engine)
    address = f"/organizations/{organization.uid}/evidence/{piece.uid}"
    viewer = sign_in(browser(), make_user("v@example.org", member_of={organization.key: Role.VIEWER}))
    stranger = sign_in(browser(), make_user("stranger@example.org"))
    for asker, status in ((as_li, 200), (as_olga, 200), (viewer, 200), (stranger, 404), (nobody, 303)):
        assert asker.get(address).status_code == status
    other = make_organization("Another", owner=make_user("other@example.org"))
    assert as_li.get(f"/organizations/{other.uid}/evidence/{piece.uid}").status_code == 404
    as_olga.post(f"/organizations/{organization.uid}/decision", data={"step": "verify"})
    assert stranger.get(address).status_code == 404
    assert viewer.post(f"{address}/remove").status_code == 403
    assert as_olga.post(f"{address}/remove").status_code == 403


def test_a_file_can_be_removed_and_a_lost_one_is_not_found(
    engine: Engine,
    settings: Settings,
    as_li: TestClient,
    hand_in: Callable[..., Response],
    organization: Organization,
) -> None:
    hand_in(PDF)
    (piece,) = _kept(engine)
    address = f"/organizations/{organization.uid}/evidence/{piece.uid}"
    files.path_of(settings.data_dir, piece.sha256).unlink()
    assert as_li.get(address).status_code == 404
    assert as_li.post(f"{address}/remove").status_code == 303
    assert _kept(engine) == []
    assert as_li.get(address).status_code == 404
    assert as_li.post(f"{address}/remove").status_code == 404


def test_a_content_goes_when_the_last_organization_removes_it(
    engine: Engine,
    settings: Settings,
    jobs: Jobs,
    as_li: TestClient,
    hand_in: Callable[..., Response],
    organization: Organization,
) -> None:
    hand_in(PDF)
    hand_in(PDF, kind="rating")
    first, second = _kept(engine)
    path = files.path_of(settings.data_dir, first.sha256)
    as_li.post(f"/organizations/{organization.uid}/evidence/{first.uid}/remove")
    jobs.run_all()
    assert path.read_bytes() == PDF
    as_li.post(f"/organizations/{organization.uid}/evidence/{second.uid}/remove")
    jobs.run_all()
    assert not path.exists()
