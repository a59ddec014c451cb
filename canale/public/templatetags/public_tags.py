# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Template tags of the public pages."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from canale.channel.dates import dated, elided
from canale.channel.moments import end_of
from canale.channel.motifs import motif_svg
from canale.channel.templatetags.icons import icon

STEP_SECONDS = 300

register = template.Library()
register.filter(elided)
register.simple_tag(icon)
register.simple_tag(motif_svg, name="motif")


@register.simple_tag
def city_lang() -> SafeString:
    """For what the city wrote: its language, where the page around it speaks another one, so that
    a screen reader does not read Italian as if it were English (WCAG 3.1.2)."""
    if get_language() == settings.LANGUAGE_CODE:
        return SafeString("")
    return format_html(' lang="{}"', settings.LANGUAGE_CODE)


@register.filter
def grouped(number: int) -> str:
    """12345 as the language writes it: 12.345."""
    return number_format(number, use_l10n=True, force_grouping=True)


@register.simple_tag
def coarse_now() -> str:
    """The server's time for the page's scripts, in milliseconds since the epoch: a phone's clock
    may be wrong by days. Rounded down: a page that says nothing new stays the same bytes."""
    now = int(timezone.now().timestamp())
    return str((now - now % STEP_SECONDS) * 1000)


@register.simple_tag
def next_midnight() -> str:
    """When *today* becomes *yesterday* on the page, in milliseconds since the epoch."""
    return str(int(end_of(timezone.localdate()).timestamp()) * 1000)


@register.filter(expects_localtime=True)
def machine_time(moment: datetime) -> str:
    """A moment for an attribute, as HTML allows it: the `c` of Django's own filter may have six
    digits of a second, and HTML at most three (HTML Standard, section 2.3.5.4)."""
    return moment.isoformat(timespec="seconds")


@register.filter
def day_name(moment: datetime) -> str:
    """The day of a moment in words, with its year only if it is not this one."""
    return dated(timezone.localtime(moment).date(), timezone.localtime().date(), weekday="")


@register.filter
def short_day(moment: datetime) -> str:
    """24/11, with the year if it is not this one: 24/11/2026."""
    local = timezone.localtime(moment)
    return date_format(local, "j/n" if local.year == timezone.localtime().year else "j/n/Y")
