# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keeps what an editor writes, before anybody else reads it."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils.translation import gettext as _

from canale.accounts.audit import record
from canale.channel.images import PreparedImage
from canale.channel.models import Channel, Image, ImageFile, Post, State
from canale.publishing.publish import ChangedMeanwhile, wording_mark
from canale.publishing.wording import CheckedWording, PostRefused, Wording, check


class NotADraft(Exception):  # noqa: N818
    """The post was published meanwhile; correct it instead."""


def save_draft(
    channel: Channel,
    wording: Wording,
    *,
    by: str,
    post: Post | None = None,
    seen: str | None = None,
) -> Post:
    """Keep a new draft, or rewrite one. Raises PostRefused, NotADraft, ChangedMeanwhile.

    Not within a transaction: it decodes images first. See `keep_draft`.
    """
    return keep_draft(channel, check(channel, wording, post), by=by, post=post, seen=seen)


@transaction.atomic
def keep_draft(
    channel: Channel,
    checked: CheckedWording,
    *,
    by: str,
    post: Post | None = None,
    seen: str | None = None,
) -> Post:
    """As `save_draft`, for a wording that was checked.

    ``seen`` is the `wording_mark` of the draft that the editor began with; None: whatever it says
    now is rewritten. Raises NotADraft, ChangedMeanwhile.
    """
    if post is None:
        post = Post(channel=channel, state=State.DRAFT)
        act = "post.drafted"
    elif not Post.objects.filter(pk=post.pk, state=State.DRAFT).select_for_update().exists():
        raise NotADraft
    elif seen is not None and seen != wording_mark(Post.objects.get(pk=post.pk)):
        raise ChangedMeanwhile
    else:
        act = "post.redrafted"
    write_wording(post, checked)
    record(by, act, channel.handle, post=post.pk)
    return post


def write_wording(post: Post, checked: CheckedWording) -> None:
    """Give a post its words, topics and images. Inside the caller's transaction."""
    wording = checked.wording
    post.kind, post.headline, post.text = wording.kind, wording.headline, wording.text
    post.starts_at, post.starts_on = checked.times.starts_at, checked.times.starts_on
    post.ends_at, post.ends_on = checked.times.ends_at, checked.times.ends_on
    post.place = wording.place
    post.all_clear_of = checked.all_clear_of
    post.save()
    post.topics.set(checked.topics)
    _write_images(post, checked)


def _write_images(post: Post, checked: CheckedWording) -> None:
    kept = [image.pk for image, _ in checked.images if isinstance(image, Image)]
    post.images.exclude(pk__in=kept).delete()
    for position, (image, alt) in enumerate(checked.images):
        if isinstance(image, Image):
            rows = Image.objects.filter(pk=image.pk, post=post)
            if not rows.update(position=position, alt=alt):
                raise PostRefused({"images": [_("Somebody else just changed the images.")]})
        else:
            _write_image(post, position, image, alt)


def _write_image(post: Post, position: int, prepared: PreparedImage, alt: str) -> None:
    image = Image.objects.create(
        post=post,
        position=position,
        alt=alt,
        width=prepared.width,
        height=prepared.height,
        key=secrets.token_urlsafe(15),
    )
    ImageFile.objects.bulk_create(
        ImageFile(
            image=image,
            name=variant.name,
            mime=variant.mime,
            width=variant.width,
            height=variant.height,
            data=variant.data,
        )
        for variant in prepared.variants
    )


@transaction.atomic
def delete_draft(post: Post, *, by: str) -> None:
    """Raises NotADraft."""
    number, handle = post.pk, post.channel.handle
    if not Post.objects.filter(pk=post.pk, state=State.DRAFT).delete()[0]:
        raise NotADraft
    record(by, "post.draft_deleted", handle, post=number)
