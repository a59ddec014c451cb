# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`/metrics`: the metrics in Prometheus's text format, for allowed networks only."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, Metric, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

import canale
from canale.metrics.definitions import REGISTRY
from canale.metrics.multiprocess import registry
from canale.net.responses import Headers, body_headers, send_response, with_house

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PATH = "/metrics"
# Headers that proxies add (RFC 7239; RFC 9110, section 7.6.3; and by custom).
PROXY_HEADERS = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"})


class MetricsEndpoint:
    """An ASGI app. ``collectors`` are read at each request."""

    def __init__(
        self,
        allowed: Sequence[Network],
        collectors: Sequence[Collector] = (),
        house: Headers | None = None,
    ) -> None:
        """Answer ``allowed`` networks; ``house`` are headers of every response."""
        self._allowed = allowed
        self._collectors = collectors
        self._house = house or []

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != PATH or not is_allowed(scope, self._allowed):
            await self._say(send, HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"")
            return

        def read_files_and_tables() -> bytes:
            sources = (registry(REGISTRY), *self._collectors)
            return b"".join(generate_latest(source) for source in sources)

        body = await asyncio.to_thread(read_files_and_tables)
        await self._say(send, HTTPStatus.OK, CONTENT_TYPE_LATEST, body)

    async def _say(
        self, send: ASGISendCallable, status: HTTPStatus, mime: str, body: bytes
    ) -> None:
        headers = [*body_headers(mime, body), (b"x-content-type-options", b"nosniff")]
        await send_response(send, status, with_house(headers, self._house), body)


def is_allowed(scope: HTTPScope, allowed: Sequence[Network]) -> bool:
    """True if the client is in one of the networks.

    Behind a proxy it is the client named by a trusted proxy, which uvicorn puts in the peer's place
    with port 0; never the proxy's own address, nor this machine itself.
    """
    client = scope["client"]
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0]) if client else None
    except ValueError:
        return False
    if client is None or address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    forwarded = any(name in PROXY_HEADERS for name, _ in scope["headers"])
    if forwarded and (client[1] != 0 or address.is_loopback):
        return False
    return any(address in network for network in allowed)


class VersionCollector(Collector):
    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily(
            "canale_info", "The version that runs; always 1", labels=["version"]
        )
        info.add_metric([canale.__version__], 1)
        return [info]
