# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The public states of a post and the editorial states of a revision: who may move them where.

Nobody else writes a state: `move` does, by a conditional update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from canale.accounts.models import Role
from canale.accounts.roles import PUBLISHERS, WRITERS
from canale.channel.models import Post, Revision, RevisionState, State


class Act(StrEnum):
    """Something that moves a post or a revision."""

    REWRITE = "rewrite"
    PUBLISH = "publish"
    SUPERSEDE = "supersede"
    CORRECT = "correct"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


NOBODY: frozenset[Role] = frozenset()
"""The clock, or an act on another row, does it."""


@dataclass(frozen=True, slots=True)
class Transition:
    to: str
    roles: frozenset[Role]


POST: Mapping[tuple[str, Act], Transition] = {
    (State.UNPUBLISHED, Act.PUBLISH): Transition(State.PUBLISHED, PUBLISHERS),
    (State.PUBLISHED, Act.CORRECT): Transition(State.PUBLISHED, PUBLISHERS),
    (State.PUBLISHED, Act.WITHDRAW): Transition(State.WITHDRAWN, PUBLISHERS),
    (State.PUBLISHED, Act.EXPIRE): Transition(State.EXPIRED, NOBODY),
    (State.WITHDRAWN, Act.EXPIRE): Transition(State.EXPIRED, NOBODY),
}
REVISION: Mapping[tuple[str, Act], Transition] = {
    (RevisionState.DRAFT, Act.REWRITE): Transition(RevisionState.DRAFT, WRITERS),
    (RevisionState.DRAFT, Act.PUBLISH): Transition(RevisionState.PUBLISHED, PUBLISHERS),
    (RevisionState.PUBLISHED, Act.SUPERSEDE): Transition(RevisionState.SUPERSEDED, NOBODY),
}


def move(row: Post | Revision, act: Act, **fields: object) -> bool:
    """Move a row, and set ``fields`` with it, if its state in the database allows the act.

    False if it does not: somebody else was quicker, or it never could. On success the row in hand
    has the new values. Inside the caller's transaction, it also holds the row.
    """
    table = POST if isinstance(row, Post) else REVISION
    for (state, moved_by), transition in table.items():
        if moved_by != act:
            continue
        rows = type(row)._default_manager.filter(pk=row.pk, state=state)
        if rows.update(state=transition.to, **fields):
            for name, value in {**fields, "state": transition.to}.items():
                setattr(row, name, value)
            return True
    return False


def may(role: Role | None, act: Act) -> bool:
    """True if the role may perform the act on any post or revision at all."""
    rules = [*POST.items(), *REVISION.items()]
    return any(moved_by == act and role in rule.roles for (_state, moved_by), rule in rules)
