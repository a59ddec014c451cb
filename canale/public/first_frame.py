# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Styles and one script for a page's first frame, in the page itself.

As files they would be requested after the page, and a phone on a slow network would show nothing
for another round trip (docs/decisions/0064). The page's policy names the hashes of these elements
(https://www.w3.org/TR/CSP3/#external-hash): no other inline style or script is allowed.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.utils.html import format_html
from django.utils.safestring import SafeString

from canale.channel.colours import Shades, palette
from canale.public.security import CONTENT_SECURITY_POLICY

# A city's installation may have two hundred channels. Each takes 30 KB.
MAX_KEPT = 256


@dataclasses.dataclass(frozen=True, slots=True)
class FirstFrame:
    style: SafeString
    """The element for the page's head."""
    script: SafeString
    """The element for the start of its body; empty on a page that links to its styles."""
    policy: str
    """The Content-Security-Policy that allows both."""
    links_sheet: bool
    """The page links to its style sheet, which the style overrides."""
    theme: str
    dark_theme: str
    """The colours of the browser's own bars, in light and dark."""


@lru_cache(maxsize=MAX_KEPT)
def first_frame(colour: str, *, begins_visits: bool) -> FirstFrame:
    """Return the elements of a page in the city's colour. Visits begin on the pages of a channel
    that exist; all others link to the style sheet and remember no follower."""
    shades = palette(colour)
    # The fonts lie beside the style sheet; a page may be at any path.
    sheet = re.sub(
        r'url\("?(fonts/[^")]+)"?\)',
        rf"url({settings.STATIC_URL}\1)",
        _static("public.css") if begins_visits else "",
    )
    css = (
        f"{sheet}:root{{{_declarations(shades.light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_declarations(shades.dark)}}}}}"
    )
    script = _static("before-paint.js") if begins_visits else ""
    policy = CONTENT_SECURITY_POLICY.replace("style-src 'self'", f"style-src 'self' {_source(css)}")
    if script:
        policy = policy.replace("script-src 'self'", f"script-src 'self' {_source(script)}")
    return FirstFrame(
        style=format_html("<style>{}</style>", SafeString(css)),
        script=format_html("<script>{}</script>", SafeString(script)) if script else SafeString(),
        policy=policy,
        links_sheet=not begins_visits,
        theme=shades.light.slim,
        dark_theme=shades.dark.slim,
    )


@cache
def _static(name: str) -> str:
    """The text of a file as it is served, with the hashes of what it names."""
    stored = staticfiles_storage.url(name).removeprefix(settings.STATIC_URL)
    return (Path(settings.STATIC_ROOT) / stored).read_text(encoding="utf-8").strip()


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _declarations(shades: Shades) -> str:
    values = dataclasses.asdict(shades)
    return ";".join(f"--{name.replace('_', '-')}:{value}" for name, value in values.items())
