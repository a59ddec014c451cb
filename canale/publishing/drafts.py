# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Store what an editor writes, before anybody else reads it."""

from __future__ import annotations

import secrets

from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import gettext as _

from canale.accounts.audit import record
from canale.channel.images import PreparedImage
from canale.channel.models import (
    Channel,
    Image,
    ImageFile,
    Post,
    Revision,
    RevisionImage,
    State,
    Wording,
    content_columns,
)
from canale.publishing.content import CheckedContent, Content, PostRefusedError, check
from canale.publishing.transitions import Act, move


class NotADraftError(Exception):
    """The post was published since; correct it instead."""


class EditConflictError(Exception):
    """The draft changed after it was shown to the person who acts on it."""


def save_draft(
    channel: Channel,
    content: Content,
    *,
    by: str,
    post: Post | None = None,
    seen: str | None = None,
) -> Post:
    """Keep a new draft, or rewrite one. Raises PostRefusedError, NotADraftError, EditConflictError.

    Not within a transaction: it decodes images first. See `keep_draft`.
    """
    return keep_draft(channel, check(channel, content, post), by=by, post=post, seen=seen)


@transaction.atomic
def keep_draft(
    channel: Channel,
    checked: CheckedContent,
    *,
    by: str,
    post: Post | None = None,
    seen: str | None = None,
) -> Post:
    """Do the same as `save_draft` with content that was checked.

    ``seen`` is the digest of the draft that the editor began with; None: whatever it says now.
    Raises NotADraftError, EditConflictError.
    """
    if post is None:
        post = Post.objects.create(channel=channel)
        post.next = write_revision(post, checked)
        post.save(update_fields=["next"])
        act = "post.drafted"
    else:
        unpublished = Post.objects.select_for_update(of=("self",)).filter(state=State.UNPUBLISHED)
        locked = unpublished.filter(pk=post.pk).first()
        if locked is None or locked.next is None or not move(locked.next, Act.REWRITE):
            raise NotADraftError
        if seen is not None and seen != locked.next.digest:
            raise EditConflictError
        write_content(locked.next, checked)
        post, act = locked, "post.redrafted"
    record(by, act, channel.handle, post=post.pk)
    return post


def write_revision(post: Post, checked: CheckedContent, *, note: str = "") -> Revision:
    """The next revision of a post, as a draft. Inside the caller's transaction."""
    number = post.revisions.count() + 1
    revision = Revision.objects.create(post=post, number=number, note=note)
    write_content(revision, checked)
    return revision


def write_content(revision: Revision, checked: CheckedContent) -> None:
    """Give a draft its times, topics, images and words. Inside the caller's transaction."""
    values = checked.values()
    for column in content_columns(Revision):
        setattr(revision, column.name, values[column.name])
    revision.save()
    revision.topics.set(checked.topics)
    _write_images(revision, [image for image, _alt in checked.images])
    revision.wording, _created = Wording.objects.update_or_create(
        revision=revision,
        language=django_settings.LANGUAGE_CODE,
        defaults={
            column.name: values[column.name]
            for column in content_columns(Wording)
            if column.name in values
        },
    )


def _write_images(revision: Revision, images: list[Image | PreparedImage]) -> None:
    before = [shown.image_id for shown in revision.images.all()]
    kept = [image.pk for image in images if isinstance(image, Image)]
    # Held until the commit: else somebody else's rewriting could delete one that is kept here.
    if Image.objects.select_for_update().filter(pk__in=kept).count() != len(set(kept)):
        raise PostRefusedError({"images": [_("Someone else has just changed the images.")]})
    revision.images.all().delete()
    RevisionImage.objects.bulk_create(
        RevisionImage(
            revision=revision,
            image=image if isinstance(image, Image) else _write_image(revision, image),
            position=position,
        )
        for position, image in enumerate(images)
    )
    Image.objects.filter(pk__in=before, shown_in=None).delete()


def _write_image(revision: Revision, prepared: PreparedImage) -> Image:
    image = Image.objects.create(
        channel=revision.post.channel,
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
    return image


@transaction.atomic
def delete_draft(post: Post, *, by: str) -> None:
    """Delete a post that was never published, with its images. Raises NotADraftError."""
    number, handle = post.pk, post.channel.handle
    images = list(Image.objects.filter(shown_in__revision__post=post).values_list("pk", flat=True))
    if not Post.objects.filter(pk=post.pk, state=State.UNPUBLISHED).delete()[0]:
        raise NotADraftError
    Image.objects.filter(pk__in=images, shown_in=None).delete()
    record(by, "post.draft_deleted", handle, post=number)
