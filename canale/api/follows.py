# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Follow through the API, alone or in groups: the followers, their first messages, the answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import prefetch_related_objects

from canale.api.schemas import FollowingOut
from canale.delivery.pending import plan_welcomes
from canale.delivery.transports.registry import ADDRESS_SCHEMAS
from canale.followers.follow import Followed, FollowRequest, follow_all
from canale.followers.models import Follower


@dataclass(frozen=True, slots=True)
class FollowAnswer:
    created: bool
    following: dict[str, object]
    """A `FollowingOut`."""


@transaction.atomic
def answer_follows(requests: Sequence[FollowRequest]) -> list[FollowAnswer | None]:
    """Perform requests and answer each; None where the channel or a topic is unknown."""
    results = follow_all(requests)
    followed = [each for each in results if each is not None]
    plan_welcomes([each.new_address_id for each in followed if each.new_address_id is not None])
    pairs = list(zip(requests, results, strict=True))
    known = [each.follower for request, each in pairs if each and not _is_plain(request, each)]
    prefetch_related_objects(known, "channel", "topics", "addresses")
    answers: list[FollowAnswer | None] = []
    for request, each in pairs:
        if each is None:
            answers.append(None)
        elif _is_plain(request, each):
            kinds = [request.address[0]] if request.address else []
            out = _describe(kinds, channel=request.handle, muted=False, language=request.language)
            answers.append(FollowAnswer(each.created, out.dict()))
        else:
            answers.append(FollowAnswer(each.created, following_of(each.follower).dict()))
    return answers


def _is_plain(request: FollowRequest, followed: Followed) -> bool:
    """True if the request alone describes the follower."""
    return followed.created and not request.topics


def following_of(follower: Follower) -> FollowingOut:
    """Return the description of one channel that a device follows."""
    return _describe(
        [address.kind for address in follower.addresses.all()],
        channel=follower.channel.handle,
        muted=follower.muted,
        topics=[topic.slug for topic in follower.topics.all()],
        language=follower.language,
    )


def _describe(kinds: Collection[str], **more: object) -> FollowingOut:
    reachable = {kind: kind in kinds for kind in ADDRESS_SCHEMAS}
    return FollowingOut.model_validate({"topics": [], **more, **reachable})
