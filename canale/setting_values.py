# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads addresses and networks out of settings. Each raises ValueError for what is none."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def origin(text: str) -> str:
    """Scheme, host and port (RFC 6454, section 6.2) of a web address; anything more is refused."""
    parts = urlsplit(text.rstrip("/"))
    beyond = parts.path or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in {"http", "https"} or not parts.hostname or beyond:
        raise ValueError
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (
        f":{parts.port}" if parts.port not in {None, usual} else ""
    )


def origins(text: str) -> tuple[str, ...]:
    return tuple(origin(part.strip()) for part in text.split(",") if part.strip())


def nats_servers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        parts = urlsplit(server)
        beyond = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in {"nats", "tls"} or not parts.hostname or parts.port == 0 or beyond:
            raise ValueError
    return servers


def networks(text: str) -> tuple[Network, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(ipaddress.ip_network(part) for part in parts)


def contact(text: str) -> str:
    parts = urlsplit(text)
    address = parts.scheme == "mailto" and "@" in parts.path
    if not address and not (parts.scheme == "https" and parts.hostname):
        raise ValueError
    return text


def link(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return text
