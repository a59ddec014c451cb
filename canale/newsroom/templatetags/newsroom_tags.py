# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Filters that format moments in the city's time zone, and label audit entries."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone

from canale.channel.colours import DARK_SURFACE, WHITE, Palette, Shades, palette
from canale.channel.dates import format_date
from canale.channel.motifs import motif_svg
from canale.channel.names import initials
from canale.newsroom import audit_labels

register = template.Library()
register.filter("actor", audit_labels.actor)
register.filter("act", audit_labels.act)
register.filter("details", audit_labels.details)
register.filter("initials", initials)
register.filter("palette", palette)
register.simple_tag(motif_svg, name="motif")


@register.filter
def themes(shades: Palette) -> tuple[tuple[str, Shades, str], ...]:
    """Light and dark, each with the surface that its pages have."""
    return ("light", shades.light, WHITE), ("dark", shades.dark, DARK_SURFACE)


@register.filter
def in_words(moment: datetime) -> str:
    """giovedì 24 dicembre 2026, 13:56"""
    return format_date(timezone.localtime(moment), "l j F Y, H:i")


@register.filter
def in_short(moment: datetime) -> str:
    """24 dic 2026, 13:56"""
    return format_date(timezone.localtime(moment), "j M Y, H:i")
