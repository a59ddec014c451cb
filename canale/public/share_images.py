# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The picture that messengers and social networks show beside a link (https://ogp.me/#structured)."""

from __future__ import annotations

from dataclasses import dataclass

from canale.channel.links import avatar_url, image_url
from canale.channel.models import Channel, Image

AVATAR_SIDE = 512


@dataclass(frozen=True, slots=True)
class ShareImage:
    """With its size, a picture is shown at once, also to the first who shares the link."""

    url: str
    mime: str
    width: int
    height: int
    alt: str


def avatar_to_share(channel: Channel) -> ShareImage:
    url = avatar_url(channel, str(AVATAR_SIDE))
    return ShareImage(url, "image/png", AVATAR_SIDE, AVATAR_SIDE, channel.name)


def image_to_share(image: Image, alt: str) -> ShareImage:
    file = image.files.only("mime", "width", "height").get(name="share")
    return ShareImage(image_url(image, "share"), file.mime, file.width, file.height, alt)
