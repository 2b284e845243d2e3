"""Who may do what: roles, permissions as `resource:action`, and the table that joins them.

The table is `permissions.csv`: a line for each permission, a column for each role. Seeing is SQL
(`visible_to` of each slice); doing is `require`. Neither is written twice.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import NotAllowed, SignInNeeded

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(StrEnum):
    """What a person is: in one organization (owner, editor, viewer) or in the whole service."""

    VISITOR = "visitor"
    MEMBER = "member"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"
    REVIEWER = "reviewer"
    FACILITATOR = "facilitator"
    ADMINISTRATOR = "administrator"


SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking. `memberships` has the role by organization number; `scopes` bound an API token."""

    uid: str = ""
    user_id: int | None = None
    name: str = ""
    roles: frozenset[Role] = frozenset()
    memberships: Mapping[int, Role] = field(default_factory=lambda: MappingProxyType({}))
    scopes: frozenset[str] | None = None
    """None: no token, or one without bounds."""
    language: str = "en"
    time_zone: str = "UTC"

    @property
    def signed_in(self) -> bool:
        """Whether we know who it is."""
        return self.user_id is not None

    @property
    def is_staff(self) -> bool:
        """Facilitators and administrators, who see what is not public."""
        return bool(self.roles & {Role.FACILITATOR, Role.ADMINISTRATOR})

    def roles_in(self, organization: int | None) -> frozenset[Role]:
        """All roles that count for something of an organization (or of none)."""
        roles = {Role.VISITOR, *self.roles}
        if self.signed_in:
            roles.add(Role.MEMBER)
        if organization is not None and organization in self.memberships:
            roles.add(self.memberships[organization])
        return frozenset(roles)


VISITOR = Actor()
SYSTEM_ACTOR = Actor(uid=SYSTEM, roles=frozenset({Role.ADMINISTRATOR}))
"""The service itself: jobs that nobody in particular asked for."""


@cache
def table() -> Mapping[str, frozenset[Role]]:
    """By permission: the roles that have it."""
    with Path(__file__).with_name("permissions.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["permission"]: frozenset(role for role in Role if row.get(role) == "yes")
            for row in csv.DictReader(file)
        }


def may(actor: Actor, permission: str, organization: int | None = None) -> bool:
    """Whether the actor has the permission for something of this organization (or of none)."""
    if actor.scopes is not None and permission not in actor.scopes:
        return False
    return bool(table()[permission] & actor.roles_in(organization))


def require(actor: Actor, permission: str, organization: int | None = None) -> None:
    """Raise SignInNeeded or NotAllowed unless the actor has the permission."""
    if may(actor, permission, organization):
        return
    if actor.signed_in and may(replace(actor, scopes=None), permission, organization):
        raise NotAllowed(
            Message(
                "scope-missing",
                "You may do this, but this token may not: it lacks the scope “{scope}”.",
                scope=permission,
            )
        )
    raise NotAllowed if actor.signed_in else SignInNeeded
