# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Requests for another site are not answered (RFC 9110, sections 7.2 and 7.4).

Under https the site has one name, that of its base URL. Without TLS, on one's own machine or in a
local network, any host is answered that is a host at all.
"""

from __future__ import annotations

import ipaddress
import re
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

# Paths that monitors and proxies request from the process, at any address.
HEALTH_PATHS = frozenset({b"/healthz", b"/readyz", b"/metrics"})
_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5})?)?", re.ASCII)
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
USUAL_PORTS = {"http": 80, "https": 443}


class Refusal(NamedTuple):
    status: HTTPStatus
    detail: str


class Hosts:
    """The hosts that the site with this base URL answers to."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._base_url = base_url
        self._only = parts.scheme == "https"
        self._port = parts.port or USUAL_PORTS[parts.scheme]
        self._name = _bare(parts.netloc)[0]
        # The form that browsers send, found without parsing.
        self._usual = [parts.netloc.encode()]

    def refusal(
        self, url: bytes, headers: list[tuple[bytes, bytes]], http_version: str
    ) -> Refusal | None:
        """Return why a request is refused; None if it is not. Header names are in lower case."""
        named = [value for name, value in headers if name == b"host"]
        if named == self._usual and url.startswith(b"/"):
            return None
        if len(named) > 1 or (not named and http_version != "1.0"):
            return Refusal(HTTPStatus.BAD_REQUEST, "A request has one Host header.")
        if url.partition(b"?")[0] in HEALTH_PATHS:
            return None
        # An absolute URL takes precedence over the header (RFC 9112, section 3.2.2).
        absolute = _ABSOLUTE.match(url)
        host = absolute[1] if absolute else b"".join(named)
        try:
            name, port = _bare(host.decode("ascii").lower()) if named or host else ("", None)
        except ValueError:
            return Refusal(HTTPStatus.BAD_REQUEST, "The Host header names no host.")
        # A proxy may omit the port.
        if not self._only or (name == self._name and port in {None, self._port}):
            return None
        detail = f"This is not the channel's address. That is {self._base_url}"
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, detail)


def _bare(netloc: str) -> tuple[str, int | None]:
    """Normalise a host's name and port. Raises ValueError."""
    match = _HOST.fullmatch(netloc)
    if match is None:
        raise ValueError(netloc)
    name, port = match[1], match[2]
    if name.startswith("["):
        name = str(ipaddress.IPv6Address(name[1:-1]))
    return name.removesuffix("."), int(port) if port else None
