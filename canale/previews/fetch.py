# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fetches what a link leads to: a page's own title, description and picture.

Staff choose the link, and a stranger what is there: the guarded client calls public hosts only
(docs/decisions/0055), each redirect is checked as the link was, everything is bounded, and the
page and its picture are read in processes of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote, urljoin, urlsplit

from canale.channel.images import DecodersBusyError, ImageRefusedError, prepare_preview
from canale.core.setting_values import host_name
from canale.core.settings import settings
from canale.net.endpoints import EndpointRefusedError
from canale.net.http import GuardedClient, Response
from canale.net.http_errors import NoResponseError, ResponseTooLargeError
from canale.previews.page import Page, UnreadablePageError, read_page

# The head of a page is at its beginning; the rest is not read.
PAGE_BYTES = 512 * 1024
PICTURE_BYTES = 5 * 2**20
MAX_REDIRECTS = 3
HTTP_TIMEOUT = timedelta(seconds=8)
# Limit of a whole attempt, which may be eight requests.
TOTAL_SECONDS = 30.0
REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
# A server that fails or is busy may answer later.
LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
PAGES = ("text/html", "application/xhtml+xml")
SCHEMES, PORTS = {"http", "https"}, {None, 80, 443}
# Signs that may stand in a path or a query (RFC 3986), and % for what is escaped.
KEPT = "/?:@!$&'()*+,;=~-._%"


class NoPreviewError(Exception):
    """The link has no preview; the message says why, without the address."""

    def __init__(self, reason: str, *, may_retry: bool = False) -> None:
        super().__init__(reason)
        self.may_retry = may_retry


@dataclass(frozen=True, slots=True)
class Found:
    """A preview; picture is a small square in WebP."""

    title: str
    description: str
    picture: bytes | None


def open_client() -> GuardedClient:
    """Return the client for links, for this event loop."""
    return GuardedClient(
        settings.preview_origins, total_timeout=HTTP_TIMEOUT, proxy=settings.push_proxy
    )


class Fetcher:
    """Fetches previews through a client, whose ``trusted`` origins may be at private addresses."""

    def __init__(self, client: GuardedClient, trusted: Collection[str]) -> None:
        self._client = client
        self._trusted = trusted
        self._headers = {
            # An archive would have to be unpacked, which has no bound.
            "accept-encoding": "identity",
            "user-agent": f"canale link preview (+{settings.base_url})",
        }

    async def fetch(self, link: str) -> Found:
        """Raises NoPreviewError."""
        end = asyncio.get_running_loop().time() + TOTAL_SECONDS
        try:
            async with asyncio.timeout_at(end):
                url, response = await self._get(link, "", PAGE_BYTES)
                kind = response.header("content-type") or ""
                if not kind.lower().startswith(PAGES):
                    raise NoPreviewError("not a web page")
                page = await asyncio.to_thread(read_page, response.body, kind)
        except UnreadablePageError as error:
            raise NoPreviewError(str(error)) from None
        except TimeoutError:
            raise NoPreviewError("no answer in time", may_retry=True) from None
        if not page.title:
            raise NoPreviewError("the page has no title")
        return Found(page.title, page.description, await self._picture(url, page, end))

    async def _picture(self, url: str, page: Page, end: float) -> bytes | None:
        """Return the page's picture, encoded again; None without one that can be used, or that is
        here by ``end``, in the loop's time. The words do not wait for it longer."""
        if not page.picture:
            return None
        try:
            async with asyncio.timeout_at(end):
                _, response = await self._get(page.picture, url, PICTURE_BYTES)
                prepared = await asyncio.to_thread(prepare_preview, response.body)
        except (NoPreviewError, ImageRefusedError, DecodersBusyError, TimeoutError):
            return None
        return prepared.variants[0].data

    async def _get(self, url: str, named_by: str, limit: int) -> tuple[str, Response]:
        """Follow redirects from what ``named_by`` says; return the last address and its answer.

        Raises NoPreviewError.
        """
        cut = limit == PAGE_BYTES
        try:
            for _ in range(MAX_REDIRECTS + 1):
                url = self._checked(url, named_by)
                response = await self._client.request(
                    "GET", url, self._headers, limit=limit, cut=cut
                )
                location = response.header("location")
                if response.status not in REDIRECTS or location is None:
                    break
                named_by, url = url, location
            else:
                raise NoPreviewError("too many redirects")
        except (EndpointRefusedError, ResponseTooLargeError) as error:
            raise NoPreviewError(str(error)) from None
        except NoResponseError as error:
            raise NoPreviewError(str(error), may_retry=True) from None
        if response.status != HTTPStatus.OK:
            later = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in LATER
            raise NoPreviewError(f"answered {response.status}", may_retry=later)
        if (response.header("content-encoding") or "identity").lower() != "identity":
            raise NoPreviewError("a compressed answer, which was not asked for")
        return url, response

    def _checked(self, reference: str, named_by: str) -> str:
        """Return an address as it is requested: https, at its usual port, in ASCII.

        A trusted origin may be inside the city's network: only the link itself, or another trusted
        origin, may lead there. Raises NoPreviewError.
        """
        try:
            parts = urlsplit(urljoin(named_by, reference))
            origin = f"{parts.scheme}://{parts.netloc.lower()}"
            if origin not in self._trusted:
                if parts.scheme not in SCHEMES or parts.port not in PORTS or "@" in parts.netloc:
                    raise ValueError
                # A page that is reached by http only is one that anybody on the way can change.
                origin = f"https://{host_name(parts.hostname or '')}"
            if named_by and origin in self._trusted:
                before = urlsplit(named_by)
                if f"{before.scheme}://{before.netloc}" not in self._trusted:
                    raise ValueError
        except ValueError:
            raise NoPreviewError("not an address that may be called") from None
        path, query = quote(parts.path or "/", safe=KEPT), quote(parts.query, safe=KEPT)
        return f"{origin}{path}?{query}" if query else f"{origin}{path}"
