"""Somebody who is not signed in and only follows links: what can be found out on public pages alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

LINK = re.compile(r'<a\b[^>]*?href="(?P<address>[^"]+)"[^>]*>(?P<words>.*?)</a>', re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What somebody sees: where it is, its words, where its links lead."""

    address: str
    html: str

    @property
    def words(self) -> str:
        return _plain(self.html)

    def part(self, id_: str) -> str:
        """The words of one section."""
        found = re.search(rf'<section[^>]*id="{id_}".*?</section>', self.html, re.DOTALL)
        assert found, f"{self.address} has no section {id_}"
        return _plain(found[0])

    def link(self, wanted: str) -> str:
        """Where the first link leads whose address fits a pattern, or whose words are these."""
        for found in LINK.finditer(self.html):
            address = unescape(found["address"])
            if address == wanted or re.fullmatch(wanted, address) or _plain(found["words"]) == wanted:
                return address
        raise AssertionError(f"{self.address} has no link to {wanted}")

    def says(self, *wanted: str) -> None:
        """Everything that is wanted stands on the page."""
        seen = self.words
        assert not [one for one in wanted if one not in seen], (self.address, seen[:4000])


class Stranger:
    """A browser of nobody, reading one language."""

    def __init__(self, address: str, language: str = "en") -> None:
        self.http = httpx.Client(base_url=address, headers={"accept-language": language}, timeout=120)

    def open(self, path: str) -> Page:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        assert not self.http.cookies.get("qiao_session")
        return Page(path, answer.text)

    def follow(self, path: str, *links: str) -> Page:
        """The page where a chain of links leads."""
        page = self.open(path)
        for link in links:
            page = self.open(page.link(link))
        return page

    def file(self, path: str) -> str:
        """Open data as text."""
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text


def _plain(html: str) -> str:
    seen = re.sub(r"<script\b.*?</script>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(seen).split())


def money(amounts: Iterable[int], currency: str) -> list[str]:
    """Sums in minor units as English pages write them."""
    sign = {"CNY": "CN¥", "RUB": "RUB "}[currency]
    return [f"{sign}{amount // 100:,}" for amount in amounts]
