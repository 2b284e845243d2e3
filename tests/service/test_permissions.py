"""The permission table, and what follows from it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from service import permissions
from service.errors import NotAllowed, SignInNeeded
from service.permissions import SYSTEM_ACTOR, VISITOR, Actor, Role, may, require, table

FILE = Path(permissions.__file__).with_name("permissions.csv")
HERE, ELSEWHERE = 1, 2


def _rows() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _editor(**more: object) -> Actor:
    return Actor(uid="u", user_id=7, memberships={HERE: Role.EDITOR}, **more)  # type: ignore[arg-type]


def test_table_has_a_column_for_each_role_and_only_yes_and_no() -> None:
    rows = _rows()
    assert set(rows[0]) == {"permission", *Role}
    assert {cell for row in rows for name, cell in row.items() if name != "permission"} == {"yes", "no"}


def test_each_permission_is_named_once_as_resource_and_action() -> None:
    names = [row["permission"] for row in _rows()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+:[a-z]+", name) for name in names)


def test_each_permission_is_asked_for_somewhere_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in FILE.parent.rglob("*.py"))
    pages = "".join(path.read_text(encoding="utf-8") for path in FILE.parent.rglob("*.html"))
    assert [name for name in table() if f'"{name}"' not in code + pages] == []


def test_each_permission_that_the_code_asks_for_is_in_the_table() -> None:
    asked: set[str] = set()
    for path in FILE.parent.rglob("*.py"):
        asked |= set(
            re.findall(r'\b(?:require|may)\(\s*[\w.]+,\s*"([^"]+)"', path.read_text(encoding="utf-8"))
        )
    assert asked - set(table()) == set()


def test_administrators_may_do_everything_but_speak_for_reviewers_and_parties() -> None:
    refused = {name for name in table() if not may(SYSTEM_ACTOR, name)}
    assert refused == {"review:submit", "delivery:record", "expense:record", "breach:answer"}


def test_visitors_may_object_and_nothing_else() -> None:
    assert [name for name in table() if may(VISITOR, name, HERE)] == ["objection:raise"]


@pytest.mark.parametrize(("organization", "allowed"), [(HERE, True), (ELSEWHERE, False), (None, False)])
def test_role_in_one_organization_counts_there_and_nowhere_else(
    organization: int | None, *, allowed: bool
) -> None:
    assert may(_editor(), "listing:publish", organization) is allowed


def test_token_is_bound_by_its_scopes() -> None:
    bound = _editor(scopes=frozenset({"listing:edit"}))
    assert may(bound, "listing:edit", HERE)
    assert not may(bound, "listing:publish", HERE)


def test_scope_gives_nothing_that_the_person_has_not() -> None:
    assert not may(_editor(scopes=frozenset(table())), "user:administer", HERE)


def test_refusal_says_whether_signing_in_would_help() -> None:
    with pytest.raises(SignInNeeded):
        require(VISITOR, "listing:publish", HERE)
    with pytest.raises(NotAllowed):
        require(_editor(), "listing:publish", ELSEWHERE)
    require(_editor(), "listing:publish", HERE)


def test_unknown_permission_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        may(SYSTEM_ACTOR, "listing:levitate")
