# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rate limits: how many, how long to wait, who counts as one, what is kept."""

from __future__ import annotations

import threading

import pytest

from canale.net.rate_limits import RateLimiter, network_of


class Time:
    """Seconds and days, set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.day = 20_000

    def limiter(self, max_keys: int = 1000) -> RateLimiter:
        return RateLimiter(max_keys, clock=lambda: self.now, today=lambda: self.day)


def test_burst_is_allowed_and_then_a_steady_rate() -> None:
    time = Time()
    limiter = time.limiter()
    assert [limiter.allow("follow", "192.0.2.1", 3, 60) for _ in range(3)] == [None] * 3
    assert limiter.allow("follow", "192.0.2.1", 3, 60) == pytest.approx(20)
    time.now += 19
    assert limiter.allow("follow", "192.0.2.1", 3, 60) == pytest.approx(1)
    time.now += 1
    assert limiter.allow("follow", "192.0.2.1", 3, 60) is None
    assert limiter.allow("follow", "192.0.2.1", 3, 60) == pytest.approx(20)


def test_buckets_and_clients_are_counted_separately() -> None:
    limiter = Time().limiter()
    assert limiter.allow("follow", "192.0.2.1", 1, 60) is None
    assert limiter.allow("react", "192.0.2.1", 1, 60) is None
    assert limiter.allow("follow", "192.0.2.2", 1, 60) is None
    assert limiter.allow("follow", "192.0.2.1", 1, 60) is not None


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_client_is_counted_by_its_network(client: str, network: str) -> None:
    assert network_of(client) == network


def test_an_ipv6_household_counts_as_one() -> None:
    limiter = Time().limiter()
    assert limiter.allow("follow", "2001:db8::1", 1, 60) is None
    assert limiter.allow("follow", "2001:db8::2", 1, 60) is not None


def test_a_subscriber_with_many_networks_is_limited() -> None:
    limiter = Time().limiter()
    clients = [f"2001:db8:1:{number:x}::1" for number in range(100)]
    allowed = [limiter.allow("follow", client, 2, 60) is None for client in clients]
    assert sum(allowed) == 20
    assert limiter.allow("follow", "2001:db8:2::1", 2, 60) is None


def test_household_cannot_exhaust_the_limit_of_its_carrier() -> None:
    limiter = Time().limiter()
    for number in range(100):
        limiter.allow("follow", f"2001:db8:1:2::{number:x}", 2, 60)
    assert limiter.allow("follow", "2001:db8:1:3::1", 2, 60) is None


def test_counts_are_reset_every_day() -> None:
    time = Time()
    limiter = time.limiter()
    limiter.allow("follow", "192.0.2.1", 1, 60)
    before = set(limiter._due)
    time.day += 1
    assert limiter.allow("follow", "192.0.2.1", 1, 60) is None
    assert before.isdisjoint(limiter._due)


def test_memory_is_bounded_and_active_clients_stay_limited() -> None:
    limiter = Time().limiter(max_keys=10)
    limiter.allow("follow", "192.0.2.1", 1, 3600)
    for number in range(500):
        limiter.allow("follow", f"10.0.{number // 250}.{number % 250}", 1, 3600)
        assert limiter.allow("follow", "192.0.2.1", 1, 3600) is not None
    assert len(limiter._due) <= 10


def test_memory_is_bounded_though_each_ipv6_client_counts_twice() -> None:
    """For its household, and for the network that one subscriber may have."""
    limiter = Time().limiter(max_keys=10)
    for number in range(500):
        limiter.allow("follow", f"2001:db8:{number:x}::1", 1, 3600)
    assert len(limiter._due) <= 10


def test_refilled_buckets_are_forgotten() -> None:
    time = Time()
    limiter = time.limiter()
    for number in range(200):
        time.now += 10
        limiter.allow("follow", f"10.0.0.{number}", 5, 10)
    assert len(limiter._due) < 5


def test_no_client_address_is_stored() -> None:
    limiter = Time().limiter()
    limiter.allow("follow", "192.0.2.1", 1, 60)
    assert "192.0.2.1" not in repr(vars(limiter))


def test_threads_share_one_count() -> None:
    limiter = Time().limiter()
    allowed: list[bool] = []

    def ask() -> None:
        allowed.extend(limiter.allow("follow", "192.0.2.1", 50, 60) is None for _ in range(40))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 50


def test_client_with_a_whole_network_takes_bounded_memory() -> None:
    """Each address of a /48 has two keys: its /64, and the /48 that all share."""
    time = Time()
    limiter = time.limiter(max_keys=500)
    for number in range(3_000):
        limiter.allow("follow", f"2001:db8:1:{number:x}::1", 100, 60)
        assert len(limiter._due) <= 500
    # The /48 was asked for each time: it is among those that stay.
    assert limiter.allow("follow", "2001:db8:1:ffff::1", 100, 60) is not None
    for number in range(3_000):
        limiter.allow("follow", f"2001:db8:{number:x}::1", 1_000, 60)
        assert len(limiter._due) <= 500
