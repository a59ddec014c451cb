# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Filters that format moments in the city's time zone, and label audit entries."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.template.context import RequestContext
from django.utils import timezone

from canale.accounts.models import Staff
from canale.accounts.roles import ADMINISTRATORS
from canale.channel.colours import DARK_SURFACE, WHITE, Palette, Shades, palette
from canale.channel.dates import format_date
from canale.channel.links import avatar_url
from canale.channel.motifs import motif_svg
from canale.channel.names import initials, short_name
from canale.newsroom import audit_labels

register = template.Library()
register.filter("actor", audit_labels.actor)
register.filter("act", audit_labels.act)
register.filter("details", audit_labels.details)
register.filter("initials", initials)
register.filter("palette", palette)
register.simple_tag(motif_svg, name="motif")


@register.simple_tag(takes_context=True)
def bar(context: RequestContext) -> dict[str, object]:
    """The bar's channel: the page's own; on the pages of an account the only one that the person
    works for, and none for a person with several."""
    staff, channel = context["request"].user, context.get("channel")
    administers = context.get("may_administer", False)
    if channel is None and isinstance(staff, Staff):
        memberships = list(staff.memberships.select_related("channel")[:2])
        if len(memberships) == 1:
            channel = memberships[0].channel
            administers = memberships[0].role in ADMINISTRATORS
    if channel is None:
        return {}
    return {
        "channel": channel,
        "avatar": avatar_url(channel, "64"),
        "short_name": channel.short_name or short_name(channel.name),
        "may_administer": administers,
        "section": context.get("section", "account"),
    }


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
