# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Metrics of a web process, flushed to the shared ones."""

from __future__ import annotations

from dataclasses import asdict

from canale.live.hub import Hub
from canale.metrics.definitions import (
    LIVE_CONNECTIONS,
    LIVE_DELIVERIES,
    LIVE_DROPPED,
    LIVE_EVENTS,
    LIVE_REFUSED,
    PAGES,
)
from canale.metrics.reporter import DeltaCounters
from canale.public.page_store import PageStore


class WebMetrics:
    """The metrics of one web process."""

    def __init__(self, hub: Hub, pages: PageStore) -> None:
        self._hub = hub
        self._pages = pages
        self._stream = DeltaCounters(
            {
                "events": LIVE_EVENTS,
                "deliveries": LIVE_DELIVERIES,
                "dropped_slow": LIVE_DROPPED,
                "refused": LIVE_REFUSED,
            }
        )
        self._store = DeltaCounters(
            {"hits": PAGES.labels("store"), "misses": PAGES.labels("rendering")}
        )

    def flush(self) -> None:
        counts = self._hub.counts()
        LIVE_CONNECTIONS.set(counts.connections)
        self._stream.copy(asdict(counts))
        self._store.copy({"hits": self._pages.hits, "misses": self._pages.misses})
