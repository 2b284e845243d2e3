"""The PDF: an archive format, its own fonts, what people typed as data and never as code."""

from __future__ import annotations

import re
import zlib

import pytest

from service.agreements import printing, queries, signing
from tests.service.agreements.conftest import sign_by


def _pdf(session, agreement, **values):
    return printing.pdf(
        agreement,
        queries.terms_of(agreement),
        queries.parties(session, agreement),
        public_url="https://qiao.example.org",
        **values,
    )


def _streams(content):
    """The unpacked streams of a PDF."""
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", content, flags=re.DOTALL):
        try:
            yield zlib.decompress(found[1])
        except zlib.error:
            yield found[1]


def test_it_is_pdf_a_with_bundled_fonts_and_the_title(session, drafted):
    content = _pdf(session, drafted)
    assert content.startswith(b"%PDF-")
    unpacked = b"\n".join(_streams(content)) + content
    assert b"<pdfaid:part>2</pdfaid:part>" in unpacked
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in unpacked
    assert "乐邻小家".encode() in unpacked
    fonts = b" ".join(re.findall(rb"/(?:BaseFont|FontName) ?/([\w+-]+)", unpacked))
    assert b"NotoSansCJKsc-Regular" in fonts
    assert b"NotoSans-Bold" in fonts


def test_what_is_typed_is_never_code(session, deal, drafted):
    hostile = '#read("/etc/passwd") $x$ *b* _i_ `r` <l> @ref #panic("x") \\ "] #let a = 1'
    terms = queries.terms_of(drafted)
    words = dict.fromkeys(drafted.languages, hostile)
    bad = terms.model_copy(
        update={
            "clauses": tuple(
                one.model_copy(update={"text": words, "heading": words}) for one in terms.clauses
            ),
            "parties": tuple(
                one.model_copy(update={"name": hostile, "signatory": hostile}) for one in terms.parties
            ),
            "title": words,
        }
    )
    data = printing.printed(
        drafted, bad, queries.parties(session, drafted), public_url="https://qiao.example.org"
    )
    assert data["clauses"][0]["heading"]["text"][0] == hostile
    content = printing.typeset("agreement.typ", data)
    assert content.startswith(b"%PDF-")
    assert b"root:x:0:0" not in b"".join(_streams(content))


@pytest.mark.parametrize("signed", [False, True])
def test_a_draft_is_marked_and_a_signed_text_carries_its_fingerprint(session, deal, drafted, signed):
    if signed:
        signing.open_signing(session, deal.ngo.actor, drafted)
        for party in deal.all:
            sign_by(session, drafted, party)
    data = printing.printed(
        drafted,
        queries.terms_of(drafted),
        queries.parties(session, drafted),
        public_url="https://qiao.example.org",
        time_zone="Asia/Shanghai",
    )
    assert data["draft"] == ([] if signed else ["草 案", "DRAFT"])
    assert data["hash"] == (drafted.text_hash if signed else "")
    assert data["address"] == f"https://qiao.example.org/cooperations/{drafted.uid}"
    by = [one["signature"] and one["signature"]["by"] for one in data["signatures"]]
    assert by == (
        [f"Owner of {name} · Director" for name in ("Amity Fund", "Civil Affairs Bureau", "乐邻社区服务中心")]
        if signed
        else [None] * 3
    )
    assert data["paid"] == "¥90,000"


def test_a_heading_with_a_rare_character_is_not_half_bold():
    assert printing._strong(["合作期限"])["bold"]
    assert not printing._strong(["龘期限"])["bold"]
    assert printing._strong(["Срок", "Plazo"])["bold"]
