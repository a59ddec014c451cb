# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes channels and finds the one that ``/`` shows."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from canale.channel.characters import is_damaged, one_line, several_lines
from canale.channel.colours import DEFAULT_COLOUR
from canale.channel.images import PreparedImage, draw_avatar
from canale.channel.models import AvatarFile, Channel
from canale.channel.motifs import quiet_motif


def default_channel() -> Channel | None:
    return Channel.objects.filter(is_default=True).first()


@transaction.atomic
def create_channel(
    handle: str, name: str, description: str = "", colour: str = DEFAULT_COLOUR
) -> Channel:
    """A channel with an avatar drawn by us; the first one is the default.

    Raises django.core.exceptions.ValidationError for a handle that is taken or malformed, and for
    a name, description or colour that cannot be kept.
    """
    if is_damaged(name + description):
        raise ValidationError(
            _("The name or the description has characters that cannot be read. Write it again.")
        )
    channel = Channel(
        handle=handle,
        name=one_line(name),
        description=several_lines(description),
        colour=colour.lower(),
        motif=quiet_motif(handle),
        is_default=not Channel.objects.filter(is_default=True).exists(),
    )
    channel.full_clean()
    channel.save()
    set_avatar(channel, draw_avatar(channel.name, channel.colour), drawn=True)
    return channel


@transaction.atomic
def set_avatar(channel: Channel, prepared: PreparedImage, *, drawn: bool = False) -> None:
    """Keep an avatar; ``drawn`` if it is ours, and follows the name and the colour."""
    channel.avatar_files.all().delete()
    AvatarFile.objects.bulk_create(
        AvatarFile(channel=channel, name=variant.name, mime=variant.mime, data=variant.data)
        for variant in prepared.variants
    )
    channel.draws_avatar = drawn
    channel.save(update_fields=["draws_avatar", "updated_at"])
