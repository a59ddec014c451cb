# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses that people type from a poster: with capitals, a slash too many, a full stop."""

from __future__ import annotations

import re

from django.urls import Resolver404, resolve

# Programs, not people, ask for these.
PROGRAMS = ("/api/", "/static/", "/live/")
# The key of an image and the secret of a set-up link tell capitals from small letters.
_EXACT_END = re.compile(r"(/c/[^/]+/image/|/newsroom/setup/)(.+)", re.IGNORECASE)
# Nobody types more, and Django refuses to redirect to an address of more than 16 KB.
MAX_TYPED = 1_000
# Punctuation that follows an address in a sentence, and is copied with it.
_AFTER = " .,;:!?)]}>\"'’”»"


def meant_path(path: str) -> str | None:
    """The path that leads somewhere and differs from `path` only in capitals, slashes or the
    punctuation after it; None if there is no such path, or if it is longer than people type."""
    if len(path) > MAX_TYPED or _leads(path):
        return None
    tidy = re.sub("/{2,}", "/", path)
    exact = _EXACT_END.fullmatch(tidy)
    tidy = (exact[1].lower() + exact[2] if exact else tidy.lower()).rstrip(_AFTER)
    for candidate in (tidy, tidy.rstrip("/"), tidy.rstrip("/") + "/"):
        if candidate != path and not candidate.startswith(PROGRAMS) and _leads(candidate):
            return candidate
    return None


def _leads(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True
