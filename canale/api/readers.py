# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Calls of a citizen's page: follow, choose, react, invite, be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Status

from canale.api.channels import find_channel
from canale.api.follows import following_of
from canale.api.guards import limited, same_origin
from canale.api.problems import ProblemError, not_found
from canale.api.router import router
from canale.api.schemas import (
    FollowerIn,
    FollowingOut,
    Id,
    InviteOut,
    MeIn,
    MeOut,
    ProblemOut,
    ReactionIn,
    ReactionsOut,
    Slug,
)
from canale.channel.links import invite_url
from canale.channel.models import Post
from canale.core.settings import settings
from canale.delivery.pending import plan_welcomes
from canale.delivery.transports.base import AddressRefusedError
from canale.delivery.transports.registry import check_address
from canale.followers import following
from canale.followers.device_token import COOKIE, is_token, new_token, token_hash
from canale.followers.follow import follow as follow_channel
from canale.followers.following import UnknownTopicError
from canale.followers.forget import forget
from canale.followers.invites import make_invite
from canale.reactions import react as reacting
from canale.reactions.tallies import counts

# The longest that browsers keep a cookie (RFC 6265bis, section 5.5).
COOKIE_SECONDS = 400 * 24 * 3600
# The page asks its browser for another address, once: this one will never do.
ADDRESS_REFUSED = "address-refused"
# Limits for one client: name, number of acts, seconds.
REACTIONS_LIMIT = ("react", 600, 60)
REFUSALS = {
    400: ProblemOut, 403: ProblemOut, 404: ProblemOut, 413: ProblemOut,
    415: ProblemOut, 422: ProblemOut, 429: ProblemOut,
}  # fmt: skip


def _known(request: HttpRequest) -> str | None:
    token = request.COOKIES.get(COOKIE, "")
    return token if is_token(token) else None


def remember(response: HttpResponse, token: str) -> None:
    """Give the device its cookie."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.base_url.startswith("https://"),
    )


def follow_limit(*, with_address: bool) -> tuple[str, int, int]:
    """A town follows after an alert, through one carrier's address; our pages always send a
    device's address, and what only makes a number larger is not in a hurry."""
    return ("follow", 3_000, 60) if with_address else ("follow without address", 60, 60)


@router.post(
    "/channels/{handle}/followers",
    tags=["readers"],
    response={200: FollowingOut, 201: FollowingOut, **REFUSALS},
    summary="Follow, or bring a device's address up to date",
    description="Answers 201 the first time, 200 after that. Sets the device's cookie.",
)
def follow(
    request: HttpRequest, response: HttpResponse, handle: str, payload: FollowerIn
) -> Status[FollowingOut]:
    same_origin(request)
    address = payload.address
    limited(request, *follow_limit(with_address=address is not None))
    channel = find_channel(handle)
    if address:
        _check_address(*address)
    token = _known(request) or new_token()
    with transaction.atomic():
        try:
            followed = follow_channel(
                channel,
                token,
                address=address,
                topics=payload.topics,
                language=payload.language,
                invite=payload.invite,
            )
        except UnknownTopicError as error:
            raise _unknown_topic(error) from None
        if followed.new_address_id is not None:
            plan_welcomes([followed.new_address_id])
    remember(response, token)
    status = HTTPStatus.CREATED if followed.created else HTTPStatus.OK
    return Status(status, following_of(followed.follower))


def _check_address(kind: str, address: Mapping[str, object]) -> None:
    """Refuse an address that cannot be notified: raises ProblemError (422)."""
    try:
        check_address(kind, address)
    except AddressRefusedError as refused:
        detail = _("Notifications cannot be sent to this device.")
        errors = {kind: [refused.reason]}
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, detail, name=ADDRESS_REFUSED, errors=errors
        ) from None


def _unknown_topic(error: UnknownTopicError) -> ProblemError:
    detail = _("Unknown topics: %(topics)s.") % {"topics": ", ".join(error.slugs)}
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors={"topics": [detail]})


@router.get(
    "/me",
    tags=["readers"],
    response=MeOut,
    summary="What this device follows and reacted",
    description="By the device's cookie; two empty answers without one.",
)
def read_me(request: HttpRequest, response: HttpResponse) -> MeOut:
    response.headers["Cache-Control"] = "no-store"
    token = _known(request)
    if token is None:
        return MeOut(following=[], reactions={})
    reactions = reacting.of_reader(token_hash(token))
    return MeOut(
        following=[following_of(follower) for follower in following.following(token)],
        reactions={str(post_id): emoji for post_id, emoji in reactions.items()},
    )


@router.patch(
    "/me",
    tags=["readers"],
    response={200: FollowingOut, **REFUSALS},
    summary="Mute, topics, language",
    description="Fields that are left out stay as they are.",
)
def change_me(request: HttpRequest, payload: MeIn) -> FollowingOut:
    same_origin(request)
    limited(request, "change", 3_000, 60)
    channel = find_channel(payload.channel)
    token = _known(request)
    try:
        follower = token and following.update(
            channel,
            token,
            muted=payload.muted,
            topics=payload.topics,
            language=payload.language,
        )
    except UnknownTopicError as error:
        raise _unknown_topic(error) from None
    if not follower:
        raise ProblemError(HTTPStatus.NOT_FOUND, _("This device does not follow the channel."))
    return following_of(follower)


@router.delete(
    "/me",
    tags=["readers"],
    response={204: None, **REFUSALS},
    summary="Forget me; with `channel`: stop following",
    description="Deletes at once all that is kept about the device.",
)
def forget_me(
    request: HttpRequest, response: HttpResponse, channel: Query[Slug | None] = None
) -> Status[None]:
    same_origin(request)
    limited(request, "change", 3_000, 60)
    token = _known(request)
    if channel is not None:
        followed = find_channel(channel)
        if token:
            following.unfollow(followed, token)
        return Status(HTTPStatus.NO_CONTENT, None)
    if token:
        with transaction.atomic():
            forget(token)
            reacting.forget(token_hash(token))
    response.delete_cookie(COOKIE, samesite="Lax")
    return Status(HTTPStatus.NO_CONTENT, None)


def _visible_post(post_id: int) -> Post:
    """Find a visible post. Raises ProblemError (404; 410 after it expired)."""
    post = Post.objects.once_published().select_related("channel").filter(pk=post_id).first()
    if post is None:
        raise not_found()
    if not post.is_visible(timezone.now()):
        raise _gone()
    return post


def _gone() -> ProblemError:
    return ProblemError(HTTPStatus.GONE, _("The post is no longer visible."))


@router.put(
    "/posts/{post_id}/reaction",
    tags=["readers"],
    response={200: ReactionsOut, 410: ProblemOut, **REFUSALS},
    summary="React, or react otherwise",
    description="One reaction for each device and post; the answer has the counts.",
)
def react(
    request: HttpRequest, response: HttpResponse, post_id: Id, payload: ReactionIn
) -> ReactionsOut:
    same_origin(request)
    limited(request, *REACTIONS_LIMIT)
    post = _visible_post(post_id)
    if payload.emoji not in post.channel.reaction_set:
        detail = _("Choose one of %(emoji)s.") % {"emoji": " ".join(post.channel.reaction_set)}
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors={"emoji": [detail]})
    token = _known(request) or new_token()
    try:
        counted = reacting.react(post, token_hash(token), payload.emoji)
    except reacting.ReactionRefusedError:
        raise _gone() from None
    remember(response, token)
    return ReactionsOut(counts=counted, mine=payload.emoji)


@router.delete(
    "/posts/{post_id}/reaction",
    tags=["readers"],
    response={200: ReactionsOut, 410: ProblemOut, **REFUSALS},
    summary="Take the reaction back",
    description="Answers with the counts; without a reaction nothing changes.",
)
def take_back(request: HttpRequest, post_id: Id) -> ReactionsOut:
    same_origin(request)
    limited(request, *REACTIONS_LIMIT)
    post = _visible_post(post_id)
    token = _known(request)
    try:
        counted = (
            reacting.take_back(post, token_hash(token)) if token else counts([post.pk])[post.pk]
        )
    except reacting.ReactionRefusedError:
        raise _gone() from None
    return ReactionsOut(counts=counted, mine=None)


@router.post(
    "/channels/{handle}/invites",
    tags=["readers"],
    response={201: InviteOut, **REFUSALS},
    summary="A link that brings others, and says nothing about who made it",
    description="Each call makes a new link; no body is needed.",
)
def invite(request: HttpRequest, handle: str) -> Status[InviteOut]:
    same_origin(request)
    limited(request, "invite", 60, 60)
    url = invite_url(make_invite(find_channel(handle)).code)
    return Status(HTTPStatus.CREATED, InviteOut(url=url, qr=f"{url}/qr.svg"))
