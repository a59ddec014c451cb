# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The city's colours on its pages: a style of a few lines in the page itself.

A style sheet of its own would cost each first visit a request before anything is shown. The page's
policy names the hash of these lines (https://www.w3.org/TR/CSP3/#external-hash), which the server
computes from a checked colour: no other inline style is allowed.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from functools import lru_cache

from django.utils.html import format_html
from django.utils.safestring import SafeString

from canale.channel.colours import Shades, palette
from canale.public.security import CONTENT_SECURITY_POLICY


@dataclasses.dataclass(frozen=True, slots=True)
class CityColours:
    style: SafeString
    """The element for the page's head, after the style sheet that it overrides."""
    policy: str
    """The Content-Security-Policy that allows it."""
    theme: str
    dark_theme: str
    """The colours of the browser's own bars, in light and dark."""


@lru_cache(maxsize=256)
def city_colours(colour: str) -> CityColours:
    shades = palette(colour)
    css = (
        f":root{{{_declarations(shades.light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_declarations(shades.dark)}}}}}"
    )
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return CityColours(
        style=format_html("<style>{}</style>", SafeString(css)),
        policy=CONTENT_SECURITY_POLICY.replace(
            "style-src 'self'", f"style-src 'self' 'sha256-{digest}'"
        ),
        theme=shades.light.slim,
        dark_theme=shades.dark.slim,
    )


def _declarations(shades: Shades) -> str:
    values = dataclasses.asdict(shades)
    return ";".join(f"--{name.replace('_', '-')}:{value}" for name, value in values.items())
