"""What the API's description shows as answers: real ones, of the demonstration.

`python -m tests.examples` looks around in it; `python -m tests.examples TESTS` listens to tests, for what
cannot be read there. For every shape, the answer that shows most of it is kept in `service/examples.json`.
`tests/contract/test_openapi.py` tells when a shape has none, or no longer fits its own.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlmodel import SQLModel, select

from service import demo
from service.app import create_app
from service.permissions import table
from service.settings import Settings
from tests.house import demonstrate, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.house import House

FILE = Path(__file__).resolve().parent.parent / "service" / "examples.json"
MOST_ITEMS = 2
"""How many things of a list are shown."""
MOST_LETTERS = 300
"""How much of a long text is shown."""
MOST_CHARACTERS = 3_000
"""How long an example may be, where there is a choice."""
MOST_TRIED = 40
"""How many addresses of a kind are tried; most name things that do not belong together."""
CALLED = {
    "availability": "organization",
    "breaches": "breach",
    "compare": "match_run",
    "cooperations": "agreement",
    "match-runs": "match_run",
    "saved": "saved_search",
}
"""The tables of segments that are not called as they are."""
OTHERS = {"calendars": ["cn"], "revisions": ["1"]}


class Listener:
    """A plug-in of pytest: hears what programs are answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str, Any]] = []
        """Method, path, what came back."""

    def pytest_sessionstart(self) -> None:
        for kind in (httpx.Client, TestClient):
            self._listen_to(kind)

    def _listen_to(self, kind: type[Any]) -> None:
        send = kind.send

        def heard(client: Any, request: Any, **more: Any) -> Any:
            answer = send(client, request, **more)
            in_json = answer.headers.get("content-type") == "application/json"
            if answer.is_success and in_json and answer.content:
                self.answers.append((request.method.lower(), request.url.path, answer.json()))
            return answer

        kind.send = heard


def look_around(house: House, document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """What the people of the demonstration can read: method, path and answer, some of every kind."""
    programs = [house.program(house.sign_in(sample.email), table()) for sample in demo.SAMPLES]
    chance = random.Random(1)
    for method, path, _, _ in answered(document):
        if method != "get":
            continue
        known = [_known(house.engine, segment) for segment in re.findall(r"([a-z-]+)/\{", path)]
        for _ in range(MOST_TRIED if known else 1):
            if not all(known):
                break
            ids = map(chance.choice, known)
            address = re.sub(r"\{[^/]+\}", lambda _, ids=ids: next(ids), path)
            for program in programs:
                answer = program.http.get(address.removeprefix("/api/v1"))
                if answer.status_code == 200:
                    yield "get", address, answer.json()


def _known(engine: Engine, segment: str) -> list[str]:
    """What stands behind a segment of a path."""
    if segment in OTHERS:
        return OTHERS[segment]
    name = CALLED.get(segment, segment.removesuffix("s"))
    things = SQLModel.metadata.tables.get(name)
    if things is None:
        return []
    with engine.connect() as connection:
        return [str(uid) for uid in connection.execute(select(things.c.uid)).scalars()]


def shape_of(schema: dict[str, Any]) -> tuple[str, bool]:
    """The name of the shape that is answered, and whether it is a list of them; no name for anything else."""
    inner = schema.get("items", schema)
    return inner.get("$ref", "").rpartition("/")[2], "items" in schema


def answered(document: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Every operation that answers in JSON: its method, its path, and its shape."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/json", {})
                if status.startswith("2") and "schema" in content:
                    yield method, path, *shape_of(content["schema"])


def cut(value: Any) -> Any:
    """The same, shortened to be read."""
    if isinstance(value, dict):
        return {key: cut(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [cut(inner) for inner in value[:MOST_ITEMS]]
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        return value[:MOST_LETTERS].rstrip() + "…"
    return value


def told(value: Any) -> int:
    """How many things an example says."""
    if isinstance(value, dict):
        return sum(map(told, value.values()))
    if isinstance(value, list):
        return sum(map(told, value))
    return value not in (None, "")


def choose(document: dict[str, Any], answers: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """One example for every shape that was heard."""
    operations = [
        (method, re.compile(re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(path))), path.count("{"), name, many)
        for method, path, name, many in answered(document)
        if name
    ]
    operations.sort(key=lambda operation: operation[2])
    chosen: dict[str, Any] = {}
    for method, path, content in answers:
        found = next((one for one in operations if one[0] == method and one[1].fullmatch(path)), None)
        if found is None:
            continue
        *_, name, many = found
        for example in map(cut, content if many else [content]):
            if name not in chosen or _worth(example) > _worth(chosen[name]):
                chosen[name] = example
    return chosen


def _worth(example: Any) -> tuple[bool, int]:
    return len(json.dumps(example, ensure_ascii=False)) <= MOST_CHARACTERS, told(example)


def main() -> int:
    """Looks around, or hears the tests that are named, and writes the examples."""
    with TemporaryDirectory() as folder:
        if named := sys.argv[1:]:
            listener = Listener()
            pytest.main(["-q", *named], plugins=[listener])
            document = create_app(Settings(data_dir=Path(folder), secret="examples").ready()).openapi()
            answers = listener.answers
        else:
            with open_house(Path(folder), furnish=demonstrate) as house:
                document = house.app.openapi()
                answers = list(look_around(house, document))
    known = json.loads(FILE.read_text(encoding="utf-8"))
    examples = {**known, **choose(document, answers)}
    needed = {name for _, _, name, _ in answered(document)}
    kept = {name: examples[name] for name in sorted(needed & examples.keys())}
    FILE.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{len(kept)} examples; none of: {' '.join(sorted(needed - kept.keys() - {''}))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
