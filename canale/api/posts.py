# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Publish, correct, withdraw: by programs with a token."""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, Header, Query, Status
from pydantic import Field

from canale.accounts.models import IdempotencyKey, Token
from canale.api.channels import find_channel
from canale.api.guards import TokenAuth, one_upload_at_a_time
from canale.api.problems import ProblemError, not_found
from canale.api.router import router
from canale.api.schemas import (
    CorrectionIn,
    Id,
    PostDetailOut,
    PostIn,
    PostStateOut,
    ProblemOut,
    Reason,
    WithdrawalIn,
    WordingIn,
)
from canale.channel.links import post_url
from canale.channel.models import Post, State
from canale.delivery.copy_progress import copy_progress
from canale.publishing.content import (
    DAYS,
    FIELDS,
    NewImage,
    PostRefusedError,
    check,
    read_content,
)
from canale.publishing.correct import NotVisibleError, correct
from canale.publishing.drafts import keep_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw

REFUSALS = {
    400: ProblemOut,
    401: ProblemOut,
    403: ProblemOut,
    404: ProblemOut,
    413: ProblemOut,
    415: ProblemOut,
}
Key = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
_KEY: Any = Header(None, alias="Idempotency-Key")  # type: ignore[type-arg]


@router.post(
    "/channels/{handle}/posts",
    tags=["posts"],
    auth=TokenAuth(),
    response={201: PostStateOut, 422: ProblemOut, 429: ProblemOut, 503: ProblemOut, **REFUSALS},
    summary="Publish a post",
    description="A repeated call with the same `Idempotency-Key` publishes once.",
)
def create_post(
    request: HttpRequest,
    response: HttpResponse,
    handle: str,
    payload: PostIn,
    idempotency_key: Key | None = _KEY,
) -> Status[dict[str, object]]:
    channel = find_channel(handle)
    token: Token = request.auth  # type: ignore[attr-defined]
    if token.channel_id != channel.pk:
        raise ProblemError(HTTPStatus.FORBIDDEN, _("The token belongs to another channel."))
    answer = _first_answer(token, idempotency_key, request.body)
    if not answer:
        # Before the transaction: it decodes images, which takes seconds.
        with one_upload_at_a_time(token, payload.images):
            checked = check(channel, read_content(_given(payload, FIELDS)))
        with transaction.atomic():
            answer = _first_answer(token, idempotency_key, request.body, take_key=True)
            if not answer:
                post = keep_draft(channel, checked, by=_by(token))
                answer = _state(post if payload.draft else publish(post, by=_by(token)))
                keys = IdempotencyKey.objects.filter(token=token, key=idempotency_key)
                keys.update(response=answer)
    response.headers["Location"] = str(answer["url"])
    return Status(HTTPStatus.CREATED, answer)


def _given(payload: WordingIn | CorrectionIn, names: AbstractSet[str]) -> dict[str, Any]:
    """Return the named fields of the content that a call gives."""
    given = {name: getattr(payload, name) for name in names}
    if payload.images is not None:
        given["images"] = tuple(NewImage(image.data, image.alt) for image in payload.images)
    return given


def _first_answer(
    token: Token, key: str | None, body: bytes, *, take_key: bool = False
) -> dict[str, object]:
    """Return the first answer to a repeated call, though the world has changed since; {} for a new
    one, whose key is taken now with ``take_key``.

    Raises ProblemError (422) when the key came with another call.
    """
    if key is None:
        return {}
    request_hash = hashlib.sha256(body).digest()
    known: IdempotencyKey | None
    if take_key:
        known, created = IdempotencyKey.objects.get_or_create(
            token=token, key=key, defaults={"request_hash": request_hash}
        )
        known = None if created else known
    else:
        known = IdempotencyKey.objects.filter(token=token, key=key).first()
    if known is None:
        return {}
    if bytes(known.request_hash) != request_hash:
        detail = _("This Idempotency-Key was used for another post.")
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    answer: dict[str, object] = known.response
    return answer


def _state(post: Post) -> dict[str, object]:
    # An unpublished post shows the state of its draft.
    state = post.content.state if post.state == State.UNPUBLISHED else post.state
    return {"id": post.pk, "url": post_url(post), "state": state}


def _find_post(request: HttpRequest, post_id: int) -> Post:
    """Find a post of the token's channel, drafts included. Raises ProblemError (404)."""
    token: Token = request.auth  # type: ignore[attr-defined]
    rows = Post.objects.select_related("channel").filter(channel=token.channel_id)
    post = rows.filter(pk=post_id).first()
    if post is None:
        raise not_found()
    return post


@router.get(
    "/posts/{post_id}",
    tags=["posts"],
    auth=TokenAuth(),
    response={200: PostDetailOut, 422: ProblemOut, 429: ProblemOut, **REFUSALS},
    summary="Read a post's state",
    description="`copies` says what each other outlet, such as a webhook, holds of it.",
)
def read_post(request: HttpRequest, post_id: Id) -> dict[str, object]:
    post = _find_post(request, post_id)
    copies = [
        {"outlet": copy.outlet, "state": copy.state, "url": copy.url}
        for copy in copy_progress(post)
    ]
    return {**_state(post), "copies": copies}


@router.patch(
    "/posts/{post_id}",
    tags=["posts"],
    auth=TokenAuth(),
    response={
        200: PostStateOut,
        409: ProblemOut,
        422: ProblemOut,
        429: ProblemOut,
        503: ProblemOut,
        **REFUSALS,
    },
    summary="Correct a post",
    description="Fields that are left out stay as they are; readers see `note`.",
)
def correct_post(request: HttpRequest, post_id: Id, payload: CorrectionIn) -> dict[str, object]:
    post = _find_post(request, post_id)
    if post.state == State.UNPUBLISHED:
        raise ProblemError(HTTPStatus.CONFLICT, _("The post is a draft."))
    token: Token = request.auth  # type: ignore[attr-defined]
    # Null clears a time; any other field is then as if it were left out.
    names = {
        name
        for name in payload.model_fields_set & FIELDS
        if name in DAYS or getattr(payload, name) is not None
    }
    content = read_content(_given(payload, names), post.content)
    try:
        with one_upload_at_a_time(token, payload.images):
            correct(post, content, note=payload.note, by=_by(token))
    except NotVisibleError:
        raise _not_visible() from None
    post.refresh_from_db()
    return _state(post)


def _by(token: Token) -> str:
    return f"token:{token.name}"


def _not_visible() -> ProblemError:
    return ProblemError(HTTPStatus.CONFLICT, _("The post is no longer visible."))


@router.delete(
    "/posts/{post_id}",
    tags=["posts"],
    auth=TokenAuth(),
    response={200: PostStateOut, 409: ProblemOut, 422: ProblemOut, 429: ProblemOut, **REFUSALS},
    summary="Withdraw a post",
    description="The reason, which readers see, is in the body or in the query.",
)
def withdraw_post(
    request: HttpRequest,
    post_id: Id,
    payload: Body[WithdrawalIn | None] = None,
    reason: Query[Reason | None] = None,
) -> dict[str, object]:
    post = _find_post(request, post_id)
    token: Token = request.auth  # type: ignore[attr-defined]
    given_reason = payload.reason if payload else reason
    if not given_reason:
        raise PostRefusedError({"reason": [_("Say why: readers see it.")]})
    try:
        return _state(withdraw(post, reason=given_reason, by=_by(token)))
    except NotVisibleError:
        raise _not_visible() from None
