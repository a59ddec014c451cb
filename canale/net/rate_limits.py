# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rate limits per client address, without storing the address.

Nothing is stored but, for minutes, a keyed hash; the key is random, lives in memory only and is
thrown away every day.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_KEYS = 100_000
DAY = 86_400
WIDER = 10


class RateLimiter:
    """A token bucket for each pair of bucket and client, as its "theoretical arrival time".

    One float a pair (the GCRA of ITU-T I.371). Thread-safe. Beyond ``max_keys`` pairs the one
    unused for longest is forgotten: who keeps asking stays limited.
    """

    def __init__(
        self,
        max_keys: int = MAX_KEYS,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], int] = lambda: int(time.time()) // DAY,
    ) -> None:
        self._max_keys = max_keys
        self._clock = clock
        self._today = today
        self._lock = threading.Lock()
        self._due: OrderedDict[bytes, float] = OrderedDict()
        self._day = today()
        self._salt = secrets.token_bytes(32)

    def allow(self, bucket: str, client: str, limit: int, per_seconds: int) -> float | None:
        """Count one act of ``client``, an IP address. None: go on; else seconds to wait.

        ``limit`` acts at once, then one each ``per_seconds / limit`` seconds. A refused act does
        not count. A /48 of IPv6, which one subscriber may have for the asking, does ten times as
        much as one household, not 65,536 times.
        """
        with self._lock:
            now = self._clock()
            # Each network that the act counts for, with the factor of its limit.
            networks = {network_of(client): 1}
            networks.setdefault(carrier_of(client), WIDER)
            counted = [
                (self._key(bucket, network), per_seconds / (limit * many))
                for network, many in networks.items()
            ]
            waits = [self._wait(key, interval, per_seconds, now) for key, interval in counted]
            if max(waits) > 1e-6:
                return max(waits)
            for key, interval in counted:
                self._due[key] = max(self._due.get(key, now), now) + interval
                self._due.move_to_end(key)
            self._forget_some(now)
            return None

    def _key(self, bucket: str, network: str) -> bytes:
        day = self._today()
        if day != self._day:
            self._day, self._salt = day, secrets.token_bytes(32)
            self._due.clear()
        return hmac.digest(self._salt, f"{bucket}\0{network}".encode(), "sha256")[:16]

    def _wait(self, key: bytes, interval: float, per_seconds: int, now: float) -> float:
        """Return the seconds to wait, and mark the key as recently used."""
        due = self._due.get(key)
        if due is None:
            return 0.0
        self._due.move_to_end(key)
        return max(due, now) - now - (per_seconds - interval)

    def _forget_some(self, now: float) -> None:
        """Drop up to two expired keys at the old end, and any beyond the maximum."""
        for _ in range(2):
            key, due = next(iter(self._due.items()))
            if due > now and len(self._due) <= self._max_keys:
                return
            del self._due[key]
            if not self._due:
                return


def carrier_of(client: str) -> str:
    """Return the IPv4 address, which a town may share, or its counterpart in IPv6: the /48."""
    near = network_of(client)
    if not near.endswith("/64"):
        return near
    return str(ipaddress.IPv6Network(near).supernet(new_prefix=48))


def network_of(client: str) -> str:
    """Return what counts as one client: the IPv4 address, or the /64 of an IPv6 household."""
    try:
        ip = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)
