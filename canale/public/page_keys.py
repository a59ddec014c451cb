# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cache keys of public pages: path, the reader's language, two parameters."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlencode

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request

Key = tuple[str, str, str, str]
"""Path, the language of the reader, the language asked for by `?lang=`, the place in the list of
posts asked for by `?before=`."""

# The lists whose page is named by `?before=`.
LISTS = "/older"
_LANGUAGE_COOKIE = re.compile(
    rb"(?:^|;\s*)" + re.escape(django_settings.LANGUAGE_COOKIE_NAME.encode()) + rb"=([a-z-]{2,8})"
)
# Longer queries carry nothing of ours, and reading each of their parameters would cost more than
# answering from memory does.
LONGEST_QUERY = 2_000
# Written one way only: `%6Cang=en` is a parameter of somebody else.
_PARAMETERS = re.compile(rb"(?:^|&)(lang|before)=([a-z0-9-]{1,18})(?=&|$)")
# A post has one number (public/urls.py): a list has no more pages than there are posts.
_PLACE = re.compile(r"[1-9][0-9]{0,17}")


def key_of(path: str, query: bytes, wanted: dict[bytes, bytes]) -> Key:
    """The key of a request; `query_of(key)` is all of its query that a view may see.

    Other parameters, such as those that other sites add to links, lead to the same page.
    """
    asked = place = ""
    if query and len(query) <= LONGEST_QUERY:
        # The last of several with one name counts; a value that means nothing here is dropped.
        values = {name: value.decode() for name, value in _PARAMETERS.findall(query)}
        asked, place = values.get(b"lang", ""), values.get(b"before", "")
        asked = asked if asked in dict(django_settings.LANGUAGES) else ""
        place = place if path.endswith(LISTS) and is_place(place) else ""
    cookie = _LANGUAGE_COOKIE.search(wanted.get(b"cookie", b""))
    language = _language(cookie[1] if cookie else b"", wanted.get(b"accept-language", b"")[:200])
    return path, language, asked, place


def query_of(key: Key) -> bytes:
    query = {"lang": key[2], "before": key[3]}
    return urlencode({name: value for name, value in query.items() if value}).encode()


def is_place(before: str) -> bool:
    """True if it names a post as we write it; views accept nothing else, or two addresses
    that are one to the store would show different pages."""
    return _PLACE.fullmatch(before) is not None


@lru_cache(maxsize=4096)
def _language(cookie: bytes, accepted: bytes) -> str:
    """By Django's own rules, so that the page is the one that Django would make."""
    request = HttpRequest()
    request.COOKIES[django_settings.LANGUAGE_COOKIE_NAME] = cookie.decode("latin-1")
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted.decode("latin-1")
    return get_language_from_request(request)
