# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Absolute addresses of what a channel shows, made from CANALE_BASE_URL and nothing else."""

from __future__ import annotations

from canale.channel.models import Channel, Image, Post
from canale.core.settings import settings


def channel_url(channel: Channel) -> str:
    return f"{settings.base_url}/c/{channel.handle}/"


def post_url(post: Post) -> str:
    return f"{settings.base_url}/c/{post.channel.handle}/p/{post.pk}"


def image_url(image: Image, size: str) -> str:
    """``size`` is small, large or share (see images.py)."""
    return f"{settings.base_url}/c/{image.channel.handle}/image/{image.key}-{size}"


def preview_picture_url(channel: Channel, key: str) -> str:
    return f"{settings.base_url}/c/{channel.handle}/preview/{key}"


def avatar_url(channel: Channel, size: str) -> str:
    """``size`` is 64, 192, 512 or maskable; the version lets browsers keep it for long."""
    version = int(channel.updated_at.timestamp())
    return f"{settings.base_url}/c/{channel.handle}/avatar-{size}?v={version}"


def invite_url(code: str) -> str:
    return f"{settings.base_url}/i/{code}"
