# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A person's words among ours: each runs in its own direction (docs/decisions/0036)."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from canale.channel.characters import direction

register = template.Library()


@register.filter
def isolated(text: object) -> SafeString:
    """For a sentence of ours that quotes a person's words."""
    return format_html('<bdi dir="auto">{}</bdi>', text)


@register.filter("direction")
def direction_of(headline: str, text: str = "") -> str:
    """The value of a ``dir`` attribute, as a notification of these words gets it."""
    return direction(headline) or direction(text) or "auto"
