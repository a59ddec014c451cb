# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Many follow at once: who follows, their first message, and what each is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import prefetch_related_objects

from canale.api.readers import following_of
from canale.api.schemas import FollowingOut
from canale.delivery.welcome import plan_welcomes
from canale.followers.follow import Followed, FollowRequest, follow_all


@dataclass(frozen=True, slots=True)
class Joined:
    created: bool
    following: dict[str, object]
    """A `FollowingOut`."""


@transaction.atomic
def join_all(requests: Sequence[FollowRequest]) -> list[Joined | None]:
    """For each request what became of it; None where channel or topics are unknown."""
    followed = follow_all(requests)
    done = [one for one in followed if one is not None]
    plan_welcomes([one.new_address_id for one in done if one.new_address_id is not None])
    pairs = list(zip(requests, followed, strict=True))
    known = [one.follower for request, one in pairs if one and not _is_plain(request, one)]
    prefetch_related_objects(known, "channel", "topics", "addresses")
    return [_joined(request, one) if one else None for request, one in pairs]


def _is_plain(request: FollowRequest, followed: Followed) -> bool:
    """True if the request alone describes the follower."""
    return followed.created and not request.topics


def _joined(request: FollowRequest, followed: Followed) -> Joined:
    if not _is_plain(request, followed):
        return Joined(followed.created, following_of(followed.follower).dict())
    said = FollowingOut(
        channel=request.handle,
        muted=False,
        topics=[],
        language=request.language,
        push=request.address is not None and request.address[0] == "push",
    )
    return Joined(True, said.dict())
