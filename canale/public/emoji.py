# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Names of reactions for screen readers."""

from __future__ import annotations

import unicodedata

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NAMES: dict[str, str | Promise] = {
    "👍": _("Thumbs up"),
    "👎": _("Thumbs down"),
    "❤️": _("Heart"),
    "👏": _("Applause"),
    "😮": _("Wow"),
    "😢": _("Sad"),
    "😂": _("Laughing"),
    "🙏": _("Thank you"),
    "🎉": _("Party"),
    "💪": _("Strength"),
}


def emoji_name(emoji: str) -> str:
    """In the reader's language for the usual ones, else Unicode's own name."""
    known = NAMES.get(emoji) or NAMES.get(f"{emoji}\ufe0f")
    if known is not None:
        return str(known)
    return unicodedata.name(emoji[:1], emoji).lower()
