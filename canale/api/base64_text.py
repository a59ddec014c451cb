# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bytes in JSON, as the libraries of many languages encode them."""

from __future__ import annotations

import base64
import re

from django.utils.translation import gettext as _

# RFC 2397, as FileReader.readAsDataURL gives it.
_DATA_URI = re.compile(r"\Adata:[^,]{0,200};base64,", re.IGNORECASE)
# A blank elsewhere may have been a plus sign, which a form or an address has lost.
_LINE_BREAK = re.compile(r"[ \t]*[\r\n]+[ \t]*")
_URL_SAFE = str.maketrans("-_", "+/")
_ALPHABET = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def base64_bytes(value: object) -> bytes:
    """Standard base64 or base64url (RFC 4648), with or without padding, line breaks, data: URI.

    Raises ValueError, which says what is expected, for everything else: a lenient decoder would
    skip what it does not know, and call the picture damaged.
    """
    if not isinstance(value, str):
        raise ValueError(_expected())
    text = _LINE_BREAK.sub("", _DATA_URI.sub("", value.strip(), count=1)).translate(_URL_SAFE)
    letters = text.rstrip("=")
    if not _ALPHABET.fullmatch(text) or len(letters) % 4 == 1:
        raise ValueError(_expected())
    return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)


def _expected() -> str:
    return _("Expected a picture in base64 (RFC 4648), for example iVBORw0KGgo….")
