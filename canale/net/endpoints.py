# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks of addresses given by strangers before they are called."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

MAX_URL = 2048

# Deliberately narrower than RFC 3986, so that no two parsers can disagree about the host: no
# user, no escape, no upper case, no backslash, no fragment; only printable ASCII, without the
# quotation mark, which no URL contains and which JSON would lengthen.
_URL = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?)"
    r"/[!#-\[\]-~]*\Z"
)
# The last label is never a number, so that no IP address in whatever notation passes for a name.
_NAME = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{0,58}[a-z0-9])\Z"
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[list[str]]]

# Global unicast addresses (RFC 4291, section 2.4)…
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# … except those that embed an arbitrary IPv4 address (Teredo, 6to4), and those for documentation
# (RFC 9637), which Python 3.11 does not know yet.
_NOT_PUBLIC = tuple(map(ipaddress.IPv6Network, ("2001::/32", "2002::/16", "3fff::/20")))
# NAT64 (RFC 6052): a server without IPv4 reaches IPv4-only hosts through it.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class EndpointRefusedError(ValueError):
    """The address is not allowed; the message says why without repeating the address."""


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Hosts by exact name, and by the end of the name (``.example.org``)."""

    names: frozenset[str]
    endings: tuple[str, ...] = ()
    kind: str = "host"
    """Names these hosts in error messages."""

    def holds(self, host: str) -> bool:
        """True for a listed name or a name below a listed ending."""
        return host in self.names or host.endswith(self.endings)


def checked_origin(url: str, known: KnownHosts | None, extra_origins: Collection[str]) -> str:
    """Return the origin of a URL that may be called. Raises EndpointRefusedError.

    It is either https at the default port of a known host (any host with a name where ``known``
    is None, which must then turn out to have a public address), or its origin is, exactly as
    written, one of ``extra_origins``, which may be plain http and a private address.
    """
    match = _URL.match(url) if len(url) <= MAX_URL and "#" not in url else None
    if match is None:
        raise EndpointRefusedError("not a plain http(s) address")
    origin, host = match["origin"], match["host"]
    if origin in extra_origins:
        return origin
    if match["scheme"] != "https":
        raise EndpointRefusedError("not https")
    if match["port"]:
        raise EndpointRefusedError("not the default port")
    if known is not None and not (_NAME.match(host) and known.holds(host)):
        raise EndpointRefusedError(f"not a known {known.kind}")
    if not _NAME.match(host):
        raise EndpointRefusedError("not the name of a host")
    return origin


def is_public(address: str) -> bool:
    """True only for addresses on the public internet."""
    try:
        ip: IPAddress = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        if ip not in _GLOBAL_UNICAST or any(ip in network for network in _NOT_PUBLIC):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def system_resolver(host: str, port: int) -> list[str]:
    """Return all addresses of a host, in the system's order of preference. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def public_addresses(host: str, port: int, resolver: Resolver) -> list[str]:
    """Return the host's public addresses. Raises EndpointRefusedError if none is, OSError."""
    addresses = [address for address in await resolver(host, port) if is_public(address)]
    if not addresses:
        raise EndpointRefusedError("the host has no public address")
    return addresses
