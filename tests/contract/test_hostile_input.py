"""What people of ill will, broken programs and far scripts send: nothing breaks, nothing gets through."""

from __future__ import annotations

import csv
import io
import re
import time
import unicodedata
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import load_workbook
from starlette.routing import Route

from service.permissions import Role
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi.testclient import TestClient

    from tests.contract.conftest import Place, World

MARKUP = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<svg/onload=alert(1)>",
    "&lt;b&gt; & <b>bold</b>",
]
UNSEEN = [
    "cut \u202egnp.exe\u202c here",
    "ring\x07 the\x00 bell\x1b[31m",
    "zero\u200b width\u2066 marks\ufeff",
]
SCRIPTS = [
    "𠮷野家 的 净水 项目",
    "🌊👩🏽‍🔬 вода 👩‍👩‍👧",
    "ماء نظيف",
    "e\u0301cole",
    "'; DROP TABLE listing; --",
    "%s %(x)s {0} \\",
]
FORBIDDEN = {"Cc", "Cs"}
BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class _Active(HTMLParser):
    """Collects what a browser would run, but for our own script files."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"{tag} {name}" for name in given if name.startswith("on") or name == "autofocus"]
        self.found += [
            f"{tag} {value}" for value in given.values() if (value or "").startswith("javascript:")
        ]
        if tag == "img" and given.get("src") == "x":
            self.found.append("img")
        self.inside = tag if tag == "script" and given.get("type") != "application/ld+json" else ""

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script" and data.strip():
            self.found.append(f"script {data.strip()}")


def active(html: str) -> list[str]:
    """What in a page a browser would run beside our own script files."""
    parser = _Active()
    parser.feed(html)
    parser.close()
    return parser.found


def invisible(text: str) -> set[str]:
    """Control characters and bidirectional overrides in a text."""
    return {
        one for one in text if (unicodedata.category(one) in FORBIDDEN and one not in "\n\r\t") or one in BIDI
    }


@pytest.fixture(scope="module")
def here(world: World) -> Place:
    return world.place()


@pytest.fixture(scope="module")
def owner(world: World, here: Place) -> TestClient:
    """The browser of an organization's owner."""
    return world.browser(here.owner)


@pytest.fixture(scope="module")
def visitor(world: World) -> TestClient:
    return world.browser()


def published(browser: TestClient, here: Place, title: str, text: str = "") -> str:
    """A need made and published through the API; its uid."""
    given = {
        "side": "need",
        "organization": here.uid,
        "title": title,
        "text": text,
        "lines": [{"kind": "money", "amount": 5000, "unit": "CNY"}],
    }
    made = browser.post("/api/v1/listings", json=given)
    assert made.status_code == 201, made.text
    uid: str = made.json()["id"]
    assert browser.post(f"/api/v1/listings/{uid}/publish").status_code == 200
    return uid


# What is shown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*MARKUP, *UNSEEN, *SCRIPTS])
def test_whatever_a_listing_says_is_shown_as_text(
    world: World, owner: TestClient, visitor: TestClient, here: Place, text: str
) -> None:
    uid = published(owner, here, text, f"{text}\n{text}")
    asked = world.browser(world.user()).post(f"/listings/{uid}/questions", data={"question": text})
    assert asked.status_code == 303
    for path in (f"/listings/{uid}", "/listings/mine", f"/listings/{uid}/edit", f"/organizations/{here.uid}"):
        page = owner.get(path)
        assert page.status_code == 200
        assert active(page.text) == active(visitor.get("/").text) == [], path
        assert invisible(page.text) == set(), path
    found = visitor.get("/search", params={"q": text})
    assert found.status_code == 200
    assert active(found.text.replace(" autofocus", "")) == []
    given = visitor.get(f"/api/v1/listings/{uid}").json()
    assert invisible(given["title"] + given["text"]) == set()


@pytest.mark.parametrize("text", [*MARKUP, *SCRIPTS])
def test_whatever_an_organization_says_is_shown_as_text(world: World, owner: TestClient, text: str) -> None:
    place = world.place()
    browser = world.browser(place.owner)
    given = {"name": text, "description": text, "other_names": [text + " too"], "distinct": True}
    changed = browser.patch(f"/api/v1/organizations/{place.uid}", json=given)
    assert changed.status_code == 200, changed.text
    profile = browser.get(f"/organizations/{place.uid}").text
    assert active(profile) == []
    assert len(re.findall("<script", profile, re.IGNORECASE)) == len(
        re.findall("<script", owner.get(f"/organizations/{place.uid}").text, re.IGNORECASE)
    )
    linked = re.search(r'<script type="application/ld\+json">(.*?)</script>', profile, re.DOTALL)
    if linked:
        assert "<" not in linked[1], "data of the page cannot end its element"


@pytest.mark.parametrize("text", MARKUP)
def test_what_is_given_back_with_an_error_is_text(owner: TestClient, visitor: TestClient, text: str) -> None:
    pages = [
        owner.post("/listings/new", data={"title": text, "text": text}),
        owner.post("/organizations/new", data={"name": text, "website": text}),
        visitor.post("/accounts/sign-in", data={"email": text, "password": "x", "next": text}),
        visitor.post("/accounts/sign-up", data={"email": text, "name": text}),
    ]
    for page in pages:
        assert page.status_code == 422
        assert [one for one in active(page.text) if not one.endswith(" autofocus")] == []


# What is taken away -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['=HYPERLINK("http://evil.example")', "+1", "-2+3", "@SUM(A1)", "＝1+1"])
def test_exports_hold_no_formulas(world: World, text: str) -> None:
    place = world.place()
    browser = world.browser(place.owner)
    published(browser, place, text, text)
    book = load_workbook(io.BytesIO(browser.get("/listings/export.xlsx").content))
    cells = [cell for sheet in book for row in sheet for cell in row]
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    assert [cell.value for cell in cells if str(cell.value or "")[:1] in set("=+-@")] == []
    with ZipFile(io.BytesIO(browser.get("/listings/export.zip").content)) as archive:
        for name in archive.namelist():
            for row in csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))):
                assert [cell for cell in row if cell[:1] in set("=+-@\t\r")] == []


# What is sent in --------------------------------------------------------------------------------------

MULTIPART = "multipart/form-data; boundary=b"
PART = b"Content-Disposition: form-data"
BROKEN = [
    ("application/x-www-form-urlencoded", b"title=%ff%fe&text=%ED%A0%80&organization=%00"),
    ("application/x-www-form-urlencoded", b"\xff\xfe=\xff&&==&%zz"),
    ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(3000))),
    ("multipart/form-data", b"no boundary"),
    (MULTIPART, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
    (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\ncut off'),
    (MULTIPART, b"\r\n".join([b"--b\r\n" + PART + b"; name=f; filename=f\r\n\r\n"] * 30)),
    (MULTIPART, b"--b\r\n" + PART + b'; name="\xff\xfe"; filename="../../\x00"\r\n\r\n\xff\r\n--b--\r\n'),
    (MULTIPART + "; charset=klingon", b"--b\r\n" + PART + b"; name=a\r\n\r\n\xff\r\n--b--\r\n"),
    ("application/json", b'{"title": "\\ud800"}'),
    ("text/plain", b"\x00" * 100),
]


@pytest.mark.parametrize(("kind", "body"), BROKEN)
@pytest.mark.parametrize(
    "path", ["/listings/new", "/listings/import", "/organizations/new", "/accounts/sign-in"]
)
def test_broken_form_is_refused_with_a_page(owner: TestClient, path: str, kind: str, body: bytes) -> None:
    answer = owner.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 404, 413, 422)
    assert answer.headers["content-type"].startswith("text/html")


JSON = [
    b"{",
    b"",
    b"\xff\xfe{}",
    b'{"side": "need", "organization": "x", "title": "\\ud800"}',
    b'{"side": "need", "organization": "\\u0000", "title": "x"}',
    b'{"side": "need", "title": ' + b"[" * 20_000 + b"}",
    b'{"side": "need", "organization": "x", "title": "x", "beneficiaries": 1e999}',
    b'{"side": "need", "organization": "x", "title": "x", "beneficiaries": ' + b"9" * 5000 + b"}",
    b'{"side": "need", "organization": "x", "title": "x", "lines": [{"kind": "money", "amount": NaN}]}',
    b'{"__proto__": {}, "side": "need"}',
]


@pytest.mark.parametrize("body", JSON)
@pytest.mark.parametrize("path", ["/api/v1/listings", "/api/v1/organizations", "/api/v1/search/saved"])
def test_broken_json_is_a_problem_document(owner: TestClient, path: str, body: bytes) -> None:
    answer = owner.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 404, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize(
    "value", ["%00", "%ff%fe", "%F0%A0%AE%B7", "%E2%80%AE", "..%2f..%2fetc", "'%20or%201=1", "9" * 400]
)
@pytest.mark.parametrize(
    "path",
    [
        "/search?q={}",
        "/search?q=x&cursor={}",
        "/search?theme={}&side={}&amount_from={}",
        "/listings/{}",
        "/listings/{}/edit",
        "/organizations/{}",
        "/organizations?q={}",
        "/listings/mall?q={}",
        "/accounts/confirm/{}",
        "/accounts/reset/{}",
        "/accounts/invitations/{}",
        "/api/v1/listings?cursor={}",
        "/api/v1/search?q={}&cursor={}",
        "/static/{}",
        "/{}",
        "/?lang={}",
        "/listings/import/{}",
        "/listings/export.{}",
    ],
)
def test_strange_address_breaks_nothing(owner: TestClient, path: str, value: str) -> None:
    assert owner.get(path.replace("{}", value)).status_code < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept-Language": "zh;q=x, *;q=1e400, " + "a-" * 4000},
        {"Accept-Language": "nan;q=nan, en;q=nan"},
        {"Cookie": "qiao_session=\xff; qiao_language=<script>; qiao_held=.."},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer qiao_" + "x" * 5000},
        {"If-Match": '"x' * 50, "If-None-Match": "*"},
        {"X-Request-Id": "a\tb", "X-Forwarded-For": "<x>"},
        {"Content-Length": "-1"},
        {"Host": "evil.example"},
    ],
)
def test_strange_headers_break_nothing(world: World, headers: dict[str, str]) -> None:
    for path in ("/", "/search?q=water", "/api/v1/accounts/me", "/api/v1/listings"):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        assert world.browser().get(path, headers=raw).status_code < 500


def test_what_is_too_large_is_refused_in_the_shape_of_the_place(owner: TestClient, here: Place) -> None:
    page = owner.post("/listings/new", data={"title": "x" * 2_000_000})
    assert page.status_code == 413
    assert page.headers["content-type"].startswith("text/html")
    problem = owner.post("/api/v1/listings", json={"title": "x" * 2_000_000})
    assert (problem.status_code, problem.headers["content-type"]) == (413, "application/problem+json")
    file = ("needs.csv", b"title,kind\n" + b"x,money\n" * 40_000)
    refused = owner.post("/listings/import", data={"organization": here.uid}, files={"file": file})
    assert refused.status_code in (413, 422)


def _bomb() -> bytes:
    """A small workbook that swells to 120 MB."""
    inside = io.BytesIO()
    with ZipFile(inside, "w", ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _ in range(120):
                sheet.write(b" " * 1_000_000)
    return inside.getvalue()


def test_workbook_that_swells_is_refused_at_once(owner: TestClient, here: Place) -> None:
    content = _bomb()
    assert len(content) < 200_000
    begun = time.perf_counter()
    answer = owner.post(
        "/listings/import", data={"organization": here.uid}, files={"file": ("needs.xlsx", content)}
    )
    assert answer.status_code == 422
    assert 'id="problem-file"' in answer.text
    assert time.perf_counter() - begun < 10


# Where people are led, and who may send them ----------------------------------------------------------

OUTSIDE = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n//evil.example",
    "javascript:alert(1)",
    " https://evil.example",
    "///evil.example",
    "http:evil.example",
    "evil.example",
]


@pytest.mark.parametrize("address", OUTSIDE)
def test_nobody_is_led_to_another_site(world: World, owner: TestClient, address: str) -> None:
    user = world.user()
    typed = {"email": user.email, "password": PASSWORD, "next": address}
    answers = [
        owner.get("/accounts/sign-in?" + urlencode({"next": address})),
        world.browser().post("/accounts/sign-in", data=typed),
    ]
    for answer in answers:
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"
    form = world.browser().get("/accounts/sign-in?" + urlencode({"next": address})).text
    assert re.findall(r'name="next" value="([^"]*)"', form) == ["/"]


def _changing(world: World) -> Iterable[tuple[str, str]]:
    def routes(found: Iterable[object]) -> Iterable[tuple[str, str]]:
        for one in found:
            if isinstance(one, Route):
                for method in (one.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
                    yield method, re.sub(r"\{[^}]*\}", "x", one.path)

    yield from routes(world.app.routes)
    for path, operations in world.app.openapi()["paths"].items():
        for method in set(operations) - {"get"}:
            yield method.upper(), re.sub(r"\{[^}]*\}", "x", path)


def test_no_other_site_changes_anything(world: World, owner: TestClient) -> None:
    found = set(_changing(world)) | {("POST", "/accounts/sign-in"), ("POST", "/listings/new")}
    assert len(found) > 20
    for method, path in found:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert owner.request(method, path, headers=headers).status_code == 403, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/accounts/settings",
        "/accounts/tokens",
        "/accounts/sessions",
        "/listings/mine",
        "/listings/new",
        "/search/saved",
        "/organizations/mine",
        "/listings/export.xlsx",
        "/api/v1/accounts/me",
        "/api/v1/search/saved",
        "/listings/import",
    ],
)
def test_what_is_private_is_kept_by_no_proxy(world: World, path: str) -> None:
    place = world.place()
    place.listing()
    answer = world.browser(place.owner).get(path)
    assert answer.status_code == 200
    assert {"private", "no-store"} & set(answer.headers["cache-control"].replace(",", " ").split())
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_signed_out_pages_are_not_those_of_the_signed_in(world: World) -> None:
    browser = world.browser(world.user(Role.FACILITATOR))
    assert browser.get("/organizations/desk").status_code == 200
    browser.post("/accounts/sign-out")
    assert browser.get("/organizations/desk").status_code in (303, 404)
